"""Removes operations whose results nobody reads; what only they have read goes with them."""

from __future__ import annotations

from tools.graph import Graph
from tools.optimization.rewriting import Pass


def _apply(graph: Graph) -> int:
    removed = 0
    for operation in reversed(graph.operations):
        if operation.outputs and not any(map(graph.is_read, operation.outputs)):
            graph.remove(operation)
            removed += 1
    return removed


DEAD = Pass("dead", "remove operations whose results nobody reads", _apply)
