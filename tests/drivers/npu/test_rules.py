"""What the NPU takes, and the sentences for what it does not."""

import numpy as np
import pytest

from drivers.npu import rules
from drivers.npu.device import NpuDevice
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.operations import DECLARATIONS
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.hal.operations.calls import by_channel, stored
from tests.models import model_of

INT8 = T.TENSOR_QUANT8_ASYMM_SIGNED


@pytest.fixture(scope="module")
def device():
    return NpuDevice("ethos-u65")


def tensor(operand_type, *dimensions, scale=0.5, zero_point=0):
    return Operand(operand_type, dimensions, scale if operand_type.has_scale else 0.0, zero_point)


def int8(*dimensions, **quantization):
    return tensor(INT8, *dimensions, **quantization)


def refusal(device, operation_type, *arguments, to):
    """What it says to an operation; tensors that have a value are constants."""
    constants = [index for index, each in enumerate(arguments) if isinstance(each, Operand) and each.value is not None]
    model, _ = model_of(operation_type, *arguments, to=to, constants=constants)
    (support,) = device.supported_operations(model)
    assert (support.cost is None) == bool(support.refusal)
    return support.refusal


def convolution(device, rows, columns, stride=1, dilation=1, batch=1, filters=None):
    weights = filters or stored(np.ones((2, rows, columns, 1)), INT8, 0.5)
    bias = stored([0, 0], T.TENSOR_INT32, 0.25 if filters is None else 0.0)
    x = int8(batch, 16, 16, 1)
    out = int8(batch, -(-16 // stride), -(-16 // stride), 2)
    return refusal(device, O.CONV_2D, x, weights, bias, 1, stride, stride, 0, False, dilation, dilation, to=out)


def test_it_takes_at_least_35_operations_of_int8():
    assert len(rules.TAKES) >= 35
    for operation_type in rules.TAKES:
        assert INT8 in DECLARATIONS[operation_type].types


@pytest.mark.parametrize("operation_type", sorted(set(DECLARATIONS) - rules.TAKES), ids=lambda code: O(code).name)
def test_every_other_operation_has_its_reason(device, operation_type):
    data = next(iter(DECLARATIONS[operation_type].types))
    model = Model(Subgraph((Operand(data),), (Operation(operation_type, (0,), ()),), (0,), ()))
    reason = rules.refusal(device.description.npu.limits, model, model.main.operations[0])
    what_is_wrong, _, what_would_be_right = reason.rpartition(": ")
    assert what_is_wrong
    assert len(what_would_be_right.split()) >= 3


@pytest.mark.parametrize("operand_type", [T.TENSOR_FLOAT32, T.TENSOR_FLOAT16])
def test_other_data(device, operand_type):
    x = tensor(operand_type, 1, 4)
    assert refusal(device, O.ADD, x, x, 0, to=x) == (
        f"its data is {operand_type.name}, and the device computes in int8: "
        "quantise the model, to TENSOR_QUANT8_ASYMM_SIGNED"
    )


def test_weights_may_have_a_scale_for_each_channel(device):
    assert convolution(device, 3, 3) == ""
    assert convolution(device, 3, 3, filters=by_channel(np.ones((2, 3, 3, 1)), 0, (0.5, 0.25))) == ""


def test_computed_weights(device):
    x, out = int8(1, 4), int8(1, 2)
    bias = stored([0, 0], T.TENSOR_INT32, 0.25)
    assert refusal(device, O.FULLY_CONNECTED, x, int8(2, 4), bias, 0, to=out) == (
        "its input 1 is computed; weights and biases are packed beforehand: make it a constant"
    )


def test_batches(device):
    assert convolution(device, 3, 3, batch=2) == (
        "its input 0 has a batch of 2; the device takes one at a time: execute it for each"
    )
    weights, bias = stored(np.ones((2, 4)), INT8, 0.5), stored([0, 0], T.TENSOR_INT32, 0.25)
    assert refusal(device, O.FULLY_CONNECTED, int8(3, 4), weights, bias, 0, to=int8(3, 2)) == (
        "it has a batch of 3; the device takes one at a time: execute it for each"
    )


def test_rank(device):
    x = int8(1, 1, 1, 1, 2)
    assert refusal(device, O.RESHAPE, x, stored([2], T.TENSOR_INT32), to=int8(2)) == (
        "its input 0 has rank 5; the device's addressing has 4 dimensions at most: reshape it"
    )


@pytest.mark.parametrize(("size", "refused"), [(65536, False), (65537, True)])
def test_dimensions(device, size, refused):
    reason = f"its input 0 has dimensions [1, {size}]; each may be 65536 at most: split it"
    assert refusal(device, O.RELU, int8(1, size), to=int8(1, size)) == (reason if refused else "")


@pytest.mark.parametrize(("stride", "refused"), [(3, False), (4, True)])
def test_strides(device, stride, refused):
    reason = "its stride is 4; the device's is 3 at most"
    assert convolution(device, 3, 3, stride=stride) == (reason if refused else "")


def test_filters(device):
    assert convolution(device, 1, 8, dilation=9) == ""
    assert convolution(device, 1, 9, dilation=8) == (
        "its filter reaches over 1 by 65 pixels; the device's at most 64 each way"
    )
    x, out = int8(1, 70, 70, 1), int8(1, 1, 1, 1)
    assert refusal(device, O.AVERAGE_POOL_2D, x, 0, 0, 0, 0, 1, 1, 70, 70, 0, to=out) == (
        "its filter reaches over 70 by 70 pixels; the device's at most 64 each way"
    )


@pytest.mark.parametrize(("size", "refused"), [(33_025, False), (33_026, True)])
def test_accumulators(device, size, refused):
    """255 * 255 * 33,025 is the last below 2^31."""
    weights = stored(np.zeros((1, size)), INT8, 0.5, -128)
    bias = stored([0], T.TENSOR_INT32, 0.25)
    reason = (
        f"each of its sums has {size} products of up to 65025, and the accumulators have 32 bits: "
        "33025 such products fit; split the input's channels"
    )
    x = int8(1, size, zero_point=-128)
    assert refusal(device, O.FULLY_CONNECTED, x, weights, bias, 0, to=int8(1, 1)) == (reason if refused else "")


def test_what_only_an_execution_tells(device):
    assert refusal(device, O.RELU, int8(1, 0), to=int8(1, 0)) == (
        "its input 0 has dimensions that only an execution knows; commands are made before: give them in the model"
    )
    scalar = Operand(T.INT32, lifetime=Lifetime.SUBGRAPH_INPUT)
    x = Operand(INT8, (1, 8, 8, 1), 0.5, lifetime=Lifetime.SUBGRAPH_INPUT)
    out = Operand(INT8, (1, 8, 8, 1), 0.5, lifetime=Lifetime.SUBGRAPH_OUTPUT)
    numbers = [Operand(T.INT32, lifetime=Lifetime.CONSTANT_COPY, value=np.array(n, np.int32)) for n in (1, 1, 1, 1, 0)]
    padding, *others = numbers
    main = Subgraph(
        (x, padding, scalar, *others, out), (Operation(O.MAX_POOL_2D, tuple(range(7)), (7,)),), (0, 2), (7,)
    )
    (support,) = device.supported_operations(Model(main))
    assert support.refusal == (
        "its input 'stride_width' is computed; commands are made before: make it a constant of the model"
    )


def test_places_are_words(device):
    x = int8(1, 4)
    assert refusal(device, O.ARGMAX, x, 1, to=tensor(T.TENSOR_INT32, 1)) == ""


def test_extensions(device):
    model = Model(Subgraph((int8(1), int8(1)), (Operation(7 << 16, (0,), (1,)),), (0,), (1,)))
    reason = rules.refusal(device.description.npu.limits, model, model.main.operations[0])
    assert reason.startswith("it is an extension's")
