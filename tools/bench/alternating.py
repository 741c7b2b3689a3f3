"""Measuring several things in turns, so that what else happens on the machine meets all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TIME = "time"
"""The part that a contender is judged by."""

_WARM_UP = 0.2
_LEAST_WARM_UP = 3
_TURN = 0.02
"""Seconds that a turn is to take, and at least one call."""
_MOST_CALLS = 200
_LEAST_ROUNDS = 10
_PAUSE = 0.001
"""Seconds before a turn: threads of the one before go to sleep."""

Parts = Mapping[str, float]
"""What one call took, in seconds: ``TIME``, and whatever else is known about it by a name."""
Contender = Callable[[], Parts]
"""Does something once; returns what it took."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median and the 5th and 95th percentiles of seconds, over ``count`` calls."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, seconds: NDArray[np.float64]) -> Spread:
        """The spread of at least one value."""
        low, median, high = np.percentile(seconds, (5, 50, 95))
        return cls(float(median), float(low), float(high), len(seconds))

    def as_json(self) -> dict[str, Any]:
        """In milliseconds."""
        return {
            "median_ms": self.median * 1e3,
            "p5_ms": self.low * 1e3,
            "p95_ms": self.high * 1e3,
            "calls": self.count,
        }


def alternated(
    contenders: Sequence[Contender], seconds: float, progress: Callable[[float], None] = lambda share: None
) -> list[dict[str, Spread]]:
    """For each contender, the spread of each part, after ``seconds`` of rounds and at least 10 of them.

    In a round each has a turn: a pause, a call that does not count since it finds the caches full of others'
    data, then calls for about 20 ms. Every other round has the turns in reverse order. ``progress`` is told
    which share of the time has passed.
    """
    calls = [_calls(each) for each in contenders]
    parts: list[dict[str, list[float]]] = [{} for _ in contenders]
    start = time.perf_counter()
    rounds = 0
    while rounds < _LEAST_ROUNDS or time.perf_counter() - start < seconds:
        order = range(len(contenders))
        for index in order if rounds % 2 == 0 else reversed(order):
            time.sleep(_PAUSE)
            contenders[index]()
            for _ in range(calls[index]):
                for name, taken in contenders[index]().items():
                    parts[index].setdefault(name, []).append(taken)
        rounds += 1
        progress(min(1.0, (time.perf_counter() - start) / seconds))
    return [{name: Spread.of(np.array(taken)) for name, taken in each.items()} for each in parts]


def _calls(contender: Contender) -> int:
    """Warm the contender up; returns how many calls a turn is to have."""
    taken: list[float] = []
    end = time.perf_counter() + _WARM_UP
    while len(taken) < _LEAST_WARM_UP or time.perf_counter() < end:
        taken.append(contender()[TIME])
    return min(_MOST_CALLS, max(1, round(_TURN / float(np.median(taken)))))
