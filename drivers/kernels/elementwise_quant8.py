"""ADD, MUL and PRELU of 8-bit values by vectors: where the second input repeats along the first, or is like it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from drivers.engine import abi, processor
from drivers.engine.abi import Ending, I8x1, I32x1, Sized
from drivers.engine.lowering import Builder
from drivers.engine.program import Tensor
from drivers.kernels.requantization import endings, suiting
from hal.model import Dimensions

_FUNCTIONS = {"sum": abi.SUM, "product": abi.PRODUCT, "leaky": abi.LEAKY}
_AT_ONCE = 4
_ROW = 4096
"""Elements of a row where nothing says how many."""


def _walk(function: int, lanes: int) -> Callable[..., None]:
    compute, compute_one = abi.pair_quant8(function, _AT_ONCE, lanes), abi.pair_quant8(function, 1, lanes)
    wide = _AT_ONCE * lanes

    def pairs(
        a: I8x1,
        b: I8x1,
        endings: I32x1,
        out: I8x1,
        width: int,
        repeated: int,
        low: int,
        high: int,
        begin: int,
        end: int,
    ) -> None:
        """A unit of work is a row of ``width`` elements; the last one may go over some of the row before.

        ``repeated``: whether each row has ``b`` from its beginning on.
        """
        for row in range(begin, end):
            first = min(row * width, len(out) - width)
            other = 0 if repeated else first
            done = 0
            while done + wide <= width:
                compute(a, first + done, b, other + done, out, first + done, endings, low, high)
                done += wide
            while done < width:
                place = min(done, width - lanes)
                compute_one(a, first + place, b, other + place, out, first + place, endings, low, high)
                done += lanes

    return pairs


def _named(name: str) -> Callable[..., None]:
    function, _, lanes = name.partition("_")
    return _walk(_FUNCTIONS[function], int(lanes))


pairs = Sized(_named)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of endings. ``largest``: how far from 0 what is rescaled can be; ``zero_point``: of what comes of it."""

    bias: int
    multiplier: tuple[int, int]
    largest: int
    zero_point: int = 0


def emit_pairs(builder: Builder, function: str, rows: Sequence[Row], bounds: tuple[int, int]) -> bool:
    """Emit ``function`` of the operation's first two inputs; false where these kernels can't do that.

    ``rows``: as ``abi.pair_quant8`` has them.
    """
    lanes = processor.lanes()
    shape = builder.output_spec().shape
    if builder.input(0).shape != shape or not all(
        suiting([each.multiplier], np.array([each.largest]), each.zero_point) is Ending.SIMPLE for each in rows
    ):
        return False
    size = math.prod(shape)
    right, width = _repeated(builder, shape, lanes)
    if width < lanes:
        return False
    table = [
        endings(np.array([row.bias]), [row.multiplier], row.zero_point, [[0] * lanes], Ending.SIMPLE) for row in rows
    ]
    builder.emit(
        pairs[f"{function}_{lanes}"],
        builder.input(0).flat,
        right.flat,
        builder.table(np.concatenate(table).reshape(-1)),
        builder.output().flat,
        width,
        int(math.prod(right.shape) != size),
        *bounds,
        work=-(-size // width),
        operations=size,
    )
    return True


def _repeated(builder: Builder, shape: Dimensions, lanes: int) -> tuple[Tensor, int]:
    """The second input as ``pairs`` takes it, and the width of a row; 0 where it is not repeated along the output."""
    right, size = builder.input(1), math.prod(shape)
    if right.shape == shape:
        return right, min(size, _ROW)
    own = right.shape[next((axis for axis, size in enumerate(right.shape) if size > 1), len(right.shape)) :]
    if not own or own != shape[-len(own) :]:
        return right, 0
    width = math.prod(own)
    if not builder.is_constant(1) or width >= _AT_ONCE * lanes:
        return right, width
    most = max(1, _AT_ONCE * lanes * 2 // width)
    times = max(times for times in range(1, most + 1) if size % (width * times) == 0)
    return builder.packed(1, f"{times} times", lambda value: np.tile(value.reshape(-1), times)), width * times
