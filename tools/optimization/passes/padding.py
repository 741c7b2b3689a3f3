"""Folds PAD into the explicit padding of the convolution that reads it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hal.model import Operation
from hal.operations.convolution import conv_axes
from hal.operations.declaration import Arguments
from hal.operations.padding import pads
from hal.types import OperandType
from hal.types import OperationType as O
from tools.graph import Graph
from tools.optimization.rewriting import Pass, everywhere

_CONVOLUTIONS = frozenset({O.CONV_2D, O.DEPTHWISE_CONV_2D, O.GROUPED_CONV_2D})


def _rule(graph: Graph, operation: Operation) -> bool:
    if operation.type not in _CONVOLUTIONS:
        return False
    pad = graph.producer(operation.inputs[0])
    if pad is None or not _pads_with_zero(graph, pad):
        return False
    padding, convolution = graph.arguments(pad), graph.arguments(operation)
    if not all(each.is_known for each in (padding.input, convolution.input, convolution.filter)):
        return False
    batches, *spatial, channels = _as_nhwc(pads(padding), convolution.nchw)
    if any((*batches, *channels)):
        return False
    walks = conv_axes(convolution)
    around = [(axis.before + before, axis.after + after) for axis, (before, after) in zip(walks, spatial)]
    if any(
        max(sides) >= axis.extent for axis, sides in zip(walks, around)
    ):  # NNAPI lets no window lie in padding alone
        return False
    (top, bottom), (left, right) = around
    scalars = [graph.add_scalar(OperandType.INT32, size) for size in (left, right, top, bottom)]
    after_padding = graph.position(operation, "stride_width")
    inputs = (pad.inputs[0], *operation.inputs[1:3], *scalars, *operation.inputs[after_padding:])
    graph.replace(operation, replace(operation, inputs=inputs))
    return True


def _pads_with_zero(graph: Graph, operation: Operation) -> bool:
    if operation.type == O.PAD:
        return True
    if operation.type != O.PAD_V2:
        return False
    arguments: Arguments = graph.arguments(operation)
    return bool(np.float64(arguments.pad_value) == arguments.input.zero_point)


def _as_nhwc(sizes: tuple[tuple[int, int], ...], nchw: bool) -> tuple[tuple[int, int], ...]:
    return (sizes[0], sizes[2], sizes[3], sizes[1]) if nchw else sizes


PADDING = Pass("padding", "fold PAD into the padding of the convolution after it", everywhere(_rule))
