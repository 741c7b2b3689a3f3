"""How int32 sums become 8-bit results, as tables that tiles end by.

A result is ``rescaled`` (``fixed_point``) and has the output's zero point added. With a mantissa m below 2^31, an
exponent -b that is at most 0 and a sum s,

    rescaled(s) = floor((u + half - low) / 2^b),    u = floor((2 * m * s + 2^31) / 2^32)

where half is 2^(b - 1), and low is 1 where s is below 0 (if b is 0, both are 0). What is added to u goes into the sum
2 * m * s + 2^31 as well, times 2^32, and so does the zero point, times 2^b. All that is left to do behind one
multiplication, as of unsigned numbers (2 * m more for a negative sum, which goes with ``low``), and one addition is
to take the high half, less something where the sum is negative, and to shift it by b.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivers.engine.abi import ANY_FIELDS, SIMPLE_FIELDS
from drivers.engine.dots import held
from hal.operations.declaration import Array

_LIMIT = 2**31


def is_simple(multipliers: Sequence[tuple[int, int]], largest: Array, zero_point: int) -> bool:
    """Whether tables for multipliers below 1 will do: nothing on the way leaves 32 bits.

    ``multipliers``: mantissa and exponent of each channel; ``largest``: the size of its largest sum.
    """
    for (mantissa, exponent), most in zip(multipliers, largest.tolist()):
        bits = -exponent
        if not 0 <= bits < 31 or most >= _LIMIT:
            return False
        if (most * mantissa >> 31) + 1 + ((1 << bits) >> 1) + ((abs(zero_point) + 1) << bits) >= _LIMIT:
            return False
    return True


def endings(
    bias: Array,
    multipliers: Sequence[tuple[int, int]],
    zero_point: int,
    vectors: Sequence[Sequence[int]],
    *,
    simple: bool,
) -> Array:
    """A row of int32 for each of ``vectors``, which are channels: what their sums begin with, and how they end."""
    rows = [_row(bias, multipliers, zero_point, vector, simple=simple) for vector in vectors]
    return np.array(rows, np.uint64).astype(np.uint32).view(np.int32)


def _row(
    bias: Array, multipliers: Sequence[tuple[int, int]], zero_point: int, channels: Sequence[int], *, simple: bool
) -> list[int]:
    lanes = [*channels, *[channels[0]] * (held(len(channels)) - len(channels))]
    biases = [int(bias[lane]) for lane in lanes]
    mantissas, exponents = zip(*(multipliers[lane] for lane in lanes))
    if not simple:
        shifts = [31 - max(exponent, 0) for exponent in exponents]
        down = [max(-exponent, 0) for exponent in exponents]
        return _words([biases, mantissas, shifts, down, [zero_point] * len(lanes)], ANY_FIELDS)
    bits = [-exponent for exponent in exponents]
    below = [2 * mantissa + (each > 0) for mantissa, each in zip(mantissas, bits)]
    offsets = [2**31 + ((((1 << each) >> 1) + (zero_point << each)) << 32) for each in bits]
    split = [part for start in (0, 1) for offset in offsets[start::2] for part in (offset, offset >> 32)]
    return _words([biases, [2 * mantissa for mantissa in mantissas], below, bits, split], SIMPLE_FIELDS)


def _words(fields: Sequence[Sequence[int]], count: int) -> list[int]:
    words = [number & 0xFFFFFFFF for field in fields for number in field]
    assert len(words) == count * len(fields[0])
    return words
