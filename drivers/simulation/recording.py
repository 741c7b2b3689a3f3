"""What an execution turned out to do, where its model did not tell beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from drivers.engine.executable import Array
from drivers.simulation.description import Level
from drivers.simulation.estimate import Activity, PerformanceModel, Schedule
from hal.model import Dimensions, Lifetime, Operand, Operation, Subgraph, is_tensor
from hal.operations.control_flow import CONTROL_FLOW
from hal.types import OperationType
from hal.workload import Workload, workload

_KNOWN = 4096
"""Works that are kept for the next executions of a model."""


class Recording:
    """The work of one execution, as the engine did it, by the operation of the main subgraph that it was for.

    ``known``: works met before, shared by a model's executions.
    """

    def __init__(self, main: Subgraph, known: dict[object, Workload]) -> None:
        self._main = main
        self._known = known
        self._works: dict[int, Counter[Workload]] = {}
        self._current: Counter[Workload] = Counter()

    def __call__(
        self, subgraph: Subgraph, position: int, shapes: Mapping[int, Dimensions], values: Mapping[int, Array]
    ) -> None:
        """Count an operation that has run (``engine.executable.Observer``); what ran within it has come before."""
        operation = subgraph.operations[position]
        if operation.type not in CONTROL_FLOW:
            self._current[self._work(subgraph, position, operation, shapes, values)] += 1
        if subgraph is self._main:
            self._works[position], self._current = self._current, Counter()

    def _work(
        self,
        subgraph: Subgraph,
        position: int,
        operation: Operation,
        shapes: Mapping[int, Dimensions],
        values: Mapping[int, Array],
    ) -> Workload:
        operands = subgraph.operands
        numbers = (*operation.inputs, *operation.outputs)
        scalars = {i: values[i] for i in operation.inputs if i in values and not is_tensor(operands[i])}
        sizes = tuple(shapes[i] if i in shapes else _own_dimensions(operands[i]) for i in numbers)
        key = (id(subgraph), position, sizes, tuple(scalar.tobytes() for scalar in scalars.values()))
        work = self._known.get(key)
        if work is None:
            resolved = [
                replace(operands[index], lifetime=Lifetime.NO_VALUE, dimensions=())
                if size is None
                else replace(operands[index], dimensions=size, value=scalars.get(index, operands[index].value))
                for index, size in zip(numbers, sizes)
            ]
            inputs = len(operation.inputs)
            alone = Operation(operation.type, tuple(range(inputs)), tuple(range(inputs, len(numbers))))
            work = workload(alone, resolved)
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[key] = work
        return work

    def schedule(self, performance: PerformanceModel, level: Level) -> Schedule:
        """One operation after the other, each as by itself."""
        activities: list[Activity] = []
        now = joules = 0.0
        for position, works in self._works.items():
            costs = [(performance.operation(work, level), times) for work, times in works.items()]
            seconds = sum(cost.seconds * times for cost, times in costs)
            joules += sum(cost.joules * times for cost, times in costs)
            name = OperationType(self._main.operations[position].type).name
            activities.append(Activity("compute", name, now, seconds, position))
            now += seconds
        return Schedule(tuple(activities), now, joules)


def _own_dimensions(operand: Operand) -> Dimensions | None:
    """An operand's dimensions where nothing has been computed for it; None for a tensor that was left out."""
    return None if is_tensor(operand) and not operand.is_constant else operand.dimensions
