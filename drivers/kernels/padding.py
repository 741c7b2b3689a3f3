"""PAD, PAD_V2, MIRROR_PAD."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from drivers.engine.lowering import Builder
from drivers.engine.program import Tensor
from drivers.kernels.strided import emit_fill, emit_move, lowers_any, whole
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


def emit_padded(builder: Builder, source: Tensor, target: Tensor, around: _Pads, value: Array) -> None:
    """Emit what writes ``source`` to ``target``, and ``value`` around it, as often before and after as is said."""
    out = whole(target)
    inside = _inside(source.shape, around)
    emit_move(builder, whole(source), out.part(*inside))
    for _, indices in _borders(inside, out.shape):
        emit_fill(builder, value, out.part(*indices))


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
