"""A CPU's hardware description for tests, with other figures where they are given."""

from __future__ import annotations

import re
from pathlib import Path

HOT = {
    "cores": 1,
    "start_cycles": 0,
    "mac_float32_picojoules": 6.7e6,
    "static_watts": 0.1,
    "kelvin_per_watt": 40.0,
    "limit_celsius": 60.0,
    "resume_celsius": 50.0,
    "heat_seconds": 3.0,
}
"""Figures of a processor that is slow enough for wall time not to matter, and soon too hot."""

HOT_LEVELS = ((10e3, 0.6), (20e3, 0.7), (40e3, 0.85))


def cpu(figures=None, levels=None, faults=""):
    """The description, with ``figures`` in place of its own, by key."""
    text = (Path(__file__).parent / "processor.toml").read_text()
    for key, value in (figures or {}).items():
        text, count = re.subn(rf"(?m)^{key} = [^#\n]*", f"{key} = {str(value).lower()} ", text)
        assert count == 1, key
    if levels is not None:
        head, *_, tail = re.split(r"(?ms)^\[\[power.levels\]\]\n[^\[]*?\n\n", text)
        tables = "".join(f"[[power.levels]]\nclock_hz = {clock}\nvolts = {volts}\n\n" for clock, volts in levels)
        text = head + tables + tail
    return text + faults
