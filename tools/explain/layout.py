"""Where the boxes of a layered graph go: each below what it reads, lines around the boxes between.

Longest paths give the layers, a few sweeps of medians the order within them, and least squares the
places: as near to the neighbours above and below as the boxes' widths allow.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]

_SWEEPS = 12


@dataclass(frozen=True, slots=True)
class Sizes:
    """In pixels: of a box, between boxes and between layers, and the width that a passing line is given."""

    width: float = 190
    height: float = 34
    gap: float = 18
    pitch: float = 62
    lane: float = 22


@dataclass(frozen=True, slots=True)
class Drawing:
    """``boxes``: the centre of each node. ``lines``: for each edge, the points from its upper node to its lower one."""

    width: float
    height: float
    boxes: tuple[Point, ...]
    lines: tuple[tuple[Point, ...], ...]


def layered(count: int, edges: Sequence[tuple[int, int]], sizes: Sizes = Sizes()) -> Drawing:
    """Lay out nodes 0 to ``count`` - 1; each of ``edges`` leads from a node to one with a higher number."""
    layers = _layers(count, edges)
    slots: list[list[int]] = [[] for _ in range(max(layers, default=0) + 1)]
    for node, layer in enumerate(layers):
        slots[layer].append(node)
    above: dict[int, list[int]] = {node: [] for node in range(count)}
    below: dict[int, list[int]] = {node: [] for node in range(count)}
    paths = []
    widths = [sizes.width] * count
    for first, last in edges:
        path = [first]
        for layer in range(layers[first] + 1, layers[last]):
            bend = len(widths)
            widths.append(sizes.lane)
            slots[layer].append(bend)
            above[bend], below[bend] = [], []
            path.append(bend)
        path.append(last)
        for upper, lower in itertools.pairwise(path):
            below[upper].append(lower)
            above[lower].append(upper)
        paths.append(path)
    _order(slots, above, below)
    places = _places(slots, above, below, widths, sizes.gap)
    depth = {node: index for index, slot in enumerate(slots) for node in slot}

    def centre(node: int) -> Point:
        return places[node], depth[node] * sizes.pitch + sizes.height / 2

    width = max((places[node] + widths[node] / 2 for node in places), default=0.0)
    height = (len(slots) - 1) * sizes.pitch + sizes.height
    return Drawing(width, height, tuple(map(centre, range(count))), tuple(tuple(map(centre, path)) for path in paths))


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest way to each node; a node that reads nothing comes right above the first that reads it."""
    layers = [0] * count
    for first, last in sorted(edges):
        layers[last] = max(layers[last], layers[first] + 1)
    fed = {last for _, last in edges}
    for node in range(count):
        readers = [layers[last] for first, last in edges if first == node]
        if node not in fed and readers:
            layers[node] = min(readers) - 1
    return layers


def _order(slots: list[list[int]], above: dict[int, list[int]], below: dict[int, list[int]]) -> None:
    """Sort each layer by the medians of the neighbours' positions, down and up in turns."""
    position = {node: index for slot in slots for index, node in enumerate(slot)}
    for sweep in range(_SWEEPS):
        neighbours, walk = (above, slots) if sweep % 2 == 0 else (below, slots[::-1])
        for slot in walk:
            keys = {}
            for node in slot:
                around = sorted(position[other] for other in neighbours[node])
                middle = len(around) // 2
                keys[node] = (around[middle] + around[~middle]) / 2 if around else position[node]
            slot.sort(key=lambda node: keys[node])
            position.update((node, index) for index, node in enumerate(slot))


def _places(
    slots: list[list[int]],
    above: dict[int, list[int]],
    below: dict[int, list[int]],
    widths: Sequence[float],
    gap: float,
) -> dict[int, float]:
    places: dict[int, float] = {}
    for slot in slots:
        places.update(zip(slot, _apart([0.0] * len(slot), [widths[node] for node in slot], gap)))
    for sweep in range(2 * _SWEEPS):
        neighbours, walk = (above, slots) if sweep % 2 == 0 else (below, slots[::-1])
        for slot in walk:
            wanted = [
                sum(places[other] for other in neighbours[node]) / len(neighbours[node])
                if neighbours[node]
                else places[node]
                for node in slot
            ]
            places.update(zip(slot, _apart(wanted, [widths[node] for node in slot], gap)))
    left = min((places[node] - widths[node] / 2 for node in places), default=0.0)
    return {node: place - left for node, place in places.items()}


def _apart(wanted: Sequence[float], widths: Sequence[float], gap: float) -> list[float]:
    """The places nearest to those ``wanted``, by least squares, in their order and without touching each other."""
    offsets = [0.0]
    for first, second in itertools.pairwise(widths):
        offsets.append(offsets[-1] + (first + second) / 2 + gap)
    groups: list[tuple[float, int]] = []  # mean and number of what stands shoulder to shoulder
    for place, offset in zip(wanted, offsets):
        mean, number = place - offset, 1
        while groups and groups[-1][0] > mean:
            other, others = groups.pop()
            mean = (mean * number + other * others) / (number + others)
            number += others
        groups.append((mean, number))
    means = [mean for mean, number in groups for _ in range(number)]
    return [mean + offset for mean, offset in zip(means, offsets)]
