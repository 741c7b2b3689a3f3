"""The preferences of an explanation side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hal.types import PreferenceCode
from tools.explain.explanation import (
    Explanation,
    Plan,
    bytes_told,
    energy_told,
    ranges_told,
    reasons,
    shape_told,
    time_told,
)

PREFERENCES = {
    PreferenceCode.FAST_SINGLE_ANSWER: "speed",
    PreferenceCode.SUSTAINED_SPEED: "sustained",
    PreferenceCode.LOW_POWER: "power",
}
"""What people call each preference."""


def operations(explanation: Explanation) -> list[list[str]]:
    """A table with its head: where each operation goes with each preference; with only one, also at what cost."""
    plans = explanation.plans
    heads = ["", "operation", "output", *(PREFERENCES[preference] for preference in plans)]
    rows = [
        [
            str(node.number),
            node.type,
            shape_told(node.shape),
            *(plan.placement[node.number] if plan.placement else "-" for plan in plans.values()),
        ]
        for node in explanation.graph.nodes
    ]
    if len(plans) == 1:
        ((preference, plan),) = plans.items()
        heads += explanation.devices
        for number, row in enumerate(rows):
            said = reasons(explanation.devices, plan, number, preference).values()
            row += ["refuses" if answer.refusal else why for answer, why in zip(plan.answers[number], said)]
    return [heads, *rows]


def refusals(devices: Sequence[str], plan: Plan) -> list[list[str]]:
    """A table with its head: what each device refuses, operations with the same reason together."""
    numbers: dict[tuple[str, str], list[int]] = {}
    for number, answers in enumerate(plan.answers):
        for device, answer in zip(devices, answers):
            if answer.refusal:
                numbers.setdefault((device, answer.refusal), []).append(number)
    rows = [[device, ranges_told(found), refusal] for (device, refusal), found in numbers.items()]
    return [["device", "operations", "why it does not take them"], *sorted(rows, key=lambda row: row[0])]


def problems(explanation: Explanation) -> list[str]:
    """Why there is no plan, for the preferences that have none, each reason once."""
    return list(dict.fromkeys(plan.problem for plan in explanation.plans.values() if plan.problem))


def compared(explanation: Explanation) -> list[list[str]]:
    """A table with its head: a row for each preference, and in the last columns the operations of each device."""
    heads = ["preference", "time", "energy", "steps", "moves", "moved", *explanation.devices]
    return [heads, *(_row(explanation, preference, plan) for preference, plan in explanation.plans.items())]


def _row(explanation: Explanation, preference: PreferenceCode, plan: Plan) -> list[str]:
    if plan.problem:
        return [PREFERENCES[preference], *["-"] * (5 + len(explanation.devices))]
    shares = Counter(plan.placement)
    return [
        PREFERENCES[preference],
        time_told(plan.seconds),
        energy_told(plan.joules),
        str(len(plan.steps)),
        str(len(plan.moves)),
        bytes_told(sum(move.bytes for move in plan.moves)),
        *(str(shares[device]) for device in explanation.devices),
    ]
