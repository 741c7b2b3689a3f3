"""What a device's arithmetic changes in programs: the multiplier of every integer scaling."""

from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers import kernels  # noqa: F401 -- registers the lowerings
from drivers.engine.executable import Executable, Limits
from drivers.engine.numerics import EXACT, Numerics, halves_up, nearest_multiplier
from drivers.engine.threads import Threads
from drivers.gpu.numerics import HALF
from hal.model import Operand, PerChannelQuantization
from hal.types import OperandType, OperationType
from tests.hal.operations.calls import stored
from tests.models import model_of

INT8, INT32 = OperandType.TENSOR_QUANT8_ASYMM_SIGNED, OperandType.TENSOR_INT32


@given(st.floats(0, 2.0**52))
@example(0.5 - 2.0**-54)  # 1/2 more is 1 in floating point
def test_halves_are_rounded_up_exactly(number):
    assert halves_up(number) == floor(Fraction(number) + Fraction(1, 2))


@pytest.mark.parametrize("numerics", [EXACT, HALF], ids=["exact", "half"])
@pytest.mark.parametrize(
    "data_type",
    [
        OperandType.TENSOR_FLOAT32,
        OperandType.TENSOR_FLOAT16,
        OperandType.TENSOR_QUANT8_ASYMM,
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED,
        OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL,
        OperandType.TENSOR_INT32,
        OperandType.TENSOR_BOOL8,
    ],
    ids=lambda data_type: data_type.name,
)
def test_one_number_for_all_elements_is_inside_what_all_of_them_are(data_type, numerics):
    channels = PerChannelQuantization(2, (0.5, 0.25)) if "CHANNEL" in data_type.name else None
    operand = Operand(data_type, (3, 1, 2), 0.5 if data_type.has_scale else 0.0, per_channel=channels)
    spread = np.broadcast_to(np.ones((), data_type.dtype), operand.dimensions)
    for each in (spread, np.ascontiguousarray(spread)[:0]):
        operand = replace(operand, dimensions=each.shape, value=each)
        dense = numerics.constant(operand, np.array(each, order="C"))
        inside = numerics.constant(operand, each)
        assert inside.dtype == dense.dtype
        np.testing.assert_array_equal(inside, dense)


def results(model, inputs, numerics):
    output = model.main.operands[model.main.outputs[0]]
    result = np.zeros(output.dimensions, output.type.dtype)
    executable = Executable(model, Threads(1), numerics)
    executable.run(inputs, lambda position, dimensions, dtype: result, Limits(None, 1.0))
    return result


def halved(real):
    """A machine that scales by half of what it should."""
    return nearest_multiplier(real / 2)


def scaled_operations():
    x = stored([[10, 20, 30, -40]], INT8, 0.5)
    to = replace(x, value=None)
    weights = stored(np.eye(4, dtype=np.int8) * 2, INT8, 0.5)
    image = replace(x, dimensions=(1, 1, 1, 4), value=x.value.reshape(1, 1, 1, 4))
    filters = replace(weights, dimensions=(4, 1, 1, 4), value=weights.value.reshape(4, 1, 1, 4))
    bias = stored([0, 0, 0, 0], INT32, 0.25)
    yield OperationType.ADD, (x, x, 0), replace(to, scale=1.0), 4  # three scalings: of both inputs, and of the sum
    yield OperationType.MUL, (x, x, 0), replace(to, scale=8.0), 2
    yield OperationType.FULLY_CONNECTED, (x, weights, bias, 0), to, 2
    yield OperationType.CONV_2D, (image, filters, bias, 1, 1, 1, 0), replace(to, dimensions=(1, 1, 1, 4)), 2


@pytest.mark.parametrize(
    ("operation_type", "arguments", "to", "factor"),
    [*scaled_operations()],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_integer_scaling_is_by_the_multiplier_of_the_device(operation_type, arguments, to, factor):
    model, inputs = model_of(operation_type, *arguments, to=to)
    exact = results(model, inputs, EXACT).astype(int)
    assert exact.any()
    assert results(model, inputs, Numerics(nearest_multiplier)).tolist() == exact.tolist()
    np.testing.assert_allclose(results(model, inputs, Numerics(halved)), exact / factor, atol=0.5)


def test_softmax_scales_its_differences_by_the_multiplier_of_the_device():
    x = stored([[0, 8]], INT8, 0.25)
    model, inputs = model_of(OperationType.SOFTMAX, x, 1.0, to=replace(x, scale=1 / 256, zero_point=-128))

    def odds(numerics):
        less, more = results(model, inputs, numerics)[0].astype(int) + 128
        return more / less

    assert odds(EXACT) == pytest.approx(np.exp(2), rel=0.05)
    assert odds(Numerics(halved)) == pytest.approx(np.exp(1), rel=0.05)
