"""Operations that pick parts of a tensor by number or by key."""

from __future__ import annotations

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.axis import from_first
from hal.operations.declaration import Arguments, Array, Declaration, TensorSpec, int32, int32_tensor, only, tensor
from hal.operations.movement import movable
from hal.operations.quantization import check_output_as_input, check_same_quantization
from hal.types import FeatureLevel, OperandType, OperationType


def _picked(values: Array, numbers: Array, axis: int, name: str) -> Array:
    """The parts of ``values`` along ``axis`` that ``numbers``, called ``name``, say; refuses those not there."""
    size = values.shape[axis]
    outside = numbers[(numbers < 0) | (numbers >= size)]
    if outside.size:
        raise BadDataError(f"its {name} have {outside[0]}; each must be from 0 to {size - 1}")
    return np.take(values, numbers, axis)


def _gather_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    shape = a.input.shape
    axis = from_first(a.axis, len(shape))
    return ((*shape[:axis], *a.indices.shape, *shape[axis + 1 :]),)


def _gather(a: Arguments) -> tuple[Array, ...]:
    """GATHER: out[..., i, ..., j, ...] = in[..., indices[i, ..., j], ...] along the axis."""
    return (_picked(a.input, a.indices, from_first(a.axis, a.input.ndim), "indices"),)


def _check_values(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    check_same_quantization("output", outputs[0], "values", a.values)


def _found_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    if len(a.values.shape) < 2:
        raise BadDataError(f"its values are {list(a.values.shape)}; they must have rank 2 or more")
    return ((*a.lookups.shape, *a.values.shape[1:]),)


def _embedding_lookup(a: Arguments) -> tuple[Array, ...]:
    """EMBEDDING_LOOKUP: out[i, ...] = values[lookups[i], ...]."""
    return (_picked(a.values, a.lookups, 0, "lookups"),)


def _hashtable_lookup_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    (found,) = _found_dimensions(a)
    if a.keys.shape != a.values.shape[:1]:
        raise BadDataError(f"it has {a.keys.shape[0]} keys for {a.values.shape[0]} values")
    return found, a.lookups.shape


def _check_hashtable_lookup(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    _check_values(a, outputs)
    hits = outputs[1]
    if (hits.scale, hits.zero_point) != (1.0, 0):
        raise BadDataError(f"its hits have scale {hits.scale} and zero point {hits.zero_point}; they must be 1 and 0")


def _hashtable_lookup(a: Arguments) -> tuple[Array, ...]:
    """HASHTABLE_LOOKUP: out[i, ...] = values[j, ...] where keys[j] = lookups[i], and 1; zeros, and 0, where no key is.

    The keys must be in ascending order.
    """
    if np.any(np.diff(a.keys.astype(np.int64)) < 0):
        raise BadDataError("its keys are not in ascending order; they must be")
    places = np.searchsorted(a.keys, a.lookups)
    hits = places < len(a.keys)
    hits[hits] = a.keys[places[hits]] == a.lookups[hits]
    zero = a.values.dtype.type(a.specs.values.zero_point)
    found = np.full((len(a.lookups), *a.values.shape[1:]), zero)
    found[hits] = a.values[places[hits]]
    return found, hits


GATHER = Declaration(
    OperationType.GATHER,
    FeatureLevel.LEVEL_3,
    movable(FeatureLevel.LEVEL_3),
    forms=((tensor("input"), int32("axis"), tensor("indices", accepts=only(OperandType.TENSOR_INT32))),),
    outputs=(tensor("output"),),
    dimensions=_gather_dimensions,
    reference=_gather,
    stored=True,
    check=check_output_as_input,
)

EMBEDDING_LOOKUP = Declaration(
    OperationType.EMBEDDING_LOOKUP,
    FeatureLevel.LEVEL_1,
    {
        OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_4,
        OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_1,
        OperandType.TENSOR_INT32: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
    },
    forms=((int32_tensor("lookups", 1), tensor("values")),),
    outputs=(tensor("output"),),
    dimensions=_found_dimensions,
    reference=_embedding_lookup,
    data_input=1,
    stored=True,
    check=_check_values,
)

HASHTABLE_LOOKUP = Declaration(
    OperationType.HASHTABLE_LOOKUP,
    FeatureLevel.LEVEL_1,
    {
        OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_1,
        OperandType.TENSOR_INT32: FeatureLevel.LEVEL_1,
        OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_1,
    },
    forms=((int32_tensor("lookups", 1), int32_tensor("keys", 1), tensor("values")),),
    outputs=(tensor("output"), tensor("hits", 1, accepts=only(OperandType.TENSOR_QUANT8_ASYMM))),
    dimensions=_hashtable_lookup_dimensions,
    reference=_hashtable_lookup,
    data_input=2,
    stored=True,
    check=_check_hashtable_lookup,
)
