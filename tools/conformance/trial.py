"""A trial: one thing to try on a device, and what becomes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum

from hal.device import Capabilities, Device, DeviceInfo
from hal.types import OperationType
from tools.conformance.case import Difference, Subject


class Verdict(Enum):
    """How a trial ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Trial(ABC):
    """One thing to try on a device.

    ``source``: where it comes from. ``name``: unique within its source and mode. ``mode``: the way of
    executing. ``subject``: the operation and type that it is about, if one.
    """

    source: str
    name: str
    mode: str
    subject: Subject | None

    @abstractmethod
    def run(self, device: Device) -> Outcome:
        """Try it. May be called again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a trial.

    ``reason`` says why it failed or was skipped, ``differences`` where results were not as expected.
    ``died``: the driver was found dead. ``executed``: the device has given results. ``seconds``: how long it
    took.
    """

    trial: Trial
    verdict: Verdict
    reason: str = ""
    differences: tuple[Difference, ...] = ()
    died: bool = False
    executed: bool = False
    seconds: float = 0.0


@dataclass(slots=True)
class Report:
    """Every outcome on one device, and what the device says of itself."""

    info: DeviceInfo
    capabilities: Capabilities
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, verdict: Verdict) -> int:
        """How many trials ended so."""
        return sum(outcome.verdict is verdict for outcome in self.outcomes)

    @property
    def failures(self) -> list[Outcome]:
        """The trials that failed."""
        return [outcome for outcome in self.outcomes if outcome.verdict is Verdict.FAILED]

    @property
    def taken(self) -> frozenset[OperationType]:
        """The operations that the device took, over one type at least: those that a trial it executed is about."""
        executed = (each.trial.subject for each in self.outcomes if each.executed)
        return frozenset(subject.operation for subject in executed if subject is not None)
