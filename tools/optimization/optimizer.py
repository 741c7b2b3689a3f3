"""Applies passes to a model until none of them finds anything more to improve."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from hal.errors import BadDataError
from hal.model import Model
from tools.graph import Edit
from tools.optimization.figures import Figures, commands, figures
from tools.optimization.passes.activations import ACTIVATIONS
from tools.optimization.passes.casts import CASTS
from tools.optimization.passes.common import COMMON
from tools.optimization.passes.constants import CONSTANTS
from tools.optimization.passes.dead import DEAD
from tools.optimization.passes.identities import IDENTITIES
from tools.optimization.passes.layout import LAYOUT
from tools.optimization.passes.padding import PADDING
from tools.optimization.passes.scales import SCALES
from tools.optimization.passes.transposes import TRANSPOSES
from tools.optimization.report import Report, Step
from tools.optimization.rewriting import Pass

PASSES: dict[str, Pass] = {
    each.name: each
    for each in (
        CONSTANTS, IDENTITIES, CASTS, COMMON, TRANSPOSES, LAYOUT, PADDING, SCALES, ACTIVATIONS, DEAD,
    )
}  # fmt: skip
"""All passes by name, in the order in which they are applied."""


def optimized(model: Model, passes: Sequence[str] | None = None) -> tuple[Model, Report]:
    """A model that computes the same with less, and what each pass did to it.

    ``passes``: names in ``PASSES``; by default all. Inputs and outputs keep their order, types,
    dimensions and quantisation. Raises ``BadDataError`` for a name that no pass has.
    """
    chosen = _chosen(passes)
    before = now = figures(model)
    commands_before = commands(model)
    changes = dict.fromkeys(chosen, 0)
    saved = dict.fromkeys(chosen, Figures(0, 0, 0, 0))
    is_settled = False
    while not is_settled:
        is_settled = True
        for name, each in chosen.items():
            edit = Edit(model)
            count = sum(each.apply(graph) for graph in edit.graphs)
            if count:
                is_settled = False
                model = edit.finish()
                now, earlier = figures(model), now
                changes[name] += count
                saved[name] += earlier - now
    steps = tuple(Step(name, changes[name], saved[name]) for name in chosen)
    return model, Report(before, now, commands_before, commands(model), steps)


def _chosen(passes: Sequence[str] | None) -> dict[str, Pass]:
    if passes is None:
        return PASSES
    for name in passes:
        if name not in PASSES:
            near = difflib.get_close_matches(name, PASSES, 1)
            hint = f"; '{near[0]}' is one" if near else ""
            raise BadDataError(f"there is no pass '{name}'{hint}; there are {', '.join(PASSES)}")
    return {name: each for name, each in PASSES.items() if name in passes}
