"""Sleeping on a 32-bit word that several processes share, and waking who sleeps there.

Linux's futex, in its form between processes. Python's other threads run during every call here.
"""

from __future__ import annotations

import ctypes
import platform
import time

_CALL = {"x86_64": 202, "aarch64": 98, "riscv64": 98}.get(platform.machine())
"""The number of the system call; where it is not known, sleeping means looking again and again."""

_WAIT, _WAKE = 0, 1
_EVERYBODY = 2**31 - 1
_WORD = 2**32 - 1

_SLEEP = 0.001
"""Seconds between looks at the word without the system call."""


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


_libc = ctypes.CDLL(None)
_futex = _libc.syscall
_futex.argtypes = (
    ctypes.c_long,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_uint32,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int,
)

give_way = _libc.sched_yield
"""Let others run that want this core, or Python's lock; returns at once if nobody does."""


def wait(address: int, expected: int, seconds: float) -> None:
    """Sleep until somebody wakes the word at ``address``, for ``seconds`` at most.

    Returns at once when the word's value is not ``expected`` (of which the low 32 bits count), and may
    return early for no reason.
    """
    if _CALL is None:
        time.sleep(min(seconds, _SLEEP))
        return
    whole = int(seconds)
    limit = _Timespec(whole, int((seconds - whole) * 1e9))
    _futex(_CALL, address, _WAIT, expected & _WORD, ctypes.addressof(limit), None, 0)


def wake(address: int) -> None:
    """Wake everybody who sleeps at the word at ``address``; what was written before is seen by them."""
    if _CALL is not None:
        _futex(_CALL, address, _WAKE, _EVERYBODY, None, None, 0)
