"""Computes once what several operations compute from the same operands, and keeps equal constants once."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable

from hal.model import Lifetime, Operand, Operation, is_extension
from tools.graph import Graph
from tools.optimization.rewriting import OPAQUE, Pass, meaning


def _apply(graph: Graph) -> int:
    return _merge_constants(graph) + _merge_operations(graph)


def _merge_constants(graph: Graph) -> int:
    """Have one of equal constants read in the place of all, and so with what is left out."""
    first: dict[Hashable, int] = {}
    merged = 0
    for index, operand in enumerate(list(graph.operands)):
        if graph.readers(index) and (operand.is_constant or operand.lifetime is Lifetime.NO_VALUE):
            same = first.setdefault(_content(operand), index)
            if same != index:
                graph.redirect(index, same)
                merged += 1
    return merged


def _content(operand: Operand) -> Hashable:
    """All of a constant but where it is kept."""
    value = operand.value
    return (
        meaning(operand),
        operand.dimensions,
        operand.extension_data,
        None if value is None else (value.shape, hashlib.sha256(value.data).digest()),
    )


def _merge_operations(graph: Graph) -> int:
    first: dict[Hashable, Operation] = {}
    merged = 0
    for stale in graph.operations:
        if is_extension(stale.type) or stale.type in OPAQUE:
            continue
        operation = graph.producer(stale.outputs[0])  # its inputs may have been merged meanwhile
        assert operation is not None
        results = tuple(meaning(graph.operands[index]) for index in operation.outputs)
        key = operation.type, operation.inputs, results
        if first.setdefault(key, operation) not in graph:  # what reads an output's twin has been changed
            first[key] = operation
        if first[key] != operation:
            merged += _merge(graph, operation, first[key])
    return merged


def _merge(graph: Graph, operation: Operation, earlier: Operation) -> bool:
    """Have the results of ``earlier``, which are the same, read in the place of those of ``operation``."""
    if len(operation.outputs) == 1:
        return graph.bypass(operation, earlier.outputs[0])
    if any(index in graph.outputs for index in operation.outputs):
        return False
    graph.remove(operation)
    for index, same in zip(operation.outputs, earlier.outputs):
        graph.redirect(index, same)
    return True


COMMON = Pass("common", "compute equal operations once, keep equal constants once", _apply)
