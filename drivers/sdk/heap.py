"""Having glibc give memory back to the system, which it likes to keep. Other C libraries have nothing to be told."""

from __future__ import annotations

import ctypes

_MMAP_THRESHOLD = -3
"""``mallopt``'s number for it."""

_LARGE = 1 << 17
"""Bytes."""

_libc = ctypes.CDLL(None)
_mallopt = getattr(_libc, "mallopt", None)
_malloc_trim = getattr(_libc, "malloc_trim", None)


def give_large_arrays_back() -> None:
    """Have the memory of each large array go back when nobody has the array any more.

    By default glibc soon keeps it, in pieces between which something else lies.
    """
    if _mallopt is not None:
        _mallopt(_MMAP_THRESHOLD, _LARGE)


def trim() -> None:
    """Give all pages back that hold nothing: after a model has been prepared, a megabyte; it takes 0.3 ms."""
    if _malloc_trim is not None:
        _malloc_trim(0)
