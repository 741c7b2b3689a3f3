"""Chooses between NHWC and NCHW for operations over images, so that the least is transposed."""

from __future__ import annotations

from hal.types import OperationType as O
from tools.graph import Graph
from tools.optimization.permuting import IMAGES, TO_NCHW, TO_NHWC
from tools.optimization.regions import flip_regions
from tools.optimization.rewriting import Pass


def _apply(graph: Graph) -> int:
    if any(each.type == O.TRANSPOSE or each.type in IMAGES for each in graph.operations):
        return flip_regions(graph, (TO_NCHW, TO_NHWC), images=True)
    return 0


LAYOUT = Pass("layout", "choose NHWC or NCHW so that the least is transposed", _apply)
