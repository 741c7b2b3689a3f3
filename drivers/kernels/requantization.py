"""How int32 sums become 8-bit results, as tables that tiles end by.

A result is ``rescaled`` (``fixed_point``) and has the output's zero point added. With a mantissa m below 2^31, an
exponent -b that is at most 0 and a sum s,

    rescaled(s) = floor((u + half - low) / 2^b),    u = floor((2 * m * s + 2^31) / 2^32)

where half is 2^(b - 1), and low is 1 where s is below 0 (if b is 0, both are 0). What is added to u goes into the sum
2 * m * s + 2^31 as well, times 2^32, and so does the zero point, times 2^b. All that is left to do behind one
multiplication, as of unsigned numbers (2 * m more for a negative sum, which goes with ``low``), and one addition is
to take the high half, less something where the sum is negative, and to shift it by b. That is a *simple* ending.

A *wide* one first shifts the sum up, for a multiplier of 1 and more, and adds the zero point last, since shifted up by
b it may be too large. For what leaves 32 bits even so there is an ending for *any* multiplier, in 64 bits. And one in
*float64*, which scales a sum as a real number and rounds halves away from zero, as LiteRT's FULLY_CONNECTED does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from drivers.engine.abi import Ending
from drivers.engine.dots import held
from hal.operations.declaration import Array

_LIMIT = 2**31


def suiting(multipliers: Sequence[tuple[int, int]], largest: Array, zero_point: int) -> Ending:
    """The shortest kind of ending that does: nothing on the way leaves 32 bits.

    ``multipliers``: mantissa and exponent of each channel; ``largest``: how far from 0 its sums can be.
    """
    simple = True
    for (mantissa, exponent), most in zip(multipliers, largest.tolist()):
        up, bits = max(exponent, 0), max(-exponent, 0)
        rounded = ((most << up) * mantissa >> 31) + 1 + ((1 << bits) >> 1)
        if most << up >= _LIMIT or rounded >= _LIMIT or bits > 30:
            return Ending.ANY
        simple &= up == 0 and rounded + ((abs(zero_point) + 1) << bits) < _LIMIT
    return Ending.SIMPLE if simple else Ending.WIDE


def endings(
    bias: Array,
    factors: Sequence[float] | Sequence[tuple[int, int]],
    zero_point: int,
    vectors: Sequence[Sequence[int]],
    kind: Ending,
) -> Array:
    """A row of int32 for each of ``vectors``, which are channels: what their sums begin with, and how they end.

    ``factors``: multipliers, or for ``FLOAT64`` real numbers.
    """
    rows = [_row(bias, factors, zero_point, vector, kind) for vector in vectors]
    return np.array(rows, np.uint32).view(np.int32)


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple row whose lanes are all alike, as its numbers stand in it."""

    bias: int
    twice: int
    below: int
    bits: int
    offset: int

    @property
    def multiplier(self) -> float:
        """What sums are multiplied by before they are rounded the first time."""
        return self.twice / 2**32

    @property
    def zero_point(self) -> int:
        """What is added to results."""
        return (self.offset >> 32) - ((1 << self.bits) >> 1) >> self.bits

    def results(self, sums: Array) -> Array:
        """What becomes of int64 ``sums``, the bias included."""
        high = (sums * self.twice + self.offset) >> 32
        return (high - (self.below - self.twice) * (sums < 0)) >> self.bits


def simple_rows(table: Array, lanes: int) -> list[Simple]:
    """The rows of a table of ``endings``, those that are ``Simple``."""
    found = []
    for row in table.reshape(-1, Ending.SIMPLE.value, held(lanes)).tolist():
        twice, below = (row[field][0] % 2**32 for field in (1, 2))
        offset = row[4][0] % 2**32 + (row[4][1] << 32)
        found.append(Simple(row[0][0], twice, below, row[3][0], offset))
    return found


def _row(bias: Array, factors: Sequence[Any], zero_point: int, channels: Sequence[int], kind: Ending) -> list[int]:
    lanes = [*channels, *[channels[0]] * (held(len(channels)) - len(channels))]
    biases = [int(bias[lane]) for lane in lanes]
    zeros = [zero_point] * len(lanes)
    if kind is Ending.FLOAT64:
        scales = np.array([factors[lane] for lane in lanes], np.float64).view(np.int32).tolist()
        return _words([biases, scales, zeros], kind)
    mantissas, exponents = zip(*(factors[lane] for lane in lanes))
    up, bits = [max(each, 0) for each in exponents], [max(-each, 0) for each in exponents]
    if kind is Ending.ANY:
        fields = [biases, mantissas, [31 - each for each in up], bits, zeros]
    else:
        below = [2 * mantissa + (each > 0) for mantissa, each in zip(mantissas, bits)]
        early = zero_point if kind is Ending.SIMPLE else 0
        offsets = [2**31 + ((((1 << each) >> 1) + (early << each)) << 32) for each in bits]
        split = [part for start in (0, 1) for offset in offsets[start::2] for part in (offset, offset >> 32)]
        fields = [biases, [2 * mantissa for mantissa in mantissas], below, bits, split]
        fields += [up, zeros] if kind is Ending.WIDE else []
    return _words(fields, kind)


def _words(fields: Sequence[Sequence[int]], kind: Ending) -> list[int]:
    words = [number & 0xFFFFFFFF for field in fields for number in field]
    assert len(words) == kind.value * len(fields[0])
    return words
