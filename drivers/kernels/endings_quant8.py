"""What 8-bit tiles take in of what follows them: a residual ADD, PRELU with constant slopes.

``elementwise_quant8`` computes both in integers, rounding after each step. Its operands are bytes, so all that can come
of them is few results: for each pair of bytes, or for each byte and each slope. A tile computes them in float32 where
that gives the same for every one, which is found out here, when a model is prepared. It takes half the instructions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from drivers.engine.abi import AFTER_ADD, AFTER_PRELU, ROUNDER, SUM_BITS, Sized, ending_fields
from drivers.engine.dots import held
from drivers.engine.fusion import fuses
from drivers.engine.program import Command, Memory, Tensor, constant
from drivers.kernels.requantization import Simple, simple_rows
from drivers.kernels.tiled_quant8 import products_by_tile, taps_by_tile
from drivers.kernels.tiles_quant8 import Tile8, named, vectors
from hal.operations.declaration import Array

_BYTES = np.arange(-128, 128)
_REALS = _BYTES.astype(np.float32)

_NUDGES = tuple(nudge * 2.0**-18 for nudge in (0, 1, -1, 2, -2, 3, -3))
"""What is tried in turn: sums near the middle between two numbers have to be on the right side of it."""


@dataclass(frozen=True, slots=True)
class _Tiled:
    """A command that computes 8-bit tiles, of a kernel of the family ``walk``."""

    command: Command
    walk: Sized

    @property
    def tile(self) -> Tile8:
        return named(self.command.kernel.variant)

    @property
    def tensors(self) -> list[Tensor]:
        return [each for each in self.command.arguments if isinstance(each, Tensor)]

    @property
    def channels(self) -> int:
        channels = self.command.arguments[-3]
        assert isinstance(channels, int)
        return channels

    def ended(self, out: Tensor, fields: Array, after: int, addend: Tensor | None = None) -> Command:
        """The command with a longer end, for which rows of endings have ``fields``, int32 as [field, channel]."""
        tile = self.tile
        *first, endings, added, _ = self.tensors
        numbers = [each for each in self.command.arguments if not isinstance(each, Tensor)]
        assert endings.buffer.array is not None
        lanes = held(tile.lanes)
        rows = endings.buffer.array.reshape(-1, ending_fields(tile.ending, tile.after), lanes)
        channels = np.array(vectors(self.channels, tile))
        channels = np.concatenate([channels, channels[:, :1].repeat(lanes - tile.lanes, axis=1)], axis=1)
        table = np.concatenate([rows, fields[:, channels].transpose(1, 0, 2)], axis=1).reshape(-1)
        longer = Tensor(constant(table), table.shape, table.dtype.name)
        kernel = self.walk[replace(tile, after=tile.after | after).name]
        arguments = (*first, longer, added if addend is None else addend.flat, out.flat, *numbers)
        return replace(self.command, kernel=kernel, arguments=arguments)


def _fields(fields: Sequence[Array | int], channels: int) -> Array:
    """Numbers for each channel or for all of them as rows of int32: float32 by their bits."""
    rows = [np.broadcast_to(np.asarray(each), channels) for each in fields]
    return np.array([row.view(np.int32) if row.dtype == np.float32 else row for row in rows], np.int32)


@lru_cache(256)
def real_sum(left: Simple, right: Simple, total: Simple, bounds: tuple[int, int]) -> list[Array] | None:
    """The factors of two bytes and what is added to them, whose sum, rounded, is ADD; None if no such were found.

    ``left``, ``right`` and ``total``: rows of ``elementwise_quant8.pairs``.
    """
    one, other = (row.results((_BYTES << SUM_BITS) + row.bias) for row in (left, right))
    expected = np.clip(total.results(one[:, None] + other), *bounds)
    result = total.multiplier / (1 << total.bits)
    scales = [row.multiplier / (1 << row.bits) * result for row in (left, right)]
    factors = [np.float32(scale * (1 << SUM_BITS)) for scale in scales]
    rest = total.zero_point + left.bias * scales[0] + right.bias * scales[1]
    for nudge in _NUDGES:
        offset = np.float32(rest + nudge)
        actual = _rounded((_REALS * factors[0])[:, None] + (_REALS * factors[1] + offset))
        if np.array_equal(np.clip(actual, *bounds), expected):
            return [np.asarray(each) for each in (*factors, offset)]
    return None


def real_slopes(straight: Simple, steep: Simple, up: int, slopes: Array, bounds: tuple[int, int]) -> list[Array] | None:
    """For bytes below PRELU's zero, then for others: two factors and what is added; None where that isn't PRELU.

    After the first factor a number is rounded, as after the other two. ``straight``, ``steep`` and ``up``: rows of
    ``elementwise_quant8.pairs``, of the last one the bias.
    """
    numbers = _BYTES + straight.bias
    below, above = numbers[numbers < 0], numbers[numbers >= 0]
    slopes = slopes.astype(np.int64) + steep.bias
    distinct, place = np.unique(slopes, return_inverse=True)
    found: list[Array] = []
    for row, given, factors in ((steep, below, distinct), (straight, above, np.array([1 << up]))):
        expected = np.clip(row.results(given[:, None] * factors), *bounds)
        first = (factors * row.multiplier).astype(np.float32)
        share = np.array(0.5**row.bits, np.float32)
        # Halves are rounded away from zero, so a little away from it decides.
        away = np.sign(factors * (-1 if row is steep else 1)) * (share / 4 if row.bits else 0)
        offset = (row.zero_point + away).astype(np.float32)
        whole = _rounded(given.astype(np.float32)[:, None] * first)
        if not np.array_equal(np.clip(_rounded(whole * share + offset), *bounds), expected):
            return None
        found += [first, share, offset]
    first, share, offset = found[:3]
    return [first[place], share, offset[place], *found[3:]]


def _rounded(reals: Array) -> Array:
    """float32 rounded to whole numbers as tiles round them."""
    assert reals.dtype == np.float32
    return (reals + np.float32(ROUNDER)) - np.float32(ROUNDER)


def _with_sum(tiled: _Tiled, consumer: Command) -> Command | None:
    left, right, table, out, repeated, bounds = _pair(consumer)
    if tiled.tile.after & (AFTER_ADD | AFTER_PRELU) or repeated:
        return None
    one, other, total = _rows(consumer, table)
    addend = right
    if right.buffer is tiled.tensors[-1].buffer:
        addend, one, other = left, other, one
    factors = real_sum(one, other, total, bounds)
    if factors is None:
        return None
    return tiled.ended(out, _fields([*factors, *bounds], tiled.channels), AFTER_ADD, addend)


def _with_slopes(tiled: _Tiled, consumer: Command) -> Command | None:
    value, slopes, table, out, _, bounds = _pair(consumer)
    by_channel = _by_channel(slopes, tiled.channels)
    if tiled.tile.after & AFTER_PRELU or value.buffer is not tiled.tensors[-1].buffer or by_channel is None:
        return None
    straight, steep, up = _rows(consumer, table)
    reals = real_slopes(straight, steep, up.bias, by_channel, bounds)
    if reals is None:
        return None
    return tiled.ended(out, _fields([-straight.bias, *reals, *bounds], tiled.channels), AFTER_PRELU)


def _pair(command: Command) -> tuple[Tensor, Tensor, Tensor, Tensor, bool, tuple[int, int]]:
    left, right, table, out = (each for each in command.arguments if isinstance(each, Tensor))
    _, repeated, low, high = (int(each) for each in command.arguments if not isinstance(each, Tensor))
    return left, right, table, out, bool(repeated), (low, high)


def _rows(command: Command, table: Tensor) -> list[Simple]:
    assert table.buffer.array is not None
    return simple_rows(table.buffer.array, int(command.kernel.variant.partition("_")[2]))


def _by_channel(slopes: Tensor, channels: int) -> Array | None:
    """A slope for each channel; None where they are no constants, or pixels have their own."""
    values = slopes.buffer.array
    if slopes.buffer.memory is not Memory.CONSTANT or values is None:
        return None
    if channels % values.size == 0:
        return np.tile(values.reshape(-1), channels // values.size)
    if values.size % channels or (values.reshape(-1, channels) != values.reshape(-1)[:channels]).any():
        return None
    return values.reshape(-1)[:channels]


_TAKEN = {"sum": _with_sum, "leaky": _with_slopes}


def _ending_of(family: str, walk: Sized) -> None:
    def fusion(producer: Command, consumer: Command) -> Command | None:
        take = _TAKEN.get(consumer.kernel.variant.partition("_")[0])
        return take(_Tiled(producer, walk), consumer) if take else None

    fuses(family, "elementwise_quant8.pairs")(fusion)


_ending_of("tiled_quant8.products_by_tile", products_by_tile)
_ending_of("tiled_quant8.taps_by_tile", taps_by_tile)
