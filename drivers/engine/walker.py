"""The command walker: what an execution runs, on one thread or several, without Python.

A *job* is five words: the addresses of the memories' base addresses, of the kernels, of their
parameter blocks and of their amounts of work, and the number of commands. A *pool* is three words:
how many jobs were posted, how often a thread arrived at a barrier since the beginning, and the job.
All of a pool's threads walk every job together: each does its share of a command's work, then waits
for the others.

Imported only to be compiled.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

POSTED, ARRIVALS, JOB = range(3)
BASES, FUNCTIONS, BLOCKS, WORK, COUNT = range(5)

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


@_jit
def _wait_below(address: int, value: int) -> None:
    spins = 0
    while _load(address) < value:
        spins += 1
        if spins > _SPINS:
            _system_call(_SCHED_YIELD, 0, 0, 0, 0)


@_jit
def _walk(job: int, thread: int, threads: int, pool: int, arrivals: int) -> int:
    words = _words(job)
    bases = words[BASES]
    functions = _words(words[FUNCTIONS])
    blocks = _words(words[BLOCKS])
    work = _words(words[WORK])
    for command in range(words[COUNT]):
        amount = work[command]
        begin = amount * thread // threads
        end = amount * (thread + 1) // threads
        if begin < end:
            _call(functions[command], bases, blocks[command], begin, end)
        if threads > 1:
            arrivals += threads
            _add(pool + 8 * ARRIVALS, 1)
            _wait_below(pool + 8 * ARRIVALS, arrivals)
    return arrivals


def run(pool: int, job: int, threads: int) -> None:
    """Walk a job; with more than one thread, together with the pool's other threads."""
    if threads == 1:
        _walk(job, 0, 1, pool, 0)
        return
    arrivals = _load(pool + 8 * ARRIVALS)  # nobody is on the way: the last job's last barrier was passed
    _words(pool)[JOB] = job
    _add(pool + 8 * POSTED, 1)
    _system_call(_FUTEX, pool + 8 * POSTED, _FUTEX_WAKE_PRIVATE, threads, 0)
    _walk(job, 0, threads, pool, arrivals)


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
