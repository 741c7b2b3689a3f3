"""The objects that C programs know by opaque pointers.

A pointer is a number that no memory has as its address and that is never given twice in a process: what
is freed, of another kind, or not ours is noticed, and nothing is ever read where it points to.
"""

from __future__ import annotations

import itertools
import threading

from runtime.c_api.functions import OBJECTS

_FIRST = 0x4E4E << 48
"""No processor's address: those of programs have at most 57 bits."""

_numbers = itertools.count(_FIRST, 16)  # like those of memory, none is odd

objects: dict[str, dict[int, object]] = {kind: {} for kind in OBJECTS}
"""The living objects of each kind by their pointers."""

_devices: dict[object, int] = {}
_lock = threading.Lock()


def add(kind: str, value: object) -> int:
    """The pointer of a new object; of a device, the same one each time."""
    if kind != "Device":
        return _new(kind, value)
    with _lock:
        if value not in _devices:
            _devices[value] = _new(kind, value)
        return _devices[value]


def _new(kind: str, value: object) -> int:
    pointer = next(_numbers)
    objects[kind][pointer] = value
    return pointer


def fault(kind: str, pointer: int) -> str:
    """What is wrong with a pointer that is no living object of its kind, as a sentence."""
    for other, living in objects.items():
        if pointer in living:
            return f"{pointer:#x} is a {other}; it must be a {kind}"
    return f"{pointer:#x} is not a {kind}; it has been freed, or nothing has created it"
