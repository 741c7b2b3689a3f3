"""Reductions along chosen dimensions."""

from __future__ import annotations

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import (
    FLOAT32_ONLY,
    UP_TO_4,
    Arguments,
    Array,
    Declaration,
    int32,
    int32_tensor,
    integers,
    tensor,
)
from hal.types import FeatureLevel, OperationType


def reduced_axes(a: Arguments) -> tuple[int, ...]:
    """The dimensions to reduce, counted from the first, each once, in order."""
    rank = len(a.input.shape)
    axes = integers(a, "axes")
    for axis in axes:
        if not -rank <= axis < rank:
            raise BadDataError(f"its axis {axis} is not one of an input of rank {rank}: {-rank} to {rank - 1}")
    return tuple(sorted({axis % rank for axis in axes}))


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    axes = reduced_axes(a)
    if a.keep_dims > 0:
        return (tuple(1 if axis in axes else size for axis, size in enumerate(a.input.shape)),)
    return (tuple(size for axis, size in enumerate(a.input.shape) if axis not in axes) or (1,),)


def _mean(a: Arguments) -> tuple[Array, ...]:
    """MEAN: out[kept dimensions] = the mean of in over the reduced ones; with no axis at all, in itself."""
    (dimensions,) = _dimensions(a)
    return (np.mean(a.input, axis=reduced_axes(a)).reshape(dimensions),)


MEAN = Declaration(
    OperationType.MEAN,
    FeatureLevel.LEVEL_2,
    FLOAT32_ONLY,
    forms=((tensor("input", *UP_TO_4), int32_tensor("axes", 1), int32("keep_dims")),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_dimensions,
    reference=_mean,
)
