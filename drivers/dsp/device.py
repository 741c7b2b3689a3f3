"""The DSP device: integers on a wide-vector machine."""

from __future__ import annotations

import functools
from pathlib import Path

from drivers.dsp import rules
from drivers.dsp.description import DEFAULT, DspDescription
from drivers.dsp.numerics import DSP
from drivers.dsp.performance import DspPerformance
from drivers.simulation.description import describe
from drivers.simulation.device import SimulatedDevice
from hal.types import DeviceType


class DspDevice(SimulatedDevice):
    """The DSP that ``description`` describes: a TOML file's path, a shipped variant's name, or None for ``DEFAULT``.

    Raises ``BadDataError`` when there is no such description, or when it is not right.
    """

    def __init__(self, description: Path | str | None = None, name: str | None = None) -> None:
        text, described = describe("drivers.dsp", description, DspDescription, DEFAULT)
        super().__init__(
            name or "dsp",
            DeviceType.ACCELERATOR,
            text,
            described,
            DspPerformance(described),
            functools.partial(rules.refusal, described.dsp),
            numerics=DSP,
        )
