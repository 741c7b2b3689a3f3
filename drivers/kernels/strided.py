"""Copies between regular places of arrays: what transposing, slicing, padding, repeating and joining come down to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from drivers.engine.abi import Anyx1, I64x2, copy_run, generic
from drivers.engine.lowering import Builder, Lowering, lowers
from drivers.engine.numerics import EXACT
from drivers.engine.program import Tensor
from hal.model import Operand
from hal.operations import DECLARATIONS
from hal.operations.declaration import Array
from hal.types import OperationType


@generic
def move(x: Anyx1, out: Anyx1, walk: I64x2, first: int, target: int, begin: int, end: int) -> None:
    """out[target + i * walk[2]] = x[first + i * walk[1]] for each index i below the sizes walk[0], two or more.

    A unit of work is a row: the last dimension. Where elements of a row are not side by side, a row's
    neighbours have those that share cache lines with them, so that rows are done in blocks.
    """
    last = walk.shape[1] - 1
    size, step, stride = walk[0, last], walk[1, last], walk[2, last]
    rows, row_step, row_stride = walk[0, last - 1], walk[1, last - 1], walk[2, last - 1]
    width = size if step == 1 and stride == 1 else 32
    row = begin
    while row < end:
        plane = row // rows
        at = row - plane * rows
        count = min(rows - at, end - row)
        row += count
        source = first + at * row_step
        place = target + at * row_stride
        for dimension in range(last - 2, -1, -1):
            outer = plane // walk[0, dimension]
            i = plane - outer * walk[0, dimension]
            source += i * walk[1, dimension]
            place += i * walk[2, dimension]
            plane = outer
        for column in range(0, size, width):
            most = min(width, size - column)
            a, b = source + column * step, place + column * stride
            for _ in range(count):
                if step == 1 and stride == 1:
                    copy_run(out, b, x, a, most)
                else:
                    for n in range(most):  # as unsigned numbers, which numba does not count from the end
                        out[np.uint64(b + n * stride)] = x[np.uint64(a + n * step)]
                a += row_step
                b += row_stride


@dataclass(frozen=True, slots=True)
class View:
    """Elements of a tensor as an array of ``shape``.

    ``first``: where the first one is; ``steps``: for each dimension, how far it is to the next, in
    elements.
    """

    tensor: Tensor
    shape: tuple[int, ...]
    steps: tuple[int, ...]
    first: int = 0

    def transposed(self, axes: Sequence[int]) -> View:
        """The same with its dimensions in the order of ``axes``."""
        return replace(
            self, shape=tuple(self.shape[axis] for axis in axes), steps=tuple(self.steps[axis] for axis in axes)
        )

    def part(self, *indices: range) -> View:
        """What is at these indices of each dimension."""
        first = self.first + sum(each.start * step for each, step in zip(indices, self.steps))
        steps = tuple(each.step * step for each, step in zip(indices, self.steps))
        return View(self.tensor, tuple(len(each) for each in indices), steps, first)


def whole(tensor: Tensor, *shape: int) -> View:
    """All elements of ``tensor``, as an array of its own shape or of another one."""
    shape = shape or tensor.shape
    return View(tensor, shape, tuple(math.prod(shape[dimension + 1 :]) for dimension in range(len(shape))))


def emit_move(builder: Builder, source: View, target: View) -> None:
    """Emit what writes ``source`` to ``target``, of the same shape; nothing where that is empty."""
    elements = math.prod(target.shape)
    if elements == 0:
        return
    walk = _walk(target.shape, source.steps, target.steps)
    builder.emit(
        move[target.tensor.dtype],
        source.tensor.flat,
        target.tensor.flat,
        builder.table(np.array(walk, np.int64).T),
        source.first,
        target.first,
        work=math.prod(size for size, _, _ in walk[:-1]),
        operations=elements,
    )


def emit_joined(builder: Builder, sources: Sequence[View], axis: int, target: View) -> None:
    """Emit what writes ``sources`` to ``target``, one after the other along ``axis``."""
    first = 0
    for source in sources:
        indices = [range(size) for size in source.shape]
        indices[axis] = range(first, first + source.shape[axis])
        emit_move(builder, source, target.part(*indices))
        first += source.shape[axis]


def emit_fill(builder: Builder, value: Array, target: View) -> None:
    """Emit what writes ``value``, of rank 0, everywhere in ``target``."""
    everywhere = View(builder.table(value.reshape(1)), target.shape, (0,) * len(target.shape))
    emit_move(builder, everywhere, target)


_Dimension = tuple[int, int, int]
"""Size, step in the source, step in the target."""

_SHORT = 8
"""A row of fewer elements costs more for itself than for them, even where theirs are side by side."""

_PARTS = 16
"""A single row is cut in as many for threads to share."""


def _walk(shape: Sequence[int], steps: Sequence[int], strides: Sequence[int]) -> list[_Dimension]:
    """The dimensions that ``move`` walks: as few as can be, the last one long and without gaps where there is such."""
    merged: list[_Dimension] = []
    for size, step, stride in zip(shape, steps, strides):
        if size == 1:
            continue
        if merged and merged[-1][1:] == (size * step, size * stride):
            size *= merged.pop()[0]
        merged.append((size, step, stride))
    if not merged:
        return [(1, 0, 0), (1, 0, 0)]
    inner = merged[-1]
    if inner[0] < _SHORT:
        long = [each for each in merged if each[0] >= _SHORT]
        inner = min(long, key=lambda each: (1 not in each[1:], abs(each[1])), default=inner)
    merged.remove(inner)
    if not merged:  # one row, which threads can't share
        size, step, stride = inner
        parts = math.gcd(size, _PARTS)
        return [(parts, size // parts * step, size // parts * stride), (size // parts, step, stride)]
    return [*sorted(merged, key=lambda each: -abs(each[1])), inner]


def lowers_any(*operation_types: OperationType) -> Callable[[Lowering], Lowering]:
    """Register how operations that only move values become commands, over every type of data that they take."""

    def register(lowering: Lowering) -> Lowering:
        for operation_type in operation_types:
            data = {EXACT.data_type(Operand(data_type)) for data_type in DECLARATIONS[operation_type].types}
            lowers(operation_type, data=tuple(data))(lowering)
        return lowering

    return register
