"""IF and WHILE executed by the runtime: what they execute has plans of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hal.device import Argument, Cost
from hal.errors import BadDataError, MissedDeadlineTransientError
from hal.memory import Region
from hal.model import Location, Operand, Operation, Subgraph
from hal.operand_rules import value_size
from hal.operations.control_flow import DEFAULT_LOOP_TIMEOUT
from hal.types import OperationType
from runtime import process
from runtime.plan import Step
from runtime.rooms import Room
from runtime.running import Running
from runtime.steps import PreparedStep
from runtime.values import as_bytes

if TYPE_CHECKING:
    from runtime.prepared import PreparedSteps

_LEFT_OUT = Argument(None)


class ControlFlowStep(PreparedStep):
    """An IF or WHILE of ``subgraph`` whose subgraphs' steps are ``branches``."""

    def __init__(self, step: Step, subgraph: Subgraph, branches: Sequence[PreparedSteps]) -> None:
        self.step = step
        self._operands = subgraph.operands
        self._branches = branches
        self._operation: Operation = subgraph.operations[step.operations[0]]
        self._wanted = [self._operation.outputs.index(index) for index in step.outputs]
        self._constants = {
            index: _constant(subgraph.operands[index])
            for index in self._operation.inputs
            if subgraph.operands[index].value is not None
        }
        self._regions = [region for _, region in self._constants.values()]  # shared as long as somebody holds them
        self._idle: list[tuple[list[Room], list[Room], Room]] = []

    @property
    def cost(self) -> Cost | None:
        """None: how often its subgraphs run is not known."""
        return None

    @property
    def stops_writing(self) -> bool:
        """See ``PreparedStep``."""
        return all(branch.stops_writing for branch in self._branches)

    def run(
        self, running: Running, values: Mapping[int, Argument], rooms: Sequence[Room | None], *, final: bool
    ) -> list[Argument]:
        """See ``PreparedStep``."""
        given = [self._value(values, index) for index in self._operation.inputs]
        places: list[Room | None] = [None] * len(self._operation.outputs)
        for position, room in zip(self._wanted, rooms):
            places[position] = room
        if self._operation.type == OperationType.IF:
            branch = self._branches[0 if _is_true(given[0], "its condition") else 1]
            results = branch.walk(running, given[3:], places)
        else:
            results = self._loop(running, given[2:], places)
        return [results[position] for position in self._wanted]

    def close(self) -> None:
        """See ``PreparedStep``."""
        for branch in self._branches:
            branch.close()

    def _loop(self, running: Running, state: list[Argument], places: Sequence[Room | None]) -> list[Argument]:
        condition, body = self._branches
        limit = DEFAULT_LOOP_TIMEOUT if running.loop_timeout is None else running.loop_timeout
        deadline = time.monotonic() + limit
        inner = body.plan.model.main
        carried = len(inner.outputs)
        sizes = [value_size(inner.operands[index], inner.operands[index].dimensions) or 0 for index in inner.outputs]
        try:
            following, present, verdict = self._idle.pop()
        except IndexError:
            following, present = ([Room.new(size) for size in sizes] for _ in range(2))
            verdict = Room.new(1)
        state = list(state)
        while _is_true(condition.walk(running, state, [verdict])[0], "its condition_model's output"):
            if time.monotonic() > deadline:
                raise MissedDeadlineTransientError(f"a loop did not end within {limit} s")
            state[:carried] = body.walk(running, state, following)
            following, present = present, following
        results = [_LEFT_OUT if room is None else _copied(value, room) for value, room in zip(state, places)]
        if not running.tainted:
            self._idle.append((following, present, verdict))
        return results

    def _value(self, values: Mapping[int, Argument], index: int) -> Argument:
        if index in self._constants:
            return self._constants[index][0]
        value = values.get(index, _LEFT_OUT)
        return value if value.dimensions else replace(value, dimensions=self._operands[index].dimensions)


def _constant(operand: Operand) -> tuple[Argument, Region | None]:
    """A constant as a value, in shared memory, and the region that holds it if it is not the application's own."""
    assert operand.value is not None
    data = as_bytes(np.asarray(operand.value))
    if operand.location is not None:
        return Argument(data, operand.location, operand.dimensions), None
    region = Region.create(process.folder(), data.size)
    region.data[: data.size] = data
    location = Location(region.name, 0, data.size)
    return Argument(region.slice(0, data.size), location, operand.dimensions), region


def _is_true(value: Argument, what: str) -> bool:
    if value.data is None:
        raise BadDataError(f"{what} is left out")
    return bool(value.data[0])


def _copied(value: Argument, room: Room) -> Argument:
    if value.data is None:
        raise BadDataError("an output of a loop is an input that was left out")
    if room.data.size < value.data.size:
        room.renew(value.data.size)
    room.data[: value.data.size] = value.data
    return room.filled(value.data.size, value.dimensions)
