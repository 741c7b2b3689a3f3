"""Fixed-point arithmetic against exact arithmetic."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.engine.numerics import nearest_multiplier as multiplier
from drivers.kernels.fixed_point import high_product, rescaled, rounding_shift

INT32 = st.integers(-(2**31), 2**31 - 1)
HALF = Fraction(1, 2)


def half_up(number):
    return floor(number + HALF)


def half_away(number):
    return floor(number + HALF) if number >= 0 else -floor(-number + HALF)


def within_int32(number):
    return min(max(number, -(2**31)), 2**31 - 1)


@given(st.floats(2**-31, 2**30))
def test_multiplier_is_within_half_a_unit_of_its_mantissa(real):
    mantissa, exponent = multiplier(real)
    assert 2**30 <= mantissa < 2**31
    assert abs(mantissa * Fraction(2) ** (exponent - 31) - Fraction(real)) <= Fraction(2) ** (exponent - 32)


@pytest.mark.parametrize("real", [0.0, 2.0**-40, 5e-324])
def test_multiplier_too_small_to_matter_is_0(real):
    assert multiplier(real)[0] == 0


@pytest.mark.parametrize("real", [2.0**31, 1e300])
def test_multiplier_beyond_int32_saturates(real):
    assert rescaled(1, *multiplier(real)) == 2**31 - 1
    assert rescaled(0, *multiplier(real)) == 0
    assert rescaled(-1, *multiplier(real)) <= -(2**31 - 1)


@given(INT32, INT32.filter(lambda b: b != -(2**31)))
def test_high_product(a, b):
    assert high_product(a, b) == half_up(Fraction(a * b, 2**31))


@given(INT32, st.integers(0, 31))
def test_rounding_shift(value, bits):
    assert rounding_shift(value, bits) == half_away(Fraction(value, 2**bits))


@given(INT32, st.integers(2**30, 2**31 - 1), st.integers(-31, 31))
def test_rescaled_rounds_the_high_product_and_then_the_shift(value, mantissa, exponent):
    if exponent > 0:
        expected = half_up(Fraction(value * mantissa * 2**exponent, 2**31))
    else:
        expected = half_away(Fraction(half_up(Fraction(value * mantissa, 2**31)), 2**-exponent))
    assert rescaled(np.int32(value), np.int32(mantissa), np.int32(exponent)) == within_int32(expected)
