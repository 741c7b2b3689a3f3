"""The GPU device."""

from __future__ import annotations

from pathlib import Path

from drivers.gpu.description import DEFAULT, GpuDescription
from drivers.gpu.numerics import HALF
from drivers.gpu.performance import GpuPerformance
from drivers.gpu.rules import rule
from drivers.simulation.description import describe
from drivers.simulation.device import SimulatedDevice
from hal.types import DeviceType


class GpuDevice(SimulatedDevice):
    """A phone's GPU: float16, relaxed float32 and 8-bit types, without control flow.

    ``description``: a TOML file, or the name of a shipped variant.
    """

    def __init__(self, description: Path | str | None = None, name: str | None = None) -> None:
        text, described = describe("drivers.gpu", description, GpuDescription, DEFAULT)
        super().__init__(
            name or "gpu",
            DeviceType.GPU,
            text,
            described,
            GpuPerformance(described),
            rule(described.gpu.buffer_bytes),
            numerics=HALF,
        )
