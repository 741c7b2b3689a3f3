"""What operations are given that move values, pick some, or put others around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hal.types import OperandType
from hal.types import OperationType as O
from tools.conformance.generated.draw import Draw, Given
from tools.conformance.generated.reduction import distinct

_SAMPLES = 4096
"""Of RANDOM_MULTINOMIAL: enough for frequencies to be near probabilities."""


def _reshape(draw: Draw) -> list[Given]:
    shape = draw.shape()
    target = draw.choice(([-1], list(shape[::-1]), [*shape[1:], shape[0]], [1, -1], [shape[0], -1]))
    return [draw.tensor(shape), draw.shaping(target)]


def _squeeze(draw: Draw) -> list[Given]:
    shape = tuple(draw.choice((1, 1, 2, 3)) for _ in range(draw.whole(1, 4)))
    ones = [axis for axis, size in enumerate(shape) if size == 1]
    chosen = [axis for axis in ones if draw.chance()]
    if chosen:
        return [draw.tensor(shape), draw.shaping(chosen)]
    return [draw.tensor(shape), draw.omitted(OperandType.TENSOR_INT32)]


def _expand_dims(draw: Draw) -> list[Given]:
    shape = draw.shape(most=3)
    return [draw.tensor(shape), draw.scalar(draw.whole(-len(shape) - 1, len(shape)))]


def _transpose(draw: Draw) -> list[Given]:
    shape = draw.shape()
    order = draw.shaping(draw.order(len(shape))) if draw.chance(0.7) else draw.omitted(OperandType.TENSOR_INT32)
    return [draw.tensor(shape), order]


def _reverse(draw: Draw) -> list[Given]:
    shape = draw.shape()
    return [draw.tensor(shape), draw.shaping([draw.whole(0, len(shape) - 1)])]


def _tile(draw: Draw) -> list[Given]:
    shape = draw.shape(largest=4)
    return [draw.tensor(shape), draw.shaping([draw.whole(1, 3) for _ in shape])]


def _concatenation(draw: Draw) -> list[Given]:
    shape = list(draw.shape())
    axis = draw.whole(0, len(shape) - 1)
    parts = []
    for _ in range(draw.whole(1, 4)):
        shape[axis] = draw.whole(1, 6)
        parts.append(draw.weights(shape, -4, 4))
    return [draw.tensor(shape), *parts, draw.scalar(axis)]


def _pack(draw: Draw) -> list[Given]:
    shape = draw.shape(most=3)
    first = draw.tensor(shape)
    others = [draw.weights(shape, -4, 4, like=first) for _ in range(draw.whole(0, 3))]
    return [draw.scalar(draw.whole(0, len(shape))), first, *others]


def _split(draw: Draw) -> list[Given]:
    shape = list(draw.shape())
    axis, count = draw.whole(-len(shape), len(shape) - 1), draw.whole(1, 4)
    shape[axis] = count * draw.whole(1, 3)
    return [draw.tensor(shape), draw.scalar(axis), draw.scalar(count)]


def _slice(draw: Draw) -> list[Given]:
    shape = draw.shape()
    begin = [draw.whole(0, size - 1) for size in shape]
    size = [draw.choice((-1, draw.whole(1, size - start))) for size, start in zip(shape, begin)]
    return [draw.tensor(shape), draw.shaping(begin), draw.shaping(size)]


def _strided_slice(draw: Draw) -> list[Given]:
    shape = draw.shape()
    begin, end, strides = [], [], []
    shrunk = [draw.chance(0.15) for _ in shape]
    for size, is_shrunk in zip(shape, shrunk):
        start = draw.whole(0, size - 1)
        step = draw.whole(1, 3) * (-1 if draw.chance(0.3) and not is_shrunk else 1)
        last = start + 1 if is_shrunk else draw.whole(start + 1, size) if step > 0 else draw.whole(0, start) - size - 1
        begin.append(start - size if draw.chance(0.3) else start)
        end.append(last)
        strides.append(step)
    masks = [sum(1 << axis for axis, each in enumerate(shrunk) if draw.chance(0.2) and not each) for _ in range(2)]
    mask = sum(1 << axis for axis, each in enumerate(shrunk) if each)
    tables = [draw.shaping(table) for table in (begin, end, strides)]
    return [draw.tensor(shape), *tables, *(draw.scalar(each) for each in (*masks, mask))]


def _paddings(draw: Draw, shape: Sequence[int]) -> Given:
    return draw.shaping([[draw.whole(0, 3), draw.whole(0, 3)] for _ in shape])


def _pad(draw: Draw) -> list[Given]:
    shape = draw.shape(largest=5)
    return [draw.tensor(shape), _paddings(draw, shape)]


def _pad_v2(draw: Draw) -> list[Given]:
    shape = draw.shape(largest=5)
    if draw.data_type.has_scale:
        limits = np.iinfo(draw.data_type.dtype.name)
        value = draw.scalar(draw.whole(limits.min, limits.max))
    else:
        value = draw.real(draw.between(-2, 2))
    return [draw.tensor(shape), _paddings(draw, shape), value]


def _mirror_pad(draw: Draw) -> list[Given]:
    shape, mode = draw.shape(largest=5), draw.whole(0, 1)
    most = [size - 1 if mode == 0 else size for size in shape]
    paddings = draw.shaping([[draw.whole(0, limit), draw.whole(0, limit)] for limit in most])
    return [draw.tensor(shape), paddings, draw.scalar(mode)]


def _gather(draw: Draw) -> list[Given]:
    shape = draw.shape(most=3)
    axis = draw.whole(-len(shape), len(shape) - 1)
    indices = draw.random.integers(0, shape[axis], draw.shape(most=2))
    return [draw.tensor(shape), draw.scalar(axis), draw.integers(indices, is_constant=draw.chance())]


def _embedding_lookup(draw: Draw) -> list[Given]:
    shape = draw.shape(least=2)
    lookups = draw.random.integers(0, shape[0], draw.whole(1, 6))
    return [draw.integers(lookups, is_constant=draw.chance()), draw.tensor(shape)]


def _hashtable_lookup(draw: Draw) -> list[Given]:
    shape = draw.shape(least=2)
    keys = np.sort(draw.random.permutation(20)[: shape[0]])
    lookups = draw.random.integers(0, 20, draw.whole(1, 8))
    return [draw.integers(lookups, is_constant=draw.chance()), draw.integers(keys), draw.tensor(shape)]


def _topk(draw: Draw) -> list[Given]:
    shape = draw.shape(most=3)
    return [distinct(draw, shape), draw.scalar(draw.whole(1, shape[-1]))]


def _fill(draw: Draw) -> list[Given]:
    shape = draw.integers(draw.shape(), is_constant=False)
    if draw.data_type is OperandType.INT32:
        return [shape, draw.scalar(draw.whole(-9, 9))]
    return [shape, draw.real(draw.between(-4, 4))]


def _rank(draw: Draw) -> list[Given]:
    shape = draw.shape()
    if draw.data_type is OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL:
        return [replace(draw.per_channel(shape, 0), is_constant=False)]
    return [draw.tensor(shape)]


def _depth_to_space(draw: Draw) -> list[Given]:
    nchw, block = draw.chance(), draw.whole(1, 3)
    image = draw.tensor(draw.image(nchw, channels=block * block * draw.whole(1, 4), most=5))
    return [image, draw.scalar(block), *([draw.scalar(nchw)] if nchw or draw.chance() else [])]


def _space_to_depth(draw: Draw) -> list[Given]:
    nchw, block = draw.chance(), draw.whole(1, 3)
    batches, height, width, channels = (
        draw.whole(1, 2),
        block * draw.whole(1, 4),
        block * draw.whole(1, 4),
        draw.whole(1, 5),
    )
    shape = (batches, channels, height, width) if nchw else (batches, height, width, channels)
    return [draw.tensor(shape), draw.scalar(block), *([draw.scalar(nchw)] if nchw or draw.chance() else [])]


def _batch_to_space(draw: Draw) -> list[Given]:
    nchw, rows, columns = draw.chance(), draw.whole(1, 3), draw.whole(1, 3)
    shape = draw.image(nchw, most=4)
    image = draw.tensor((shape[0] * rows * columns, *shape[1:]))
    return [image, draw.shaping([rows, columns]), *([draw.scalar(nchw)] if nchw or draw.chance() else [])]


def _space_to_batch(draw: Draw) -> list[Given]:
    nchw, blocks = draw.chance(), [draw.whole(1, 3), draw.whole(1, 3)]
    sizes, paddings = [], []
    for block in blocks:
        padded = block * draw.whole(1, 4)
        size = draw.whole(1, padded)
        before = draw.whole(0, padded - size)
        sizes.append(size)
        paddings.append([before, padded - size - before])
    batches, channels = draw.whole(1, 2), draw.whole(1, 5)
    image = draw.tensor((batches, channels, *sizes) if nchw else (batches, *sizes, channels))
    operands = [image, draw.shaping(blocks), draw.shaping(paddings)]
    return [*operands, *([draw.scalar(nchw)] if nchw or draw.chance() else [])]


def _channel_shuffle(draw: Draw) -> list[Given]:
    shape = list(draw.shape())
    axis, groups = draw.whole(-len(shape), len(shape) - 1), draw.whole(1, 4)
    shape[axis] = groups * draw.whole(1, 4)
    return [draw.tensor(shape), draw.scalar(groups), draw.scalar(axis)]


def _densify(draw: Draw) -> list[Given]:
    """Levels drawn from the first on: every coordinate, or for each parent a few."""
    rank = draw.whole(1, 3)
    blocked = [axis for axis in range(rank) if draw.chance(0.3)]
    order = [*draw.order(rank), *range(rank, rank + len(blocked))]
    formats = [draw.whole(0, 1) for _ in order]
    sizes = [draw.whole(1, 4) for _ in order]
    parents = 1
    metadata = []
    for is_sparse, size in zip(formats, sizes):
        if is_sparse:
            listed = [sorted(draw.order(size)[: draw.whole(1, size)]) for _ in range(parents)]
            metadata.append(draw.integers(np.cumsum([0, *map(len, listed)])))
            metadata.append(draw.integers([index for indices in listed for index in indices]))
            parents = sum(map(len, listed))
        else:
            metadata += [draw.omitted(OperandType.TENSOR_INT32)] * 2
            parents *= size
    block_map = draw.integers(blocked) if blocked else draw.omitted(OperandType.TENSOR_INT32)
    tables = [draw.integers(order), block_map, draw.integers(formats), draw.integers(sizes)]
    return [draw.tensor((parents,)), *tables, *metadata]


def _random_multinomial(draw: Draw) -> list[Given]:
    seeds = draw.integers([draw.whole(1, 1000), draw.whole(1, 1000)], is_constant=draw.chance())
    return [draw.tensor((draw.whole(1, 2), draw.whole(2, 6)), -1, 1), draw.scalar(_SAMPLES), seeds]


GENERATORS: Mapping[O, Callable[[Draw], list[Given]]] = {
    O.BATCH_TO_SPACE_ND: _batch_to_space,
    O.CHANNEL_SHUFFLE: _channel_shuffle,
    O.CONCATENATION: _concatenation,
    O.DENSIFY: _densify,
    O.DEPTH_TO_SPACE: _depth_to_space,
    O.EMBEDDING_LOOKUP: _embedding_lookup,
    O.EXPAND_DIMS: _expand_dims,
    O.FILL: _fill,
    O.GATHER: _gather,
    O.HASHTABLE_LOOKUP: _hashtable_lookup,
    O.MIRROR_PAD: _mirror_pad,
    O.PACK: _pack,
    O.PAD: _pad,
    O.PAD_V2: _pad_v2,
    O.RANDOM_MULTINOMIAL: _random_multinomial,
    O.RANK: _rank,
    O.RESHAPE: _reshape,
    O.REVERSE: _reverse,
    O.SLICE: _slice,
    O.SPACE_TO_BATCH_ND: _space_to_batch,
    O.SPACE_TO_DEPTH: _space_to_depth,
    O.SPLIT: _split,
    O.SQUEEZE: _squeeze,
    O.STRIDED_SLICE: _strided_slice,
    O.TILE: _tile,
    O.TOPK_V2: _topk,
    O.TRANSPOSE: _transpose,
}
