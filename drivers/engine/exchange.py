"""Answering a burst's requests without Python: wait for one, walk its job, tell the client.

Imported only to be compiled. A *block* (``drivers.engine.block``) is memory of the driver's own: what a
client can write to is read once, and checked before it is used.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from drivers.engine import walker
from drivers.engine.block import (
    BARRED,
    BEARABLE,
    CLOCK,
    CORES,
    CORES_SIZE,
    COUNT,
    CROWD,
    ENDED,
    FULL,
    HOLDERS,
    JOBS,
    LEAST_BEARABLE,
    MOST,
    MOST_BEARABLE,
    NOTHING,
    OTHER,
    OUTCOME,
    POOL,
    REQUESTS,
    RESULTS,
    SERVED,
    SHARED,
    SPIN,
    THREADS,
    TIMES,
    UNTIL,
    URGENT,
    WANTED,
)
from drivers.engine.cores import change_core
from drivers.engine.walker import _FUTEX, _SCHED_YIELD, _jit, _load, _swap, _system_call, _words
from hal.rings import FORMS, LENGTH, NANOSECONDS, SEQUENCE, SUBJECT

_LOOKS = 16
"""Looks at the ring before the core is offered to others: about a microsecond."""

_SHORT = 50_000
"""Nanoseconds of a job after which the device is told at once: it knows before the client has asked again. A longer one
leaves the caches without what telling needs, and the client would wait for it."""

_LONG = 200_000_000
"""Nanoseconds in which the device has not been told of what it has computed, at most."""

_TAKEN = 3_000
"""Nanoseconds between two looks after which somebody else had the core meanwhile."""

_FUTEX_WAKE = 1
_EVERYBODY = 2**31 - 1
_CLOCK_MONOTONIC = 1

_run = _jit(walker.run)
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int64, types.int64))


@intrinsic
def _pause(typing_context: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if platform.machine() == "x86_64":
            pause = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, pause, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), generate


@_jit
def _now(block: int) -> int:
    _clock_gettime(_CLOCK_MONOTONIC, block + 8 * CLOCK)
    words = _words(block)
    return words[CLOCK] * 1_000_000_000 + words[CLOCK + 1]


@_jit
def _must_leave(block: int, now: int) -> bool:
    words = _words(block)
    return _load(words[URGENT]) != 0 or (now > words[UNTIL] and _load(words[WANTED]) != 0)


@_jit
def _comes(block: int, requests: int, served: int) -> bool:
    words = _words(block)
    if words[SHARED] > words[BEARABLE]:  # requests came only while this thread had given its core to the client
        words[SHARED], words[BEARABLE] = 0, min(2 * words[BEARABLE], MOST_BEARABLE)
        change_core(block + 8 * CORES, CORES_SIZE)
    now = _now(block)
    if _must_leave(block, now):
        return False
    end = now + words[SPIN]
    looks = 0
    while _load(requests + 8 * SEQUENCE) == served:
        if _load(words[ENDED]):
            return False
        looks += 1
        if looks % _LOOKS == 0:
            now = _now(block)
            if now > end or _must_leave(block, now):
                return False
            _system_call(_SCHED_YIELD, 0, 0, 0, 0)
        _pause()
    if looks >= _LOOKS and _now(block) - now > _TAKEN:
        words[SHARED] += 1
    else:
        words[SHARED], words[BEARABLE] = 0, LEAST_BEARABLE
    return True


def answer(block: int) -> None:
    """Answer requests that have jobs, as long as the next one comes within the time that the block says.

    Returns also when the device is to be told what it has computed (FULL).
    """
    words = _words(block)
    requests = words[REQUESTS]
    results = words[RESULTS]
    result = _words(results)
    words[COUNT] = 0
    words[OUTCOME] = FULL
    while words[COUNT] < MOST:
        if not _comes(block, requests, words[SERVED]):
            words[OUTCOME] = NOTHING
            return
        sequence = _load(requests + 8 * SEQUENCE)
        form = _load(requests + 8 * SUBJECT)
        plain = _load(requests + 8 * LENGTH) == 0 and _load(requests + 8 * NANOSECONDS) == 0
        job = 0
        if 0 <= form < FORMS and plain and _load(words[BARRED]) == 0:
            job = _words(words[JOBS])[form]
        if job == 0:
            words[OUTCOME] = OTHER
            return
        begin = _now(block)
        threads = words[THREADS] if _load(words[HOLDERS]) < words[CROWD] else 1
        _run(words[POOL], job, threads)
        end = _now(block)
        result[SUBJECT] = 0
        result[LENGTH] = 0
        result[NANOSECONDS] = end - begin
        _swap(results + 8 * SEQUENCE, sequence)
        _system_call(_FUTEX, results + 8 * SEQUENCE, _FUTEX_WAKE, _EVERYBODY, 0)
        words[SERVED] = sequence
        answered = words[COUNT]
        words[TIMES + 2 * answered] = begin
        words[TIMES + 2 * answered + 1] = end
        words[COUNT] = answered + 1
        if end - begin < _SHORT:
            return
        words[SHARED] = 0  # beside such a job, what sharing the core costs is little
        if end - words[TIMES] > _LONG:
            return
