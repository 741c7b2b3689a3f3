"""Computes what follows from constants alone, and from shapes, where that does not make the model larger."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hal.model import Lifetime, Operation
from hal.operations import DECLARATIONS
from hal.operations.declaration import Array, Declaration, UnknownValueError, evaluate
from hal.types import OperandType, OperationType
from tools.graph import Graph
from tools.optimization.rewriting import OPAQUE, Pass, everywhere

_SMALL = 4
"""Bytes of a result that is kept whatever it comes from: the operation takes more itself."""


def _rule(graph: Graph, operation: Operation) -> bool:
    return folded(graph, operation, max(_SMALL, _freed(graph, operation)))


def folded(graph: Graph, operation: Operation, room: float) -> bool:
    """Put constants in the place of an operation.

    False where its results don't follow from constants alone, are the model's, or take more than ``room`` bytes.
    """
    wanted = [index for index in operation.outputs if graph.readers(index)]
    if operation.type in OPAQUE or not wanted or any(index in graph.outputs for index in operation.outputs):
        return False
    if operation.type == OperationType.RANK:
        results = _rank(graph, operation)
    else:
        results = _computed(graph, operation, DECLARATIONS[operation.type], room)
    kept = {index: value for index, value in zip(operation.outputs, results) if index in wanted}
    if not kept or any(0 in value.shape for value in kept.values()):  # no constant is empty
        return False
    if sum(value.nbytes for value in kept.values()) > room:
        return False
    graph.remove(operation)
    for index, value in kept.items():
        graph.redirect(index, graph.add_constant(value, graph.operands[index]))
    return True


def _freed(graph: Graph, operation: Operation) -> int:
    """Bytes of the constants that nothing else reads, and that go away with the operation."""
    values = {index: graph.value(index) for index in operation.inputs if graph.readers(index) == [operation]}
    return sum(value.nbytes for value in values.values() if value is not None)


def _rank(graph: Graph, operation: Operation) -> Sequence[Array]:
    dimensions = graph.operands[operation.inputs[0]].dimensions
    return [np.array(len(dimensions), np.int32)] if dimensions else []


def _computed(graph: Graph, operation: Operation, declaration: Declaration, room: float) -> Sequence[Array]:
    """The operation's results; none where it reads more than constants, or where they are known to be too large."""
    inputs = [graph.operands[index] for index in operation.inputs]
    outputs = [graph.operands[index] for index in operation.outputs]
    if any(operand.value is None and operand.lifetime is not Lifetime.NO_VALUE for operand in inputs):
        return []
    try:
        dimensions = declaration.infer(declaration.bind(inputs))
    except UnknownValueError:  # the values decide: what is chosen from the inputs is no larger than they are
        dimensions = ()
    sizes = [
        math.prod(shape) * OperandType(operand.type).dtype.itemsize
        for index, shape, operand in zip(operation.outputs, dimensions, outputs)
        if graph.readers(index)
    ]
    if sum(sizes) > room:
        return []
    return evaluate(declaration, inputs, [operand.value for operand in inputs], outputs)


CONSTANTS = Pass("constants", "compute what follows from constants alone, if it is no larger", everywhere(_rule))
