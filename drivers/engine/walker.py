"""The command walker: what an execution runs, on one thread or several, without Python.

A *job* is seven words: the addresses of the memories' base addresses, of the kernels, of their
parameter blocks, of their amounts of work and of whether this work is to be shared among threads;
the number of commands, and of those up to the last shared one. A *pool* is four words: how many
jobs were posted, how often a thread arrived at a barrier since the beginning, the job, and whether
the pool's threads are taken.

All of a pool's threads walk a job together, or its caller alone while they are taken. Each does its
part of a shared command, then waits for the others; what is too small to share the first thread does
alone, and the others wait for it only where the next shared command begins.

Imported only to be compiled.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from hal.memory import ALIGNMENT

POSTED, ARRIVALS, JOB, TAKEN = range(4)
BASES, FUNCTIONS, BLOCKS, WORK, SHARED, COUNT, SHARED_COUNT = range(7)

_SPINS = 4000
"""Looks at a word before giving the core away: some microseconds."""

_FUTEX_CALL = {"x86_64": 202, "aarch64": 98}
_FUTEX_WAIT_PRIVATE, _FUTEX_WAKE_PRIVATE = 128, 129
_SCHED_YIELD_CALL = {"x86_64": 24, "aarch64": 124}

_WORD = ir.IntType(64)
_jit = njit(_nrt=False, error_model="numpy")


_FUTEX = _FUTEX_CALL[platform.machine()]
_SCHED_YIELD = _SCHED_YIELD_CALL[platform.machine()]
_system_call = types.ExternalFunction(
    "syscall", types.int64(types.int64, types.int64, types.int64, types.int64, types.int64)
)


@intrinsic
def _words(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(types.int64), generate


@intrinsic
def _load(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(builder.inttoptr(arguments[0], _WORD.as_pointer()), "acquire", 8, typ=_WORD)

    return types.int64(types.int64), generate


@intrinsic
def _add(typing_context: Any, address: Any, amount: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], _WORD.as_pointer())
        return builder.atomic_rmw("add", pointer, arguments[1], "acq_rel")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def _swap(typing_context: Any, address: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], _WORD.as_pointer())
        return builder.atomic_rmw("xchg", pointer, arguments[1], "acq_rel")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def _call(typing_context: Any, function: Any, bases: Any, block: Any, begin: Any, end: Any) -> Any:
    kernel = types.void(types.CPointer(types.int64), types.CPointer(types.int64), types.int64, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        convention = context.call_conv
        pointer = convention.get_function_type(kernel.return_type, kernel.args).as_pointer()
        words = context.get_value_type(kernel.args[0])
        callee = builder.inttoptr(arguments[0], pointer)
        values = [builder.inttoptr(word, words) for word in arguments[1:3]] + list(arguments[3:])
        convention.call_function(builder, callee, kernel.return_type, kernel.args, values)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), generate


_move = types.ExternalFunction("memmove", types.int64(types.int64, types.int64, types.int64))


@intrinsic
def _room(typing_context: Any, size: Any) -> Any:
    """The address of so many bytes on the stack, for as long as the function runs that asks for them."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        room = builder.alloca(ir.IntType(8), arguments[0])
        room.align = ALIGNMENT
        return builder.ptrtoint(room, _WORD)

    return types.int64(types.int64), generate


@_jit
def _wait_below(address: int, value: int) -> None:
    spins = 0
    while _load(address) < value:
        spins += 1
        if spins > _SPINS:
            _system_call(_SCHED_YIELD, 0, 0, 0, 0)


@_jit
def _meet(pool: int, arrivals: int) -> None:
    _add(pool + 8 * ARRIVALS, 1)
    _wait_below(pool + 8 * ARRIVALS, arrivals)


@_jit
def _walk(job: int, thread: int, threads: int, pool: int, arrivals: int) -> int:
    words = _words(job)
    bases = words[BASES]
    functions = _words(words[FUNCTIONS])
    blocks = _words(words[BLOCKS])
    work = _words(words[WORK])
    shared = _words(words[SHARED])
    # Past the last shared command the others are done: the job may be gone before they look at it again.
    count = words[COUNT] if thread == 0 else words[SHARED_COUNT]
    alone = False
    for command in range(count):
        amount = work[command]
        if threads == 1 or not shared[command]:
            if thread == 0:
                _call(functions[command], bases, blocks[command], 0, amount)
            alone = True
            continue
        if alone:
            arrivals += threads
            _meet(pool, arrivals)
            alone = False
        begin = amount * thread // threads
        end = amount * (thread + 1) // threads
        if begin < end:
            _call(functions[command], bases, blocks[command], begin, end)
        arrivals += threads
        _meet(pool, arrivals)
    return arrivals


def in_bands(bases: int, block: int, begin: int, end: int) -> None:
    """Walk a chain's bands from ``begin`` to ``end``: what a chain has in place of a kernel.

    ``block``: how many memories there are, the bytes of all windows, how many commands, and of each one eleven words:
    the addresses of its kernel and of its block, its ``Band`` from the lines on, and the memory that is its window,
    where this begins, and a line's bytes.
    """
    words = _words(block)
    memories = words[0]
    own = _room(8 * memories)
    _move(own, bases, 8 * memories)
    windows = _room(words[1])
    for band in range(begin, end):
        for command in range(words[2]):
            part = _words(block + 8 * (3 + 11 * command))
            lines, size, units, step, before, after = part[2], part[3], part[4], part[5], part[6], part[7]
            memory, line = part[8], part[10]
            window = windows + part[9]
            # In blocks of lines: what the band begins and ends with, and from where on it is not there yet.
            first = max(0, band * step - before) // size
            last = (min(lines, (band + 1) * step + after) + size - 1) // size
            start = first
            if band > begin:
                done = (min(lines, band * step + after) + size - 1) // size
                start = max(first, done)
                moved = first - max(0, (band - 1) * step - before) // size
                if memory and moved and done > first:
                    _move(window, window + moved * size * line, (done - first) * size * line)
            if memory:
                _words(own)[memory] = window - first * size * line
            if start < last:
                _call(part[0], own, part[1], start * units, last * units)


def run(pool: int, job: int, threads: int) -> None:
    """Walk a job; with more than one thread, together with the pool's other threads if they are free."""
    if threads == 1 or _words(job)[SHARED_COUNT] == 0 or _swap(pool + 8 * TAKEN, 1):
        _walk(job, 0, 1, pool, 0)
        return
    arrivals = _load(pool + 8 * ARRIVALS)  # nobody is on the way: the last job's last barrier was passed
    _words(pool)[JOB] = job
    _add(pool + 8 * POSTED, 1)
    _system_call(_FUTEX, pool + 8 * POSTED, _FUTEX_WAKE_PRIVATE, threads, 0)
    _walk(job, 0, threads, pool, arrivals)
    _swap(pool + 8 * TAKEN, 0)


def serve(pool: int, thread: int, threads: int) -> None:
    """Walk every job that is posted to the pool, for ever: what the other threads run."""
    posted = 0
    arrivals = 0
    while True:
        spins = 0
        while _load(pool + 8 * POSTED) == posted:
            spins += 1
            if spins > _SPINS:
                _system_call(_FUTEX, pool + 8 * POSTED, _FUTEX_WAIT_PRIVATE, posted & 0xFFFFFFFF, 0)
        posted += 1
        arrivals = _walk(_words(pool)[JOB], thread, threads, pool, arrivals)
