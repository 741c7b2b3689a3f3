"""Models made smaller and faster without a change in what they compute.

``optimizer`` applies the passes of ``passes``, each a file, until there is nothing left to improve;
``rewriting`` says what a pass is, ``permuting`` and ``regions`` are how transposes and layouts are
reasoned about, ``figures`` and ``report`` tell what was gained.
"""

from __future__ import annotations

from collections.abc import Sequence

from runtime.model import Model
from tools.optimization.optimizer import PASSES, optimized
from tools.optimization.report import Report

__all__ = ["PASSES", "Report", "optimize"]


def optimize(model: Model, passes: Sequence[str] | None = None) -> tuple[Model, Report]:
    """A new finished model that computes the same as a finished ``model`` with less, and what was done.

    ``passes``: names of ``PASSES``, to apply only these; by default all. Inputs and outputs keep their
    order, types, dimensions and quantisation, and all passes but ``scales`` keep to the bit what NNAPI's
    operations define as the outputs. Raises ``BadDataError`` for a name that no pass has and for damaged
    constants, ``BadStateError`` for a model that is not finished.
    """
    canonical = model.canonical
    model.verify()
    better, report = optimized(canonical, passes)
    return Model.from_canonical(better, model.metadata, model.file), report
