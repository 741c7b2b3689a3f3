"""Which operation of a model goes where, and why: the facts, for people and programs alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hal.types import PreferenceCode

HOST = "host"
"""The memory that applications share with drivers, as the place that a tensor moves from or to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device says of an operation: why it does not take it, or what it would take by itself, if it knows."""

    refusal: str = ""
    seconds: float | None = None
    joules: float | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of the main subgraph.

    ``shape``: the first output's dimensions, 0 unknown. ``macs``: multiply-accumulates, None where that
    is not known before an execution. ``reads``, ``writes``: operands that are computed or given.
    """

    number: int
    type: str
    data_type: str
    shape: tuple[int, ...]
    macs: int | None
    reads: tuple[int, ...]
    writes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A subgraph: its operations, and the operands that go in and out."""

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Operations that a device executes in one go. ``seconds`` and ``joules`` are its own estimate."""

    device: str
    operations: tuple[int, ...]
    seconds: float | None
    joules: float | None


@dataclass(frozen=True, slots=True)
class Move:
    """A tensor that is moved between the host's memory and a device."""

    tensor: int
    source: str
    target: str
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a compilation for a preference makes of a subgraph.

    ``answers``: for each operation, each device's. ``placement``: each operation's device, or "runtime".
    ``seconds``, ``joules``: of one execution. ``branches``: the subgraphs of what the runtime executes
    itself. ``problem``: why there is no plan; then there is no placement either.
    """

    answers: tuple[tuple[Answer, ...], ...]
    placement: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    moves: tuple[Move, ...] = ()
    seconds: float | None = None
    joules: float | None = None
    branches: tuple[Branch, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """A subgraph of the IF or WHILE that is operation number ``operation``; ``role``: as which input of it."""

    operation: int
    role: str
    graph: Graph
    plan: Plan


@dataclass(frozen=True, slots=True)
class Explanation:
    """A model, the devices that were asked, and a plan for each preference."""

    model: str
    relaxed: bool
    devices: tuple[str, ...]
    graph: Graph
    plans: Mapping[PreferenceCode, Plan]

    def as_json(self) -> dict[str, Any]:
        """The facts as JSON has them, each operation with the reasons."""
        return {
            "model": self.model,
            "relaxed": self.relaxed,
            "devices": list(self.devices),
            **asdict(self.graph),
            "plans": {
                preference.name: _plan_as_json(self.devices, self.graph, plan, preference)
                for preference, plan in self.plans.items()
            },
        }


def _plan_as_json(devices: Sequence[str], graph: Graph, plan: Plan, preference: PreferenceCode) -> dict[str, Any]:
    return {
        "seconds": plan.seconds,
        "joules": plan.joules,
        "problem": plan.problem,
        "steps": [asdict(step) for step in plan.steps],
        "moves": [asdict(move) for move in plan.moves],
        "operations": [
            {
                "operation": number,
                "device": plan.placement[number] if plan.placement else None,
                "devices": {
                    device: asdict(answer) | {"why": why}
                    for (device, why), answer in zip(reasons(devices, plan, number, preference).items(), answers)
                },
            }
            for number, answers in enumerate(plan.answers)
        ],
        "branches": [
            {
                "operation": branch.operation,
                "role": branch.role,
                **asdict(branch.graph),
                "plan": _plan_as_json(devices, branch.graph, branch.plan, preference),
            }
            for branch in plan.branches
        ],
    }


def reasons(devices: Sequence[str], plan: Plan, number: int, preference: PreferenceCode) -> Mapping[str, str]:
    """For each device, why operation ``number`` is or is not there."""
    answers = dict(zip(devices, plan.answers[number]))
    chosen = plan.placement[number] if plan.placement else ""
    return {
        device: _reason(answer, None if device == chosen else answers.get(chosen), preference, device == chosen)
        for device, answer in answers.items()
    }


def _reason(answer: Answer, chosen: Answer | None, preference: PreferenceCode, is_chosen: bool) -> str:
    if answer.refusal:
        return answer.refusal
    took = told(answer)
    if is_chosen:
        return f"runs it: {took}"
    price, best = _price(answer, preference), None if chosen is None else _price(chosen, preference)
    if price is None or best is None:
        return f"takes it: {took}"
    if price < best:
        return f"takes it for less: {took}; moving its tensors there would cost more than that saves"
    return f"takes it: {took}" + (f", {price / best:.2g} times as much" if price > best > 0 else "")


def _price(answer: Answer, preference: PreferenceCode) -> float | None:
    return answer.joules if preference is PreferenceCode.LOW_POWER else answer.seconds


def told(cost: Answer | Step | Plan) -> str:
    """Time and energy in words."""
    if cost.seconds is None:
        return "it does not say what that takes"
    return time_told(cost.seconds) + ("" if cost.joules is None else f", {energy_told(cost.joules)}")


def time_told(seconds: float | None) -> str:
    """A duration with its unit."""
    return "-" if seconds is None else _scaled(seconds, "s")


def energy_told(joules: float | None) -> str:
    """An energy with its unit."""
    return "-" if joules is None else _scaled(joules, "J")


def shape_told(shape: Sequence[int]) -> str:
    """Dimensions, those that are not known as "?"."""
    return " x ".join(str(size) if size else "?" for size in shape)


def ranges_told(numbers: Sequence[int]) -> str:
    """Operations by their numbers, neighbours as a range."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def bytes_told(number: int) -> str:
    """An amount of memory with its unit."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number} B"


def _scaled(value: float, unit: str) -> str:
    for prefix, size in (("", 1.0), ("m", 1e-3), ("µ", 1e-6), ("n", 1e-9)):
        if value >= size:
            return f"{value / size:.3g} {prefix}{unit}"
    return f"{value / 1e-9:.2g} n{unit}" if value else f"0 {unit}"
