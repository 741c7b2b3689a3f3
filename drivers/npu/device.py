"""The NPU device: int8 networks on a systolic array."""

from __future__ import annotations

import functools
from pathlib import Path

from drivers.npu import rules
from drivers.npu.description import DEFAULT, NpuDescription
from drivers.npu.numerics import NPU
from drivers.npu.performance import NpuPerformance
from drivers.simulation.description import describe
from drivers.simulation.device import SimulatedDevice
from hal.types import DeviceType


class NpuDevice(SimulatedDevice):
    """The NPU that ``description`` describes: a TOML file's path, a shipped variant's name, or None for ``DEFAULT``.

    Raises ``BadDataError`` when there is no such description, or when it is not right.
    """

    def __init__(self, description: Path | str | None = None, name: str | None = None) -> None:
        text, described = describe("drivers.npu", description, NpuDescription, DEFAULT)
        super().__init__(
            name or "npu",
            DeviceType.ACCELERATOR,
            text,
            described,
            NpuPerformance(described),
            functools.partial(rules.refusal, described.npu.limits),
            numerics=NPU,
        )
