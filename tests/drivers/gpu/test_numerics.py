"""float16 between operations, float32 within them, and 8-bit tensors as numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from drivers.gpu.device import GpuDevice
from hal.model import Lifetime, Model, Operand, Operation, PerChannelQuantization, Subgraph
from hal.types import OperandType, OperationType
from tests.hal.operations.calls import by_channel, stored
from tests.models import model_of
from tests.support import constant, execute, prepare

FLOAT, INT32, BOOL = OperandType.TENSOR_FLOAT32, OperandType.TENSOR_INT32, OperandType.TENSOR_BOOL8
UINT8, INT8 = OperandType.TENSOR_QUANT8_ASYMM, OperandType.TENSOR_QUANT8_ASYMM_SIGNED
FLOATS = hnp.arrays(np.float32, 8, elements=st.floats(width=32))
SCALES = st.floats(2**-14, 256, width=32)


@pytest.fixture(scope="module")
def device():
    return GpuDevice()


def in_half(values):
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32).astype(np.float16).astype(np.float32)


def executed(device, operation_type, *arguments, to):
    """The output of one operation in a relaxed model, stored like ``to``."""
    model, inputs = model_of(operation_type, *arguments, to=to)
    (result,) = execute(prepare(device, replace(model, relaxed=True)), inputs, [to.dimensions], to.type.dtype)
    return result


@given(FLOATS, FLOATS)
@settings(deadline=None)  # the first execution compiles
def test_relaxed_float32_is_rounded_before_and_after_an_operation(device, x, y):
    actual = executed(device, OperationType.MUL, stored(x, FLOAT), stored(y, FLOAT), 0, to=stored(x, FLOAT))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(actual, in_half(in_half(x) * in_half(y)))


def test_constants_are_rounded(device):
    x = stored([1.0], FLOAT)
    assert executed(device, OperationType.MUL, x, np.array([1 + 2**-20], np.float32), 0, to=x) == 1


def test_results_between_operations_are_rounded(device):
    operands = (
        Operand(FLOAT, (1,), lifetime=Lifetime.SUBGRAPH_INPUT),
        constant(np.array([1], np.float32)),
        constant(0),
        Operand(FLOAT, (1,)),
        Operand(FLOAT, (1,), lifetime=Lifetime.SUBGRAPH_OUTPUT),
    )
    operations = (Operation(OperationType.ADD, (0, 1, 2), (3,)), Operation(OperationType.SUB, (3, 1, 2), (4,)))
    model = Model(Subgraph(operands, operations, (0,), (4,)), relaxed=True)
    (result,) = execute(prepare(device, model), [np.array([2**-12], np.float32)], [(1,)])
    assert result == 0


def test_sums_within_an_operation_are_not(device):
    x = stored(np.full((1, 2048), 2**-6), FLOAT)
    ones, bias = np.full((1, 2048), 2**-6, np.float32), np.array([1.0], np.float32)
    to = stored([[0.0]], FLOAT)
    assert executed(device, OperationType.FULLY_CONNECTED, x, ones, bias, 0, to=to) == 1.5


def test_what_is_too_large_becomes_infinity(device):
    x = stored([60000.0, -60000.0, 300.0], FLOAT)
    doubled = executed(device, OperationType.ADD, x, x, 0, to=x)
    assert doubled.tolist() == [np.inf, -np.inf, 600.0]
    assert executed(device, OperationType.ABS, stored([70000.0, 70000.0, 1.0], FLOAT), to=x).tolist() == [
        np.inf,
        np.inf,
        1.0,
    ]


@pytest.mark.parametrize("operand_type", [UINT8, INT8], ids=lambda each: each.name)
@given(data=st.data())
@settings(deadline=None)
def test_quantised_values_that_are_only_moved_stay_what_they_are(device, operand_type, data):
    limits = np.iinfo(operand_type.dtype.name)
    zero_point = data.draw(st.integers(limits.min, limits.max))
    x = stored(np.arange(limits.min, limits.max + 1), operand_type, data.draw(SCALES), zero_point)
    result = executed(device, OperationType.REVERSE, x, np.array([0], np.int32), to=x)
    np.testing.assert_array_equal(result, x.value[::-1])


def test_quantised_results_are_rounded_and_kept_within_their_type(device):
    x = stored([-3, -1, 1, 3, 127], INT8, 0.5)
    zero = stored([0, 0, 0, 0, 127], INT8, 0.5)
    total = executed(device, OperationType.ADD, x, zero, 0, to=replace(stored([0] * 5, INT8, 1.0)))
    assert total.tolist() == [-2, -1, 1, 2, 127]  # halves away from the zero point


def test_the_grid_is_kept_between_operations(device):
    operands = (
        Operand(INT8, (1,), 0.5, lifetime=Lifetime.SUBGRAPH_INPUT),
        stored([1], INT8, 0.25),
        constant(0),
        Operand(INT8, (1,), 1.0),
        Operand(INT8, (1,), 0.25, lifetime=Lifetime.SUBGRAPH_OUTPUT),
    )
    operations = (Operation(OperationType.ADD, (0, 1, 2), (3,)), Operation(OperationType.SUB, (3, 1, 2), (4,)))
    model = Model(Subgraph(operands, operations, (0,), (4,)))
    (result,) = execute(prepare(device, model), [np.array([0], np.int8)], [(1,)], np.int8)
    assert result == -1  # 0 + 0.25 is 0 in steps of 1


def test_biases_and_filters_of_many_scales_become_numbers(device):
    x = stored(np.array([[[[2, 3]]]]), UINT8, 0.5, 1)
    filters = by_channel(np.array([4, 8, -2, 6]).reshape(2, 1, 1, 2), 0, (0.25, 0.5))
    bias = replace(stored([8, -8], INT32), lifetime=Lifetime.CONSTANT_COPY)
    model, inputs = model_of(
        OperationType.CONV_2D, x, filters, bias, 1, 1, 1, 0, to=stored(np.zeros((1, 1, 1, 2)), UINT8, 0.25, 100)
    )
    operands = list(model.main.operands)
    operands[1], operands[2] = filters, bias
    model = replace(model, main=replace(model.main, operands=tuple(operands), inputs=(0,)))
    (result,) = execute(prepare(device, model), inputs[:1], [(1, 1, 1, 2)], np.uint8)
    # (0.5 * 1 + 1 * 2) + 8 * 0.125 = 3.5, (0.5 * -1 + 1 * 3) - 8 * 0.25 = 0.5
    assert result.ravel().tolist() == [114, 102]


def test_types_are_mixed_as_nnapi_mixes_them(device):
    x = stored([1.5, -2.25, 200.0], FLOAT)
    quantised = executed(device, OperationType.QUANTIZE, x, to=stored([0] * 3, UINT8, 0.5, 10))
    assert quantised.tolist() == [13, 5, 255]
    numbers = executed(device, OperationType.DEQUANTIZE, stored([13, 5, 255], UINT8, 0.5, 10), to=x)
    assert numbers.tolist() == [1.5, -2.5, 122.5]
    channels = PerChannelQuantization(0, (0.5, 2.0))
    by_rows = stored([[1, 2], [3, 4]], OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL, per_channel=channels)
    model, _ = model_of(OperationType.DEQUANTIZE, by_rows, to=stored(np.zeros((2, 2)), FLOAT))
    main = replace(model.main, operands=(by_rows, model.main.operands[1]), inputs=())
    (rows,) = execute(prepare(device, replace(model, main=main, relaxed=True)), [], [(2, 2)])
    assert rows.tolist() == [[0.5, 1.0], [6.0, 8.0]]
    whole = executed(device, OperationType.CAST, x, to=stored([0] * 3, INT32))
    assert whole.tolist() == [1, -2, 200]
    less = executed(device, OperationType.LESS, stored([5], INT8, 0.1), stored([6], INT8, 0.1), to=stored([0], BOOL))
    assert less.tolist() == [True]
    place = executed(device, OperationType.ARGMAX, stored([[3, 9, 4]], UINT8, 0.1, 7), 1, to=stored([0], INT32))
    assert place.tolist() == [1]


def test_padding_that_is_given_as_stored_is_a_number_too(device):
    x, paddings = stored([40], UINT8, 0.5, 10), np.array([[1, 1]], np.int32)
    padded = executed(device, OperationType.PAD_V2, x, paddings, 77, to=stored([0] * 3, UINT8, 0.5, 10))
    assert padded.tolist() == [77, 40, 77]
    padded = executed(device, OperationType.PAD, x, paddings, to=stored([0] * 3, UINT8, 0.5, 10))
    assert padded.tolist() == [10, 40, 10]
