"""The error along a network as SVG: signal to noise from layer to layer, of all samples and of the worst."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from tools.accuracy.measuring import LayerAccuracy

_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 360, 56, 16, 40, 48
_STEP, _LEAST_WIDTH = 8, 640
_ALL, _WORST = "#3b7dd8", "#d9822b"
_SPACING = 10
"""Between lines across the picture, in dB."""


def picture(title: str, layers: Sequence[LayerAccuracy]) -> str:
    """The SVG document; a layer without error is drawn as high as the best of the others."""
    finite = [value for each in layers for value in (each.sqnr, each.worst) if math.isfinite(value)] or [0.0]
    low = _SPACING * math.floor(min(*finite, 0.0) / _SPACING)
    high = _SPACING * math.ceil(max(*finite, 1.0) / _SPACING)
    width = max(_LEAST_WIDTH, _STEP * len(layers))
    span = max(len(layers) - 1, 1)

    def place(position: int, decibels: float) -> tuple[float, float]:
        level = (min(max(decibels, low), high) - low) / (high - low)
        return _LEFT + width * position / span, _TOP + _HEIGHT * (1 - level)

    parts = [f'<text x="{_LEFT}" y="20" font-weight="bold">{escape(title)}</text>']
    for decibels in range(low, high + 1, _SPACING):
        _, y = place(0, decibels)
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_LEFT + width}" y2="{y:.1f}" stroke="#d5dbe1"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{decibels} dB</text>')
    for colour, name, values, offset in (
        (_WORST, "worst sample", [each.worst for each in layers], 150),
        (_ALL, "all samples", [each.sqnr for each in layers], 0),
    ):
        points = " ".join("{:.1f},{:.1f}".format(*place(*each)) for each in enumerate(values))
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>')
        y = _TOP + _HEIGHT + 34
        parts.append(f'<text x="{_LEFT + offset}" y="{y}" fill="{colour}">&#9632; {name}</text>')
    for position, each in enumerate(layers):
        x, y = place(position, each.sqnr)
        told = f"{each.layer.number} {each.layer.name}: {each.sqnr:.1f} dB, worst sample {each.worst:.1f} dB"
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_ALL}"><title>{escape(told)}</title></circle>')
    total, height = _LEFT + width + _RIGHT, _TOP + _HEIGHT + _BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{height}" viewBox="0 0 {total} {height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(parts)}</svg>\n"
    )
