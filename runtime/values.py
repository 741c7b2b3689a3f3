"""What an application gives, as what the runtime works with."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hal.device import LONGEST_DURATION, Bytes
from hal.errors import BadDataError, UnexpectedNullError
from hal.types import OperandType

Array = NDArray[Any]
Buffer = Array | bytearray | memoryview
"""An array, or the bytes of one, that can be written to."""

Value = Array | np.generic | bytes | bytearray | memoryview | bool | int | float
"""An array or NumPy scalar, the bytes of one, or a Python number for a scalar operand."""


def as_array(value: Value, operand_type: OperandType, what: str) -> Array:
    """``value`` as an array of the operand's dtype; bytes become a flat one. Copies numbers only.

    Raises ``BadDataError`` for another dtype, a number that the type can't hold, and other objects.
    """
    dtype = operand_type.dtype
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _from_bytes(value, dtype, what)
    if isinstance(value, (bool, int, float)) and not isinstance(value, np.generic):
        return _from_number(value, operand_type, what)
    if not isinstance(value, (np.ndarray, np.generic)):
        raise BadDataError(f"{what} is given as {type(value).__name__}; it must be an array of {dtype} or its bytes")
    if value.dtype != dtype:
        raise BadDataError(f"{what} is given as {value.dtype}; {operand_type.name} is {dtype}")
    return np.asarray(value)


def as_raw(value: Value, what: str) -> Bytes:
    """The bytes of an operand whose type only an extension knows, without copying.

    ``value``: bytes, or a C-contiguous array of any numbers. ``BadDataError`` for anything else.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _from_bytes(value, np.dtype(np.uint8), what)
    if not isinstance(value, np.ndarray) or value.dtype.hasobject or not value.flags.c_contiguous:
        raise BadDataError(f"{what} is of an extension's type; it must be given as bytes, or as a C-contiguous array")
    return as_bytes(value)


def as_bytes(array: Array) -> Bytes:
    """The bytes of a C-contiguous array, without copying."""
    return array.reshape(-1).view(np.uint8)


def _from_bytes(value: bytes | bytearray | memoryview, dtype: np.dtype[Any], what: str) -> Array:
    try:
        raw = np.frombuffer(value, np.uint8)
    except (BufferError, ValueError) as error:
        raise BadDataError(f"{what} can't be read as bytes: {error}") from error
    if raw.size % dtype.itemsize:
        raise BadDataError(f"{what} has {raw.size} bytes; a value of {dtype} has {dtype.itemsize}")
    return raw.view(dtype)


def _from_number(value: float, operand_type: OperandType, what: str) -> Array:
    dtype = operand_type.dtype
    if operand_type.is_tensor:
        raise BadDataError(f"{what} is given as a number; {operand_type.name} is a tensor")
    if dtype.kind == "b":
        fits = isinstance(value, bool)
    elif dtype.kind == "f":
        fits = not isinstance(value, bool)
    else:
        limits = np.iinfo(dtype.name)
        fits = isinstance(value, int) and not isinstance(value, bool) and limits.min <= value <= limits.max
    if not fits:
        raise BadDataError(f"{what} is given as {value!r}; {operand_type.name} is {dtype}")
    with np.errstate(over="ignore"):
        return np.array(value, dtype)


def as_integers(values: Iterable[int], what: str) -> tuple[int, ...]:
    """Indexes or dimensions; ``BadDataError`` where something else is among them."""
    try:
        return tuple(map(operator.index, values))
    except TypeError as error:
        raise BadDataError(f"{what} must be integers: {error}") from error


def as_seconds(value: float, what: str) -> float:
    """A duration, at most the longest there is.

    ``UnexpectedNullError`` for None, ``BadDataError`` unless finite and at least 0.
    """
    if value is None:
        raise UnexpectedNullError(f"the {what} must be given in seconds")
    if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise BadDataError(f"the {what} is {value!r} seconds; it must be finite and at least 0")
    return min(float(value), LONGEST_DURATION)
