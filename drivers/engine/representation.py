"""How tensors are represented inside programs, which know fewer types than NNAPI.

- TENSOR_QUANT8_ASYMM is turned signed: values and zero point minus 128. The numbers it stands for
  are the same, and kernels need to know one 8-bit type only.
- TENSOR_FLOAT16 is widened to float32, and each result is rounded to what float16 can hold: float16
  arithmetic with exact intermediate results.
- TENSOR_BOOL8 is int8, 0 or 1; outside, any number but 0 is true.

A program converts what it reads of other programs' memory, and what it leaves there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from drivers.engine.abi import F32x1, I8x1, I16x1, Kernel, float_to_half, half_to_float, kernel
from hal.model import Operand
from hal.operations.declaration import Array
from hal.types import OperandType

_FLIP = 128


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
class Representation:
    """How one of NNAPI's types is represented.

    ``type``: the NNAPI type that it is like inside a program; ``dtype``: of arrays there; ``raw``: of
    arrays outside. ``enter`` and ``leave`` convert, None where nothing has to be; ``settle`` rounds a
    result.
    """

    type: OperandType
    dtype: str
    raw: str
    enter: Kernel | None = None
    leave: Kernel | None = None
    settle: Kernel | None = None


REPRESENTATIONS: Mapping[OperandType, Representation] = {
    OperandType.TENSOR_FLOAT32: Representation(OperandType.TENSOR_FLOAT32, "float32", "float32"),
    OperandType.TENSOR_FLOAT16: Representation(
        OperandType.TENSOR_FLOAT32, "float32", "int16", widen, narrow, round_to_half
    ),
    OperandType.TENSOR_INT32: Representation(OperandType.TENSOR_INT32, "int32", "int32"),
    OperandType.TENSOR_QUANT8_ASYMM: Representation(OperandType.TENSOR_QUANT8_ASYMM_SIGNED, "int8", "int8", flip, flip),
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: Representation(OperandType.TENSOR_QUANT8_ASYMM_SIGNED, "int8", "int8"),
    OperandType.TENSOR_QUANT8_SYMM: Representation(OperandType.TENSOR_QUANT8_SYMM, "int8", "int8"),
    OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL: Representation(
        OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL, "int8", "int8"
    ),
    OperandType.TENSOR_QUANT16_SYMM: Representation(OperandType.TENSOR_QUANT16_SYMM, "int16", "int16"),
    OperandType.TENSOR_QUANT16_ASYMM: Representation(OperandType.TENSOR_QUANT16_ASYMM, "int16", "int16"),
    OperandType.TENSOR_BOOL8: Representation(OperandType.TENSOR_BOOL8, "int8", "int8", enter=truth),
}


def represented(operand: Operand) -> Operand:
    """The operand as lowerings see it."""
    if operand.type is OperandType.FLOAT16:
        value = None if operand.value is None else operand.value.astype(np.float32)
        return replace(operand, type=OperandType.FLOAT32, value=value)
    if not isinstance(operand.type, OperandType) or operand.type not in REPRESENTATIONS:
        return operand
    inside = REPRESENTATIONS[operand.type].type
    if inside is operand.type:
        return operand
    value = None if operand.value is None else constant(operand.type, operand.value)
    zero_point = operand.zero_point - _FLIP if operand.type is OperandType.TENSOR_QUANT8_ASYMM else operand.zero_point
    return replace(operand, type=inside, value=value, zero_point=zero_point)


def constant(operand_type: OperandType, value: Array) -> Array:
    """A constant's value as it is inside a program."""
    if operand_type is OperandType.TENSOR_QUANT8_ASYMM:
        return (value ^ np.uint8(_FLIP)).view(np.int8)
    if operand_type is OperandType.TENSOR_BOOL8:
        return (value.view(np.int8) != 0).view(np.int8)
    if operand_type is OperandType.TENSOR_QUANT16_ASYMM:
        return value.view(np.int16)
    return value.astype(np.float32) if operand_type is OperandType.TENSOR_FLOAT16 else value
