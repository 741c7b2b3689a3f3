"""Sparse tensors."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import (
    Arguments,
    Array,
    Declaration,
    int32_tensor,
    integers,
    only,
    repeated,
    tensor,
)
from hal.operations.quantization import check_output_as_input
from hal.types import FeatureLevel, OperandType, OperationType


class DimensionFormat(IntEnum):
    """How a level of DENSIFY's input is stored: every coordinate in it, or only those listed, as in a CSR matrix."""

    DENSE = 0
    SPARSE_CSR = 1


class _Level(NamedTuple):
    """One step of the way through the sparse tensor: along which output dimension, how far, and how stored."""

    dimension: int
    size: int
    is_sparse: bool


def _levels(a: Arguments) -> list[_Level]:
    """The levels in the order they are stored: the tensor's dimensions, then those within a block.

    Raises ``BadDataError`` where the inputs that describe them do not fit each other.
    """
    order, formats, sizes = (integers(a, name) for name in ("traversal_order", "formats", "sizes"))
    block_map = [] if a.block_map is None else integers(a, "block_map")
    rank = len(order) - len(block_map)
    if rank < 1 or sorted(order[:rank]) != list(range(rank)) or sorted(order[rank:]) != list(range(rank, len(order))):
        raise BadDataError(
            f"its traversal order is {order}; with {len(block_map)} block dimensions, "
            "it must have the tensor's dimensions, each once, and then the block's"
        )
    if any(not 0 <= dimension < rank for dimension in block_map):
        raise BadDataError(
            f"its block map is {block_map}; each must be one of the tensor's {rank} dimensions, from 0 on"
        )
    for name, values in (("formats", formats), ("sizes", sizes)):
        if len(values) != len(order):
            raise BadDataError(f"its {name} are {values}; there must be {len(order)}, as its traversal order has")
    if any(each not in list(DimensionFormat) for each in formats):
        raise BadDataError(f"its formats are {formats}; each must be 0 (DENSE) or 1 (SPARSE_CSR)")
    if min(sizes) < 1:
        raise BadDataError(f"its sizes are {sizes}; each must be at least 1")
    if len(a.metadata) != 2 * len(order):
        raise BadDataError(
            f"it has {len(a.metadata)} arrays of segments and indices; it must have {2 * len(order)}, two a level"
        )
    dimensions = [step if step < rank else block_map[step - rank] for step in order]
    return [_Level(dimension, size, bool(sparse)) for dimension, size, sparse in zip(dimensions, sizes, formats)]


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    levels = _levels(a)
    dense = [1] * (max(level.dimension for level in levels) + 1)
    for level in levels:
        dense[level.dimension] *= level.size
    return (tuple(dense),)


def _listed(a: Arguments, number: int, level: _Level, parents: int) -> tuple[Array, Array]:
    """How many coordinates a sparse level has in each of the ``parents`` before it, and which, one after the other."""
    segments, indices = a.metadata[2 * number : 2 * number + 2]
    if segments is None or indices is None:
        raise BadDataError(f"its level {number} is sparse; it must have segments and indices")
    segments, indices = segments.astype(np.int64), indices.astype(np.int64)
    counts = np.diff(segments)
    if len(counts) != parents or segments[0] != 0 or np.any(counts < 0) or segments[-1] != len(indices):
        raise BadDataError(
            f"the segments of its level {number} must be {parents + 1} numbers that rise "
            f"from 0 to the number of its indices, {len(indices)}"
        )
    if np.any((indices < 0) | (indices >= level.size)):
        raise BadDataError(f"the indices of its level {number} must be from 0 to {level.size - 1}")
    return counts, indices


def _densify(a: Arguments) -> tuple[Array, ...]:
    """DENSIFY: a tensor of zeros, and the input's values at the coordinates that its levels spell out.

    The coordinate of a dimension with blocks is (that of the block) * (the block's size) + (that within it).
    """
    (dimensions,) = _dimensions(a)
    coordinates: Array = np.zeros((len(dimensions), 1), np.int64)
    for number, level in enumerate(_levels(a)):
        parents = coordinates.shape[1]
        if level.is_sparse:
            counts, indices = _listed(a, number, level, parents)
        else:
            counts, indices = np.full(parents, level.size), np.tile(np.arange(level.size), parents)
        coordinates = np.repeat(coordinates, counts, axis=1)
        coordinates[level.dimension] = coordinates[level.dimension] * level.size + indices
    if len(a.input) != coordinates.shape[1]:
        raise BadDataError(f"its input has {len(a.input)} values; its levels have room for {coordinates.shape[1]}")
    dense = np.full(dimensions, a.input.dtype.type(a.specs.input.zero_point))
    dense[tuple(coordinates)] = a.input
    return (dense,)


DENSIFY = Declaration(
    OperationType.DENSIFY,
    FeatureLevel.LEVEL_8,  # the latest; Android keeps it apart as experimental
    dict.fromkeys(
        (
            OperandType.TENSOR_BOOL8,
            OperandType.TENSOR_FLOAT16,
            OperandType.TENSOR_FLOAT32,
            OperandType.TENSOR_INT32,
            OperandType.TENSOR_QUANT8_ASYMM,
            OperandType.TENSOR_QUANT8_ASYMM_SIGNED,
            OperandType.TENSOR_QUANT8_SYMM,
            OperandType.TENSOR_QUANT16_ASYMM,
            OperandType.TENSOR_QUANT16_SYMM,
        ),
        FeatureLevel.LEVEL_8,
    ),
    forms=(
        (
            tensor("input", 1),
            int32_tensor("traversal_order", 1),
            tensor("block_map", 1, accepts=only(OperandType.TENSOR_INT32), omittable=True),
            int32_tensor("formats", 1),
            int32_tensor("sizes", 1),
            repeated(tensor("metadata", 1, accepts=only(OperandType.TENSOR_INT32), omittable=True), least=2),
        ),
    ),
    outputs=(tensor("output"),),
    dimensions=_dimensions,
    reference=_densify,
    stored=True,
    check=check_output_as_input,
)
