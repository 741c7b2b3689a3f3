"""GATHER and EMBEDDING_LOOKUP of places that the model itself names; computed ones are left to the references.

A kernel can't refuse a place that is not there.
"""

from __future__ import annotations

import math

from drivers.engine.abi import Anyx3, I32x1, generic
from drivers.engine.lowering import Builder, NoLoweringError
from drivers.kernels.strided import lowers_any
from hal.operations.axis import from_first
from hal.operations.declaration import Arguments, integers
from hal.types import OperationType


@generic
def gather(x: Anyx3, places: I32x1, out: Anyx3, begin: int, end: int) -> None:
    """out[i, j] = x[i, places[j]]. A unit of work is a row of the output."""
    for row in range(begin, end):
        i, j = row // out.shape[1], row % out.shape[1]
        values, results = x[i, places[j]], out[i, j]
        for n in range(len(results)):
            results[n] = values[n]


@lowers_any(OperationType.GATHER)
def _lower_gather(builder: Builder, arguments: Arguments) -> None:
    _emit_gather(builder, 0, from_first(arguments.axis, len(arguments.input.shape)), 2, integers(arguments, "indices"))


@lowers_any(OperationType.EMBEDDING_LOOKUP)
def _lower_embedding_lookup(builder: Builder, arguments: Arguments) -> None:
    _emit_gather(builder, 1, 0, 0, integers(arguments, "lookups"))


def _emit_gather(builder: Builder, values: int, axis: int, places: int, wanted: list[int]) -> None:
    """Emit what writes those parts of the input at ``values`` along ``axis`` that the input at ``places`` has."""
    source = builder.input(values)
    outer, size, inner = math.prod(source.shape[:axis]), source.shape[axis], math.prod(source.shape[axis + 1 :])
    if min(wanted) < 0 or max(wanted) >= size:
        raise NoLoweringError(f"it names places from {min(wanted)} to {max(wanted)}; they must be from 0 to {size - 1}")
    out = builder.output().viewed(outer, len(wanted), inner)
    builder.emit(
        gather[source.dtype],
        source.viewed(outer, size, inner),
        builder.input(places).flat,
        out,
        work=outer * len(wanted),
        operations=math.prod(out.shape),
    )
