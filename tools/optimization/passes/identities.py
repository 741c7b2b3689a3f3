"""Removes operations that change nothing: RESHAPE to the same shape, MUL by 1, PAD by 0 and the like.

ADD of 0 counts as such though it makes +0.0 of -0.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hal.model import Operand, Operation, is_fully_specified
from hal.operations import DECLARATIONS
from hal.operations.declaration import UP_TO_4, Array
from hal.types import FuseCode, OperandType
from hal.types import OperationType as O
from tools.graph import Graph
from tools.optimization.passes.activations import OPERATIONS
from tools.optimization.rewriting import Pass, everywhere, meaning

_UNCHANGED_IF_AS_LARGE = frozenset(
    {
        O.RESHAPE, O.SQUEEZE, O.PAD, O.PAD_V2, O.MIRROR_PAD, O.SLICE, O.TILE, O.CONCATENATION, O.SPLIT, O.CAST,
        O.RESIZE_NEAREST_NEIGHBOR, O.DEPTH_TO_SPACE, O.SPACE_TO_DEPTH, O.BATCH_TO_SPACE_ND,
        O.SPACE_TO_BATCH_ND,
    }
)  # fmt: skip
"""Operations that, if their result has the type and the dimensions of their first input, are that input."""

_NEUTRAL = {O.ADD: (0, (0, 1)), O.SUB: (0, (1,)), O.MUL: (1, (0, 1)), O.DIV: (1, (1,))}
"""The number that changes nothing, and as which input."""

_RESHAPING = frozenset({O.RESHAPE, O.SQUEEZE, O.EXPAND_DIMS})


def _rule(graph: Graph, operation: Operation) -> bool:
    if operation.type in _UNCHANGED_IF_AS_LARGE:
        if _is_same(graph, operation.inputs[0], operation) and graph.bypass(operation, operation.inputs[0]):
            return True
    elif operation.type == O.STRIDED_SLICE:
        strides = graph.value(operation.inputs[3])
        if strides is not None and (strides == 1).all() and _is_same(graph, operation.inputs[0], operation):
            return graph.bypass(operation, operation.inputs[0])
    elif operation.type in _NEUTRAL:
        return _neutral(graph, operation)
    return _reshapes(graph, operation)


def _is_same(graph: Graph, source: int, operation: Operation) -> bool:
    one, other = graph.operands[source], graph.operands[operation.outputs[0]]
    same = meaning(one) == meaning(other) and is_fully_specified(one.dimensions) and one.dimensions == other.dimensions
    return same and len(operation.outputs) == 1


def _neutral(graph: Graph, operation: Operation) -> bool:
    """Replace x + 0 or x * 1 by x, or by the activation of x that it ends with."""
    number, positions = _NEUTRAL[O(operation.type)]
    activation = graph.arguments(operation).activation
    for position in positions:
        source = operation.inputs[1 - position]
        if _is_everywhere(graph, operation.inputs[position], number) and _is_same(graph, source, operation):
            if activation == FuseCode.NONE:
                return graph.bypass(operation, source)
            graph.replace(operation, Operation(OPERATIONS[FuseCode(activation)], (source,), operation.outputs))
            return True
    return False


def _is_everywhere(graph: Graph, index: int, number: int) -> bool:
    """Whether the operand is a constant that is ``number``, as a real one, everywhere."""
    operand = graph.operands[index]
    if operand.value is None:
        return False
    value: Array = operand.value.astype(np.float64)
    if operand.scale and operand.type != OperandType.TENSOR_INT32:
        value = (value - operand.zero_point) * operand.scale
    return bool((value == number).all())


def _reshapes(graph: Graph, operation: Operation) -> bool:
    """Of several reshapes in a row, only the last one matters, and none where the first dimensions come back."""
    producer = graph.producer(operation.inputs[0]) if operation.inputs else None
    if producer is None or producer.type not in _RESHAPING:
        return False
    source, result = producer.inputs[0], operation.outputs[0]
    if operation.type == O.FULLY_CONNECTED:
        return _flattens_itself(graph, operation, source)
    if operation.type not in _RESHAPING:
        return False
    if _is_same(graph, source, operation) and graph.bypass(operation, source):
        return True
    dimensions = graph.operands[result].dimensions
    if not is_fully_specified(dimensions) or not _can_reshape(
        operation, [graph.operands[index] for index in (source, result)]
    ):
        return False
    graph.replace(operation, Operation(O.RESHAPE, (source, graph.add_integers(dimensions)), (result,)))
    return True


def _can_reshape(operation: Operation, operands: Sequence[Operand]) -> bool:
    """Whether RESHAPE can do what the operation does between such operands, in no later feature level."""
    reshape, own = DECLARATIONS[O.RESHAPE], DECLARATIONS[operation.type]
    return all(
        operand.type in reshape.types
        and reshape.types[OperandType(operand.type)] <= own.types[OperandType(operand.type)]
        and len(operand.dimensions) in UP_TO_4
        for operand in operands
    )


def _flattens_itself(graph: Graph, operation: Operation, source: int) -> bool:
    """FULLY_CONNECTED takes its input's elements in their order, whatever the dimensions."""
    dimensions = graph.operands[source].dimensions
    if not is_fully_specified(dimensions) or len(dimensions) not in (2, 3, 4):  # the ranks that it takes
        return False
    graph.replace(operation, replace(operation, inputs=(source, *operation.inputs[1:])))
    return True


IDENTITIES = Pass("identities", "remove what changes nothing", everywhere(_rule))
