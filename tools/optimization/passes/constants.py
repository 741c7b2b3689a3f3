"""Computes what follows from constants alone, and from shapes."""

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

_SMALL = 1 << 20
_GROWTH = 16
"""Results of more than ``_SMALL`` bytes and ``_GROWTH`` times what they come from are better computed than kept."""


def _rule(graph: Graph, operation: Operation) -> bool:
    wanted = [index for index in operation.outputs if graph.readers(index)]
    if operation.type in OPAQUE or not wanted:
        return False
    if operation.type == OperationType.RANK:
        results = _rank(graph, operation)
    else:
        results = _computed(graph, operation, DECLARATIONS[operation.type])
    folded = False
    for index, value in zip(operation.outputs, results):
        if index in wanted and 0 not in value.shape:  # no constant is empty
            graph.redirect(index, graph.add_constant(value, graph.operands[index]))
            folded = True
    return folded


def _rank(graph: Graph, operation: Operation) -> Sequence[Array]:
    dimensions = graph.operands[operation.inputs[0]].dimensions
    return [np.array(len(dimensions), np.int32)] if dimensions else []


def _computed(graph: Graph, operation: Operation, declaration: Declaration) -> Sequence[Array]:
    """The operation's results; none where it reads more than constants, or where they are too large to keep."""
    inputs = [graph.operands[index] for index in operation.inputs]
    outputs = [graph.operands[index] for index in operation.outputs]
    if any(operand.value is None and operand.lifetime is not Lifetime.NO_VALUE for operand in inputs):
        return []
    try:
        dimensions = declaration.infer(declaration.bind(inputs))
    except UnknownValueError:  # the values decide: what is chosen from the inputs is no larger than they are
        dimensions = ()
    sizes = [math.prod(shape) * OperandType(operand.type).dtype.itemsize for shape, operand in zip(dimensions, outputs)]
    given = sum(operand.value.nbytes for operand in inputs if operand.value is not None)
    if sum(sizes) > max(_SMALL, _GROWTH * given):
        return []
    return evaluate(declaration, inputs, [operand.value for operand in inputs], outputs)


CONSTANTS = Pass("constants", "compute what follows from constants alone", everywhere(_rule))
