"""Choosing between kernels that compute the same: by a short trial on this machine, remembered in the cache.

While a model is lowered, its lowerings ask questions: which of these candidates, the likeliest first? What was
found out before is the answer, or what a bundle has; else the first candidate, for now. Questions that
stayed open are then settled together: all candidates are compiled, each is run, the quickest is remembered,
and the model is lowered again. ``NNHAL_TUNING`` says how many seconds of trials a process may spend, 2 by
default, none with 0; compiling does not count, it is done once on a machine.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from drivers.engine import bundles, native
from drivers.engine.program import Buffer, Command, Memory, Program, Tensor
from drivers.engine.threads import Threads
from hal.cache import cache_directory
from hal.errors import BadDataError
from hal.memory import ALIGNMENT

VARIABLE = "NNHAL_TUNING"
_DEFAULT_SECONDS = 2.0
_RUNS, _LONG = 12, 2e-3
"""A trial runs a candidate so often, or until it has taken so many seconds."""

Trial = Callable[[str], Command]
"""The command that a candidate is; its arrays are only as large as they must be."""

FOLDER = "tuned"
"""Of a bundle: a file for each question with the answer in it."""

_lock = threading.Lock()
_spent = 0.0
_answers: dict[str, str] = {}
_found: dict[str, str] = {}
"""What this process' own trials found out, for where the cache can't be written."""


def seconds() -> float:
    """How long this process may try; ``BadDataError`` when NNHAL_TUNING is not a number of seconds."""
    text = os.environ.get(VARIABLE, str(_DEFAULT_SECONDS))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise BadDataError(f"{VARIABLE} is '{text}'; it must be a number of seconds, 0 for no trials")
    return value


def answers() -> dict[str, str]:
    """What this process took its kernels by: the name of each question's file, and the answer."""
    return dict(_answers)


class Tuner:
    """The questions of one lowering."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Sequence[str], Trial]] = {}

    def choose(self, question: str, candidates: Sequence[str], trial: Trial) -> str:
        """The candidate to take. ``question`` tells all that the answer depends on but the processor."""
        name = hashlib.sha256(question.encode()).hexdigest()[:24]
        answer = _known(name)
        if answer is None or answer not in candidates:
            answer = candidates[0]
            if len(candidates) > 1:
                self._open[name] = candidates, trial
        _answers[name] = answer
        return answer

    def settle(self, compiling: Callable[[int, int], None]) -> bool:
        """Try the candidates of open questions; whether there are answers other than those given."""
        global _spent
        with _lock:
            if not self._open or _spent >= seconds():
                return False
            commands = {
                (name, candidate): trial(candidate)
                for name, (candidates, trial) in self._open.items()
                for candidate in candidates
            }
            native.link((native.unit(command.kernel) for command in commands.values()), compiling)
            start = time.monotonic()
            threads = Threads(1)
            changed = False
            for name, (candidates, _) in self._open.items():
                times = {each: _time(commands[name, each], threads) for each in candidates}
                answer = min(candidates, key=lambda each: times[each])
                _remember(name, answer)
                _answers[name] = _found[name] = answer
                changed |= answer != candidates[0]
                if _spent + time.monotonic() - start >= seconds():
                    break
            _spent += time.monotonic() - start
            return changed


def _time(command: Command, threads: Threads) -> float:
    """The seconds that a command takes, at best, with arrays of zeros but for those that are constant."""
    replaced: dict[Buffer, Buffer] = {}

    def own(tensor: Tensor) -> Tensor:
        if tensor.buffer.memory is Memory.CONSTANT:
            return tensor
        return replace(tensor, buffer=replaced.setdefault(tensor.buffer, Buffer(Memory.ARENA, tensor.buffer.size)))

    arguments = tuple(own(each) if isinstance(each, Tensor) else each for each in command.arguments)
    program = Program([replace(command, arguments=arguments)], 0, 0, lambda done, total: None)
    # Zeros that were written: pages that never were are all one page, which stays in the nearest cache.
    program.give_back(program.frame(np.full(program.arena_size + ALIGNMENT, 0, np.uint8)))
    best, end = float("inf"), time.perf_counter() + _LONG
    for run in range(_RUNS):
        start = time.perf_counter()
        program.run((), threads)
        stop = time.perf_counter()
        best = min(best, stop - start)
        if stop > end and run:
            break
    return best


def _known(name: str) -> str | None:
    folders = [bundle.path / FOLDER for bundle in bundles.fitting(native.facts())]
    for folder in (*folders, _cache()):
        with suppress(OSError, UnicodeDecodeError):
            return (folder / name).read_text()
    return _found.get(name)


def _remember(name: str, answer: str) -> None:
    path = _cache() / name
    partial = path.with_name(f".{name}.{os.getpid()}")
    with suppress(OSError):  # what can't be kept is tried again
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(answer)
        partial.replace(path)


def _cache() -> Path:
    return cache_directory() / FOLDER / native.key()
