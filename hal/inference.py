"""Dimensions that follow from a model."""

from __future__ import annotations

from dataclasses import replace

from hal.errors import BadDataError
from hal.model import Subgraph
from hal.operations import DECLARATIONS
from hal.operations.declaration import Arguments, UnknownValueError


def with_inferred_dimensions(subgraph: Subgraph) -> Subgraph:
    """The subgraph with the dimensions that follow from its operations' inputs, where it leaves them open."""
    return inferred(subgraph)[0]


def inferred(subgraph: Subgraph) -> tuple[Subgraph, list[Arguments | None]]:
    """As ``with_inferred_dimensions``, and each operation's arguments; None where its outputs' dimensions are open."""
    operands = list(subgraph.operands)
    found: list[Arguments | None] = []
    for operation in subgraph.operations:
        found.append(None)
        declaration = DECLARATIONS.get(operation.type)
        if declaration is None:
            continue
        try:
            arguments = declaration.bind([operands[index] for index in operation.inputs])
            outputs = declaration.infer(arguments)
        except (UnknownValueError, BadDataError):  # the latter, where only an execution's values could be wrong
            continue
        found[-1] = arguments
        for index, dimensions in zip(operation.outputs, outputs):
            if operands[index].dimensions != dimensions:
                operands[index] = replace(operands[index], dimensions=dimensions)
    return replace(subgraph, operands=tuple(operands)), found
