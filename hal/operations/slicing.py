"""Operations that take parts of a tensor."""

from __future__ import annotations

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.axis import from_first
from hal.operations.declaration import (
    UP_TO_4,
    Arguments,
    Array,
    Declaration,
    TensorSpec,
    floating_and_quant8,
    int32,
    int32_tensor,
    integers,
    repeated,
    tensor,
)
from hal.operations.movement import movable
from hal.operations.quantization import check_output_as_input, check_same_quantization
from hal.types import FeatureLevel, OperationType

MAX_SPLITS = 1 << 16
"""More outputs than this SPLIT does not have, so that a mere number can't fill the memory."""


def _one_a_dimension(a: Arguments, *names: str) -> list[list[int]]:
    """The values of integer tensors that must have one for each dimension of the input."""
    rank = len(a.input.shape)
    given = [integers(a, name) for name in names]
    for name, values in zip(names, given):
        if len(values) != rank:
            raise BadDataError(f"its {name} has {len(values)} values; it must have {rank}, one a dimension")
    return given


def parts(a: Arguments) -> tuple[slice, ...]:
    """What SLICE takes of each dimension of the input; raises ``BadDataError`` where that is not there."""
    taken = []
    begins, sizes = _one_a_dimension(a, "begin", "size")
    for dimension, (there, begin, size) in enumerate(zip(a.input.shape, begins, sizes)):
        end = there if size == -1 else begin + size
        if size < -1 or not 0 <= begin <= end <= there:
            raise BadDataError(
                f"it takes {size} elements from {begin} on of dimension {dimension}, which has {there}; "
                "begin must be at least 0, and size at least 0 (or -1, all that follow)"
            )
        taken.append(slice(begin, end))
    return tuple(taken)


def _slice_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (tuple(part.stop - part.start for part in parts(a)),)


def _slice(a: Arguments) -> tuple[Array, ...]:
    """SLICE: in[begin : begin + size] in each dimension; a size of -1 is all that follows begin."""
    return (a.input[parts(a)],)


def slices(a: Arguments) -> tuple[slice, ...]:
    """What STRIDED_SLICE takes of each dimension of the input.

    NNAPI's begin and end are Python's: negative they count from the end, and beyond the input they
    stop at it. Raises ``BadDataError`` where nothing would be taken of what is there.
    """
    given = _one_a_dimension(a, "begin", "end", "strides")
    taken = []
    for dimension, (size, begin, end, stride) in enumerate(zip(a.input.shape, *given)):
        bit = 1 << dimension
        if stride == 0:
            raise BadDataError(f"its stride in dimension {dimension} is 0; it can't be")
        walk = slice(None if a.begin_mask & bit else begin, None if a.end_mask & bit else end, stride)
        count = len(range(*walk.indices(size)))
        if count == 0 and size > 0:
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


def _split_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    shape = a.input.shape
    axis = from_first(a.axis, len(shape))
    if a.splits > MAX_SPLITS:
        raise BadDataError(f"it splits in {a.splits} parts; {MAX_SPLITS} is the most")
    if shape[axis] % a.splits != 0:
        raise BadDataError(f"it splits dimension {axis}, of size {shape[axis]}, in {a.splits} parts of one size")
    part = (*shape[:axis], shape[axis] // a.splits, *shape[axis + 1 :])
    splits: int = a.splits
    return (part,) * splits


def _check_splits(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    for output in outputs:
        check_same_quantization("output", output, "input", a.input)
    if a.splits != len(outputs):
        raise BadDataError(f"it has {len(outputs)} outputs; it must have {a.splits}, one for each split")


def _split(a: Arguments) -> tuple[Array, ...]:
    """SPLIT: the input cut along the axis into parts of one size."""
    _check_splits(a.specs, a.results)
    return tuple(np.split(a.input, a.splits, a.axis))


SLICE = Declaration(
    OperationType.SLICE,
    FeatureLevel.LEVEL_3,
    movable(FeatureLevel.LEVEL_3),
    forms=((tensor("input"), int32_tensor("begin", 1), int32_tensor("size", 1)),),
    outputs=(tensor("output"),),
    dimensions=_slice_dimensions,
    reference=_slice,
    stored=True,
    check=check_output_as_input,
)

SPLIT = Declaration(
    OperationType.SPLIT,
    FeatureLevel.LEVEL_3,
    movable(FeatureLevel.LEVEL_3),
    forms=((tensor("input"), int32("axis"), int32("splits", minimum=1)),),
    outputs=(repeated(tensor("outputs")),),
    dimensions=_split_dimensions,
    reference=_split,
    stored=True,
    check=_check_splits,
)

STRIDED_SLICE = Declaration(
    OperationType.STRIDED_SLICE,
    FeatureLevel.LEVEL_2,
    floating_and_quant8(FeatureLevel.LEVEL_2),
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
    stored=True,
    check=check_output_as_input,
)
