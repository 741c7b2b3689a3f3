"""Decodes TFLite's storage of sparse tensors.

A sparse tensor is stored as a tree. Its levels are the tensor's dimensions and, where it is cut in
blocks, the positions inside a block, in the order that ``traversal_order`` gives. A dense level has
every index, a compressed one lists those that it has. The leaves, in order, are the stored values.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.importers.tflite.reader import Level, Sparsity, damaged

_Indexes = NDArray[np.int64]


def densify(values: NDArray[Any], shape: tuple[int, ...], sparsity: Sparsity) -> NDArray[Any]:
    """The tensor of ``shape`` whose stored values are ``values`` (1-D), zero elsewhere.

    Raises ``BadDataError`` when values, shape and ``sparsity`` do not fit each other.
    """
    places: _Indexes = np.zeros(1, np.int64)
    # each node of a dense level is a value or owns a segment of a level below
    limit = max([values.size, *(level.segments.size for level in sparsity.levels if level.segments is not None)])
    for level, size, stride in zip(sparsity.levels, *_sizes_and_strides(shape, sparsity)):
        places = _descend(places, level, size, stride, limit)
    if places.size != values.size:
        raise damaged(f"a sparse tensor has {values.size} values and its indexes name {places.size}")
    dense = np.zeros(math.prod(shape), values.dtype)
    dense[places] = values
    return dense.reshape(shape)


def _sizes_and_strides(shape: tuple[int, ...], sparsity: Sparsity) -> tuple[list[int], list[int]]:
    """For each level, how many indexes it may have and how far apart they are in the flat dense tensor."""
    rank = len(shape)
    order, block_map = sparsity.traversal_order, sparsity.block_map
    if sorted(order) != list(range(rank + len(block_map))) or len(order) != len(sparsity.levels):
        raise damaged(f"a sparse tensor of rank {rank} has the traversal order {list(order)}")
    if len(set(block_map)) != len(block_map) or not set(block_map) <= set(range(rank)):
        raise damaged(f"a sparse tensor of rank {rank} has the block map {list(block_map)}")
    sizes = list(shape)
    strides = [math.prod(shape[dimension + 1 :]) for dimension in range(rank)]
    for block, dimension in enumerate(block_map):
        size = sparsity.levels[order.index(rank + block)].size
        if size < 1 or shape[dimension] % size:
            raise damaged(f"a sparse tensor's dimension of {shape[dimension]} is cut in blocks of {size}")
        sizes.append(size)
        strides.append(strides[dimension])
        sizes[dimension] //= size
        strides[dimension] *= size
    return [sizes[dimension] for dimension in order], [strides[dimension] for dimension in order]


def _descend(parents: _Indexes, level: Level, size: int, stride: int, limit: int) -> _Indexes:
    """The flat places of the level's nodes, from those of their parents; a dense level has at most ``limit``."""
    if level.segments is None or level.indices is None:
        if level.size != size or parents.size * size > limit:
            raise damaged(f"a sparse tensor's dense dimension has {level.size} indexes for {size}")
        return (parents[:, None] + np.arange(size) * stride).reshape(-1)
    segments, indices = level.segments.astype(np.int64), level.indices.astype(np.int64)
    counts = np.diff(segments)
    if segments.size != parents.size + 1 or segments[0] != 0 or segments[-1] != indices.size or (counts < 0).any():
        raise damaged("a sparse tensor's segments do not divide its indexes")
    if indices.size and not 0 <= indices.min() <= indices.max() < size:
        raise damaged(f"a sparse tensor has an index outside of its dimension of {size}")
    places: _Indexes = np.repeat(parents, counts) + indices * stride
    return places
