"""Which tensors share a grid, and the grid that each gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from hal.types import OperandType
from hal.types import OperationType as O
from tools.graph import Graph
from tools.quantization.calibration import Range
from tools.quantization.grid import Grid, covering
from tools.quantization.rules import RELEVANT, SAME, Plan, fixed_grid


class Groups:
    """Sets of tensors with one grid each; ``fixed``: where NNAPI says which."""

    def __init__(self, fixed: Mapping[int, Grid]) -> None:
        self._leaders: dict[int, int] = {}
        self._fixed = dict(fixed)

    def leader(self, index: int) -> int:
        """The tensor that stands for the set that ``index`` is in."""
        while self._leaders.get(index, index) != index:
            index = self._leaders[index]
        return index

    def fixed(self, index: int) -> Grid | None:
        """The grid that NNAPI gives the set."""
        return self._fixed.get(self.leader(index))

    def unite(self, first: int, second: int) -> bool:
        """Make one set of two; False, and nothing else, where they have different fixed grids."""
        one, other = self.leader(first), self.leader(second)
        if one == other:
            return True
        grids = {self._fixed[each] for each in (one, other) if each in self._fixed}
        if len(grids) > 1:
            return False
        self._leaders[other] = one
        self._fixed.update((one, grid) for grid in grids)
        return True


def assigned(
    graph: Graph, plans: Iterable[Plan], data_type: OperandType, ranges: Callable[[int], Range]
) -> tuple[dict[int, Grid], set[tuple[int, int]]]:
    """The grid of each tensor that ``plans`` read or write, and what must be rescaled: which results need which tensor.

    ``ranges``: of a tensor's values. A result that must share the grid of a tensor and can't, as both have
    fixed ones, is listed with that tensor.
    """
    plans = list(plans)
    tensors = {
        index: None for plan in plans for index in (*plan.data_inputs, *plan.data_outputs) if graph.value(index) is None
    }
    fixed = {
        index: grid
        for plan in plans
        if (grid := fixed_grid(plan.operation.type, data_type)) is not None
        for index in plan.data_outputs
    }
    groups = Groups(fixed)
    rescaled = set()
    relevant: dict[int, Range] = {}
    for plan in plans:
        inputs = [index for index in plan.data_inputs if index in tensors]
        if plan.operation.type in SAME:
            fixed_inputs = {index: groups.fixed(index) for index in inputs if groups.fixed(index) is not None}
            apart = fixed_inputs if len(set(fixed_inputs.values())) > 1 else {}  # no one's grid is the others'
            for result in plan.data_outputs:
                rescaled |= {(result, index) for index in inputs if index in apart or not groups.unite(result, index)}
        if plan.operation.type in RELEVANT:
            bounds = RELEVANT[plan.operation.type]
            relevant.update((index, bounds) for index in inputs if graph.feeds_only(index, plan.operation))
    for plan in plans:
        if plan.operation.type == O.CONCATENATION:
            (result,) = plan.data_outputs
            for index in plan.data_inputs:  # rounded once instead of twice
                if index in tensors and graph.feeds_only(index, plan.operation) and groups.fixed(index) is None:
                    groups.unite(result, index)
    members: dict[int, list[int]] = {}
    for index in tensors:
        members.setdefault(groups.leader(index), []).append(index)
    grids = {}
    for leader, indexes in members.items():
        spans = [_bounded(ranges(index), relevant.get(index)) for index in indexes]
        grid = groups.fixed(leader)
        if grid is None:
            grid = covering(data_type, min(low for low, _ in spans), max(high for _, high in spans))
        grids.update(dict.fromkeys(indexes, grid))
    return grids, rescaled


def _bounded(span: Range, bounds: Range | None) -> Range:
    if bounds is None:
        return span
    low, high = bounds
    return max(span[0], low), min(span[1], high)
