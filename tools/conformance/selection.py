"""Choosing trials by name."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from tools.conformance.trial import Trial


def matching(trials: Iterable[Trial], pattern: str) -> list[Trial]:
    """The trials whose name contains ``pattern``, in any case of letters; ``*`` in it matches everything."""
    wanted = f"*{pattern.lower()}*"
    return [trial for trial in trials if fnmatchcase(trial.name.lower(), wanted)]
