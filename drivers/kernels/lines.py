"""Operations along one dimension, by kernels that see a tensor as rows of a matrix."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from drivers.engine.lowering import Builder
from drivers.engine.program import Tensor
from drivers.kernels.layout import permuted
from drivers.kernels.strided import emit_move, whole
from hal.model import Dimensions

_AXIS_LAST = (0, 2, 1)


def input_lines(builder: Builder, shape: Dimensions, axis: int) -> Tensor:
    """The operation's first input with a row for each line along ``axis``; ``shape``: its dimensions, or others."""
    outer, size, inner = _around(shape, axis)
    if inner == 1:
        return builder.input(0).viewed(outer, size)
    return permuted(builder, 0, _AXIS_LAST, view=(outer, size, inner)).viewed(outer * inner, size)


@contextmanager
def output_lines(builder: Builder, shape: Dimensions, axis: int) -> Iterator[Tensor]:
    """The operation's output, of the input's dimensions, to be written with a row for each line along ``axis``."""
    outer, size, inner = _around(shape, axis)
    output = builder.output()
    if inner == 1:
        yield output.viewed(outer, size)
        return
    rows = builder.temporary(outer, inner, size, dtype=output.dtype)
    yield rows.viewed(outer * inner, size)
    emit_move(builder, whole(rows).transposed(_AXIS_LAST), whole(output, outer, size, inner))


def _around(shape: Dimensions, axis: int) -> Dimensions:
    axis %= len(shape)
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
