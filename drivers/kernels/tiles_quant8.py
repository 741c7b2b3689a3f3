"""Tiles of 8-bit convolutions and products: which there are, which one suits, and weights laid out for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drivers.engine.abi import Ending
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


@dataclass(frozen=True, slots=True)
class Tile8:
    """``rows`` pixels by ``vectors`` of ``lanes`` channels.

    ``dot``: how products are added; ``ending``: how results are made of sums.
    """

    rows: int
    vectors: int
    lanes: int
    dot: Dot
    ending: Ending = Ending.SIMPLE

    @property
    def name(self) -> str:
        """Rows by vectors by lanes, the dot, the ending."""
        return f"{self.rows}x{self.vectors}x{self.lanes}_{self.dot.name}_{self.ending.name.lower()}"

    @property
    def width(self) -> int:
        """How many channels it has."""
        return self.vectors * self.lanes


def _named(sizes: Sequence[tuple[int, int, int]]) -> dict[str, Tile8]:
    tiles = [Tile8(*size, dot, ending) for size in sizes for dot in DOTS.values() for ending in Ending]
    return {tile.name: tile for tile in tiles}


PRODUCT_TILES = _named(
    [
        (rows, vectors, lanes)
        for lanes in _LANES
        for rows in _ROWS
        for vectors in _VECTORS
        if rows * vectors + vectors + 2 <= _REGISTERS[lanes]
    ]
)
"""The tiles that products have kernels for, those for other processors among them."""

TAP_TILES = _named([(rows, 1, lanes) for lanes in _LANES for rows in _PIXELS])
"""The tiles that depthwise sums have kernels for."""


def product_tile(pixels: int, channels: int, taps: int, run: int, ending: Ending) -> Tile8:
    """The tile that computes ``channels`` of each of a line of ``pixels`` in the shortest time, by estimate.

    ``taps``: how many runs of ``run`` values a result is the sum over.
    """
    dot = _best_dot(run)
    steps = taps * -(-run // dot.group)

    def cycles(tile: Tile8) -> float:
        sums = tile.rows * tile.vectors
        step = max((sums + tile.rows) / 2, (tile.rows + tile.vectors) / 2, _LATENCY)
        tiles = -(-pixels // tile.rows) * -(-channels // tile.width)
        return tiles * (steps * step + _ENDING + sums * _VECTOR_ENDING)

    return min(_fitting(PRODUCT_TILES, pixels, channels, dot, ending), key=cycles)


def tap_tile(pixels: int, channels: int, ending: Ending) -> Tile8:
    """The tile for depthwise sums of a line of ``pixels``."""
    return min(
        _fitting(TAP_TILES, pixels, channels, _best_dot(), ending),
        key=lambda tile: -(-pixels // tile.rows) * (tile.rows + 1),
    )


def _best_dot(run: int | None = None) -> Dot:
    """The fastest dot that this processor has, and of which a group fits into a run."""
    return next(dot for dot in DOTS.values() if dot.most_lanes() and (run is None or dot.group <= run))


def _fitting(tiles: Mapping[str, Tile8], pixels: int, channels: int, dot: Dot, ending: Ending) -> Iterator[Tile8]:
    lanes = max(each for each in _LANES if each <= min(dot.most_lanes(), channels))
    for tile in tiles.values():
        if (tile.lanes, tile.dot, tile.ending) == (lanes, dot, ending) and tile.rows <= pixels:
            yield tile


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
