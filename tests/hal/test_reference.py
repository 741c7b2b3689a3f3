import numpy as np
import pytest

from hal.errors import BadDataError, OpFailedError
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.reference import run
from hal.types import OperandType, OperationType

NO_ACTIVATION = Operand(OperandType.INT32, lifetime=Lifetime.CONSTANT_COPY, value=np.array(0, np.int32))


def tensor(lifetime, *dimensions):
    return Operand(OperandType.TENSOR_FLOAT32, dimensions, lifetime=lifetime)


def chain(operation_type=OperationType.MUL, output=(), dimensions=(0, 2)):
    """out = in * in * in, of unknown height."""
    operands = (
        tensor(Lifetime.SUBGRAPH_INPUT, *dimensions),
        tensor(Lifetime.TEMPORARY_VARIABLE),
        tensor(Lifetime.SUBGRAPH_OUTPUT, *output),
        NO_ACTIVATION,
    )
    operations = (Operation(OperationType.MUL, (0, 0, 3), (1,)), Operation(operation_type, (1, 0, 3), (2,)))
    return Model(Subgraph(operands, operations, inputs=(0,), outputs=(2,)))


def test_the_inputs_fill_in_what_the_model_leaves_unknown():
    (result,) = run(chain(), [np.array([[1, 2], [3, -4], [0, 5]], np.float32)])
    assert result.dtype == np.float32
    assert result.tolist() == [[1, 8], [27, -64], [0, 125]]


def test_nothing_flows_through():
    (result,) = run(chain(), [np.zeros((0, 2), np.float32)])
    assert result.shape == (0, 2)


def test_each_operation_is_rounded():
    """The square of 1 + 2^-12 loses its last bit, 2^-24, which the cube would otherwise show."""
    (result,) = run(chain(), [np.array([[1 + 2**-12, 1e30]], np.float32)])
    assert result.tolist() == [[1 + 2**-11 + 2**-12 + 2**-23, np.inf]]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.zeros((1, 2)), "the value of operand 0 is float64; it must be float32"),
        (np.zeros((1, 3), np.float32), r"the value of operand 0 has shape \[1, 3\], which does not fit .* \[0, 2\]"),
        (np.zeros((0, 3), np.float32), r"the value of operand 0 has shape \[0, 3\], which does not fit .* \[0, 2\]"),
        (None, r"operation 0 \(MUL\): input 0 \('input0'\) has no value; it can't be left out"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(value, sentence):
    with pytest.raises(BadDataError, match=sentence):
        run(chain(), [value])
    with pytest.raises(BadDataError, match="2 inputs were given; the subgraph has 1"):
        run(chain(), [value, value])


def test_an_unknown_rank_still_is_a_tensor():
    with pytest.raises(BadDataError, match=r"has shape \[\]"):
        run(chain(dimensions=()), [np.array(1, np.float32)])


def test_an_output_declared_otherwise_is_refused():
    with pytest.raises(
        BadDataError, match=r"operation 1 \(MUL\): the value of operand 2 has shape \[1, 2\]"
    ) as refused:
        run(chain(output=(2, 2)), [np.zeros((1, 2), np.float32)])
    assert refused.value.operation == 1


def test_an_operation_without_reference_fails():
    with pytest.raises(OpFailedError, match=f"operation type {0x70001} has no reference"):
        run(chain(0x70001), [np.zeros((1, 2), np.float32)])


def test_an_extensions_input_fails():
    model = Model(Subgraph((Operand(0x70001, (1,), lifetime=Lifetime.SUBGRAPH_INPUT),), (), inputs=(0,), outputs=()))
    with pytest.raises(OpFailedError, match="operand 0 is extension type 0x70001, which has no reference"):
        run(model, [np.zeros(1, np.uint8)])
