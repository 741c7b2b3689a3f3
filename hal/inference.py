"""Dimensions that follow from a model."""

from __future__ import annotations

from dataclasses import replace

from hal.errors import BadDataError
from hal.model import Subgraph
from hal.operations import DECLARATIONS
from hal.operations.declaration import UnknownValueError


def with_inferred_dimensions(subgraph: Subgraph) -> Subgraph:
    """The subgraph with the dimensions that follow from its operations' inputs, where it leaves them open."""
    return inferred(subgraph)[0]


def inferred(subgraph: Subgraph) -> tuple[Subgraph, list[bool]]:
    """As ``with_inferred_dimensions``, and for each operation whether its outputs' dimensions follow."""
    operands = list(subgraph.operands)
    follows = []
    for operation in subgraph.operations:
        follows.append(False)
        declaration = DECLARATIONS.get(operation.type)
        if declaration is None:
            continue
        try:
            outputs = declaration.infer(declaration.bind([operands[index] for index in operation.inputs]))
        except (UnknownValueError, BadDataError):  # the latter, where only an execution's values could be wrong
            continue
        follows[-1] = True
        for index, dimensions in zip(operation.outputs, outputs):
            if operands[index].dimensions != dimensions:
                operands[index] = replace(operands[index], dimensions=dimensions)
    return replace(subgraph, operands=tuple(operands)), follows
