"""The CPU device: every operation of NNAPI, by its kernel where it has one, else by its reference."""

from __future__ import annotations

import os
from pathlib import Path

from drivers.cpu.description import DEFAULT, CpuDescription
from drivers.cpu.performance import CpuPerformance
from drivers.cpu.rules import refusal
from drivers.engine.numerics import EXACT
from drivers.simulation.description import describe
from drivers.simulation.device import SimulatedDevice
from hal.types import DeviceType


class CpuDevice(SimulatedDevice):
    """The processor of a phone; its results are exact.

    ``description``: a TOML file, or the name of a shipped variant.
    """

    def __init__(self, description: Path | str | None = None, name: str | None = None) -> None:
        text, described = describe("drivers.cpu", description, CpuDescription, DEFAULT)
        super().__init__(
            name or "cpu",
            DeviceType.CPU,
            text,
            described,
            CpuPerformance(described),
            refusal,
            numerics=EXACT,
            reference_operations=True,
        )

    @property
    def slots(self) -> int:
        """One execution for each core; one that runs alone shares its work among them."""
        return len(os.sched_getaffinity(0))
