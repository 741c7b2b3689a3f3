"""The figures that optimisation is about."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import astuple, dataclass

import drivers.kernels  # noqa: F401 (the lowerings)
from drivers.engine.lowering import Builder, Weights
from drivers.engine.numerics import EXACT
from drivers.engine.support import refusals
from drivers.engine.tuning import Tuner
from hal.errors import BadDataError
from hal.inference import with_inferred_dimensions
from hal.model import Lifetime, Model, Operand, Subgraph, is_fully_specified, is_tensor
from hal.operations.declaration import UnknownValueError
from hal.workload import Workload, workload
from tools.inspection import inspect


@dataclass(frozen=True, slots=True)
class Figures:
    """What a model consists of, its referenced subgraphs included, each counted once.

    ``macs``: multiply-accumulates of one execution. ``constant_bytes``: of all constants. ``moved_bytes``:
    what operations read and write. Operations whose dimensions only an execution knows count as one
    without ``macs`` and ``moved_bytes``.
    """

    operations: int
    macs: int
    constant_bytes: int
    moved_bytes: int

    def __add__(self, other: Figures) -> Figures:
        return Figures(*map(operator.add, astuple(self), astuple(other)))

    def __sub__(self, other: Figures) -> Figures:
        return Figures(*map(operator.sub, astuple(self), astuple(other)))


def figures(model: Model) -> Figures:
    """The model's figures."""
    inspected = inspect(model)
    works = [work for subgraph in (model.main, *model.referenced) for work in _workloads(subgraph)]
    moved = sum(work.input_bytes + work.weight_bytes + work.output_bytes for work in works)
    return Figures(inspected.count, inspected.macs, inspected.weights, moved)


def commands(model: Model) -> int | None:
    """Commands of the program that the CPU device makes of the model; None where the host has a part in it."""
    if any(refusals(model, EXACT)):
        return None
    main = model.main
    shapes = {index: main.operands[index].dimensions for index in main.inputs}
    builder = Builder(main, shapes, main.outputs, Weights(), EXACT, Tuner())
    for operation in main.operations:
        builder.lower(operation)
    return len(builder.commands)


def _workloads(subgraph: Subgraph) -> Iterator[Workload]:
    operands = with_inferred_dimensions(subgraph).operands
    for operation in subgraph.operations:
        if all(_is_known(operands[index]) for index in (*operation.inputs, *operation.outputs)):
            try:
                yield workload(operation, operands)
            except (UnknownValueError, BadDataError):  # a scalar that only an execution knows, or an extension
                continue


def _is_known(operand: Operand) -> bool:
    is_there = is_tensor(operand) and operand.lifetime is not Lifetime.NO_VALUE
    return not is_there or is_fully_specified(operand.dimensions)
