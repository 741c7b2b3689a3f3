"""Tiles: the piece of an output whose sums a micro-kernel holds in registers, and which one suits an output.

A tile that reaches past the end of a line of pixels, or past the last channel, is moved back over
pixels or channels that another tile computes too: the same numbers are written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from drivers.engine import processor
from hal.operations.declaration import Array

_LATENCY = 4
"""Cycles from a multiply-add's operands to its result; two are begun in each cycle, and two vectors loaded."""

_ENDING = 24
"""Cycles about that a tile takes beside its products, and one for each of its vectors."""

_CHECK = 0.25
"""Cycles about, by and large, that a depthwise tile takes to see whether a pixel's value is inside the image."""

_CANDIDATES, _NEAR = 4, 1.25

_ROWS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 20)
_VECTORS = (1, 2, 3, 4, 5, 7)
_PIXELS = (1, 2, 3, 4, 6, 8, 12)
_MOST_SUMS = 12
"""Of a depthwise tile: more only fetch more of the image at once than the nearest cache can hold side by side."""


@dataclass(frozen=True, slots=True)
class Tile:
    """``rows`` pixels by ``vectors`` of ``lanes`` channels."""

    rows: int
    vectors: int
    lanes: int

    @property
    def name(self) -> str:
        """Rows by vectors by lanes."""
        return f"{self.rows}x{self.vectors}x{self.lanes}"

    @property
    def width(self) -> int:
        """How many channels it has."""
        return self.vectors * self.lanes


def _fitting(lanes: int, registers: int) -> list[Tile]:
    """The tiles whose sums, factors and a value fit into registers."""
    sizes = [(rows, vectors) for rows in _ROWS for vectors in _VECTORS]
    return [Tile(*size, lanes) for size in sizes if size[0] * size[1] + size[1] + 1 <= registers]


_LANES = (1, 2, 4, 8, 16)
_ALL_REGISTERS = {16: 32, 8: 16, 4: 16, 2: 16, 1: 16}

PRODUCT_TILES = {tile.name: tile for lanes in _LANES for tile in _fitting(lanes, _ALL_REGISTERS[lanes])}
"""The tiles that products have kernels for, those for other processors among them."""


TAP_TILES = {
    tile.name: tile
    for lanes in _LANES
    for tile in (Tile(pixels, vectors, lanes) for pixels in _PIXELS for vectors in _VECTORS)
    if (tile.rows + 1) * tile.vectors < _ALL_REGISTERS[lanes] and tile.rows * tile.vectors <= _MOST_SUMS
}
"""The tiles that depthwise sums have kernels for."""


def product_tiles(pixels: int, channels: int, products: int) -> list[Tile]:
    """The tiles that compute ``channels`` of each of a line of ``pixels`` quickest by estimate, the best first.

    ``products``: how many each result is the sum of.
    """
    lanes = _lanes(channels)

    def cycles(tile: Tile) -> float:
        step = max(tile.rows * tile.vectors / 2, 0.6 * (tile.rows + tile.vectors), _LATENCY)
        tiles = -(-pixels // tile.rows) * -(-channels // tile.width)
        return tiles * (products * step + _ENDING + tile.rows * tile.vectors)

    return _likeliest((each for each in PRODUCT_TILES.values() if each.lanes == lanes and each.rows <= pixels), cycles)


def tap_tiles(pixels: int, channels: int, taps: int) -> list[Tile]:
    """The same for depthwise sums over ``taps``."""
    lanes = _lanes(channels)

    def cycles(tile: Tile) -> float:
        step = max((tile.rows + 1) * tile.vectors / 2, _LATENCY) + _CHECK * tile.rows
        ending = _ENDING + tile.rows * tile.vectors
        return -(-pixels // tile.rows) * -(-channels // tile.width) * (taps * step + ending)

    fitting = (tile for tile in TAP_TILES.values() if tile.lanes == lanes and tile.width <= channels)
    return _likeliest((tile for tile in fitting if tile.rows <= pixels), cycles)


def _lanes(channels: int) -> int:
    return max(each for each in _LANES if each <= min(processor.lanes(), channels))


def _likeliest(tiles: Iterable[Tile], cycles: Callable[[Tile], float]) -> list[Tile]:
    """The few tiles worth a trial: those whose estimates are near the best one."""
    ranked = sorted(tiles, key=cycles)
    return [tile for tile in ranked[:_CANDIDATES] if cycles(tile) <= _NEAR * cycles(ranked[0])]


def panels(weights: Array, tile: Tile) -> Array:
    """``weights`` [product, channel] as [panel, product, tile's channel]: what tiles of ``tile`` read in turn."""
    channels = weights.shape[1]
    columns = [
        min(vector, channels - tile.lanes) + lane
        for panel in range(0, channels, tile.width)
        for vector in range(panel, panel + tile.width, tile.lanes)
        for lane in range(tile.lanes)
    ]
    picked = weights[:, columns].reshape(len(weights), -1, tile.width)
    return picked.transpose(1, 0, 2)
