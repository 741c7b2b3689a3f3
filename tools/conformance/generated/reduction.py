"""What operations are given that combine the values along dimensions, or norm them by their neighbours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from hal.types import OperandType
from hal.types import OperationType as O
from tools.conformance.generated.draw import Array, Draw, Given


def _fully_connected(draw: Draw) -> list[Given]:
    size, units = draw.whole(1, 40), draw.whole(1, 20)
    draw.terms = size
    batches = [draw.whole(1, 3) for _ in range(draw.whole(1, 3))]
    inputs = draw.tensor((*batches, size))
    weights = draw.weights((units, size))
    return [inputs, weights, draw.bias(inputs, weights, units), draw.activation()]


def _batch_matmul(draw: Draw) -> list[Given]:
    batches = [draw.whole(1, 3) for _ in range(draw.whole(0, 2))]
    rows, inner, columns = (draw.whole(1, 8) for _ in range(3))
    draw.terms = inner
    adjoint = [draw.chance(), draw.chance()]
    first = (inner, rows) if adjoint[0] else (rows, inner)
    second = (columns, inner) if adjoint[1] else (inner, columns)
    flags = [draw.scalar(flag) for flag in adjoint]
    while flags and not flags[-1].value and draw.chance():
        flags.pop()  # false is what a missing one means
    return [draw.tensor((*batches, *first)), draw.weights((*batches, *second), -4, 4), *flags]


def _axis(draw: Draw, shape: Sequence[int]) -> int:
    return draw.whole(-len(shape), len(shape) - 1)


def _axes(draw: Draw, shape: Sequence[int]) -> Given:
    axes = [_axis(draw, shape) for _ in range(draw.whole(1, len(shape)))]
    return draw.shaping(axes)


def _mean(draw: Draw) -> list[Given]:
    shape = draw.shape()
    draw.terms = math.prod(shape)
    return [draw.tensor(shape), _axes(draw, shape), draw.scalar(draw.whole(0, 1))]


def _reduce(low: float, high: float, largest: int) -> Callable[[Draw], list[Given]]:
    def generate(draw: Draw) -> list[Given]:
        shape = draw.shape(largest=largest)
        draw.terms = math.prod(shape)
        return [draw.tensor(shape, low, high), _axes(draw, shape), draw.scalar(draw.chance())]

    return generate


def _argument(draw: Draw) -> list[Given]:
    shape = draw.shape(most=3)
    return [distinct(draw, shape), draw.scalar(_axis(draw, shape))]


def distinct(draw: Draw, shape: Sequence[int]) -> Given:
    """A tensor of at most 250 values, all different: there is one greatest value, however one rounds."""
    count = math.prod(shape)
    model = draw.tensor(shape)
    if draw.data_type.has_scale:
        stored = draw.random.permutation(256)[:count] + (-128 if draw.data_type.dtype.kind == "i" else 0)
        real: Array = (stored - model.operand.zero_point) * model.operand.scale
    elif draw.data_type is OperandType.TENSOR_INT32:
        real = draw.random.permutation(count) - count // 2
    else:
        real = (draw.random.permutation(count) - count // 2) / 16
    return draw.holding(real.reshape(tuple(shape)), model.operand)


def _l2_normalization(draw: Draw) -> list[Given]:
    shape = draw.shape()
    draw.terms = max(shape)
    return [draw.tensor(shape), *_optional_axis(draw, shape)]


def _optional_axis(draw: Draw, shape: Sequence[int]) -> list[Given]:
    return draw.some([draw.scalar(_axis(draw, shape))])


def _local_response_normalization(draw: Draw) -> list[Given]:
    shape = draw.shape()
    draw.terms = max(shape)
    factors = [draw.real(draw.between(low, high)) for low, high in ((0.5, 2), (0.1, 1), (0.25, 1))]
    return [draw.tensor(shape), draw.scalar(draw.whole(0, 3)), *factors, *_optional_axis(draw, shape)]


def _instance_normalization(draw: Draw) -> list[Given]:
    nchw = draw.chance()
    shape = draw.image(nchw)
    draw.terms = math.prod(shape)
    factors = [draw.real(draw.between(low, high)) for low, high in ((-2, 2), (-1, 1), (0.05, 0.5))]
    return [draw.tensor(shape), *factors, draw.scalar(nchw)]


def _softmax(draw: Draw) -> list[Given]:
    shape = draw.shape()
    draw.terms = max(shape)
    beta = draw.real(draw.between(0.1, 2))
    return [draw.tensor(shape), beta, *_optional_axis(draw, shape)]


def _log_softmax(draw: Draw) -> list[Given]:
    shape = draw.shape()
    draw.terms = max(shape)
    return [draw.tensor(shape), draw.real(draw.between(0.1, 2)), draw.scalar(_axis(draw, shape))]


GENERATORS: Mapping[O, Callable[[Draw], list[Given]]] = {
    **dict.fromkeys((O.ARGMAX, O.ARGMIN), _argument),
    **dict.fromkeys((O.REDUCE_ALL, O.REDUCE_ANY), _reduce(-1, 1, largest=3)),
    **dict.fromkeys((O.REDUCE_MAX, O.REDUCE_MIN, O.REDUCE_SUM), _reduce(-4, 4, largest=6)),
    O.REDUCE_PROD: _reduce(0.6, 1.5, largest=3),
    O.BATCH_MATMUL: _batch_matmul,
    O.FULLY_CONNECTED: _fully_connected,
    O.INSTANCE_NORMALIZATION: _instance_normalization,
    O.L2_NORMALIZATION: _l2_normalization,
    O.LOCAL_RESPONSE_NORMALIZATION: _local_response_normalization,
    O.LOG_SOFTMAX: _log_softmax,
    O.MEAN: _mean,
    O.SOFTMAX: _softmax,
}
