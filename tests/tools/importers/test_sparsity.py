"""Sparse storage: what any encoder of the format writes comes back."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.errors import BadDataError
from tools.importers.tflite.reader import Level, Sparsity
from tools.importers.tflite.sparsity import densify


def encode(dense, order, block_map, blocks, compressed):
    """Store ``dense`` level by level, the slow and plain way."""
    rank = dense.ndim
    parts = [
        (size // blocks[axis], blocks[axis]) if axis in blocks else (size,) for axis, size in enumerate(dense.shape)
    ]
    split = dense.reshape(list(chain(*parts)))
    axes, position = {}, 0
    for axis in range(rank):
        axes[axis] = position
        position += 1
        if axis in blocks:
            axes[rank + block_map.index(axis)] = position
            position += 1
    tree = split.transpose([axes[dimension] for dimension in order])
    nodes, levels = [tree], []
    for is_compressed in compressed:
        if is_compressed:
            kept = [[index for index in range(len(node)) if np.any(node[index])] for node in nodes]
            segments = np.cumsum([0, *map(len, kept)]).astype(np.int32)
            levels.append(Level(0, segments, np.array(list(chain(*kept)), np.uint8)))
            nodes = [node[index] for node, indexes in zip(nodes, kept) for index in indexes]
        else:
            levels.append(Level(tree.shape[len(levels)]))
            nodes = [node[index] for node in nodes for index in range(len(node))]
    return np.array(nodes, dense.dtype), Sparsity(tuple(order), tuple(block_map), tuple(levels))


@st.composite
def stored(draw):
    blocks, shape = {}, []
    for axis in range(draw(st.integers(1, 4))):
        size = draw(st.integers(1, 4))
        if draw(st.booleans()):
            blocks[axis] = draw(st.integers(1, 3))
            size *= blocks[axis]
        shape.append(size)
    block_map = draw(st.permutations(sorted(blocks)))
    order = draw(st.permutations(range(len(shape)))) + draw(
        st.permutations(range(len(shape), len(shape) + len(block_map)))
    )
    compressed = [draw(st.booleans()) and dimension < len(shape) for dimension in order]
    values = draw(st.lists(st.sampled_from([0, 0, 0, 1, 2, -3]), min_size=1, max_size=8))
    dense = np.resize(np.array(values, np.float16), shape)
    return dense, *encode(dense, order, block_map, blocks, compressed)


@given(stored())
def test_what_was_stored_comes_back(case):
    dense, values, sparsity = case
    np.testing.assert_array_equal(densify(values, dense.shape, sparsity), dense)


def levels(segments, indices):
    return Level(2), Level(0, np.array(segments, np.int32), np.array(indices, np.int32))


@pytest.mark.parametrize(
    ("order", "block_map", "stored_levels", "values"),
    [
        ((0, 1), (), levels([0, 1, 2], [0, 2]), 3),  # more values than places
        ((0, 1), (), levels([0, 1, 2], [0, 3]), 2),  # a column too far
        ((0, 1), (), levels([0, 1, 2], [0, -1]), 2),
        ((0, 1), (), levels([0, 2, 1], [0, 1]), 2),  # segments that go back
        ((0, 1), (), levels([0, 1], [0]), 1),  # no segment for the second row
        ((0, 1), (), levels([1, 1, 2], [0, 2]), 2),
        ((0, 1), (), levels([0, 1, 5], [0, 2]), 2),
        ((0, 0), (), levels([0, 1, 2], [0, 2]), 2),
        ((0,), (), levels([0, 1, 2], [0, 2]), 2),
        ((0, 1), (), (Level(2),), 2),
        ((0, 1), (), (Level(3), Level(2)), 6),
        ((0, 1), (), (Level(2), Level(-3)), 6),
        ((0, 1, 2), (0,), (Level(1), Level(3), Level(0)), 6),
        ((0, 1, 2), (1,), (Level(2), Level(1), Level(2)), 6),  # 3 columns in blocks of 2
        ((0, 1, 2), (2,), (Level(2), Level(3), Level(1)), 6),
        ((0, 1, 2, 3), (0, 0), (Level(2), Level(3), Level(1), Level(1)), 6),
    ],
)
def test_contradictions_are_damage(order, block_map, stored_levels, values):
    with pytest.raises(BadDataError, match="damaged"):
        densify(np.ones(values, np.float32), (2, 3), Sparsity(order, block_map, stored_levels))
