"""Which core a thread runs on, from machine code.

Imported only to be compiled.
"""

from __future__ import annotations

from numba import types

from drivers.engine.walker import _jit, _words

_sched_getcpu = types.ExternalFunction("sched_getcpu", types.int32())
_sched_getaffinity = types.ExternalFunction("sched_getaffinity", types.int32(types.int32, types.int64, types.int64))
_sched_setaffinity = types.ExternalFunction("sched_setaffinity", types.int32(types.int32, types.int64, types.int64))


@_jit
def change_core(room: int, size: int) -> None:
    """Go on elsewhere, where the thread may have another core. ``room``: the address of a set of cores to work on."""
    allowed = _words(room)
    here = _sched_getcpu()
    if here < 0 or _sched_getaffinity(0, size, room) != 0:
        return
    bit = 1 << (here % 64)
    allowed[here // 64] ^= bit
    if _sched_setaffinity(0, size, room) == 0:  # which moves the thread, or fails where there is no other core
        allowed[here // 64] ^= bit
        _sched_setaffinity(0, size, room)
