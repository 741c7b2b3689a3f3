"""Operations that move values and compute none."""

from __future__ import annotations

import math

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import (
    FLOAT32_ONLY,
    NCHW,
    UP_TO_4,
    Arguments,
    Array,
    Declaration,
    int32,
    int32_tensor,
    integers,
    repeated,
    tensor,
)
from hal.operations.layout import from_nhwc, nhwc_shape, place, to_nhwc
from hal.types import FeatureLevel, OperationType


def _reshape_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    shape = integers(a, "shape")
    elements = math.prod(a.input.shape)
    if shape.count(-1) > 1 or any(size < 1 and size != -1 for size in shape):
        raise BadDataError(f"its shape is {shape}; each size must be at least 1, and one at most may be -1")
    given = math.prod(size for size in shape if size != -1)
    if elements % given != 0 or (-1 not in shape and elements != given):
        raise BadDataError(f"its input {list(a.input.shape)} has {elements} elements, which do not fill {shape}")
    return (tuple(elements // given if size == -1 else size for size in shape),)


def _reshape(a: Arguments) -> tuple[Array, ...]:
    """RESHAPE: the input's values, in order, in the shape given; a size of -1 is what the others leave."""
    (dimensions,) = _reshape_dimensions(a)
    return (a.input.reshape(dimensions),)


def _concatenation_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    first, *others = (entry.shape for entry in a.inputs)
    if a.axis >= len(first):
        raise BadDataError(f"its axis is {a.axis}; inputs of rank {len(first)} have axes 0 to {len(first) - 1}")
    for position, other in enumerate(others, start=1):
        if len(other) != len(first) or _without(other, a.axis) != _without(first, a.axis):
            raise BadDataError(
                f"its input {position} is {list(other)} and its input 0 is {list(first)}; "
                f"they may differ in dimension {a.axis} only"
            )
    total = first[a.axis] + sum(other[a.axis] for other in others)
    return ((*first[: a.axis], total, *first[a.axis + 1 :]),)


def _without(dimensions: Dimensions, axis: int) -> Dimensions:
    return dimensions[:axis] + dimensions[axis + 1 :]


def _concatenation(a: Arguments) -> tuple[Array, ...]:
    """CONCATENATION: the inputs one after the other along the axis."""
    return (np.concatenate(a.inputs, axis=a.axis),)


def pads(a: Arguments) -> tuple[tuple[int, int], ...]:
    """How many elements PAD puts before and after, for each dimension of the input."""
    rank = len(a.input.shape)
    if a.paddings.shape != (rank, 2):
        raise BadDataError(
            f"its paddings are {list(a.paddings.shape)}; for an input of rank {rank} they must be {[rank, 2]}"
        )
    flat = integers(a, "paddings")
    if min(flat) < 0:
        raise BadDataError(f"its paddings are {flat}; none may be negative")
    return tuple(zip(flat[0::2], flat[1::2]))


def _pad_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (tuple(before + size + after for size, (before, after) in zip(a.input.shape, pads(a))),)


def _pad(a: Arguments) -> tuple[Array, ...]:
    """PAD: the input with zeros before and after, in each dimension as many as its row of paddings says."""
    return (np.pad(a.input, pads(a)),)


def slices(a: Arguments) -> tuple[slice, ...]:
    """What STRIDED_SLICE takes of each dimension of the input.

    NNAPI's begin and end are Python's: negative they count from the end, and beyond the input they
    stop at it. Raises ``BadDataError`` where nothing would be taken.
    """
    rank = len(a.input.shape)
    given = [integers(a, name) for name in ("begin", "end", "strides")]
    for name, values in zip(("begin", "end", "strides"), given):
        if len(values) != rank:
            raise BadDataError(f"its {name} has {len(values)} values; it must have {rank}, one a dimension")
    taken = []
    for dimension, (size, begin, end, stride) in enumerate(zip(a.input.shape, *given)):
        bit = 1 << dimension
        if stride == 0:
            raise BadDataError(f"its stride in dimension {dimension} is 0; it can't be")
        walk = slice(None if a.begin_mask & bit else begin, None if a.end_mask & bit else end, stride)
        count = len(range(*walk.indices(size)))
        if count == 0:
            raise BadDataError(
                f"it takes nothing from dimension {dimension}, of size {size}: {begin} to {end} by {stride}"
            )
        if a.shrink_axis_mask & bit and (count != 1 or stride < 0):
            raise BadDataError(
                f"it shrinks dimension {dimension}, so it must take one element with a stride above 0; "
                f"{begin} to {end} by {stride} takes {count}"
            )
        taken.append(walk)
    return tuple(taken)


def _strided_slice_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    counts = [len(range(*walk.indices(size))) for walk, size in zip(slices(a), a.input.shape)]
    kept = [count for dimension, count in enumerate(counts) if not a.shrink_axis_mask & (1 << dimension)]
    return (tuple(kept) or (1,),)


def _strided_slice(a: Arguments) -> tuple[Array, ...]:
    """STRIDED_SLICE: in[begin:end:stride] in each dimension, and without the dimensions that shrink."""
    (dimensions,) = _strided_slice_dimensions(a)
    return (a.input[slices(a)].reshape(dimensions),)


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
    batches, height, width, _ = image.shape
    block = a.block_size
    blocks = image.reshape(batches, height, width, block, block, -1).transpose(0, 1, 3, 2, 4, 5)
    return (from_nhwc(blocks.reshape(batches, height * block, width * block, -1), a.nchw),)


RESHAPE = Declaration(
    OperationType.RESHAPE,
    FeatureLevel.LEVEL_1,
    FLOAT32_ONLY,
    forms=((tensor("input", *UP_TO_4), int32_tensor("shape", 1)),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_reshape_dimensions,
    reference=_reshape,
)

CONCATENATION = Declaration(
    OperationType.CONCATENATION,
    FeatureLevel.LEVEL_1,
    FLOAT32_ONLY,
    forms=((repeated(tensor("inputs", *UP_TO_4)), int32("axis", minimum=0)),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_concatenation_dimensions,
    reference=_concatenation,
)

PAD = Declaration(
    OperationType.PAD,
    FeatureLevel.LEVEL_2,
    FLOAT32_ONLY,
    forms=((tensor("input", *UP_TO_4), int32_tensor("paddings", 2)),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_pad_dimensions,
    reference=_pad,
)

STRIDED_SLICE = Declaration(
    OperationType.STRIDED_SLICE,
    FeatureLevel.LEVEL_2,
    FLOAT32_ONLY,
    forms=(
        (
            tensor("input", *UP_TO_4),
            int32_tensor("begin", 1),
            int32_tensor("end", 1),
            int32_tensor("strides", 1),
            int32("begin_mask"),
            int32("end_mask"),
            int32("shrink_axis_mask"),
        ),
    ),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_strided_slice_dimensions,
    reference=_strided_slice,
)

DEPTH_TO_SPACE = Declaration(
    OperationType.DEPTH_TO_SPACE,
    FeatureLevel.LEVEL_1,
    FLOAT32_ONLY,
    forms=((tensor("input", 4), int32("block_size", minimum=1), NCHW),),
    outputs=(tensor("output", 4),),
    dimensions=_depth_to_space_dimensions,
    reference=_depth_to_space,
)
