"""How tensors are represented inside programs, which know fewer types than NNAPI.

This is how exact arithmetic represents them; ``numerics`` says what may differ between devices.

- TENSOR_QUANT8_ASYMM is turned signed: values and zero point minus 128. The numbers it stands for
  are the same, and kernels need to know one 8-bit type only.
- TENSOR_FLOAT16 is widened to float32, and each result is rounded to what float16 can hold: float16
  arithmetic with exact intermediate results.
- TENSOR_BOOL8 is int8, 0 or 1; outside, any number but 0 is true.

A program converts what it reads of other programs' memory, and what it leaves there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drivers.engine.abi import F32x1, I8x1, I16x1, Kernel, float_to_half, half_to_float, kernel
from hal.types import OperandType


@kernel
def flip(x: I8x1, out: I8x1, begin: int, end: int) -> None:
    """Unsigned 8-bit values to signed ones of 128 less, and back."""
    for i in range(begin, end):
        out[i] = np.int8(x[i] ^ np.int8(-128))


@kernel
def widen(x: I16x1, out: F32x1, begin: int, end: int) -> None:
    """float16, as bits, to float32."""
    for i in range(begin, end):
        out[i] = half_to_float(x[i])


@kernel
def narrow(x: F32x1, out: I16x1, begin: int, end: int) -> None:
    """float32 to float16, as bits: the nearest, halves to even."""
    for i in range(begin, end):
        out[i] = float_to_half(x[i])


@kernel
def round_to_half(x: F32x1, out: F32x1, begin: int, end: int) -> None:
    """float32 to the nearest that float16 can hold."""
    for i in range(begin, end):
        out[i] = half_to_float(float_to_half(x[i]))


@kernel
def truth(x: I8x1, out: I8x1, begin: int, end: int) -> None:
    """1 for what is not 0."""
    for i in range(begin, end):
        out[i] = x[i] != 0


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a kernel makes of a flat array: ``kernel(source, target, *scalars)``; a unit of work is an element."""

    kernel: Kernel
    scalars: tuple[int | float, ...] = ()


@dataclass(frozen=True, slots=True)
class Representation:
    """How a tensor is represented.

    ``type``: the NNAPI type that it is like inside a program; ``dtype``: of arrays there; ``raw``: of
    arrays outside. ``enter`` and ``leave`` convert, None where nothing has to be; ``settle`` rounds a
    result in place.
    """

    type: OperandType
    dtype: str
    raw: str
    enter: Conversion | None = None
    leave: Conversion | None = None
    settle: Conversion | None = None


_FLIPPED = Conversion(flip)

REPRESENTATIONS: Mapping[OperandType, Representation] = {
    OperandType.TENSOR_FLOAT32: Representation(OperandType.TENSOR_FLOAT32, "float32", "float32"),
    OperandType.TENSOR_FLOAT16: Representation(
        OperandType.TENSOR_FLOAT32, "float32", "int16", Conversion(widen), Conversion(narrow), Conversion(round_to_half)
    ),
    OperandType.TENSOR_INT32: Representation(OperandType.TENSOR_INT32, "int32", "int32"),
    OperandType.TENSOR_QUANT8_ASYMM: Representation(
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED, "int8", "int8", _FLIPPED, _FLIPPED
    ),
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: Representation(OperandType.TENSOR_QUANT8_ASYMM_SIGNED, "int8", "int8"),
    OperandType.TENSOR_QUANT8_SYMM: Representation(OperandType.TENSOR_QUANT8_SYMM, "int8", "int8"),
    OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL: Representation(
        OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL, "int8", "int8"
    ),
    OperandType.TENSOR_QUANT16_SYMM: Representation(OperandType.TENSOR_QUANT16_SYMM, "int16", "int16"),
    OperandType.TENSOR_QUANT16_ASYMM: Representation(OperandType.TENSOR_QUANT16_ASYMM, "int16", "int16"),
    OperandType.TENSOR_BOOL8: Representation(OperandType.TENSOR_BOOL8, "int8", "int8", Conversion(truth)),
}
