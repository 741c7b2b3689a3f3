"""Tiles of 8-bit convolutions and products: which there are, which one suits, and weights laid out for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from drivers.engine.abi import AFTER_ADD, AFTER_BOUNDS, AFTER_PRELU, Ending
from drivers.engine.dots import DOTS, Dot, held
from hal.operations.declaration import Array

_LATENCY = 5
"""Cycles from a dot's operands to its result; two are begun in each cycle, and two vectors loaded."""

_ENDING, _VECTOR_ENDING = 24, 7
"""Cycles about that a tile takes beside its products, and each of its vectors."""

_ROWS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 14)
_VECTORS = (1, 2, 3, 4)
_PIXELS = (1, 2, 4, 8)
_LANES = (1, 2, 4, 8, 16)
_REGISTERS = {16: 32, 8: 16, 4: 16, 2: 16, 1: 16}


_AFTER = {AFTER_BOUNDS: "bounds", AFTER_ADD: "add", AFTER_PRELU: "prelu"}

_CANDIDATES, _NEAR = 4, 1.3


@dataclass(frozen=True, slots=True)
class Tile8:
    """``rows`` pixels by ``vectors`` of ``lanes`` channels.

    ``dot``: how products are added; ``ending``: how results are made of sums; ``after``: what they go through then,
    bits of AFTER_BOUNDS, AFTER_ADD and AFTER_PRELU.
    """

    rows: int
    vectors: int
    lanes: int
    dot: Dot
    ending: Ending = Ending.SIMPLE
    after: int = 0

    @property
    def name(self) -> str:
        """Rows by vectors by lanes, the dot, the ending, what is after it."""
        after = [name for bit, name in _AFTER.items() if self.after & bit]
        size = f"{self.rows}x{self.vectors}x{self.lanes}"
        return "_".join([size, self.dot.name, self.ending.name.lower(), *after])

    @property
    def width(self) -> int:
        """How many channels it has."""
        return self.vectors * self.lanes


def named(name: str) -> Tile8:
    """The tile of this name."""
    size, dot, ending, *after = name.split("_")
    rows, vectors, lanes = (int(each) for each in size.split("x"))
    by_name = {dot.name: dot for dot in DOTS.values()}
    bits = sum(bit for bit, name in _AFTER.items() if name in after)
    return Tile8(rows, vectors, lanes, by_name[dot], Ending[ending.upper()], bits)


PRODUCT_SIZES = {
    lanes: [
        (rows, vectors) for rows in _ROWS for vectors in _VECTORS if rows * vectors + vectors + 2 <= _REGISTERS[lanes]
    ]
    for lanes in _LANES
}
"""Rows and vectors of the tiles for products, by lanes; those for other processors among them."""

TAP_SIZES = {lanes: [(rows, 1) for rows in _PIXELS] for lanes in _LANES}
"""The same of the tiles for depthwise sums."""


def product_tiles(pixels: int, channels: int, steps: int, dot: Dot, ending: Ending, after: int) -> list[Tile8]:
    """The tiles that compute ``channels`` of each of a line of ``pixels`` quickest by estimate, the best first.

    ``steps``: how many groups of a ``dot`` a result is the sum over.
    """

    def cycles(tile: Tile8) -> float:
        sums = tile.rows * tile.vectors
        step = max((sums + tile.rows) / 2, (tile.rows + tile.vectors) / 2, _LATENCY)
        tiles = -(-pixels // tile.rows) * -(-channels // tile.width)
        return tiles * (steps * step + _ENDING + sums * _VECTOR_ENDING)

    lanes = _lanes(dot, channels)
    tiles = (Tile8(*size, lanes, dot, ending, after) for size in PRODUCT_SIZES[lanes] if size[0] <= pixels)
    return _likeliest(tiles, cycles)


def tap_tiles(pixels: int, channels: int, ending: Ending, after: int) -> list[Tile8]:
    """The same for depthwise sums."""
    dot = best_dot()
    lanes = _lanes(dot, channels)
    tiles = (Tile8(*size, lanes, dot, ending, after) for size in TAP_SIZES[lanes] if size[0] <= pixels)
    return _likeliest(tiles, lambda tile: -(-pixels // tile.rows) * (tile.rows + 1))


def best_dot(run: int | None = None, *, signed: bool = False) -> Dot:
    """The fastest dot that this processor has, of which a group fits into a run; ``signed``: one of signed values."""
    fitting = (dot for dot in DOTS.values() if (run is None or dot.group <= run) and not (signed and dot.added))
    return next(dot for dot in fitting if dot.most_lanes())


def _lanes(dot: Dot, channels: int) -> int:
    return max(each for each in _LANES if each <= min(dot.most_lanes(), channels))


def _likeliest(tiles: Iterable[Tile8], cycles: Callable[[Tile8], float]) -> list[Tile8]:
    """The few tiles worth a trial: those whose estimates are near the best one."""
    ranked = sorted(tiles, key=cycles)
    return [tile for tile in ranked[:_CANDIDATES] if cycles(tile) <= _NEAR * cycles(ranked[0])]


def vectors(channels: int, tile: Tile8) -> list[list[int]]:
    """The channels of each vector of each panel: the last ones begin further to the left, over others."""
    starts = [
        min(vector, channels - tile.lanes)
        for panel in range(0, channels, tile.width)
        for vector in range(panel, panel + tile.width, tile.lanes)
    ]
    return [list(range(start, start + tile.lanes)) for start in starts]


def panels(weights: Array, tile: Tile8) -> Array:
    """``weights`` [tap, product of a run, channel] as bytes of [panel, tap, group, vector, lane, product in the group].

    The last group of a run ends with it; what it has of the one before is 0.
    """
    taps, run, channels = weights.shape
    group = tile.dot.group
    count = -(-run // group)
    grouped = np.zeros((taps, count, group, channels), tile.dot.weight_type)
    for index in range(count):
        first = min(index * group, run - group)
        repeated = index * group - first
        grouped[:, index, repeated:] = weights[:, index * group : first + group]
    return _bytes(grouped.transpose(0, 1, 3, 2), vectors(channels, tile), tile)


def tap_panels(weights: Array, tile: Tile8) -> Array:
    """``weights`` [row, column, channel] as bytes of [vector, group of rows, column, lane, row in the group]."""
    rows, columns, channels = weights.shape
    group = tile.dot.group
    count = -(-rows // group)
    grouped = np.zeros((count * group, columns, channels), tile.dot.weight_type)
    grouped[:rows] = weights
    by_group = grouped.reshape(count, group, columns, channels).transpose(0, 2, 3, 1)
    return _bytes(by_group, vectors(channels, tile), tile)


def _bytes(weights: Array, vectors: Sequence[Sequence[int]], tile: Tile8) -> Array:
    """``weights`` [outer, inner, channel, in a group] as [panel, outer, inner, vector, held lane, in a group]."""
    outer, inner, _, group = weights.shape
    picked = weights[:, :, np.array(vectors)].reshape(outer, inner, -1, tile.vectors, tile.lanes, group)
    result = np.zeros((*picked.shape[:4], held(tile.lanes), group), weights.dtype)
    result[:, :, :, :, : tile.lanes] = picked
    return np.ascontiguousarray(result.transpose(2, 0, 1, 3, 4, 5)).reshape(-1).view(np.int8)
