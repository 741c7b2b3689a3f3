"""The NPU's arithmetic: integers, requantised by a 16-bit multiplication and one rounding shift.

A real multiplier becomes ``m`` / 2^``s``: m an unsigned integer of 16 bits, s from -15 (to the left) to
31. An int32 sum becomes

    floor(sum * m / 2^s + 1/2)

in one step: a 48-bit product, half of the last bit added, an arithmetic shift. So halves are rounded
up, for negative sums too, where NNAPI's reference rounds halves away from zero. Of the 31 bits that the
CPU's multipliers have there are 16 left: a multiplier from 2^-16 on is off by at most 2^-16 of itself, a
smaller one, for which s is 31, by 2^-32. A result that fits 8 bits is at most 255 steps from its zero
point, and the product, before it is rounded, off by less than 255 / 2^16 < 1/256 of a step, or, for
the small multipliers, by less than half a step: either way a result is at most one step from the reference's.

Everything else is as on the CPU: sums in int32; ADD and SUB with their inputs shifted up by 20 bits before
each is scaled; MEAN and AVERAGE_POOL_2D by an exact integer quotient, halves away from zero;
RESIZE_BILINEAR with 11-bit fractions; functions of one 8-bit value (LOGISTIC, TANH, HARD_SWISH, RSQRT, ...) by
tables of 256 entries that are made when the model is prepared.
"""

from __future__ import annotations

import math

from drivers.engine.numerics import Numerics, halves_up

MANTISSA_BITS = 16
LARGEST_SHIFT, SMALLEST_SHIFT = 31, -15


def mantissa_and_shift(real: float) -> tuple[int, int]:
    """``m`` and ``s`` with m / 2^s nearest to ``real``, which is at least 0; the largest there is for a larger one."""
    _, exponent = math.frexp(real)
    shift = min(MANTISSA_BITS - exponent, LARGEST_SHIFT)
    mantissa = halves_up(math.ldexp(real, shift))
    if mantissa == 2**MANTISSA_BITS:
        mantissa, shift = mantissa // 2, shift - 1
    return (mantissa, shift) if shift >= SMALLEST_SHIFT else (2**MANTISSA_BITS - 1, SMALLEST_SHIFT)


def multiplier(real: float) -> tuple[int, int]:
    """The same as a mantissa of 31 bits and an exponent of at least 0, as the engine's kernels want them."""
    mantissa, shift = mantissa_and_shift(real)
    exponent = max(MANTISSA_BITS - shift, 0)
    return mantissa << (31 - shift - exponent), exponent


NPU = Numerics(multiplier)
