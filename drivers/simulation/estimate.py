"""Simulated time and energy: what a performance model computes, and from what."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

from drivers.simulation.description import Level
from hal.device import Cost
from hal.errors import BadDataError
from hal.inference import inferred
from hal.model import Dimensions, Lifetime, Subgraph, byte_size
from hal.operations.control_flow import CONTROL_FLOW
from hal.operations.declaration import UnknownValueError
from hal.types import OperandType
from hal.workload import Workload, workload

PICO = 1e-12
"""Joules of a picojoule."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that a part of the device does: ``seconds`` long, from ``start`` seconds after the schedule's begin.

    ``track``: the part ("compute", "dma"). ``operation``: the main subgraph's that it belongs to, None where it is
    none's alone. ``joules``: dynamic energy alone.
    """

    track: str
    name: str
    start: float
    seconds: float
    operation: int | None = None
    joules: float = 0.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """All activities of one execution on the hardware, how long they take together, and the energy, static included.

    ``commands``: the device's command stream in words, for devices that have one.
    """

    activities: tuple[Activity, ...]
    seconds: float
    joules: float
    commands: tuple[str, ...] = ()

    @staticmethod
    def of(activities: Sequence[Activity], static_watts: float, commands: Sequence[str] = ()) -> Schedule:
        """The schedule of these activities: it ends with the last one, and burns static power until then."""
        seconds = max((each.start + each.seconds for each in activities), default=0.0)
        joules = sum(each.joules for each in activities) + static_watts * seconds
        return Schedule(tuple(activities), seconds, joules, tuple(commands))


@dataclass(frozen=True)
class Graph:
    """A model as performance models see it.

    ``subgraph``: the main one, with every dimension known. ``works``: what each operation has to do.
    """

    subgraph: Subgraph
    works: tuple[Workload, ...]

    @cached_property
    def last_use(self) -> dict[int, int]:
        """The last operation that reads each operand; the number of operations for the model's outputs."""
        uses = {i: position for position, each in enumerate(self.subgraph.operations) for i in each.inputs}
        return uses | dict.fromkeys(self.subgraph.outputs, len(self.subgraph.operations))

    @cached_property
    def weight_bytes(self) -> int:
        """Bytes of all constants."""
        return sum(self.bytes_of(i) for i, operand in enumerate(self.subgraph.operands) if operand.is_constant)

    def bytes_of(self, index: int) -> int:
        """Bytes of an operand's value, as the application stores it; 0 for one without a value."""
        operand = self.subgraph.operands[index]
        if not isinstance(operand.type, OperandType) or operand.type is OperandType.MODEL:
            return 0
        return 0 if operand.lifetime is Lifetime.NO_VALUE else byte_size(operand.type, operand.dimensions)


def works(subgraph: Subgraph, shapes: Sequence[Dimensions]) -> tuple[Subgraph, list[Workload | None]]:
    """The subgraph for inputs of these dimensions, as far as they tell the others', and each operation's work.

    The work is None for control flow, for extensions, and where only an execution's values tell.
    """
    operands = list(subgraph.operands)
    for index, dimensions in zip(subgraph.inputs, shapes):
        operands[index] = replace(operands[index], dimensions=dimensions)
    known, bound = inferred(replace(subgraph, operands=tuple(operands)))
    found: list[Workload | None] = []
    for operation, arguments in zip(known.operations, bound):
        found.append(None)
        if arguments is not None and operation.type not in CONTROL_FLOW:
            # What raises has dimensions that will not fit; executing says so.
            with suppress(UnknownValueError, BadDataError):
                found[-1] = workload(operation, known.operands, arguments)
    return known, found


def graph(subgraph: Subgraph, shapes: Sequence[Dimensions]) -> Graph | None:
    """The graph for inputs of these dimensions; None where they don't tell what there is to do."""
    known, found = works(subgraph, shapes)
    complete = tuple(each for each in found if each is not None)
    return Graph(known, complete) if len(complete) == len(found) else None


class PerformanceModel(ABC):
    """How fast a device is, computed from its description. Safe to use from several threads."""

    @abstractmethod
    def operation(self, work: Workload, level: Level) -> Cost:
        """One operation alone, without launching it or moving its data between host and device; energy with static."""

    @abstractmethod
    def schedule(self, graph: Graph, level: Level) -> Schedule:
        """One execution on the hardware, from its first command to its last.

        ``Host.launch_seconds`` and moving inputs and outputs between host and device are not part of
        it: ``SimulatedDevice`` adds them around it.
        """
