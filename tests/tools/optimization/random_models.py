"""Random models in which there is much to improve."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hal.model import Model, Operand
from hal.operations import DECLARATIONS
from hal.operations.declaration import evaluate
from hal.types import OperandType as T
from hal.types import OperationType as O
from tools.conformance.generated import graphs
from tools.conformance.generated.draw import Draw, Given
from tools.conformance.generated.graph import Graph

FLOATS = (T.TENSOR_FLOAT32, T.TENSOR_FLOAT16)
DATA_TYPES = (*FLOATS, T.TENSOR_QUANT8_ASYMM, T.TENSOR_QUANT8_ASYMM_SIGNED)
_TO_NCHW, _TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


def _record(graph, operation_type, inputs, like):
    """Add an operation whose result has the type and scale of ``like``."""
    operands = [graph.operands[index] for index in inputs]
    values = [graph.values[index] for index in inputs]
    results = evaluate(DECLARATIONS[operation_type], operands, values, [like])
    return graph.record(operation_type, inputs, [like], results)


def _like(graph, x):
    operand = graph.operands[x]
    return Operand(operand.type, (), operand.scale, operand.zero_point)


def _integers(graph, values):
    return graph.constant(graph.draw.integers(values))


def _scalar(graph, value):
    return graph.constant(graph.draw.scalar(value))


def _transpose(graph, x, perm):
    return _record(graph, O.TRANSPOSE, [x, _integers(graph, perm)], _like(graph, x))[0]


def _there_and_back(graph, x):
    """Transposes around something that does not mind."""
    perm = graph.draw.order(len(graph.shape(x)))
    y = _transpose(graph, x, perm)
    if graph.draw.chance():
        (y,) = graph.apply(graph.draw.choice((O.RELU, O.RELU6)), y)
    if graph.draw.chance() and graph.magnitude(y) < 4:
        others = [y, _transpose(graph, x, perm)]
        (y,) = graph.apply(O.ADD, *graph.draw.choice((others, others[::-1])), graph.draw.activation())
    if graph.draw.chance():
        (y,) = _record(graph, O.PAD, [y, _integers(graph, [[0, 1]] * len(perm))], _like(graph, y))
    return [_transpose(graph, y, np.argsort(perm))]


def _in_another_layout(graph, x):
    shape = graph.shape(x)
    if len(shape) != 4 or shape[3] > 20:
        return None
    y = _transpose(graph, x, _TO_NCHW)
    for _ in range(graph.draw.whole(1, 2)):
        numbers = [1, 1, 1, graph.draw.whole(1, 3), 2]
        layout = graph.draw.scalar(True)
        y = graph.apply(O.MAX_POOL_2D, y, *map(graph.draw.scalar, numbers), graph.draw.activation(), layout)[0]
        if graph.draw.chance():
            (y,) = graph.apply(O.CONV_2D, *_layer(graph, y, channels_at=1), *_walk(graph), graph.draw.scalar(True))
    return [_transpose(graph, y, _TO_NHWC)] if graph.draw.chance(0.8) else [y]


def _layer(graph, x, channels_at=3, least=1):
    """An input, a filter of ``least`` to 3 rows and columns, and a bias."""
    depth = graph.shape(x)[channels_at]
    channels, window = graph.draw.whole(1, 4), graph.draw.whole(least, 3)
    reach = 1 / math.sqrt(window * window * depth)
    weights = graph.draw.tensor((channels, window, window, depth), -reach, reach)
    bias = graph.draw.bias(Given(graph.operands[x], graph.values[x]), weights, channels)
    return x, weights, bias


def _walk(graph):
    """Implicit padding, strides, activation."""
    strides = [graph.draw.scalar(graph.draw.whole(1, 2)) for _ in range(2)]
    return [graph.draw.scalar(1), *strides, graph.draw.activation()]


def _padded_convolution(graph, x):
    shape = graph.shape(x)
    if len(shape) != 4 or shape[3] > 20 or math.prod(shape) > 500:
        return None
    pads = [[0, 0], [graph.draw.whole(0, 1), 1], [1, graph.draw.whole(0, 1)], [0, 0]]
    (y,) = _record(graph, O.PAD, [x, _integers(graph, pads)], _like(graph, x))
    layer = _layer(graph, y, least=2)
    rows, columns = layer[1].value.shape[1:3]
    if graph.shape(y)[1] < rows or graph.shape(y)[2] < columns:
        return None
    strides = [graph.draw.whole(1, 2), graph.draw.whole(1, 2)]
    padding = [graph.draw.whole(1, 2)] if graph.draw.chance() else [columns - 1, 0, rows - 1, 0]
    return graph.apply(O.CONV_2D, *layer, *map(graph.draw.scalar, (*padding, *strides)), graph.draw.activation())


def _changing_nothing(graph, x):
    shape = graph.shape(x)
    rank = len(shape)
    one = [1] * rank
    options = {
        O.RESHAPE: [list(shape)],
        O.PAD: [[[0, 0]] * rank],
        O.TILE: [one],
        O.SLICE: [[0] * rank, list(shape)],
    }
    if graph.draw.chance(0.3):
        (x,) = _record(graph, O.CONCATENATION, [x, _scalar(graph, 0)], _like(graph, x))
    if graph.draw.chance(0.3):
        inputs = [x, *(_integers(graph, each) for each in ([0] * rank, list(shape), one))]
        (x,) = _record(graph, O.STRIDED_SLICE, [*inputs, *[_scalar(graph, 0)] * 3], _like(graph, x))
    operation = graph.draw.choice(list(options))
    return _record(graph, operation, [x, *(_integers(graph, each) for each in options[operation])], _like(graph, x))


def _neutral(graph, x):
    if graph.draw.data_type not in FLOATS:
        return None
    number = graph.draw.whole(0, 1)
    operation = graph.draw.choice(((O.ADD, O.SUB), (O.MUL, O.DIV))[number])
    size = graph.draw.choice((1, graph.shape(x)[-1]))
    constant = graph.draw.holding(np.full(size, float(number)), Operand(graph.draw.data_type))
    return graph.apply(operation, x, constant, graph.draw.activation())


def _reshapes(graph, x):
    shape = graph.shape(x)
    if len(shape) > 3:
        return None
    axis = graph.draw.whole(0, len(shape))
    (y,) = _record(graph, O.EXPAND_DIMS, [x, _scalar(graph, axis)], _like(graph, x))
    if graph.draw.chance():
        return _record(graph, O.SQUEEZE, [y, _integers(graph, [axis])], _like(graph, x))
    return _record(graph, O.RESHAPE, [y, _integers(graph, [1, -1])], _like(graph, x))


def _casts(graph, x):
    between = Operand(graph.draw.choice((T.TENSOR_FLOAT16, T.TENSOR_FLOAT32, T.TENSOR_INT32)))
    if graph.draw.data_type in FLOATS:
        (y,) = _record(
            graph,
            O.CAST,
            [
                x,
            ],
            between,
        )
        return _record(graph, O.CAST, [y], _like(graph, x))
    between = Operand(graph.draw.choice(FLOATS))
    (y,) = _record(graph, O.DEQUANTIZE, [x], between)
    return _record(graph, O.QUANTIZE, [y], _like(graph, x))


def _with_computed_constant(graph, x):
    """With what follows from constants in several steps."""
    data_type = graph.draw.data_type
    if data_type not in FLOATS:
        return None
    kept = graph.draw.tensor((graph.shape(x)[-1],), -1, 1, data_type=T.TENSOR_QUANT8_ASYMM)
    (y,) = _record(graph, O.DEQUANTIZE, [graph.constant(kept)], Operand(data_type))
    if graph.draw.chance():
        (y,) = graph.apply(O.ABS, y)
    return graph.apply(graph.draw.choice((O.ADD, O.MUL, O.SUB)), x, y, graph.draw.activation())


def _by_rank(graph, x):
    if len(graph.shape(x)) > 3:
        return None
    (rank,) = graph.record(O.RANK, [x], [Operand(T.INT32)], [np.array(len(graph.shape(x)), np.int32)])
    return _record(graph, O.EXPAND_DIMS, [x, rank], _like(graph, x))


def _again(graph, x):
    """What has been computed already, from equal constants of their own."""
    operation = graph.draw.choice(graph.operations) if graph.operations else None
    if operation is None or operation.type == O.RANK:
        return None
    copies = []
    for index in operation.inputs:
        operand = graph.operands[index]
        is_copied = operand.is_constant and graph.draw.chance()
        copies.append(graph.constant(Given(operand, graph.values[index])) if is_copied else index)
    results = [replace(graph.operands[index], dimensions=graph.shape(index)) for index in operation.outputs]
    return graph.record(operation.type, copies, results, [graph.values[index] for index in operation.outputs])


def _scaled_layer(graph, x):
    """A layer with scales and offsets of channels around it."""
    shape = graph.shape(x)
    if graph.draw.data_type not in FLOATS or len(shape) != 4 or shape[3] > 20 or graph.magnitude(x) > 4:
        return None
    if graph.draw.chance():
        x = graph.apply(O.MUL, x, graph.draw.tensor((shape[3],), 0.5, 2), graph.draw.scalar(0))[0]
    (y,) = graph.apply(O.CONV_2D, *_layer(graph, x), *_walk(graph))
    scale = graph.draw.tensor((graph.shape(y)[3],), 0.5, 2)
    return graph.apply(graph.draw.choice((O.MUL, O.DIV, O.ADD, O.SUB)), y, scale, graph.draw.activation())


def _activated(graph, x):
    """An operation and activations of its result."""
    if graph.magnitude(x) > 4:
        return None
    (y,) = graph.apply(O.ADD, x, graph.draw.tensor((1,), -1, 1), graph.draw.activation())
    for _ in range(graph.draw.whole(1, 2)):
        (y,) = graph.apply(graph.draw.choice((O.RELU, O.RELU1, O.RELU6)), y)
    return [y]


_PATTERNS = (
    _there_and_back, _in_another_layout, _padded_convolution, _changing_nothing, _neutral, _reshapes, _casts,
    _with_computed_constant, _by_rank, _again, _scaled_layer, _activated,
)  # fmt: skip


def random_model(seed, data_type):
    """A model of operations that could be less, and values for its inputs."""
    draw = Draw(np.random.default_rng([seed, data_type]), data_type)
    graph = Graph(draw)
    graph.input(draw.tensor(draw.image(False, channels=draw.whole(1, 4), least=2, most=5), -2, 2))
    graph.input(draw.tensor(draw.shape(least=2), -2, 2))
    count = draw.whole(3, 15)
    while len(graph.operations) < count:
        tensors = [
            index
            for index, operand in enumerate(graph.operands)
            if operand.type is data_type and not operand.is_constant and graph.shape(index)
        ]
        ends = [index for index in tensors if index in graph.unread()] or tensors
        images = [index for index in ends if len(graph.shape(index)) == 4] or ends
        x = draw.choice(draw.choice((images, images, ends, tensors)))
        if graph.magnitude(x) > 8:
            x = draw.choice(graph.inputs)
        draw.choice(_PATTERNS if draw.chance(0.7) else graphs._STEPS)(graph, x)
    ends = graph.unread()
    outputs = [index for index in ends if draw.chance(0.8)] or ends[-1:]
    outputs += [index for each in graph.operations for index in each.outputs if draw.chance(0.1)]
    model = Model(graph.subgraph(list(dict.fromkeys(outputs)), forgetful=0.1))
    return model, graph.input_values()
