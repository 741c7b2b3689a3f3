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

from drivers.sdk.client import Client
from hal.errors import MissedDeadlineTransientError
from hal.types import Priority


@dataclass(order=True)
class _Waiting:
    """One who waits; the least comes first."""

    urgency: int
    arrival: int
    turn: threading.Event = field(default_factory=threading.Event, compare=False)
    granted: bool = field(default=False, compare=False)


class Queue:
    """A device's ``slots``, given out by priority, then arrival.

    A stream of urgent executions can keep the others waiting for ever, as long as no deadline ends that.
    ``wanted``: one word, how many wait: who keeps a slot for more than one execution must leave then.
    """

    def __init__(self, slots: int) -> None:
        self.wanted = np.zeros(1, np.int64)
        self._free = slots
        self._waiting: list[_Waiting] = []
        self._arrivals = itertools.count()
        self._lock = threading.Lock()

    @contextmanager
    def slot(self, priority: Priority, deadline: float | None, client: Client) -> Iterator[None]:
        """Hold a slot, as soon as one is free.

        ``deadline``: by ``time.monotonic``; past it, raises ``MissedDeadlineTransientError``. Raises
        ``DeadObjectError`` when the client goes away meanwhile.
        """
        self._enter(priority, deadline, client)
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def slot_if_free(self) -> Iterator[bool]:
        """Hold a slot if one is free now; tells whether it is."""
        with self._lock:
            taken = self._free > 0
            self._free -= taken
        try:
            yield taken
        finally:
            if taken:
                self._leave()

    def _enter(self, priority: Priority, deadline: float | None, client: Client) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            waiting = _Waiting(-priority, next(self._arrivals))
            heapq.heappush(self._waiting, waiting)
            self.wanted[0] += 1
        client.when_gone(waiting.turn.set)
        waiting.turn.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        with self._lock:
            if waiting.granted:
                return
            self._waiting.remove(waiting)
            heapq.heapify(self._waiting)
            self.wanted[0] -= 1
        client.check()
        raise MissedDeadlineTransientError("the device was busy with other executions until the deadline")

    def _leave(self) -> None:
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
            waiting = heapq.heappop(self._waiting)
            self.wanted[0] -= 1
            waiting.granted = True
            waiting.turn.set()
