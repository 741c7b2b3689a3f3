"""The NPU's rounding against exact rational arithmetic, and on the device."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.kernels.fixed_point import rescaled
from drivers.npu.device import NpuDevice
from drivers.npu.numerics import mantissa_and_shift, multiplier
from hal.types import OperandType, OperationType
from tests.hal.operations.calls import stored
from tests.models import model_of
from tests.support import execute, prepare

INT8 = OperandType.TENSOR_QUANT8_ASYMM_SIGNED
INT32 = st.integers(-(2**31), 2**31 - 1)
REAL = st.floats(0, 2.0**31 - 2**16)


@given(REAL)
def test_a_multiplier_has_16_bits_and_a_shift(real):
    mantissa, shift = mantissa_and_shift(real)
    assert 0 <= mantissa < 2**16
    assert -15 <= shift <= 31
    error = abs(mantissa / Fraction(2) ** shift - Fraction(real))
    assert error <= max(Fraction(real) / 2**16, Fraction(1, 2**32))


def test_multipliers_by_hand():
    assert mantissa_and_shift(0.5) == (2**15, 16)
    assert mantissa_and_shift(0.3) == (39322, 17)
    assert mantissa_and_shift(1.0) == mantissa_and_shift(1 - 2.0**-20) == (2**15, 15)
    assert mantissa_and_shift(2.0**-31) == (1, 31)
    assert mantissa_and_shift(0.0)[0] == mantissa_and_shift(2.0**-33)[0] == 0
    assert mantissa_and_shift(2.0**40) == mantissa_and_shift(2.0**31) == (2**16 - 1, -15)


@given(INT32, REAL)
def test_a_sum_is_rounded_once_halves_up(value, real):
    mantissa, shift = mantissa_and_shift(real)
    exact = floor(value * mantissa / Fraction(2) ** shift + Fraction(1, 2))
    result = rescaled(np.int32(value), *map(np.int32, multiplier(real)))
    assert result == min(max(exact, -(2**31)), 2**31 - 1)


@given(INT32, st.floats(0, 1))
def test_a_result_of_8_bits_is_within_a_step_of_the_real_number(value, real):
    exact = value * Fraction(real)
    if abs(exact) <= 255:
        assert abs(int(rescaled(np.int32(value), *map(np.int32, multiplier(real)))) - exact) <= 1


def executed(operation_type, *arguments, to):
    """The one output of an operation on the device, stored like ``to``."""
    model, inputs = model_of(operation_type, *arguments, to=to)
    (result,) = execute(prepare(NpuDevice(), model), inputs, [to.dimensions], to.type.dtype)
    return result.tolist()


def test_halves_go_up_on_the_device_too():
    ones = stored([1, 1, 1, 1], INT8, 1.0)
    halves = stored([-12, -4, 4, 12], INT8, 1.0)
    rounded = executed(OperationType.MUL, halves, ones, 0, to=stored([0] * 4, INT8, 8.0))
    assert rounded == [-1, 0, 1, 2]  # of -1.5, -0.5, 0.5, 1.5; NNAPI's reference rounds the first two away from zero


@pytest.mark.parametrize("variant", ["pixel-neural-core", "edge-tpu", "ethos-u65"])
def test_the_16_bits_show_where_a_product_is_next_to_a_half(variant):
    """45 * 0.2999999 is below 13.5, which the CPU's 31 bits keep; with the nearest of 16 bits it is above."""
    scale = float(np.float32(0.2999999))
    x, one = stored([45], INT8, scale), stored([1], INT8, 1.0)
    model, inputs = model_of(OperationType.MUL, x, one, 0, to=stored([0], INT8, 1.0))
    (result,) = execute(prepare(NpuDevice(variant), model), inputs, [(1,)], np.int8)
    assert result.tolist() == [14]
    assert round(45 * scale) == 13
