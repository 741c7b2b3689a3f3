"""PAD, PAD_V2, MIRROR_PAD."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from drivers.engine.abi import Anyx1, I64x2, copy_run, generic, helper
from drivers.engine.lowering import Builder
from drivers.engine.program import Tensor
from drivers.kernels.strided import emit_move, lowers_any, whole
from hal.operations.declaration import Arguments, Array
from hal.operations.padding import MirrorPadMode, pads
from hal.types import OperationType

_Pads = Sequence[tuple[int, int]]


@lowers_any(OperationType.PAD)
def _lower_pad(builder: Builder, arguments: Arguments) -> None:
    source = builder.input(0)
    emit_padded(builder, source, builder.output(), pads(arguments), zero_of(source, arguments.input.zero_point))


@lowers_any(OperationType.PAD_V2)
def _lower_pad_v2(builder: Builder, arguments: Arguments) -> None:
    value = builder.stored(0, arguments.pad_value)
    emit_padded(builder, builder.input(0), builder.output(), pads(arguments), value)


@lowers_any(OperationType.MIRROR_PAD)
def _lower_mirror_pad(builder: Builder, arguments: Arguments) -> None:
    source, out = whole(builder.input(0)), whole(builder.output())
    inside = _inside(source.shape, pads(arguments))
    emit_move(builder, source, out.part(*inside))
    twice = 0 if arguments.mode == MirrorPadMode.REFLECT else 1  # whether the mirror shows the edge itself
    for dimension, indices in _borders(inside, out.shape):
        border, there = indices[dimension], inside[dimension]
        mirror = 2 * there.start - twice if border.start < there.start else 2 * (there.stop - 1) + twice
        mirrored = list(indices)
        mirrored[dimension] = range(mirror - border.start, mirror - border.stop, -1)
        emit_move(builder, out.part(*mirrored), out.part(*indices))


@helper
def _repeat(value, out, first, end):
    """Write ``value`` to out[first:end]."""
    for n in range(first, end):
        out[np.uint64(n)] = value


@generic
def pad(x: Anyx1, value: Anyx1, walk: I64x2, out: Anyx1, begin: int, end: int) -> None:
    """Write x with ``value`` around it. A unit of work is a row of the output: its last dimension.

    ``walk``: the sizes of x, how often ``value`` is before them, the sizes of the output.
    """
    last = walk.shape[1] - 1
    size, before, width = walk[0, last], walk[1, last], walk[2, last]
    blank = value[0]
    for row in range(begin, end):
        rest, source, step, inside = row, 0, size, True
        for dimension in range(last - 1, -1, -1):
            outer = rest // walk[2, dimension] if dimension else 0
            i = rest - outer * walk[2, dimension] - walk[1, dimension]
            inside = inside and 0 <= i < walk[0, dimension]
            source += i * step
            step *= walk[0, dimension]
            rest = outer
        first = row * width
        if inside:
            _repeat(blank, out, first, first + before)
            copy_run(out, first + before, x, source, size)
            _repeat(blank, out, first + before + size, first + width)
        else:
            _repeat(blank, out, first, first + width)


def emit_padded(builder: Builder, source: Tensor, target: Tensor, around: _Pads, value: Array) -> None:
    """Emit what writes ``source`` to ``target``, and ``value`` around it, as often before and after as is said."""
    walk = _walk(source.shape, target.shape, around)
    work = math.prod(size for _, _, size in walk[:-1])
    table = builder.table(np.array(walk, np.int64).T)
    builder.emit(pad[source.dtype], source.flat, builder.table(value.reshape(1)), table, target.flat, work=work)


def _walk(shape: Sequence[int], padded: Sequence[int], around: _Pads) -> list[tuple[int, int, int]]:
    """Of each dimension the input's size, what is before it and the output's size; few dimensions, their rows long."""
    merged = [(1, 0, 1)]
    for size, (before, _), whole_size in zip(shape, around, padded):
        if size == whole_size:  # an element of the dimension before is as many side by side
            inner, ahead, outer = merged.pop()
            merged.append((inner * size, ahead * size, outer * size))
        else:
            merged.append((size, before, whole_size))
    return merged


def zero_of(tensor: Tensor, zero_point: int) -> Array:
    """What stands for 0 in ``tensor``: the zero point of a quantised one."""
    return np.array(zero_point, tensor.dtype)


def _inside(shape: Sequence[int], around: _Pads) -> list[range]:
    """The indices that the input has in the output."""
    return [range(before, before + size) for size, (before, _) in zip(shape, around)]


def _borders(inside: Sequence[range], shape: Sequence[int]) -> Iterator[tuple[int, list[range]]]:
    """The indices of what is around ``inside`` in an output of ``shape``: for each dimension, before and after.

    In the dimensions before its own each border reaches over all, in those after over what is inside.
    So each has beside it, in its dimension, what was written before it.
    """
    for dimension, (size, there) in enumerate(zip(shape, inside)):
        for border in (range(there.start), range(there.stop, size)):
            yield dimension, [*(range(size) for size in shape[:dimension]), border, *inside[dimension + 1 :]]
