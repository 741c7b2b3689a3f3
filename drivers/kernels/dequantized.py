"""8-bit quantised tensors that programs hold as the numbers they stand for, in float16's precision.

For devices that compute quantised operations in floating point. ``flip`` is -128 for TENSOR_QUANT8_ASYMM,
whose stored values then become signed, and 0 for the signed types; ``zero_point`` is the signed one.
"""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import F32x1, I8x1, float_to_half, half_to_float, helper, kernel
from drivers.kernels.fused import clamped


@helper
def _number(stored, scale, zero_point):
    """The number that a stored value stands for, as float16 holds it."""
    return half_to_float(float_to_half(np.float32(stored - zero_point) * np.float32(scale)))


@helper
def _stored(number, scale, zero_point):
    """The stored value nearest to a number, halves away from the zero point; that of NaN is the zero point."""
    scaled = number / np.float32(scale)
    nearest = np.floor(abs(scaled) + np.float32(0.5))
    signed = nearest if scaled >= 0 else (-nearest if scaled < 0 else np.float32(0))
    return np.int64(clamped(signed + np.float32(zero_point), np.float32(-128), np.float32(127)))


@kernel
def enter(x: I8x1, out: F32x1, scale: float, zero_point: int, flip: int, begin: int, end: int) -> None:
    """The numbers that stored values stand for."""
    for i in range(begin, end):
        out[i] = _number(np.int64(np.int8(x[i] ^ np.int8(flip))), scale, zero_point)


@kernel
def settle(x: F32x1, out: F32x1, scale: float, zero_point: int, begin: int, end: int) -> None:
    """Results rounded to those numbers that a stored value stands for."""
    for i in range(begin, end):
        out[i] = _number(_stored(x[i], scale, zero_point), scale, zero_point)


@kernel
def leave(x: F32x1, out: I8x1, scale: float, zero_point: int, flip: int, begin: int, end: int) -> None:
    """The values that numbers are stored as."""
    for i in range(begin, end):
        out[i] = np.int8(_stored(x[i], scale, zero_point)) ^ np.int8(flip)
