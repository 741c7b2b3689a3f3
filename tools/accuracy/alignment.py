"""Which tensor of one model is meant to be which of another, where both are made of one network.

Operations are paired in their order, by type, fused activation and the dimensions of their results; those
that only convert between types are passed over.
"""

from __future__ import annotations

import difflib
from collections.abc import Hashable
from dataclasses import dataclass

from hal.errors import BadDataError
from hal.inference import with_inferred_dimensions
from hal.model import Model, Operation, Subgraph, is_extension
from hal.operations import DECLARATIONS
from hal.operations.declaration import UnknownValueError
from hal.types import OperationType as O
from hal.validation import operation_name

_CONVERTING = frozenset({O.QUANTIZE, O.DEQUANTIZE, O.CAST})


@dataclass(frozen=True, slots=True)
class Layer:
    """An operation of the reference, ``number``, with a result that the other model has too.

    ``reference`` and ``other``: the operands, in either model's main subgraph.
    """

    number: int
    name: str
    reference: int
    other: int


def aligned(reference: Model, other: Model) -> list[Layer]:
    """The results that both models' main subgraphs have, in the reference's order."""
    graphs = [with_inferred_dimensions(model.main) for model in (reference, other)]
    kept = [
        [number for number, each in enumerate(graph.operations) if each.type not in _CONVERTING] for graph in graphs
    ]
    keys = [[_key(graph, graph.operations[number]) for number in numbers] for graph, numbers in zip(graphs, kept)]
    layers = []
    for first, second, size in difflib.SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_matching_blocks():
        for number, match in zip(kept[0][first : first + size], kept[1][second : second + size]):
            ours, theirs = graphs[0].operations[number], graphs[1].operations[match]
            name = operation_name(ours.type)
            layers += [Layer(number, name, *pair) for pair in zip(ours.outputs, theirs.outputs)]
    return layers


def _key(graph: Subgraph, operation: Operation) -> Hashable:
    dimensions = tuple(graph.operands[index].dimensions for index in operation.outputs)
    return operation.type, _activation(graph, operation), dimensions


def _activation(graph: Subgraph, operation: Operation) -> int:
    if is_extension(operation.type):
        return 0
    try:
        bound = DECLARATIONS[operation.type].bind([graph.operands[index] for index in operation.inputs])
        return getattr(bound, "activation", 0)
    except (UnknownValueError, BadDataError):  # known only at execution
        return 0
