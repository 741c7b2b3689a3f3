"""What operations that work element by element are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from hal.types import OperandType
from hal.types import OperationType as O
from tools.conformance.generated.draw import Draw, Given, float32

_UNARY_RANGES: Mapping[O, tuple[float, float]] = {
    O.ABS: (-4, 4),
    O.EXP: (-4, 3),
    O.FLOOR: (-4, 4),
    O.HARD_SWISH: (-6, 6),
    O.LOG: (0.1, 8),
    O.LOGICAL_NOT: (-1, 1),
    O.LOGISTIC: (-8, 8),
    O.NEG: (-4, 4),
    O.QUANTIZE: (-4, 4),
    O.RELU: (-8, 8),
    O.RELU1: (-8, 8),
    O.RELU6: (-8, 8),
    O.RSQRT: (0.2, 8),
    O.SIN: (-6, 6),
    O.SQRT: (0, 8),
    O.TANH: (-4, 4),
}
"""Where each function is defined and has something to show."""


def _unary(low: float, high: float) -> Callable[[Draw], list[Given]]:
    return lambda draw: [draw.tensor(draw.shape(), low, high)]


def _cast(draw: Draw) -> list[Given]:
    return [draw.tensor(draw.shape(), -20, 300)]


def _dequantize(draw: Draw) -> list[Given]:
    shape = draw.shape()
    if draw.data_type is not OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL:
        return [draw.tensor(shape)]
    return [replace(draw.per_channel(shape, draw.whole(0, len(shape) - 1)), is_constant=False)]


def _elu(draw: Draw) -> list[Given]:
    return [draw.tensor(draw.shape(), -6, 6), draw.real(draw.between(0.1, 2))]


def shapes_that_broadcast(draw: Draw) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes, one of which stretches to the other, or both to a third."""
    shape = draw.shape()
    first = tuple(size if draw.whole(0, 4) else 1 for size in shape)
    second = tuple(size if draw.whole(0, 2) else 1 for size in shape[draw.whole(0, len(shape) - 1) :])
    return (first, second) if draw.chance() else (second, first)


def _pair(draw: Draw) -> list[Given]:
    first, second = shapes_that_broadcast(draw)
    return [draw.tensor(first), draw.weights(second, -4, 4)]


def _arithmetic(draw: Draw) -> list[Given]:
    activation = draw.scalar(0) if draw.data_type is OperandType.TENSOR_INT32 else draw.activation()
    return [*_pair(draw), activation]


def _div(draw: Draw) -> list[Given]:
    first, second = shapes_that_broadcast(draw)
    if draw.data_type is OperandType.TENSOR_INT32:
        divisors = draw.tensor(second, 1, 9) if draw.chance() else draw.tensor(second, -9, -1)
        return [draw.tensor(first, -100, 100), divisors, draw.scalar(0)]
    return [draw.tensor(first), draw.weights(second, 0.25, 4), draw.activation()]


def _pow(draw: Draw) -> list[Given]:
    first, second = shapes_that_broadcast(draw)
    if draw.chance(0.3):
        whole = draw.random.integers(-2, 4, second).astype(np.float64)
        exponent = draw.tensor(second)
        return [draw.tensor(first, -3, -0.5), draw.holding(whole, exponent.operand)]
    return [draw.tensor(first, 0.1, 4), draw.weights(second, -2, 2)]


def _prelu(draw: Draw) -> list[Given]:
    shape = draw.shape()
    alpha = tuple(size if draw.whole(0, 2) else 1 for size in shape[draw.whole(0, len(shape) - 1) :])
    return [draw.tensor(shape), draw.weights(alpha)]


def _comparison(draw: Draw) -> list[Given]:
    """Quantised tensors of one scale, or of one twice the other: what is equal is so however one computes."""
    shapes = shapes_that_broadcast(draw)
    if not draw.data_type.has_scale:
        return [draw.tensor(shape, -2, 2) for shape in shapes]
    one, other = (draw.tensor(shape, -2, 2) for shape in shapes)
    scale = float32(one.operand.scale * draw.choice((1, 2)))
    return [one, replace(other, operand=replace(other.operand, scale=scale))]


def _select(draw: Draw) -> list[Given]:
    shape = draw.shape()
    condition = draw.tensor(shape, -1, 1, data_type=OperandType.TENSOR_BOOL8)
    return [condition, draw.tensor(shape), draw.weights(shape, -4, 4)]


GENERATORS: Mapping[O, Callable[[Draw], list[Given]]] = {
    **{operation: _unary(*limits) for operation, limits in _UNARY_RANGES.items()},
    **dict.fromkeys((O.ADD, O.SUB, O.MUL), _arithmetic),
    **dict.fromkeys((O.MAXIMUM, O.MINIMUM, O.LOGICAL_AND, O.LOGICAL_OR), _pair),
    **dict.fromkeys((O.EQUAL, O.NOT_EQUAL, O.GREATER, O.GREATER_EQUAL, O.LESS, O.LESS_EQUAL), _comparison),
    O.CAST: _cast,
    O.DEQUANTIZE: _dequantize,
    O.DIV: _div,
    O.ELU: _elu,
    O.POW: _pow,
    O.PRELU: _prelu,
    O.SELECT: _select,
}
