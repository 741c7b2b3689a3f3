"""What optimisation did to a model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tools.optimization.figures import Figures


@dataclass(frozen=True, slots=True)
class Step:
    """What a pass did, in all rounds: how many ``changes`` it made, and how much of each figure it ``saved``."""

    name: str
    changes: int
    saved: Figures


@dataclass(frozen=True, slots=True)
class Report:
    """A model's figures before and after, and what each pass had to do with it, in the order of the passes.

    ``commands_before`` and ``commands_after``: of the program that the CPU device makes of the model; None
    where the host has a part in it.
    """

    before: Figures
    after: Figures
    commands_before: int | None
    commands_after: int | None
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        """All of it, of types that JSON has."""
        return {
            "before": {**asdict(self.before), "commands": self.commands_before},
            "after": {**asdict(self.after), "commands": self.commands_after},
            "passes": {step.name: {"changes": step.changes, "saved": asdict(step.saved)} for step in self.steps},
        }
