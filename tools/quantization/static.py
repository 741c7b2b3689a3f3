"""Static quantisation: a float model becomes one that computes in 8 bits, on grids known beforehand.

QUANTIZE and DEQUANTIZE stand where float and quantised operations meet. What is on a grid that an operation
can't take is brought onto another by a CONCATENATION of one tensor, NNAPI's one operation that only rescales.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hal.model import Model, Operation
from hal.operations.declaration import Array
from hal.types import OperandType
from hal.types import OperationType as O
from tools.graph import Edit, Graph
from tools.quantization.calibration import Range
from tools.quantization.correction import corrected_bias
from tools.quantization.grid import Grid, covering
from tools.quantization.groups import assigned
from tools.quantization.rules import CHANNEL_DIMS, SAME, Plan, Role
from tools.quantization.weights import Weights, for_data, quantised_bias


@dataclass(frozen=True, slots=True)
class Statistics:
    """What calibration found out of the model's tensors: the range of each, and the mean of its channels.

    ``mean``: None where biases are not to be corrected.
    """

    range: Callable[[int], Range]
    mean: Callable[[int], Array] | None


def rewritten(
    model: Model, plans: Mapping[int, Plan], data_type: OperandType, statistics: Statistics, *, float_edges: bool
) -> Model:
    """The model with the operations that ``plans`` has by number quantised.

    ``float_edges``: its inputs and outputs stay float; otherwise those that touch quantised operations become
    quantised. ``model`` has dimensions and numbers as ``Graph`` keeps them.
    """
    edit = Edit(model)
    graph = edit.graphs[0]
    _Rewriting(graph, list(plans.values()), data_type, statistics).run(float_edges=float_edges)
    return edit.finish()


class _Rewriting:
    def __init__(self, graph: Graph, plans: Sequence[Plan], data_type: OperandType, statistics: Statistics) -> None:
        self._graph = graph
        self._plans = plans
        self._data_type = data_type
        self._statistics = statistics
        self._grids, self._rescaled = assigned(graph, plans, data_type, statistics.range)
        self._twins: dict[int, int] = {}
        self._cells: dict[tuple[int, Grid], int] = {}

    def run(self, *, float_edges: bool) -> None:
        graph = self._graph
        written = {index for plan in self._plans for index in plan.data_outputs}
        self._twins = {
            index: graph.add_operand(grid.operand(graph.operands[index])) for index, grid in self._grids.items()
        }
        for plan in self._plans:
            graph.replace(plan.operation, self._quantised(plan))
        if not float_edges:
            graph.outputs = tuple(self._twins[index] if index in written else index for index in graph.outputs)
        entering = {index: twin for index, twin in self._twins.items() if index not in written}
        for index, twin in entering.items():
            if float_edges or index not in graph.inputs:
                graph.add(O.QUANTIZE, [index], [twin])
                continue
            graph.inputs = tuple(twin if each == index else each for each in graph.inputs)
            written.add(index)  # what still reads it as float is served by a DEQUANTIZE
        for index in written:
            if graph.is_read(index):
                graph.add(O.DEQUANTIZE, [self._twins[index]], [index])

    def _quantised(self, plan: Plan) -> Operation:
        operation = plan.operation
        inputs = list(operation.inputs)
        names = self._graph.arguments(operation)
        grid = self._data_grid(plan)
        weights: Weights | None = None
        for position, (index, role) in enumerate(zip(operation.inputs, plan.roles)):
            if role is Role.DATA:
                inputs[position] = self._data(index, plan)
            elif role is Role.VALUE:
                stored = grid.stored(self._constant(index))
                inputs[position] = self._graph.add_scalar(OperandType.INT32, int(stored.item()))
            elif role is Role.WEIGHTS:
                bias = self._constant(operation.inputs[plan.roles.index(Role.BIAS)])
                channel_dim = CHANNEL_DIMS[operation.type]
                weights = for_data(self._constant(index), bias, grid, channel_dim, per_channel=plan.per_channel)
                inputs[position] = self._graph.add_operand(weights.operand)
            elif role is Role.BIAS:
                assert weights is not None
                bias = self._constant(index)
                if self._statistics.mean is not None:
                    error = weights.real - self._constant(operation.inputs[plan.roles.index(Role.WEIGHTS)])
                    bias = corrected_bias(
                        operation.type, names, bias, error, self._statistics.mean(plan.data_inputs[0])
                    )
                inputs[position] = self._graph.add_operand(quantised_bias(bias, grid, weights))
        outputs = [self._twins.get(index, index) for index in operation.outputs]
        return Operation(operation.type, tuple(inputs), tuple(outputs))

    def _data_grid(self, plan: Plan) -> Grid:
        """The grid of what an operation reads first."""
        first = plan.data_inputs[0]
        return self._grids[first] if first in self._grids else self._constant_grid(first, plan)

    def _constant_grid(self, index: int, plan: Plan) -> Grid:
        if plan.operation.type in SAME:
            return self._grids[plan.data_outputs[0]]
        value = self._constant(index)
        return covering(self._data_type, float(value.min()), float(value.max()))

    def _data(self, index: int, plan: Plan) -> int:
        """What an operation reads in the place of a float tensor."""
        if index not in self._twins:
            grid = self._constant_grid(index, plan)
            if (index, grid) not in self._cells:
                stored = grid.stored(self._constant(index))
                self._cells[index, grid] = self._graph.add_constant(stored, grid.operand(self._graph.operands[index]))
            return self._cells[index, grid]
        for result in plan.data_outputs:
            if (result, index) in self._rescaled:
                return self._on_grid(index, self._grids[result])
        return self._twins[index]

    def _on_grid(self, index: int, grid: Grid) -> int:
        if (index, grid) not in self._cells:
            moved = self._graph.add_operand(grid.operand(self._graph.operands[index]))
            self._graph.add(
                O.CONCATENATION, [self._twins[index], self._graph.add_scalar(OperandType.INT32, 0)], [moved]
            )
            self._cells[index, grid] = moved
        return self._cells[index, grid]

    def _constant(self, index: int) -> Array:
        value = self._graph.value(index)
        assert value is not None
        return value.astype(np.float64)
