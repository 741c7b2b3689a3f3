"""RESHAPE, SQUEEZE, EXPAND_DIMS, TRANSPOSE, REVERSE, TILE, CONCATENATION, PACK."""

from __future__ import annotations

from drivers.engine.lowering import Builder
from drivers.kernels.strided import View, emit_joined, emit_move, lowers_any, whole
from drivers.kernels.tables import requantized
from hal.operations.declaration import Arguments, integers
from hal.operations.movement import permutation, reversed_axis
from hal.types import OperationType


@lowers_any(OperationType.RESHAPE, OperationType.SQUEEZE, OperationType.EXPAND_DIMS)
def _lower_reshape(builder: Builder, arguments: Arguments) -> None:
    source = builder.input(0)
    if not builder.alias(source):
        out = builder.output()
        emit_move(builder, whole(source, *out.shape), whole(out))


@lowers_any(OperationType.TRANSPOSE)
def _lower_transpose(builder: Builder, arguments: Arguments) -> None:
    emit_move(builder, whole(builder.input(0)).transposed(permutation(arguments)), whole(builder.output()))


@lowers_any(OperationType.REVERSE)
def _lower_reverse(builder: Builder, arguments: Arguments) -> None:
    source = whole(builder.input(0))
    indices = [range(size) for size in source.shape]
    axis = reversed_axis(arguments)
    indices[axis] = indices[axis][::-1]
    emit_move(builder, source.part(*indices), whole(builder.output()))


@lowers_any(OperationType.TILE)
def _lower_tile(builder: Builder, arguments: Arguments) -> None:
    source = whole(builder.input(0))
    shape: list[int] = []
    steps: list[int] = []
    for multiple, size, step in zip(integers(arguments, "multiples"), source.shape, source.steps):
        shape += [multiple, size]
        steps += [0, step]
    emit_move(builder, View(source.tensor, tuple(shape), tuple(steps)), whole(builder.output(), *shape))


@lowers_any(OperationType.CONCATENATION)
def _lower_concatenation(builder: Builder, arguments: Arguments) -> None:
    wanted = builder.output_spec()
    sources = [requantized(builder, position, spec, wanted) for position, spec in enumerate(arguments.inputs)]
    emit_joined(builder, [whole(source) for source in sources], arguments.axis, whole(builder.output()))


@lowers_any(OperationType.PACK)
def _lower_pack(builder: Builder, arguments: Arguments) -> None:
    axis = arguments.axis
    sources = [builder.input(1 + position) for position in range(len(arguments.inputs))]
    views = [whole(each, *each.shape[:axis], 1, *each.shape[axis:]) for each in sources]
    emit_joined(builder, views, axis, whole(builder.output()))
