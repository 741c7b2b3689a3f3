"""Integer arithmetic on fixed-point numbers, as NNAPI's 16-bit LSTM operations define it.

A number with ``n`` integer bits is stored as an integer of 2^(n - 15) each (2^(n - 31) where it says
32 bits). All functions take and return int64 arrays of such integers, elementwise. Their results are
those of gemmlowp's fixed-point functions, which NNAPI's quantised LSTMs are specified by, to the bit.
"""

from __future__ import annotations

import math

import numpy as np

from hal.operations.declaration import Array

ONE = 32767
"""The largest 16-bit number without integer bits, which stands for 1."""


def saturated(values: Array, bits: int = 16) -> Array:
    """``values`` within the range of a signed integer of ``bits``."""
    return np.clip(values, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def divided(values: Array, exponent: int | Array) -> Array:
    """The quotient values / 2^exponent, rounded to the nearest, halves away from zero."""
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (values < 0)
    return (values >> exponent) + ((values & mask) > threshold)


def high_product(first: Array, second: Array | int, bits: int = 16) -> Array:
    """The product first * second / 2^(bits - 1), rounded to the nearest, halves upwards, and saturated.

    The product of fixed-point numbers has the integer bits of both.
    """
    product = first * second
    half = 1 << (bits - 2)
    nudged = product + np.where(product >= 0, half, 1 - half)
    return saturated(np.sign(nudged) * (np.abs(nudged) >> (bits - 1)), bits)


def quantized_multiplier(real: float) -> tuple[int, int]:
    """A 32-bit number without integer bits, and an exponent of 2: together ``real``, which is at least 0."""
    fraction, exponent = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, exponent = multiplier // 2, exponent + 1
    return (0, 0) if exponent < -31 else (multiplier, exponent)


def multiplied(values: Array, multiplier: int | Array, exponent: int | Array) -> Array:
    """The product values * multiplier * 2^exponent, of 32-bit integers, rounded after each of two steps."""
    left, right = np.clip(exponent, 0, 31), np.maximum(np.negative(exponent), 0)
    return divided(high_product(saturated(values << left, 32), multiplier, 32), right)


def truncated(values: Array, divisor: int) -> Array:
    """The quotient values / divisor, a divisor above 0, without its fraction."""
    return np.asarray(np.sign(values) * (np.abs(values) // divisor))


def logistic(values: Array, integer_bits: int) -> Array:
    """1 / (1 + e^-x), without integer bits."""
    positive = _shifted(_reciprocal(_exponential(-np.abs(values), integer_bits)), 1)
    return np.where(values == 0, 1 << 14, np.where(values > 0, positive, ONE - positive))


def tanh(values: Array, integer_bits: int) -> Array:
    """The hyperbolic tangent, without integer bits."""
    decayed = _exponential(-np.abs(values), integer_bits + 1)  # e^-2x: one more integer bit doubles a number
    positive = _shifted(_reciprocal(decayed) - (1 << 13), 2)
    return np.sign(values) * positive


def inverse_square_root(values: Array) -> tuple[Array, Array]:
    """1 / values^(1/2) of 32-bit integers as 32-bit multipliers and exponents; 0 counts as 1."""
    small = values <= 1
    _, length = np.frexp(np.maximum(values, 2).astype(np.float64))
    too_long = np.where(length > 29, 1, 0)
    scaled = np.maximum(values, 2) >> (2 * too_long)
    pairs = (31 - (length - 2 * too_long)) // 2 - 1
    x = _newton_inverse_square_root(scaled << (2 * pairs))
    exponent = pairs - too_long - 11
    overshoot = np.maximum(exponent, 0)
    multiplier = x << overshoot
    return np.where(small, (1 << 31) - 1, multiplier), np.where(small, 0, exponent - overshoot)


def _newton_inverse_square_root(values: Array) -> Array:
    """2^29 / values^(1/2), for ``values`` from 2^27 to 2^29, by five steps of Newton's method from 1."""
    halved = divided(values >> 1, 1)
    x = np.full_like(values, 1 << 28)
    for _ in range(5):
        cube = _shifted(high_product(high_product(x, x, 32), x, 32), 6, 32)
        x = _shifted(high_product(x, 3 << 27, 32) - high_product(halved, cube, 32), 3, 32)
    return high_product(x, 1518500250, 32)  # half the square root of 2


def _shifted(values: Array, exponent: int, bits: int = 16) -> Array:
    return saturated(values << exponent, bits)


_E_TO_THE_MINUS = {-2: 1672461947, -1: 1302514674, 0: 790015084, 1: 290630308, 2: 39332535, 3: 720401, 4: 242}
"""e^-(2^n), as 32-bit numbers without integer bits."""


def _constant(of_32_bits: int) -> Array:
    return divided(np.array(of_32_bits, np.int64), 16)


def _exponential(values: Array, integer_bits: int) -> Array:
    """e^x, without integer bits, for x of 0 and below.

    From the fraction of x below a multiple of 1/4, by a polynomial; then times e^-(2^n) for each bit of
    that multiple.
    """
    fraction_bits = 15 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    fraction = (values & (quarter - 1)) - quarter
    multiple = fraction - values
    result = _exponential_of_fraction(_shifted(fraction, integer_bits))
    for exponent, factor in _E_TO_THE_MINUS.items():
        if exponent < integer_bits:
            is_set = (multiple & (1 << (fraction_bits + exponent))) != 0
            result = np.where(is_set, high_product(result, _constant(factor)), result)
    if integer_bits > 5:
        result = np.where(values < -(1 << (20 - integer_bits)), 0, result)  # below e^-32
    return np.where(values == 0, ONE, result)


def _exponential_of_fraction(values: Array) -> Array:
    """e^x for x from -1/4 to 0: the series of e^(x + 1/8), to its fourth power, times e^(-1/8)."""
    x = values + (1 << 12)
    square = high_product(x, x)
    cube, fourth = high_product(square, x), high_product(square, square)
    third = _constant(715827883)
    rest = divided(high_product(divided(fourth, 2) + cube, third) + square, 1)
    e_to_the_minus_eighth = _constant(1895147668)
    return saturated(e_to_the_minus_eighth + high_product(x + rest, e_to_the_minus_eighth))


def _reciprocal(values: Array) -> Array:
    """2 / (1 + x), with 2 integer bits, for x from 0 to 1: three steps of Newton's method."""
    denominator = (values + ONE + 1) // 2
    x = _constant(1515870810) + high_product(denominator, _constant(-1010580540))
    for _ in range(3):
        missing = (1 << 13) - high_product(denominator, x)
        x = x + _shifted(high_product(x, missing), 2)
    return x
