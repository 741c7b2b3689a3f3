"""Many trials at once, on a device that may die or never answer."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from hal.device import Device
from tools.conformance.trial import Outcome, Trial, Verdict

PATIENCE = 120.0
"""Seconds that a trial may take: a cold driver compiles kernels meanwhile."""

_HANGS = 5
"""Trials that may get no answer before the device is given up."""

Done = Callable[[Outcome], None]


def run_trials(
    device: Device, trials: Sequence[Trial], done: Done = lambda outcome: None, patience: float = PATIENCE
) -> list[Outcome]:
    """Run every trial, several at once; the outcomes are in the trials' order.

    ``done`` is told of each as it ends. A driver that dies takes down all that it was executing, so
    those are run again at the end, one at a time: only who then kills it again is to blame. A trial
    that takes longer than ``patience`` has failed. What a trial raises is raised here.
    """
    outcomes: dict[int, Outcome] = {}
    for index, outcome in _run(device, trials, len(os.sched_getaffinity(0)) + 1, patience):
        outcomes[index] = outcome
        if not outcome.died:
            done(outcome)
    died = [index for index, outcome in outcomes.items() if outcome.died]
    again = dict(_run(device, [trials[index] for index in died], 1, patience))
    killers = any(outcome.died for outcome in again.values())
    for position, index in enumerate(died):
        if killers:
            outcomes[index] = again[position]
        done(outcomes[index])
    return [outcomes[index] for index in range(len(trials))]


def _run(device: Device, trials: Sequence[Trial], at_once: int, patience: float) -> Iterator[tuple[int, Outcome]]:
    """Each trial's position and outcome, as they end."""
    waiting: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    for position in range(len(trials)):
        waiting.put(position)
    for _ in range(at_once + _HANGS):
        waiting.put(None)
    ended: queue.SimpleQueue[tuple[int, Outcome | BaseException]] = queue.SimpleQueue()
    workers = [_Worker(device, trials, waiting, ended) for _ in range(at_once)]
    missing = set(range(len(trials)))
    hangs = 0
    while missing:
        try:
            position, outcome = ended.get(timeout=min(1.0, patience))
        except queue.Empty:
            for number, worker in enumerate(workers):
                overdue = worker.overdue(patience)
                if overdue is None:
                    continue
                hangs += 1
                workers[number] = _Worker(device, trials, waiting, ended)
                missing.discard(overdue)
                yield overdue, Outcome(trials[overdue], Verdict.FAILED, f"no answer within {patience:g} s")
            if hangs >= _HANGS:
                for position in sorted(missing):
                    yield position, Outcome(trials[position], Verdict.FAILED, "not tried: the device does not answer")
                return
            continue
        if isinstance(outcome, BaseException):
            raise outcome
        if position in missing:
            missing.discard(position)
            yield position, outcome


class _Worker:
    """A thread that runs one trial after the other, and that nobody waits for when it hangs in one."""

    def __init__(
        self,
        device: Device,
        trials: Sequence[Trial],
        waiting: queue.SimpleQueue[int | None],
        ended: queue.SimpleQueue[tuple[int, Outcome | BaseException]],
    ) -> None:
        self._device = device
        self._trials = trials
        self._waiting = waiting
        self._ended = ended
        self._current: tuple[int, float] | None = None
        self._abandoned = False
        threading.Thread(target=self._work, daemon=True).start()

    def overdue(self, patience: float) -> int | None:
        """The trial that has run for longer than ``patience``; the worker takes no other one after it."""
        current = self._current
        if current is None or time.monotonic() - current[1] < patience:
            return None
        self._abandoned = True
        return current[0]

    def _work(self) -> None:
        while not self._abandoned and (position := self._waiting.get()) is not None:
            start = time.monotonic()
            self._current = (position, start)
            try:
                outcome = self._trials[position].run(self._device)
            except BaseException as error:  # noqa: BLE001 -- raised again where somebody can see it
                self._ended.put((position, error))
                return
            self._current = None
            self._ended.put((position, replace(outcome, seconds=time.monotonic() - start)))
