"""Reductions along chosen dimensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.axis import from_first
from hal.operations.declaration import (
    UP_TO_4,
    Arguments,
    Array,
    Declaration,
    Parameter,
    boolean,
    int32,
    int32_tensor,
    integers,
    only,
    tensor,
)
from hal.operations.quantization import check_output_as_input
from hal.types import FeatureLevel, OperandType, OperationType


def reduced_axes(a: Arguments) -> tuple[int, ...]:
    """The dimensions to reduce, counted from the first, each once, in order."""
    return tuple(sorted({from_first(axis, len(a.input.shape)) for axis in integers(a, "axes")}))


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    axes = reduced_axes(a)
    _refuse_nothing(a.input.shape, axes)
    if a.keep_dims > 0:
        return (tuple(1 if axis in axes else size for axis, size in enumerate(a.input.shape)),)
    return (tuple(size for axis, size in enumerate(a.input.shape) if axis not in axes) or (1,),)


def _refuse_nothing(dimensions: Dimensions, axes: tuple[int, ...]) -> None:
    for axis in axes:
        if dimensions[axis] == 0:
            raise BadDataError(f"its input {list(dimensions)} has nothing to reduce along dimension {axis}")


def _reduced(a: Arguments, reduce: Callable[..., Array]) -> tuple[Array, ...]:
    (dimensions,) = _dimensions(a)
    return (reduce(a.input, axis=reduced_axes(a)).reshape(dimensions),)


def _mean(a: Arguments) -> tuple[Array, ...]:
    """MEAN: out[kept dimensions] = the mean of in over the reduced ones; with no axis at all, in itself."""
    return _reduced(a, np.mean)


def _all(a: Arguments) -> tuple[Array, ...]:
    """REDUCE_ALL: whether all of in is true, over the reduced dimensions."""
    return _reduced(a, np.all)


def _any(a: Arguments) -> tuple[Array, ...]:
    """REDUCE_ANY: whether any of in is true, over the reduced dimensions."""
    return _reduced(a, np.any)


def _max(a: Arguments) -> tuple[Array, ...]:
    """REDUCE_MAX: the greatest of in over the reduced dimensions."""
    return _reduced(a, np.max)


def _min(a: Arguments) -> tuple[Array, ...]:
    """REDUCE_MIN: the least of in over the reduced dimensions."""
    return _reduced(a, np.min)


def _prod(a: Arguments) -> tuple[Array, ...]:
    """REDUCE_PROD: the product of in over the reduced dimensions."""
    return _reduced(a, np.prod)


def _sum(a: Arguments) -> tuple[Array, ...]:
    """REDUCE_SUM: the sum of in over the reduced dimensions."""
    return _reduced(a, np.sum)


def _argument_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    axis = from_first(a.axis, len(a.input.shape))
    _refuse_nothing(a.input.shape, (axis,))
    return ((*a.input.shape[:axis], *a.input.shape[axis + 1 :]) or (1,),)


def _argmax(a: Arguments) -> tuple[Array, ...]:
    """ARGMAX: where in is greatest along the axis, the first such place."""
    (dimensions,) = _argument_dimensions(a)
    return (np.argmax(a.input, a.axis).reshape(dimensions),)


def _argmin(a: Arguments) -> tuple[Array, ...]:
    """ARGMIN: where in is least along the axis, the first such place."""
    (dimensions,) = _argument_dimensions(a)
    return (np.argmin(a.input, a.axis).reshape(dimensions),)


_TRUTH = {OperandType.TENSOR_BOOL8: FeatureLevel.LEVEL_3}
_FLOATS = {
    OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_3,
}
_EXTREMES = {
    **_FLOATS,
    OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
}
_ARGUMENTS = {**_EXTREMES, OperandType.TENSOR_INT32: FeatureLevel.LEVEL_3}
_MEAN = {
    OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_2,
    OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_2,
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
}


def _reduction(
    operation_type: OperationType,
    since: FeatureLevel,
    types: Mapping[OperandType, FeatureLevel],
    keep_dims: Parameter,
    reference: Callable[[Arguments], tuple[Array, ...]],
) -> Declaration:
    return Declaration(
        operation_type,
        since,
        types,
        forms=((tensor("input", *UP_TO_4), int32_tensor("axes", 1), keep_dims),),
        outputs=(tensor("output", *UP_TO_4),),
        dimensions=_dimensions,
        reference=reference,
        check=check_output_as_input,
    )


def _reduce(
    operation_type: OperationType,
    types: Mapping[OperandType, FeatureLevel],
    reference: Callable[[Arguments], tuple[Array, ...]],
) -> Declaration:
    return _reduction(operation_type, FeatureLevel.LEVEL_3, types, boolean("keep_dims"), reference)


def _argument(operation_type: OperationType, reference: Callable[[Arguments], tuple[Array, ...]]) -> Declaration:
    return Declaration(
        operation_type,
        FeatureLevel.LEVEL_3,
        _ARGUMENTS,
        forms=((tensor("input"), int32("axis")),),
        outputs=(tensor("output", accepts=only(OperandType.TENSOR_INT32)),),
        dimensions=_argument_dimensions,
        reference=reference,
    )


MEAN = _reduction(OperationType.MEAN, FeatureLevel.LEVEL_2, _MEAN, int32("keep_dims"), _mean)
REDUCE_ALL = _reduce(OperationType.REDUCE_ALL, _TRUTH, _all)
REDUCE_ANY = _reduce(OperationType.REDUCE_ANY, _TRUTH, _any)
REDUCE_MAX = _reduce(OperationType.REDUCE_MAX, _EXTREMES, _max)
REDUCE_MIN = _reduce(OperationType.REDUCE_MIN, _EXTREMES, _min)
REDUCE_PROD = _reduce(OperationType.REDUCE_PROD, _FLOATS, _prod)
REDUCE_SUM = _reduce(OperationType.REDUCE_SUM, _FLOATS, _sum)
ARGMAX = _argument(OperationType.ARGMAX, _argmax)
ARGMIN = _argument(OperationType.ARGMIN, _argmin)
