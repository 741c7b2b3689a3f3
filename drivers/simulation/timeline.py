"""One execution as its client sees it: what the hardware does, and the host's part around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from drivers.simulation.description import Description
from drivers.simulation.estimate import PICO, Activity, Schedule
from hal.device import Cost, Span, Timing

_NANO = 1e9


@dataclass(frozen=True, slots=True)
class Timeline:
    """``schedule``: everything from the request's arrival to the answer; ``on_hardware``: seconds of it."""

    schedule: Schedule
    on_hardware: float

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.schedule.seconds

    @property
    def joules(self) -> float:
        """What it burns."""
        return self.schedule.joules

    @property
    def cost(self) -> Cost:
        """Both."""
        return Cost(self.seconds, self.joules)

    @property
    def timing(self) -> Timing:
        """As an execution reports it."""
        return Timing(round(self.on_hardware * _NANO), round(self.seconds * _NANO), round(self.joules * _NANO))

    @property
    def spans(self) -> tuple[Span, ...]:
        """As an execution reports them."""
        return tuple(
            Span(each.track, each.name, round(each.start * _NANO), round(each.seconds * _NANO), each.operation)
            for each in self.schedule.activities
        )

    def slowed(self, factor: float) -> Timeline:
        """The same, ``factor`` times as long at the same energy."""
        activities = tuple(
            replace(each, start=each.start * factor, seconds=each.seconds * factor) for each in self.schedule.activities
        )
        return Timeline(
            replace(self.schedule, activities=activities, seconds=self.seconds * factor), self.on_hardware * factor
        )


def timeline(
    description: Description, schedule: Schedule, input_bytes: Sequence[int], output_bytes: Sequence[int]
) -> Timeline:
    """Moving the inputs to the device, launching, the hardware's ``schedule``, moving the outputs back.

    ``input_bytes`` and ``output_bytes``: of each tensor that is moved.
    """
    host = description.host
    activities: list[Activity] = []
    now = 0.0

    def move(name: str, size: int) -> None:
        nonlocal now
        seconds = host.transfer_seconds + size / host.bytes_per_second
        if seconds:
            activities.append(Activity("transfer", name, now, seconds, None, size * host.picojoules_per_byte * PICO))
            now += seconds

    for position, size in enumerate(input_bytes):
        move(f"input {position}", size)
    if host.launch_seconds:
        activities.append(Activity("host", "launch", now, host.launch_seconds))
        now += host.launch_seconds
    around = Schedule.of(activities, 0.0)
    activities += [replace(each, start=each.start + now) for each in schedule.activities]
    now += schedule.seconds
    before = len(activities)
    for position, size in enumerate(output_bytes):
        move(f"output {position}", size)
    joules = around.joules + schedule.joules + sum(each.joules for each in activities[before:])
    joules += description.power.static_watts * (now - schedule.seconds)
    return Timeline(Schedule(tuple(activities), now, joules, schedule.commands), schedule.seconds)
