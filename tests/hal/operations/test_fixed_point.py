import numpy as np
import pytest

from hal.operations.fixed_point import (
    divided,
    high_product,
    inverse_square_root,
    logistic,
    multiplied,
    quantized_multiplier,
    saturated,
    tanh,
)

EVERY = np.arange(-32768, 32768)


def test_quotients_are_rounded_half_away_from_zero():
    assert divided(np.array([5, 6, 7, -5, -6, -7, -8]), 2).tolist() == [1, 2, 2, -1, -2, -2, -2]
    assert divided(np.array([5, -5]), 0).tolist() == [5, -5]


def test_products_are_rounded_half_upwards_and_saturated():
    half = 1 << 14
    assert high_product(np.array([3, -3, 5, -5]), half).tolist() == [2, -1, 3, -2]
    assert high_product(np.array([-32768]), np.array([-32768])).tolist() == [32767]
    assert saturated(np.array([-200, 200]), 8).tolist() == [-128, 127]


@pytest.mark.parametrize("real", [0.0, 1e-12, 0.13, 0.5, 0.99999999999, 1.0, 3.7, 1000.0])
def test_a_multiplier_and_an_exponent_stand_for_a_real_number(real):
    multiplier, exponent = quantized_multiplier(real)
    assert multiplier == 0 or 2**30 <= multiplier < 2**31
    assert multiplier * 2.0 ** (exponent - 31) == pytest.approx(real, rel=2**-30, abs=2**-32)


def test_numbers_are_multiplied_by_a_real_one():
    values = np.array([0, 1000, -1000, 12345678, 2**31 - 1])
    expected = np.round(values * 0.13)
    assert np.abs(multiplied(values, *quantized_multiplier(0.13)) - expected).max() <= 1
    assert multiplied(np.array([3, -5]), *quantized_multiplier(8.0)).tolist() == [24, -40]


@pytest.mark.parametrize("integer_bits", range(7))
def test_tanh_is_close_to_tanh(integer_bits):
    exact = np.tanh(EVERY * 2.0 ** (integer_bits - 15))
    results = tanh(EVERY, integer_bits)
    assert np.abs(results / 32768 - exact).max() < 4e-4
    assert results[32768] == 0
    assert results[32769:].tolist() == (-results[32767:0:-1]).tolist()


def test_logistic_is_close_to_the_logistic_function():
    exact = 1 / (1 + np.exp(-EVERY / 4096))
    results = logistic(EVERY, 3)
    assert np.abs(results / 32768 - exact).max() < 2e-4
    assert results[32768] == 1 << 14
    assert 0 <= results.min() < results.max() <= 32767


def test_functions_are_gemmlowps_to_the_bit():
    """Its polynomials and Newton steps are off by a few units in 16 bits; these are the ones they are off by."""
    values = np.array([-20000, -5000, -100, 1, 100, 5000, 20000, 32767])
    assert logistic(values, 3).tolist() == [243, 7461, 16183, 16384, 16584, 25306, 32524, 32756]
    assert tanh(values, 3).tolist() == [-32767, -27524, -792, 8, 792, 27524, 32767, 32767]
    assert tanh(values, 0).tolist() == [-17844, -4968, -100, -8, 100, 4968, 17844, 24964]


def test_inverse_square_roots():
    values = np.array([0, 1, 2, 3, 100, 123456, 2**29 - 1, 2**29, 2**31 - 1])
    multipliers, exponents = inverse_square_root(values)
    expected = 1 / np.sqrt(np.maximum(values, 1))
    np.testing.assert_allclose(multipliers * 2.0 ** (exponents - 31.0), expected, rtol=2e-6)
