"""What a pass is, and how most of them go about it: a rule tried on each operation."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from hal.errors import BadDataError
from hal.model import Operand, Operation, is_extension
from hal.operations.declaration import UnknownValueError
from hal.types import OperationType
from tools.graph import Graph

Rule = Callable[[Graph, Operation], bool]
"""Improves a graph at an operation; False where there is nothing to improve."""

OPAQUE = frozenset({OperationType.IF, OperationType.WHILE, OperationType.RANDOM_MULTINOMIAL})
"""Operations whose results are known only by executing them."""


@dataclass(frozen=True, slots=True)
class Pass:
    """A way to improve a model.

    ``summary``: what it does, for people. ``apply``: changes a graph and returns how many changes it has
    made. ``exact``: whether what the model's operations define as its outputs stays the same to the bit.
    """

    name: str
    summary: str
    apply: Callable[[Graph], int]
    exact: bool = True


def everywhere(rule: Rule) -> Callable[[Graph], int]:
    """``rule`` tried on each operation of a graph."""

    def apply(graph: Graph) -> int:
        return sum(_tried(graph, operation, rule) for operation in graph.operations)

    return apply


def _tried(graph: Graph, operation: Operation, rule: Rule) -> bool:
    if operation not in graph or is_extension(operation.type):
        return False
    try:
        return rule(graph, operation)
    except (UnknownValueError, BadDataError):  # what the rule asks for is known, or wrong, only at execution
        return False


def meaning(operand: Operand) -> Hashable:
    """What a stored number stands for in an operand: where that is equal, so are the values."""
    return operand.type, operand.scale, operand.zero_point, operand.per_channel
