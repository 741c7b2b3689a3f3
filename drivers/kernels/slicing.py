"""SLICE, STRIDED_SLICE, SPLIT."""

from __future__ import annotations

from drivers.engine.lowering import Builder
from drivers.kernels.strided import emit_move, lowers_any, whole
from hal.operations.axis import from_first
from hal.operations.declaration import Arguments
from hal.operations.slicing import parts, slices
from hal.types import OperationType

_TAKEN = {OperationType.SLICE: parts, OperationType.STRIDED_SLICE: slices}


@lowers_any(*_TAKEN)
def _lower_slice(builder: Builder, arguments: Arguments) -> None:
    source = whole(builder.input(0))
    indices = [range(size)[taken] for size, taken in zip(source.shape, _TAKEN[builder.type](arguments))]
    part = source.part(*indices)
    emit_move(builder, part, whole(builder.output(), *part.shape))


@lowers_any(OperationType.SPLIT)
def _lower_split(builder: Builder, arguments: Arguments) -> None:
    source = whole(builder.input(0))
    indices = [range(size) for size in source.shape]
    axis = from_first(arguments.axis, len(source.shape))
    size = source.shape[axis] // arguments.splits
    for position in range(arguments.splits):
        indices[axis] = range(position * size, (position + 1) * size)
        emit_move(builder, source.part(*indices), whole(builder.output(position)))
