"""The roofline as SVG: each model between what the cores can compute and what memory can bring."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from tools.bench.result import Benchmark

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 440, 70, 24, 44, 64
_OURS, _THEIRS, _ROOF, _CACHE, _GRID = "#3b7dd8", "#d9822b", "#30363c", "#8a949e", "#d5dbe1"
_RADIUS = 4
_HEADROOM = 2.0
"""Of the axes beyond the least and the greatest value."""


def picture(benchmark: Benchmark) -> str:
    """The SVG document. Both axes are logarithmic; models whose work is not known are left out."""
    points = [
        (each.name, each.work.intensity, each.rate(each.ours), each.rate(each.theirs), each.quantised)
        for each in benchmark.results
        if each.work is not None and each.work.operations and each.work.traffic
    ]
    machine = benchmark.machine
    roofs = [
        (name, peak)
        for name, quantised in (("float32", False), ("8 bits", True))
        if (peak := machine.peak(quantised=quantised)) is not None and any(each[4] == quantised for each in points)
    ]
    slopes = [("memory", machine.memory, _ROOF), ("L2 cache", machine.cache, _CACHE)]
    ridges = [peak / machine.memory for _, peak in roofs]
    rates = [rate for each in points for rate in each[2:4] if rate is not None]
    across = _Axis([each[1] for each in points] + ridges, _LEFT, _LEFT + _WIDTH)
    up = _Axis(rates + [peak for _, peak in roofs], _TOP + _HEIGHT, _TOP)
    title = f"{benchmark.device}, {machine.threads} thread{'s' * (machine.threads > 1)}, {machine.processor}"
    parts = [f'<text x="{_LEFT}" y="20" font-weight="bold">{escape(title)}</text>']
    for value in across.ticks():
        x = across.place(value)
        parts.append(_line(x, _TOP, x, _TOP + _HEIGHT, _GRID))
        parts.append(f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{value:g}</text>')
    for value in up.ticks():
        y = up.place(value)
        parts.append(_line(_LEFT, y, _LEFT + _WIDTH, y, _GRID))
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value / 1e9:g}</text>')
    for name, bandwidth, colour in slopes:
        parts += _slope(name, bandwidth, max((peak for _, peak in roofs), default=up.high), across, up, colour)
    for name, peak in roofs:
        y = up.place(peak)
        start = across.place(min(max(peak / machine.cache, across.low), across.high))
        parts.append(_line(start, y, _LEFT + _WIDTH, y, _ROOF, 2))
        told = f"peak of {name}, {peak / 1e9:.0f}"
        parts.append(f'<text x="{_LEFT + _WIDTH - 4}" y="{y - 6:.1f}" text-anchor="end">{told}</text>')
    for name, intensity, ours, theirs, _ in points:
        x = across.place(intensity)
        for side, rate, colour in (("nnhal", ours, _OURS), (benchmark.against, theirs, _THEIRS)):
            if rate is not None:
                told = f"{name}, {side}: {rate / 1e9:.1f} GFLOP/s at {intensity:.1f} operations a byte"
                parts.append(
                    f'<circle cx="{x:.1f}" cy="{up.place(rate):.1f}" r="{_RADIUS}" fill="{colour}">'
                    f"<title>{escape(told)}</title></circle>"
                )
    parts.append(_legend([("nnhal", _OURS), *([(benchmark.against, _THEIRS)] if benchmark.against else [])]))
    middle = _TOP + _HEIGHT / 2
    parts.append(
        f'<text x="16" y="{middle}" transform="rotate(-90 16 {middle})" text-anchor="middle">'
        "10&#8313; operations a second</text>"
    )
    width, height = _LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(parts)}</svg>\n"
    )


class _Axis:
    """A logarithmic axis from ``begin`` to ``end`` (pixels) that has room for all ``values``."""

    def __init__(self, values: Iterable[float], begin: float, end: float) -> None:
        known = [value for value in values if value > 0] or [1.0]
        self.low, self.high = min(known) / _HEADROOM, max(known) * _HEADROOM
        self._begin, self._end = begin, end

    def place(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self._begin + (self._end - self._begin) * share

    def ticks(self) -> list[float]:
        """1, 2 and 5 times the powers of 10."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
        return [value for value in values if self.low <= value <= self.high]


def _slope(name: str, bandwidth: float, peak: float, across: _Axis, up: _Axis, colour: str) -> list[str]:
    """The line below which a byte rate keeps operations, up to the peak."""
    first = max(across.low, up.low / bandwidth)
    last = min(across.high, peak / bandwidth)
    if first >= last:
        return []
    ends = [(across.place(value), up.place(value * bandwidth)) for value in (first, last)]
    (x, y), (to_x, to_y) = ends
    angle = math.degrees(math.atan2(to_y - y, to_x - x))
    middle_x, middle_y = (x + to_x) / 2, (y + to_y) / 2 - 6
    told = f"{name}, {bandwidth / 1e9:.0f} GB/s"
    return [
        _line(x, y, to_x, to_y, colour, 2),
        f'<text x="{middle_x:.1f}" y="{middle_y:.1f}" transform="rotate({angle:.1f} {middle_x:.1f} {middle_y:.1f})" '
        f'text-anchor="middle" fill="{colour}">{told}</text>',
    ]


def _line(x: float, y: float, to_x: float, to_y: float, colour: str, width: int = 1) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def _legend(sides: list[tuple[str, str]]) -> str:
    y = _TOP + _HEIGHT + 46
    marks = [
        f'<text x="{_LEFT + 90 * index}" y="{y}" fill="{colour}">&#9679; {escape(name)}</text>'
        for index, (name, colour) in enumerate(sides)
    ]
    told = "operations for each byte that they read and write"
    return "".join(marks) + f'<text x="{_LEFT + _WIDTH}" y="{y}" text-anchor="end">{told}</text>'
