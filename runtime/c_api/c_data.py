"""What C programs pass, as Python values."""

from __future__ import annotations

from typing import Any

import _cffi_backend

from hal.errors import BadDataError, UnexpectedNullError
from hal.operand_rules import MAX_BYTES
from runtime.c_api import handles

C = Any
"""A pointer of C, as cffi has it; false if it is NULL."""

ffi = _cffi_backend.FFI()
NULL = ffi.NULL


def raw_bytes(pointer: C, length: int, what: str) -> memoryview | None:
    """``length`` bytes, not copied; None for NULL and 0, which say that something is left out."""
    if not pointer:
        if length:
            raise UnexpectedNullError(f"{what} is NULL, with a length of {length}")
        return None
    if not 0 < length <= MAX_BYTES:
        raise BadDataError(f"{what} has a length of {length}; it must be from 1 to {MAX_BYTES}, or 0 with NULL")
    return memoryview(ffi.buffer(pointer, length))


def content(pointer: C, length: int, what: str) -> bytes:
    """A copy of ``length`` bytes; NULL and 0 are none."""
    return bytes(raw_bytes(pointer, length, what) or b"")


def dimensions(type: C) -> list[int]:
    """Those of an operand type; ``BadDataError`` where it counts some and points to none, or the reverse."""
    return members(type.dimensions, type.dimensionCount, "an operand type", "dimensions")


def members(pointer: C, count: int, what: str, kind: str) -> list[Any]:
    """What a struct counts and points to; ``BadDataError`` where it only does one of both."""
    if bool(pointer) != bool(count):
        points = "points to" if pointer else "has no pointer to"
        raise BadDataError(f"{what} has {count} {kind}, and {points} some")
    return integers(pointer, count, kind)


def integers(pointer: C, count: int, what: str) -> list[int]:
    """``count`` numbers; no pointer is needed for none."""
    if not count:
        return []
    if not pointer:
        raise UnexpectedNullError(f"{what} is NULL, with a count of {count}")
    numbers: list[int] = ffi.unpack(pointer, count)
    return numbers


def instances(kind: str, pointer: C, count: int, what: str) -> list[Any]:
    """The objects in an array of pointers."""
    living = handles.objects[kind]
    found = []
    for position, each in enumerate(integers(pointer, count, what)):
        if not each:
            raise UnexpectedNullError(f"{what}[{position}] is NULL")
        instance = living.get(each)
        if instance is None:
            raise BadDataError(f"{what}[{position}]: {handles.fault(kind, each)}")
        found.append(instance)
    return found


def text(pointer: C) -> str:
    """A string; ``BadDataError`` unless it is UTF-8."""
    try:
        return bytes(ffi.string(pointer)).decode()
    except UnicodeDecodeError as error:
        raise BadDataError(f"a string is not UTF-8: {error}") from error


def seconds(nanoseconds: int) -> float:
    """A duration as Python's functions take it."""
    return nanoseconds / 1e9
