"""Operations written as others that do the same, to which NNAPI gives better scales.

FULLY_CONNECTED as CONV_2D of one pixel, whose weights may have a scale for each channel. MEAN over a small
picture as DEPTHWISE_CONV_2D, whose result need not have the scale of what it reads, which is far too coarse
for means. AVERAGE_POOL_2D of a whole picture is a MEAN too, which devices take of larger ones. Weights that the
model itself unpacks are constants again.
"""

from __future__ import annotations

import math

import numpy as np

from hal.model import Model, Operand, Operation, is_fully_specified
from hal.operations.declaration import integers
from hal.types import FuseCode, OperandType, PaddingCode
from hal.types import OperationType as O
from tools.graph import Edit, Graph
from tools.optimization.passes.constants import folded
from tools.quantization.rules import FLOATS

_UNPACKING = frozenset({O.DEQUANTIZE, O.DENSIFY})

_LARGEST_WINDOW = 64
"""Pixels: the convolution has a weight for each of them and each channel."""


def rephrased(model: Model, *, per_channel: bool) -> Model:
    """The model with such operations of its main subgraph written as others.

    ``per_channel``: whether weights are to have scales for each channel.
    """
    edit = Edit(model)
    graph = edit.graphs[0]
    for operation in graph.operations:
        if operation.type in _UNPACKING:
            folded(graph, operation, math.inf)
    for operation in graph.operations:
        if operation.type == O.FULLY_CONNECTED and per_channel:
            _fully_connected(graph, operation)
        elif operation.type == O.AVERAGE_POOL_2D:
            operation = _whole_pool(graph, operation)
        if operation.type == O.MEAN:
            _mean(graph, operation)
    return edit.finish()


def _fully_connected(graph: Graph, operation: Operation) -> None:
    """One row times constant weights."""
    source, weights, bias, activation = operation.inputs
    filters, data = graph.value(weights), graph.operands[source]
    if filters is None or graph.value(bias) is None or not _is_known_float(data):
        return
    units, size = filters.shape
    if math.prod(data.dimensions) != size:
        return
    pixel = graph.add_temporary(data, (1, 1, 1, size))
    graph.add(O.RESHAPE, [source, graph.add_integers([1, 1, 1, size])], [pixel])
    kernel = graph.add_constant(filters.reshape(units, 1, 1, size), graph.operands[weights])
    _convolve(graph, operation, O.CONV_2D, [pixel, kernel, bias], [], activation, units)


def _whole_pool(graph: Graph, operation: Operation) -> Operation:
    """A pool of all pixels as a MEAN; the operation itself where it is none."""
    arguments, result = graph.arguments(operation), graph.operands[operation.outputs[0]]
    window = (arguments.filter_height, arguments.filter_width)
    is_whole = (
        _is_known_float(result) and arguments.input.dimensions[1:3] == window and result.dimensions[1:3] == (1, 1)
    )
    is_padded = any(vars(arguments).get(f"padding_{side}", 0) for side in ("left", "right", "top", "bottom"))
    if not is_whole or is_padded or arguments.nchw or arguments.activation != FuseCode.NONE:
        return operation
    axes, keep = graph.add_integers([1, 2]), graph.add_scalar(OperandType.INT32, 1)
    mean = Operation(O.MEAN, (operation.inputs[0], axes, keep), operation.outputs)
    graph.replace(operation, mean)
    return mean


def _mean(graph: Graph, operation: Operation) -> None:
    """The mean of each channel of one picture."""
    source, arguments = operation.inputs[0], graph.arguments(operation)
    data = graph.operands[source]
    if (
        not _is_known_float(data)
        or len(data.dimensions) != 4
        or data.dimensions[0] != 1
        or arguments.axes.value is None
    ):
        return
    _, height, width, channels = data.dimensions
    if {axis % 4 for axis in integers(arguments, "axes")} != {1, 2} or height * width > _LARGEST_WINDOW:
        return
    like = Operand(data.type)
    kernel = graph.add_constant(np.full((1, height, width, channels), 1 / (height * width)), like)
    bias = graph.add_constant(np.zeros(channels), like)
    activation = graph.add_scalar(OperandType.INT32, FuseCode.NONE)
    _convolve(graph, operation, O.DEPTHWISE_CONV_2D, [source, kernel, bias], [1], activation, channels)


def _convolve(
    graph: Graph,
    operation: Operation,
    convolution: O,
    operands: list[int],
    multiplier: list[int],
    activation: int,
    channels: int,
) -> None:
    """A convolution to one pixel, and its result in the form of the operation's."""
    (result,) = operation.outputs
    pixel = graph.add_temporary(graph.operands[result], (1, 1, 1, channels))
    numbers = [graph.add_scalar(OperandType.INT32, each) for each in (PaddingCode.VALID, 1, 1, *multiplier)]
    graph.replace(operation, Operation(convolution, (*operands, *numbers, activation), (pixel,)))
    graph.add(O.RESHAPE, [pixel, graph.add_integers(graph.operands[result].dimensions)], [result])


def _is_known_float(operand: Operand) -> bool:
    return operand.type in FLOATS and is_fully_specified(operand.dimensions)
