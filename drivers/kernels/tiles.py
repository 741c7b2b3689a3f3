"""Tiles: the piece of an output whose sums a micro-kernel holds in registers, and which one suits an output.

A tile that reaches past the end of a line of pixels, or past the last channel, is moved back over
pixels or channels that another tile computes too: the same numbers are written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from drivers.engine import processor
from hal.operations.declaration import Array
from hal.operations.window import Axis

_LATENCY = 4
"""Cycles from a multiply-add's operands to its result; two are begun in each cycle, and two vectors loaded."""

_ENDING = 24
"""Cycles about that a tile takes beside its products, and one for each of its vectors."""

_LOAD = 0.8
"""Cycles about that a depthwise tile takes for each vector that it loads: more of them come from the second cache."""

_CANDIDATES, _NEAR = 4, 1.25

_ROWS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 20)
_VECTORS = (1, 2, 3, 4, 5, 7)
_TAP_LINES = (1, 2, 3, 4, 7)
_TAP_PIXELS = (1, 2, 3, 4, 5, 6, 8, 12)
_MOST_TAP_SUMS = {32: 20, 16: 9}
"""Of a depthwise tile, by registers: a column of its filter and a value are there beside them."""


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


@dataclass(frozen=True, slots=True)
class TapTile:
    """``lines`` of ``pixels`` pixels by ``lanes`` channels, for depthwise sums."""

    lines: int
    pixels: int
    lanes: int

    @property
    def name(self) -> str:
        """Lines by pixels by lanes."""
        return f"{self.lines}x{self.pixels}x{self.lanes}"


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
    for tile in (TapTile(lines, pixels, lanes) for lines in _TAP_LINES for pixels in _TAP_PIXELS)
    if tile.lines * tile.pixels <= _MOST_TAP_SUMS[_ALL_REGISTERS[lanes]]
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


def tap_tiles(vertical: Axis, horizontal: Axis, channels: int) -> list[TapTile]:
    """The same for depthwise sums over a window that walks these axes."""
    lanes = _lanes(channels)
    taps = vertical.window * horizontal.window

    def cycles(tile: TapTile) -> float:
        lines, pixels = tile.lines, tile.pixels
        read = (lines - 1) * vertical.stride + vertical.window
        loads = horizontal.window * (read * pixels + vertical.window)
        step = max(taps * lines * pixels / 2, loads * _LOAD, taps * _LATENCY)
        tiles = -(-vertical.output // lines) * -(-horizontal.output // pixels)
        return tiles * (step + _ENDING + 2 * lines * pixels)

    def fits(tile: TapTile) -> bool:
        if tile.lanes != lanes or tile.pixels > horizontal.output or tile.lines > vertical.output:
            return False
        return tile.lines == 1 or vertical.dilation == 1  # else lines have other rows of the image

    return _likeliest((tile for tile in TAP_TILES.values() if fits(tile)), cycles)


def _lanes(channels: int) -> int:
    return max(each for each in _LANES if each <= min(processor.lanes(), channels))


_AnyTile = TypeVar("_AnyTile", Tile, TapTile)


def _likeliest(tiles: Iterable[_AnyTile], cycles: Callable[[_AnyTile], float]) -> list[_AnyTile]:
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
