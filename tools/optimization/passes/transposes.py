"""Cancels transposes that follow each other, also where other operations stand between them."""

from __future__ import annotations

from dataclasses import replace

from hal.model import Operation
from hal.types import OperationType as O
from tools.graph import Graph
from tools.optimization.permuting import Permutation, inverse, is_identity, then, transposition
from tools.optimization.regions import flip_regions, moves_nothing
from tools.optimization.rewriting import Pass, everywhere


def _apply(graph: Graph) -> int:
    changes = everywhere(_rule)(graph)
    orders = [transposition(graph, operation) for operation in graph.operations]
    moving = [order for order in orders if order is not None and not is_identity(order)]
    perms = dict.fromkeys(perm for order in moving for perm in (order, inverse(order)))
    return changes + flip_regions(graph, perms, images=False)


def _rule(graph: Graph, operation: Operation) -> bool:
    order = transposition(graph, operation)
    if order is None:
        return False
    source = operation.inputs[0]
    dimensions = graph.operands[source].dimensions
    if is_identity(order):
        return graph.bypass(operation, source)
    first = graph.producer(source)
    before = transposition(graph, first)
    if first is not None and before is not None:
        return _at_once(graph, operation, first, then(before, order), moves_nothing(dimensions, order))
    if moves_nothing(dimensions, order):
        shape = [dimensions[dimension] for dimension in order]
        graph.replace(operation, Operation(O.RESHAPE, (source, graph.add_integers(shape)), operation.outputs))
        return True
    return False


def _at_once(graph: Graph, second: Operation, first: Operation, order: Permutation, is_free: bool) -> bool:
    """Do in one what two transposes do, ``order``, unless the second one moves nothing and the first one stays."""
    source, between = first.inputs[0], second.inputs[0]
    if is_identity(order) and graph.bypass(second, source):
        return True
    if (
        is_free
        and not graph.feeds_only(between, second)
        and not moves_nothing(graph.operands[source].dimensions, order)
    ):
        return False
    graph.replace(second, replace(second, inputs=(source, graph.add_integers(order))))
    return True


TRANSPOSES = Pass("transposes", "cancel transposes, also across operations between them", _apply)
