"""DEPTH_TO_SPACE, SPACE_TO_DEPTH, BATCH_TO_SPACE_ND, SPACE_TO_BATCH_ND, CHANNEL_SHUFFLE.

An image of blocks has six dimensions: batches b, rows h and columns w of blocks, rows r and columns s
in a block, depth d. Each layout has them in another order, NHWC's first, NCHW's second.
"""

from __future__ import annotations

from drivers.engine.lowering import Builder
from drivers.engine.program import Tensor
from drivers.kernels.padding import emit_padded, zero_of
from drivers.kernels.strided import emit_move, lowers_any, whole
from hal.operations.declaration import Arguments
from hal.operations.layout import nhwc_shape, place
from hal.operations.rearrangement import block_shape, shuffled_axis, space_paddings
from hal.types import OperationType

_Orders = tuple[str, str]
_IN_SPACE: _Orders = ("bhrwsd", "bdhrws")
_IN_DEPTH: _Orders = ("bhwrsd", "brsdhw")
_IN_BATCHES: _Orders = ("rsbhwd", "rsbdhw")


@lowers_any(OperationType.DEPTH_TO_SPACE)
def _lower_depth_to_space(builder: Builder, arguments: Arguments) -> None:
    block = (arguments.block_size, arguments.block_size)
    _emit_rearranged(builder, builder.input(0), _IN_DEPTH, _IN_SPACE, block, arguments.nchw)


@lowers_any(OperationType.SPACE_TO_DEPTH)
def _lower_space_to_depth(builder: Builder, arguments: Arguments) -> None:
    block = (arguments.block_size, arguments.block_size)
    _emit_rearranged(builder, builder.input(0), _IN_SPACE, _IN_DEPTH, block, arguments.nchw)


@lowers_any(OperationType.BATCH_TO_SPACE_ND)
def _lower_batch_to_space(builder: Builder, arguments: Arguments) -> None:
    _emit_rearranged(builder, builder.input(0), _IN_BATCHES, _IN_SPACE, block_shape(arguments), arguments.nchw)


@lowers_any(OperationType.SPACE_TO_BATCH_ND)
def _lower_space_to_batch(builder: Builder, arguments: Arguments) -> None:
    image = builder.input(0)
    above, below, left, right = space_paddings(arguments)
    if above or below or left or right:
        batches, height, width, depth = nhwc_shape(image.shape, arguments.nchw)
        shape = place(batches, above + height + below, left + width + right, depth, arguments.nchw)
        none, rows, columns = (0, 0), (above, below), (left, right)
        around = (none, none, rows, columns) if arguments.nchw else (none, rows, columns, none)
        padded = builder.temporary(*shape, dtype=image.dtype)
        emit_padded(builder, image, padded, around, zero_of(image, arguments.input.zero_point))
        image = padded
    _emit_rearranged(builder, image, _IN_SPACE, _IN_BATCHES, block_shape(arguments), arguments.nchw)


def _emit_rearranged(
    builder: Builder, source: Tensor, before: _Orders, after: _Orders, block: tuple[int, int], nchw: bool
) -> None:
    """Emit what writes ``source``, whose dimensions are as in ``before``, to the output as in ``after``."""
    out = builder.output()
    image = source if before is _IN_SPACE else out
    batches, height, width, depth = nhwc_shape(image.shape, nchw)
    rows, columns = block
    sizes = {"b": batches, "h": height // rows, "w": width // columns, "r": rows, "s": columns, "d": depth}
    taken, given = before[nchw], after[nchw]
    blocks = whole(source, *(sizes[dimension] for dimension in taken))
    ordered = blocks.transposed([taken.index(dimension) for dimension in given])
    emit_move(builder, ordered, whole(out, *ordered.shape))


@lowers_any(OperationType.CHANNEL_SHUFFLE)
def _lower_channel_shuffle(builder: Builder, arguments: Arguments) -> None:
    source = builder.input(0)
    axis, groups = shuffled_axis(arguments), arguments.groups
    outer, channels, inner = source.shape[:axis], source.shape[axis], source.shape[axis + 1 :]
    grouped = whole(source.flat, *outer, groups, channels // groups, *inner)
    order = list(range(len(grouped.shape)))
    order[axis], order[axis + 1] = axis + 1, axis
    shuffled = grouped.transposed(order)
    emit_move(builder, shuffled, whole(builder.output(), *shuffled.shape))
