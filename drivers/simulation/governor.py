"""Clock, heat and throttling: which frequency level an execution gets."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from drivers.simulation.description import Level, Power
from hal.types import PreferenceCode

_GAP = 0.020
"""Seconds of wall time: shorter pauses between executions are the simulation's own overhead, and count as none."""


class Timed(Protocol):
    """What takes simulated time and energy."""

    @property
    def seconds(self) -> float:
        """How long it takes."""

    @property
    def joules(self) -> float:
        """What it burns."""


Work = TypeVar("Work", bound=Timed)


class Governor:
    """The frequency level and the temperature of one device, shared by all of its models.

    The temperature T follows a first-order model: under constant power P it approaches
    T_end = ambient + kelvin_per_watt * P as T_end + (T - T_end) * exp(-t / heat_seconds). An execution
    is one step of it, with its mean power; an idle device burns nothing. Time is simulated time,
    and the wall time of pauses of more than 20 ms.

    A device at its limit that does not cool down runs one level lower from the next execution on, and
    so on; one that has cooled to where it resumes, one level higher.
    """

    def __init__(self, power: Power, clock: Callable[[], float] = time.monotonic) -> None:
        self._power = power
        self._clock = clock
        self._lock = threading.Lock()
        self._temperature = power.ambient_celsius
        self._cools = False
        self._highest = len(power.levels) - 1
        self._active = 0
        self._idle_since = clock()

    @property
    def temperature(self) -> float:
        """Degrees Celsius at the end of the last execution."""
        return self._temperature

    def preferred(self, preference: PreferenceCode, estimate: Callable[[Level], Timed]) -> int:
        """The index of the level that work should run at while the device is cool.

        ``FAST_SINGLE_ANSWER``: the highest. ``SUSTAINED_SPEED``: the highest that the work can keep up
        for ever without reaching the limit, else the lowest. ``LOW_POWER``: the one that burns the least.
        """
        levels = range(len(self._power.levels))
        if preference is PreferenceCode.FAST_SINGLE_ANSWER or len(levels) == 1:
            return levels[-1]
        estimates = [estimate(level) for level in self._power.levels]
        if preference is PreferenceCode.LOW_POWER:
            return min(levels, key=lambda index: estimates[index].joules)
        lasting = [index for index in levels if self._end_temperature(estimates[index]) < self._power.limit_celsius]
        return max(lasting, default=0)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """The time that the device is not idle, within which ``run`` accounts for what it does."""
        with self._lock:
            self._begin(self._clock())
        try:
            yield
        finally:
            with self._lock:
                self._end(self._clock())

    def run(self, preferred: int, estimate: Callable[[Level], Work]) -> Work:
        """Account for one execution at the level ``preferred``, or a lower one while the device is hot."""
        with self._lock:
            return self._run(preferred, estimate)

    def has_run(self, begin: float, end: float, preferred: int, estimate: Callable[[Level], Work]) -> Work:
        """Account for one execution that began and ended then, by the clock."""
        with self._lock:
            self._begin(begin)
            executed = self._run(preferred, estimate)
            self._end(end)
            return executed

    def _begin(self, now: float) -> None:
        idle = now - self._idle_since if self._active == 0 else 0.0
        if idle > _GAP:
            self._approach(self._power.ambient_celsius, idle)
        self._active += 1

    def _end(self, now: float) -> None:
        self._active -= 1
        self._idle_since = max(now, self._idle_since)

    def _run(self, preferred: int, estimate: Callable[[Level], Work]) -> Work:
        if self._temperature >= self._power.limit_celsius and not self._cools:
            self._highest = max(self._highest - 1, 0)
        elif self._temperature <= self._power.resume_celsius:
            self._highest = min(self._highest + 1, len(self._power.levels) - 1)
        executed = estimate(self._power.levels[min(preferred, self._highest)])
        self._approach(self._end_temperature(executed), executed.seconds)
        return executed

    def _end_temperature(self, work: Timed) -> float:
        watts = work.joules / work.seconds if work.seconds else 0.0
        return self._power.ambient_celsius + self._power.kelvin_per_watt * watts

    def _approach(self, end: float, seconds: float) -> None:
        self._cools = end < self._temperature
        self._temperature = end + (self._temperature - end) * math.exp(-seconds / self._power.heat_seconds)
