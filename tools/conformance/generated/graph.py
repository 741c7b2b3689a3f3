"""A graph of operations in the making: operands with the values that they will have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hal.model import Lifetime, Operand, Operation, Subgraph
from hal.operations import DECLARATIONS
from hal.operations.declaration import Array, evaluate
from hal.reference import evaluate_operation
from hal.types import OperandType, OperationType
from tools.conformance.generated.assembly import results_of
from tools.conformance.generated.draw import Draw, Given


class Graph:
    """A subgraph that grows. Operands are known by their index."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.operands: list[Operand] = []
        self.values: list[Array | None] = []
        self.operations: list[Operation] = []
        self.inputs: list[int] = []

    def input(self, each: Given) -> int:
        """Add an input that has the value given when the graph is executed."""
        index = self._add(replace(each.operand, lifetime=Lifetime.SUBGRAPH_INPUT), each.value)
        self.inputs.append(index)
        return index

    def constant(self, each: Given) -> int:
        """Add a constant."""
        assert each.value is not None
        return self._add(replace(each.operand, lifetime=Lifetime.CONSTANT_COPY, value=each.value), each.value)

    def reference(self, subgraph: int) -> int:
        """Add a MODEL operand: the number of a referenced subgraph."""
        return self._add(Operand(OperandType.MODEL, lifetime=Lifetime.SUBGRAPH, subgraph=subgraph), None)

    def apply(self, operation_type: OperationType, *arguments: int | Given) -> list[int]:
        """Add an operation over operands that are there, and constants that are not yet; returns its results."""
        indexes = [each if isinstance(each, int) else self.constant(each) for each in arguments]
        operands = [Given(self.operands[index], self.values[index]) for index in indexes]
        declaration = DECLARATIONS[operation_type]
        results = results_of(declaration, self.draw, operands)
        inputs, values = [each.operand for each in operands], [each.value for each in operands]
        return self.record(operation_type, indexes, results, evaluate(declaration, inputs, values, results))

    def record(
        self, operation_type: OperationType, inputs: Sequence[int], results: Sequence[Operand], values: Sequence[Array]
    ) -> list[int]:
        """Add an operation whose results, operands and values, are known."""
        outputs = [
            self._add(replace(result, dimensions=value.shape, lifetime=Lifetime.TEMPORARY_VARIABLE), value)
            for result, value in zip(results, values)
        ]
        self.operations.append(Operation(operation_type, tuple(inputs), tuple(outputs)))
        return outputs

    def shape(self, index: int) -> tuple[int, ...]:
        """The dimensions of an operand's value."""
        value = self.values[index]
        assert value is not None
        return value.shape

    def magnitude(self, index: int) -> float:
        """The greatest magnitude that the operand has, as a real number."""
        value, operand = self.values[index], self.operands[index]
        assert value is not None
        return float(np.abs((value.astype(np.float64) - operand.zero_point) * (operand.scale or 1)).max(initial=0))

    def subgraph(self, outputs: Sequence[int], *, forgetful: float = 0.0) -> Subgraph:
        """The finished subgraph. ``forgetful``: how often a temporary's dimensions are left open."""
        operands = [
            replace(operand, dimensions=(0,) * len(operand.dimensions))
            if operand.lifetime is Lifetime.TEMPORARY_VARIABLE and self.draw.chance(forgetful)
            else operand
            for operand in self.operands
        ]
        for index in outputs:
            operands[index] = replace(self.operands[index], lifetime=Lifetime.SUBGRAPH_OUTPUT)
        return Subgraph(tuple(operands), tuple(self.operations), tuple(self.inputs), tuple(outputs))

    def input_values(self) -> list[Array]:
        """The values that the inputs have."""
        values = [self.values[index] for index in self.inputs]
        return [value for value in values if value is not None]

    def unread(self) -> list[int]:
        """What operations have written and none reads."""
        read = {index for operation in self.operations for index in operation.inputs}
        written = [index for operation in self.operations for index in operation.outputs]
        return [index for index in written if index not in read]

    def _add(self, operand: Operand, value: Array | None) -> int:
        self.operands.append(operand)
        self.values.append(value)
        return len(self.operands) - 1


def wander(graph: Graph, outputs: Sequence[int], random: np.random.Generator) -> list[int]:
    """By how many steps each of ``outputs`` moves when every quantised result on the way is off by one step."""
    values = dict(enumerate(graph.values))
    subgraph = graph.subgraph(outputs)
    for operation in graph.operations:
        results = evaluate_operation(subgraph, operation, [values[index] for index in operation.inputs])
        for index, result in zip(operation.outputs, results):
            values[index] = _off_by_one(result, random) if _is_quantized(subgraph.operands[index]) else result
    return [_steps(values[index], graph.values[index]) for index in outputs]


def _is_quantized(operand: Operand) -> bool:
    return isinstance(operand.type, OperandType) and operand.type.has_scale


def _off_by_one(values: Array, random: np.random.Generator) -> Array:
    limits = np.iinfo(values.dtype)
    moved = values.astype(np.int64) + random.integers(-1, 2, values.shape)
    return np.clip(moved, limits.min, limits.max).astype(values.dtype)


def _steps(moved: Array | None, value: Array | None) -> int:
    assert moved is not None
    assert value is not None
    return int(np.abs(moved.astype(np.int64) - value.astype(np.int64)).max(initial=0))
