"""The DSP's rounding against exact rational arithmetic, and on the device."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dsp.device import DspDevice
from drivers.dsp.numerics import multiplier
from drivers.kernels.fixed_point import rescaled
from hal.types import OperandType, OperationType
from tests.hal.operations.calls import stored
from tests.models import model_of
from tests.support import execute, prepare

INT8 = OperandType.TENSOR_QUANT8_ASYMM_SIGNED
INT32 = st.integers(-(2**31), 2**31 - 1)
BELOW_1 = st.floats(0, 1, exclude_max=True)
HALF = Fraction(1, 2)


def half_up(number):
    return floor(number + HALF)


@given(BELOW_1)
def test_a_multiplier_below_1_is_counted_in_2_to_the_minus_31(real):
    mantissa, exponent = multiplier(real)
    if mantissa < 2**30:
        assert exponent == 0
    assert abs(mantissa * Fraction(2) ** (exponent - 31) - Fraction(real)) <= Fraction(1, 2**32)


@given(st.floats(1, 2**30))
def test_a_multiplier_of_1_and_more_has_31_bits(real):
    mantissa, exponent = multiplier(real)
    assert 2**30 <= mantissa < 2**31
    assert abs(mantissa * Fraction(2) ** (exponent - 31) - Fraction(real)) <= Fraction(2) ** (exponent - 32)


@pytest.mark.parametrize("real", [0.0, 2.0**-33, 5e-324])
def test_a_multiplier_below_half_a_unit_is_0(real):
    assert multiplier(real) == (0, 0)


def test_a_multiplier_that_rounds_to_1_is_1():
    assert multiplier(1 - 2.0**-40) == multiplier(1.0)


@given(INT32, BELOW_1)
def test_a_sum_is_rounded_once_halves_up(value, real):
    mantissa, exponent = multiplier(real)
    exact = half_up(Fraction(value * mantissa, 2**31) * 2**exponent)
    assert rescaled(np.int32(value), np.int32(mantissa), np.int32(exponent)) == min(exact, 2**31 - 1)


@given(INT32, BELOW_1)
def test_a_result_is_within_a_step_of_the_real_number(value, real):
    assert abs(int(rescaled(np.int32(value), *map(np.int32, multiplier(real)))) - value * Fraction(real)) <= 1


def executed(operation_type, *arguments, to):
    """The one output of an operation on the device, stored like ``to``."""
    model, inputs = model_of(operation_type, *arguments, to=to)
    (result,) = execute(prepare(DspDevice(), model), inputs, [to.dimensions], to.type.dtype)
    return result.tolist()


def test_halves_go_up_on_the_device_too():
    ones = stored([1, 1, 1, 1], INT8, 1.0)
    halves = stored([-12, -4, 4, 12], INT8, 1.0)
    rounded = executed(OperationType.MUL, halves, ones, 0, to=stored([0] * 4, INT8, 8.0))
    assert rounded == [-1, 0, 1, 2]  # of -1.5, -0.5, 0.5, 1.5; NNAPI's reference rounds the first two away from zero


def test_fully_connected_rounds_like_every_product():
    weights = stored([[1], [3], [-1], [-3]], INT8, 1.0)
    bias = stored([0, 0, 0, 0], OperandType.TENSOR_INT32, 1.0)
    x = stored([[1]], INT8, 1.0)
    result = executed(OperationType.FULLY_CONNECTED, x, weights, bias, 0, to=stored([[0] * 4], INT8, 2.0))
    assert result == [[1, 2, 0, -1]]


@pytest.mark.parametrize(("operand_type", "offset"), [(INT8, 0), (OperandType.TENSOR_QUANT8_ASYMM, 128)])
def test_both_signednesses_compute_the_same(operand_type, offset):
    x = stored(np.array([[-100, 5, 99]]) + offset, operand_type, 0.5, 3 + offset)
    y = stored(np.array([[7, -8, 120]]) + offset, operand_type, 0.25, -2 + offset)
    total = executed(OperationType.ADD, x, y, 0, to=stored([[0] * 3], operand_type, 0.5, offset))
    assert (np.array(total) - offset).tolist() == [[-98, -1, 127]]
