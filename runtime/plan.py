"""What a plan is: which device takes which operations of a model, and in which steps that is done."""

from __future__ import annotations

from dataclasses import dataclass

from hal.device import Cost, Device, Support
from hal.model import Model

RUNTIME = "runtime"
"""Who executes an IF or WHILE that goes to no device as a whole: the runtime, which has its subgraphs executed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device says of a model's operations: whether it takes each, and at what cost.

    A cost that it does not give is estimated. That of an IF or WHILE counts its subgraphs, see
    ``runtime.costs.control_flow``.
    """

    device: str
    supports: tuple[Support, ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """An operand's value, of ``size`` bytes, goes from the host's memory to a device, or back."""

    operand: int
    device: str
    to_device: bool
    size: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class Step:
    """Operations that are executed at once.

    ``device``: on which; None for an IF or WHILE that the runtime executes, where ``branches`` are the
    plans of its two subgraphs, in the order of its inputs. ``operations``, ``inputs`` and ``outputs`` are indexes in
    the main subgraph of the plan's model. ``model``: what the device gets: its inputs and outputs are
    those, in this order. ``cost``: of launching the device and of the operations. ``moved``: why the step
    is on this device and not on the one it was planned for; empty if it is on that.
    """

    device: Device | None
    name: str
    operations: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    cost: Cost
    model: Model | None = None
    branches: tuple[Plan, ...] = ()
    moved: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is executed.

    ``answers``: what each device says of the operations. ``assignment``: for each operation, the name of
    the device that it goes to, or ``RUNTIME``. ``steps``: in the order in which they are executed.
    ``movements``: those that cost something. ``cost``: of operations and movements together.
    """

    model: Model
    answers: tuple[Answer, ...]
    assignment: tuple[str, ...]
    steps: tuple[Step, ...]
    movements: tuple[Movement, ...]
    cost: Cost

    @property
    def devices(self) -> tuple[Device, ...]:
        """Those that execute steps, subgraphs' included, each once, in the order in which they are met."""
        found: dict[int, Device] = {}
        for step in self.steps:
            inner = (
                [step.device] if step.device is not None else [each for plan in step.branches for each in plan.devices]
            )
            found.update((id(device), device) for device in inner if id(device) not in found)
        return tuple(found.values())
