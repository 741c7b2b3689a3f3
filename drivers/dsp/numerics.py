"""The DSP's arithmetic: integers, requantised by one multiplication and one rounding shift.

A real multiplier m becomes a fixed-point number with 31 bits behind the point, ``mantissa`` =
floor(m * 2^31 + 1/2), which is not normalised: what m is below 1 costs it leading bits. An int32 sum
becomes

    floor(sum * mantissa / 2^31 + 1/2)

in one step: a 64-bit product, half of the last bit added, an arithmetic shift by 31. So halves are
rounded up, for negative sums too, where NNAPI's reference rounds the real number, halves away from
zero, and LiteRT rounds twice. The mantissa is off by at most 2^-32, and a sum is below 2^31 in size:
before it is rounded, the product is off by less than half a step of the result, so that the result is
at most one step from the reference's. A multiplier of 1 and more has 31 bits in all and an exponent,
by which the shift is less.

Everything else is as on the CPU: sums in int32; ADD and SUB with their inputs shifted up by 20 bits
before each is scaled; MEAN and AVERAGE_POOL_2D by an exact integer quotient, halves away from zero;
RESIZE_BILINEAR with 11-bit fractions; functions of one 8-bit value (LOGISTIC, TANH, HARD_SWISH, RSQRT,
DEQUANTIZE, ...) by tables of 256 entries that are made when the model is prepared.
"""

from __future__ import annotations

from drivers.engine.numerics import Numerics, halves_up, nearest_multiplier

FRACTION_BITS = 31
"""Of a multiplier below 1."""


def multiplier(real: float) -> tuple[int, int]:
    """``mantissa`` and ``exponent`` with mantissa / 2^31 * 2^exponent nearest to ``real``, which is at least 0.

    The exponent is 0 below 1. From 1 on the mantissa is at least 2^30.
    """
    mantissa = halves_up(min(real, 1.0) * 2**FRACTION_BITS)
    return (mantissa, 0) if mantissa < 2**FRACTION_BITS else nearest_multiplier(real)


DSP = Numerics(multiplier)
