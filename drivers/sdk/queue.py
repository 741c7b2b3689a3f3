"""Executions waiting for their device."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from drivers.sdk.client import Client
from hal.errors import MissedDeadlineTransientError
from hal.types import Priority


@dataclass(order=True)
class _Waiting:
    """One who waits; the least comes first."""

    rank: int
    arrival: int
    width: int
    turn: threading.Event = field(default_factory=threading.Event, compare=False)
    granted: bool = field(default=False, compare=False)


class Queue:
    """A device's ``slots``, given out by priority, then arrival.

    A stream of urgent executions can keep the others waiting for ever, as long as no deadline ends that.
    ``holders``: one word, how many hold slots.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.holders = np.zeros(1, np.int64)
        self._free = slots
        self._wanted = np.zeros(max(Priority) + 2, np.int64)
        self._waiting: list[_Waiting] = []
        self._arrivals = itertools.count()
        self._lock = threading.Lock()

    def wanted(self, priority: int) -> NDArray[np.int64]:
        """One word: how many of at least this priority wait, now and whenever it is looked at."""
        return self._wanted[priority : priority + 1]

    @contextmanager
    def slot(self, priority: Priority, deadline: float | None, client: Client, width: int = 1) -> Iterator[None]:
        """Hold a slot, as soon as one is free; or ``width`` of them, or all if there are no more.

        ``deadline``: by ``time.monotonic``; past it, raises ``MissedDeadlineTransientError``. Raises
        ``DeadObjectError`` when the client goes away meanwhile.
        """
        width = min(width, self.slots)
        self._enter(priority, deadline, client, width)
        try:
            yield
        finally:
            self._leave(width)

    @contextmanager
    def slot_if_free(self) -> Iterator[bool]:
        """Hold a slot if one is free now, and nobody waits; tells whether it is."""
        with self._lock:
            taken = self._free > 0 and not self._waiting
            self._free -= taken
            self.holders[0] += taken
        try:
            yield taken
        finally:
            if taken:
                self._leave(1)

    def _enter(self, priority: Priority, deadline: float | None, client: Client, width: int) -> None:
        with self._lock:
            waiting = _Waiting(-priority, next(self._arrivals), width)
            heapq.heappush(self._waiting, waiting)
            self._count(waiting, 1)
            self._grant()
            if waiting.granted:
                return
        client.when_gone(waiting.turn.set)
        waiting.turn.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        with self._lock:
            if waiting.granted:
                return
            self._waiting.remove(waiting)
            heapq.heapify(self._waiting)
            self._count(waiting, -1)
            self._grant()
        client.check()
        raise MissedDeadlineTransientError("the device was busy with other executions until the deadline")

    def _leave(self, width: int) -> None:
        with self._lock:
            self.holders[0] -= 1
            self._free += width
            self._grant()

    def _grant(self) -> None:
        """Give what is free to those who come first. Nobody overtakes one who waits for several slots."""
        while self._waiting and self._waiting[0].width <= self._free:
            waiting = heapq.heappop(self._waiting)
            self._count(waiting, -1)
            self.holders[0] += 1
            self._free -= waiting.width
            waiting.granted = True
            waiting.turn.set()

    def _count(self, waiting: _Waiting, change: int) -> None:
        self._wanted[: 1 - waiting.rank] += change
