"""Integers multiplied by real numbers without floating point, as LiteRT's reference kernels do it.

A real multiplier becomes a mantissa of 31 bits and a power of two when a model is prepared (by the
``multiplier`` of the device's numerics); kernels multiply by the mantissa, keep the high half of the
product, and shift. Each of the two steps rounds.
"""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import helper


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
    """An int32 times the real number that ``mantissa`` / 2^31 * 2^``exponent`` is, as int32.

    What leaves int32 stays at its limit.
    """
    bits = np.int64(31 - max(exponent, 0))
    product = (np.int64(value) * np.int64(mantissa) + ((np.int64(1) << bits) >> np.int64(1))) >> bits
    kept = np.int32(min(max(product, np.int64(-(1 << 31))), np.int64((1 << 31) - 1)))
    return rounding_shift(kept, np.int32(max(-exponent, 0)))
