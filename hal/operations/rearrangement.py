"""Operations that move values between an image's pixels and its channels, its batches, or among its channels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import (
    NCHW,
    UP_TO_4,
    Arguments,
    Array,
    Declaration,
    Parameter,
    floating_and_quant8,
    int32,
    int32_tensor,
    integers,
    tensor,
)
from hal.operations.layout import from_nhwc, nhwc_shape, place, to_nhwc
from hal.operations.quantization import check_output_as_input
from hal.types import FeatureLevel, OperationType

_BLOCK_SIZE = int32("block_size", minimum=1)
_BLOCK_SHAPE = int32_tensor("block_shape", 1)


def _depth_to_space_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    batches, height, width, channels = nhwc_shape(a.input.shape, a.nchw)
    block = a.block_size
    if channels % block**2 != 0:
        raise BadDataError(f"its input has {channels} channels; they must be a multiple of the block's {block**2}")
    return (place(batches, height * block, width * block, channels // block**2, a.nchw),)


def _depth_to_space(a: Arguments) -> tuple[Array, ...]:
    """DEPTH_TO_SPACE: out[b, i * block + r, j * block + s, c] = in[b, i, j, (r * block + s) * depth + c].

    depth is the number of the output's channels.
    """
    image = to_nhwc(a.input, a.nchw)
    batches, height, width, channels = image.shape
    block = a.block_size
    depth = channels // block**2
    blocks = image.reshape(batches, height, width, block, block, depth).transpose(0, 1, 3, 2, 4, 5)
    return (from_nhwc(blocks.reshape(batches, height * block, width * block, depth), a.nchw),)


def _space_to_depth_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    batches, height, width, channels = nhwc_shape(a.input.shape, a.nchw)
    _check_divides((a.block_size, a.block_size), height, width)
    return (place(batches, height // a.block_size, width // a.block_size, channels * a.block_size**2, a.nchw),)


def _space_to_depth(a: Arguments) -> tuple[Array, ...]:
    """SPACE_TO_DEPTH: out[b, i, j, (r * block + s) * depth + c] = in[b, i * block + r, j * block + s, c].

    depth is the number of the input's channels.
    """
    image = to_nhwc(a.input, a.nchw)
    batches, height, width, depth = image.shape
    block = a.block_size
    height, width = height // block, width // block
    blocks = image.reshape(batches, height, block, width, block, depth).transpose(0, 1, 3, 2, 4, 5)
    return (from_nhwc(blocks.reshape(batches, height, width, block * block * depth), a.nchw),)


def block_shape(a: Arguments) -> tuple[int, int]:
    """Rows and columns of a block."""
    shape = integers(a, "block_shape")
    if len(shape) != 2 or min(shape) < 1:
        raise BadDataError(f"its block shape is {shape}; it must be 2 sizes, of height and width, each at least 1")
    return shape[0], shape[1]


def _check_divides(block: tuple[int, int], height: int, width: int) -> None:
    if height % block[0] != 0 or width % block[1] != 0:
        raise BadDataError(
            f"{height} x {width} pixels do not divide into blocks of {block[0]} x {block[1]}; height and width must "
            "be multiples of the block's"
        )


def _batch_to_space_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    batches, height, width, channels = nhwc_shape(a.input.shape, a.nchw)
    rows, columns = block_shape(a)
    if batches % (rows * columns) != 0:
        raise BadDataError(
            f"its input has {batches} batches; they must be a multiple of the {rows * columns} pixels of a block"
        )
    return (place(batches // (rows * columns), height * rows, width * columns, channels, a.nchw),)


def _batch_to_space_nd(a: Arguments) -> tuple[Array, ...]:
    """BATCH_TO_SPACE_ND: out[b, i * rows + r, j * columns + s, c] = in[(r * columns + s) * batches + b, i, j, c].

    rows and columns are the block's, batches the number of the output's batches.
    """
    image = to_nhwc(a.input, a.nchw)
    batches, height, width, depth = image.shape
    rows, columns = block_shape(a)
    batches //= rows * columns
    blocks = image.reshape(rows, columns, batches, height, width, depth).transpose(2, 3, 0, 4, 1, 5)
    return (from_nhwc(blocks.reshape(batches, height * rows, width * columns, depth), a.nchw),)


def space_paddings(a: Arguments) -> tuple[int, int, int, int]:
    """Pixels that SPACE_TO_BATCH_ND puts above, below, left and right of the image."""
    if a.paddings.shape != (2, 2):
        raise BadDataError(f"its paddings are {list(a.paddings.shape)}; they must be [2, 2]")
    above, below, left, right = integers(a, "paddings")
    if min(above, below, left, right) < 0:
        raise BadDataError(f"its paddings are {[above, below, left, right]}; none may be negative")
    return above, below, left, right


def _space_to_batch_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    batches, height, width, channels = nhwc_shape(a.input.shape, a.nchw)
    rows, columns = block_shape(a)
    above, below, left, right = space_paddings(a)
    height, width = above + height + below, left + width + right
    _check_divides((rows, columns), height, width)
    return (place(batches * rows * columns, height // rows, width // columns, channels, a.nchw),)


def _space_to_batch_nd(a: Arguments) -> tuple[Array, ...]:
    """SPACE_TO_BATCH_ND: out[(r * columns + s) * batches + b, i, j, c] = padded[b, i * rows + r, j * columns + s, c].

    rows and columns are the block's, batches the number of the input's batches, and padded is the
    input with zeros around it.
    """
    above, below, left, right = space_paddings(a)
    around = ((0, 0), (above, below), (left, right), (0, 0))
    image = np.pad(to_nhwc(a.input, a.nchw), around, constant_values=a.specs.input.zero_point)
    batches, height, width, depth = image.shape
    rows, columns = block_shape(a)
    height, width = height // rows, width // columns
    blocks = image.reshape(batches, height, rows, width, columns, depth).transpose(2, 4, 0, 1, 3, 5)
    return (from_nhwc(blocks.reshape(rows * columns * batches, height, width, depth), a.nchw),)


def shuffled_axis(a: Arguments) -> int:
    """The axis that CHANNEL_SHUFFLE works along, counted from the first."""
    rank = len(a.input.shape)
    if not -rank <= a.axis < rank:
        raise BadDataError(f"its axis is {a.axis}; for an input of rank {rank} it must be from {-rank} to {rank - 1}")
    return int(a.axis % rank)


def _channel_shuffle_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    channels = a.input.shape[shuffled_axis(a)]
    if channels % a.groups != 0:
        raise BadDataError(f"its input has {channels} channels; they must be a multiple of {a.groups} groups")
    return (a.input.shape,)


def _channel_shuffle(a: Arguments) -> tuple[Array, ...]:
    """CHANNEL_SHUFFLE: out[k * groups + g] = in[g * size + k] along the axis; size is the channels in a group."""
    axis, shape = shuffled_axis(a), a.input.shape
    groups = a.input.reshape(*shape[:axis], a.groups, shape[axis] // a.groups, *shape[axis + 1 :])
    return (groups.swapaxes(axis, axis + 1).reshape(shape),)


def _declaration(
    operation_type: OperationType,
    since: FeatureLevel,
    form: tuple[Parameter, ...],
    output: Parameter,
    dimensions: Callable[[Arguments], tuple[Dimensions, ...]],
    reference: Callable[[Arguments], tuple[Array, ...]],
) -> Declaration:
    return Declaration(
        operation_type,
        since,
        floating_and_quant8(since),
        forms=(form,),
        outputs=(output,),
        dimensions=dimensions,
        reference=reference,
        stored=True,
        check=check_output_as_input,
    )


_IMAGE, _RESULT = tensor("input", 4), tensor("output", 4)

DEPTH_TO_SPACE = _declaration(
    OperationType.DEPTH_TO_SPACE,
    FeatureLevel.LEVEL_1,
    (_IMAGE, _BLOCK_SIZE, NCHW),
    _RESULT,
    _depth_to_space_dimensions,
    _depth_to_space,
)
SPACE_TO_DEPTH = _declaration(
    OperationType.SPACE_TO_DEPTH,
    FeatureLevel.LEVEL_1,
    (_IMAGE, _BLOCK_SIZE, NCHW),
    _RESULT,
    _space_to_depth_dimensions,
    _space_to_depth,
)
BATCH_TO_SPACE_ND = _declaration(
    OperationType.BATCH_TO_SPACE_ND,
    FeatureLevel.LEVEL_2,
    (_IMAGE, _BLOCK_SHAPE, NCHW),
    _RESULT,
    _batch_to_space_dimensions,
    _batch_to_space_nd,
)
SPACE_TO_BATCH_ND = _declaration(
    OperationType.SPACE_TO_BATCH_ND,
    FeatureLevel.LEVEL_2,
    (_IMAGE, _BLOCK_SHAPE, int32_tensor("paddings"), NCHW),  # [2, 2]; to addOperation, any rank is right
    _RESULT,
    _space_to_batch_dimensions,
    _space_to_batch_nd,
)
CHANNEL_SHUFFLE = _declaration(
    OperationType.CHANNEL_SHUFFLE,
    FeatureLevel.LEVEL_3,
    (tensor("input", *UP_TO_4), int32("groups", minimum=1), int32("axis")),
    tensor("output", *UP_TO_4),
    _channel_shuffle_dimensions,
    _channel_shuffle,
)
