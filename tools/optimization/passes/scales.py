"""Folds MUL, DIV, ADD and SUB by constants of one value a channel into the layer before or after.

That is what batch normalization leaves of itself. For floating types; the layers' weights and biases
must be constants. What is rounded changes: a float32 result moves by at most 2^-22, a float16 one by at
most 2^-9, of the sum of the magnitudes of all that is added up for it, for each operation that is folded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hal.model import Operation, is_fully_specified
from hal.operations.convolution import conv_axes
from hal.operations.declaration import Arguments, Array, UnknownValueError
from hal.types import FuseCode, OperandType
from hal.types import OperationType as O
from tools.graph import Graph
from tools.optimization.passes.activations import composed
from tools.optimization.rewriting import Pass, everywhere

_WEIGHTS = {O.CONV_2D: "filter", O.DEPTHWISE_CONV_2D: "filter", O.FULLY_CONNECTED: "weights"}
_FLOATS = frozenset({OperandType.TENSOR_FLOAT32, OperandType.TENSOR_FLOAT16})


@dataclass(frozen=True, slots=True)
class _Affine:
    """y = scale * x + offset, each of x's rank and of one shape."""

    source: int
    scale: Array
    offset: Array

    def by_channel(self, axis: int, channels: int) -> tuple[Array, Array] | None:
        """Scale and offset of each channel; None where they differ along other dimensions than ``axis``."""
        if self.scale.size != self.scale.shape[axis]:
            return None
        return np.broadcast_to(self.scale.ravel(), channels), np.broadcast_to(self.offset.ravel(), channels)


def _rule(graph: Graph, operation: Operation) -> bool:
    affine = _affine(graph, operation)
    if affine is None:
        return False
    return _into_layer_before(graph, operation, affine) or _into_layer_after(graph, operation, affine)


def _affine(graph: Graph, operation: Operation) -> _Affine | None:
    """What an operation between a tensor and a constant does to the tensor; None for other operations."""
    if operation.type not in (O.MUL, O.DIV, O.ADD, O.SUB):
        return None
    first, second = operation.inputs[:2]
    source, constant = first, graph.value(second)
    if constant is None:
        source, constant = second, graph.value(first)
    if constant is None or graph.operands[source].type not in _FLOATS:
        return None
    dimensions = graph.operands[source].dimensions
    if not is_fully_specified(dimensions) or constant.ndim > len(dimensions):
        return None
    value = constant.reshape((1,) * (len(dimensions) - constant.ndim) + constant.shape).astype(np.float64)
    if any(size not in (1, there) for size, there in zip(value.shape, dimensions)):
        return None
    one, none = np.ones_like(value), np.zeros_like(value)
    if operation.type == O.MUL:
        return _Affine(source, value, none)
    if operation.type == O.ADD:
        return _Affine(source, one, value)
    if operation.type == O.SUB:
        return _Affine(source, one, -value) if source == first else _Affine(source, -one, value)
    if source == second or not value.all():
        return None
    return _Affine(source, 1 / value, none)


def _into_layer_before(graph: Graph, operation: Operation, affine: _Affine) -> bool:
    """affine(layer(x)) as a layer with other weights."""
    layer = graph.producer(affine.source)
    if layer is None or layer.type not in _WEIGHTS or not graph.feeds_only(affine.source, operation):
        return False
    arguments = graph.arguments(layer)
    weights, bias = _constants(layer, arguments)
    folded = affine.by_channel(_channel_axis(arguments, affine.scale.ndim), len(bias))
    activation = composed(arguments.activation, graph.arguments(operation).activation)
    if folded is None or activation is None:
        return False
    scale, offset = folded
    grows = bool((scale > 0).all()) and not offset.any()  # then RELU may come after it as well
    if arguments.activation != FuseCode.NONE and not (arguments.activation == FuseCode.RELU and grows):
        return False
    by_output = scale if layer.type == O.DEPTHWISE_CONV_2D else scale.reshape(-1, *(1,) * (weights.ndim - 1))
    changed = _with_constants(graph, layer, weights * by_output, bias * scale + offset)
    if changed is None:
        return False
    changed = graph.with_argument(changed, "activation", graph.add_scalar(OperandType.INT32, activation))
    graph.remove(operation)
    graph.replace(layer, replace(changed, outputs=operation.outputs))
    return True


def _into_layer_after(graph: Graph, operation: Operation, affine: _Affine) -> bool:
    """layer(affine(x)) as a layer with other weights."""
    (result,) = operation.outputs
    layer = next(iter(graph.readers(result)), None)
    if layer is None or layer.type not in _WEIGHTS or not graph.feeds_only(result, layer):
        return False
    if layer.inputs[0] != result or graph.arguments(operation).activation != FuseCode.NONE:
        return False
    arguments = graph.arguments(layer)
    weights, bias = _constants(layer, arguments)
    dimensions = graph.operands[affine.source].dimensions
    axis = _channel_axis(arguments, len(dimensions))
    if layer.type == O.FULLY_CONNECTED and dimensions[axis] != weights.shape[1]:
        return False
    folded = affine.by_channel(axis, dimensions[axis])
    if folded is None:
        return False
    scale, offset = folded
    summed = tuple(range(1, weights.ndim))
    if layer.type == O.DEPTHWISE_CONV_2D:
        scale, offset = (np.repeat(each, arguments.depth_multiplier) for each in folded)
        summed = (0, 1, 2)
    if offset.any() and _has_padding(layer, arguments):  # which is of zeros that nothing is added to
        return False
    changed = _with_constants(graph, layer, weights * scale, bias + (weights * offset).sum(axis=summed))
    if changed is None:
        return False
    graph.remove(operation)
    graph.replace(layer, replace(changed, inputs=(affine.source, *changed.inputs[1:])))
    return True


def _constants(layer: Operation, arguments: Arguments) -> tuple[Array, Array]:
    """Weights and bias as float64; raises ``UnknownValueError`` where they are none."""
    found = []
    for name in (_WEIGHTS[O(layer.type)], "bias"):
        value = getattr(arguments, name).value
        if value is None:
            raise UnknownValueError(name)
        found.append(value.astype(np.float64))
    return found[0], found[1]


def _with_constants(graph: Graph, layer: Operation, weights: Array, bias: Array) -> Operation | None:
    """The layer with other weights and another bias; None where the type can't hold them as exactly as others."""
    changed = layer
    for name, value in ((_WEIGHTS[O(layer.type)], weights), ("bias", bias)):
        operand = graph.operands[layer.inputs[graph.position(layer, name)]]
        dtype = OperandType(operand.type).dtype
        with np.errstate(over="ignore"):
            stored = value.astype(dtype)
        if not np.isfinite(stored).all() or (value is weights and _underflows(stored, value)):
            return None
        changed = graph.with_argument(changed, name, graph.add_constant(stored, operand))
    return changed


def _underflows(stored: Array, value: Array) -> bool:
    return bool(((np.abs(stored) < np.finfo(stored.dtype).tiny) & (value != 0)).any())


def _channel_axis(arguments: Arguments, rank: int) -> int:
    return 1 if vars(arguments).get("nchw") else rank - 1


def _has_padding(layer: Operation, arguments: Arguments) -> bool:
    if layer.type == O.FULLY_CONNECTED:
        return False
    if not arguments.input.is_known:
        return True
    return any(axis.before or axis.after for axis in conv_axes(arguments))


SCALES = Pass("scales", "fold scales and offsets of channels into weights and biases", everywhere(_rule), exact=False)
