"""Folds RELU, RELU1 and RELU6 into the operation that computes what they bound.

Rounding to a type, to the steps of a quantised one too, never changes the order of two numbers. So it
does not matter whether a result is bounded before it is rounded or after.
"""

from __future__ import annotations

from dataclasses import replace

from hal.model import Operation
from hal.operations.activation import FUSED_BOUNDS
from hal.types import FuseCode, OperandType
from hal.types import OperationType as O
from tools.graph import Graph
from tools.optimization.rewriting import Pass, everywhere

CODES = {O.RELU: FuseCode.RELU, O.RELU1: FuseCode.RELU1, O.RELU6: FuseCode.RELU6}
OPERATIONS = {code: operation for operation, code in CODES.items()}

_FUSING = frozenset(
    {
        O.ADD, O.SUB, O.MUL, O.DIV, O.CONV_2D, O.DEPTHWISE_CONV_2D, O.GROUPED_CONV_2D, O.TRANSPOSE_CONV_2D,
        O.FULLY_CONNECTED, O.AVERAGE_POOL_2D, O.MAX_POOL_2D, O.L2_POOL_2D,
    }
)  # fmt: skip
"""Operations that end with an activation (in recurrent ones it is part of more)."""


def composed(first: int, second: int) -> FuseCode | None:
    """The ``FuseCode`` that bounds as ``first`` and then ``second`` do; None where there is none."""
    if FuseCode.NONE in (first, second):
        return FuseCode(first or second)
    low, high = FUSED_BOUNDS[second]
    bounds = tuple(min(max(bound, low), high) for bound in FUSED_BOUNDS[first])
    return next((FuseCode(code) for code, known in FUSED_BOUNDS.items() if known == bounds), None)


def _rule(graph: Graph, operation: Operation) -> bool:
    if operation.type not in CODES:
        return False
    (source,) = operation.inputs
    producer = graph.producer(source)
    if producer is None or not graph.feeds_only(source, operation):
        return False
    fused = _fused(graph, producer, CODES[O(operation.type)])
    if fused is None:
        return False
    graph.remove(operation)
    graph.replace(producer, replace(fused, outputs=operation.outputs))
    return True


def _fused(graph: Graph, producer: Operation, activation: FuseCode) -> Operation | None:
    """The producer with an activation more."""
    if producer.type in CODES:
        code = composed(CODES[O(producer.type)], activation)
        return None if code is None else replace(producer, type=OPERATIONS[code])
    if producer.type not in _FUSING:
        return None
    code = composed(graph.arguments(producer).activation, activation)
    if code is None:
        return None
    return graph.with_argument(producer, "activation", graph.add_scalar(OperandType.INT32, code))


ACTIVATIONS = Pass("activations", "fold activations into the operation before", everywhere(_rule))
