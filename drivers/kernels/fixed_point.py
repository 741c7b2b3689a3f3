"""Integers multiplied by real numbers without floating point, as LiteRT's reference kernels do it.

A real multiplier becomes a mantissa of 31 bits and a power of two when a model is prepared; kernels
multiply by the mantissa, keep the high half of the product, and shift. Each of the two steps rounds.
"""

from __future__ import annotations

import math

import numpy as np

from drivers.engine.abi import helper


def multiplier(real: float) -> tuple[int, int]:
    """``mantissa`` and ``exponent`` with mantissa / 2^31 * 2^exponent nearest to ``real``, for ``rescaled``.

    ``real`` is at least 0. The mantissa is at least 2^30, or 0 where ``real`` rounds every int32 to 0.
    A ``real`` of 2^31 and more takes any integer but 0 out of int32: all of them become the same.
    """
    fraction, exponent = math.frexp(real)
    mantissa = math.floor(fraction * 2**31 + 0.5)
    if mantissa == 2**31:
        mantissa, exponent = 2**30, exponent + 1
    if exponent < -31:
        return 0, 0
    return (mantissa, exponent) if exponent <= 31 else (2**31 - 1, 31)


@helper
def high_product(a, b):
    """The product a * b / 2^31 of two int32 that are not both -2^31, rounded to the nearest, halves up."""
    return np.int32((np.int64(a) * np.int64(b) + np.int64(1 << 30)) >> np.int64(31))


@helper
def rounding_shift(value, bits):
    """The quotient value / 2^bits of an int32, 0 <= bits <= 31, rounded to the nearest, halves away from zero."""
    half = (np.int64(1) << np.int64(bits)) >> np.int64(1)
    below = np.int64(value < 0) & np.int64(bits > 0)
    return np.int32((np.int64(value) + half - below) >> np.int64(bits))


@helper
def rescaled(value, mantissa, exponent):
    """An int32 times the real number that ``multiplier`` made ``mantissa`` and ``exponent`` of, as int32.

    What leaves int32 stays at its limit.
    """
    bits = np.int64(31 - max(exponent, 0))
    product = (np.int64(value) * np.int64(mantissa) + ((np.int64(1) << bits) >> np.int64(1))) >> bits
    kept = np.int32(min(max(product, np.int64(-(1 << 31))), np.int64((1 << 31) - 1)))
    return rounding_shift(kept, np.int32(max(-exponent, 0)))
