"""RESHAPE, CONCATENATION, PAD, STRIDED_SLICE."""

from __future__ import annotations

import math

import numpy as np

from drivers.engine.abi import F32x1, F32x2, F32x4, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.layout import as_rank_4
from hal.operations.declaration import Arguments
from hal.operations.padding import pads
from hal.operations.slicing import slices
from hal.types import OperationType


@kernel
def copy(x: F32x1, out: F32x1, begin: int, end: int) -> None:
    """The same values in other memory."""
    for i in range(begin, end):
        out[i] = x[i]


@kernel
def copy_columns(x: F32x2, out: F32x2, first: int, begin: int, end: int) -> None:
    """CONCATENATION of one input: into the columns from ``first`` on. A unit of work is a row."""
    for row in range(begin, end):
        for column in range(x.shape[1]):
            out[row, first + column] = x[row, column]


@kernel
def pad(x: F32x4, out: F32x4, at_0: int, at_1: int, at_2: int, at_3: int, begin: int, end: int) -> None:
    """PAD with zeros, the input's first element at the given place. A unit of work is a row of the output."""
    for row in range(begin, end):
        k = row % out.shape[2] - at_2
        j = row // out.shape[2] % out.shape[1] - at_1
        i = row // (out.shape[2] * out.shape[1]) - at_0
        results = out[i + at_0, j + at_1, k + at_2]
        for n in range(len(results)):
            results[n] = np.float32(0)
        if 0 <= i < x.shape[0] and 0 <= j < x.shape[1] and 0 <= k < x.shape[2]:
            values = x[i, j, k]
            for n in range(len(values)):
                results[at_3 + n] = values[n]


@kernel
def strided_slice(
    x: F32x4,
    out: F32x4,
    first_0: int,
    first_1: int,
    first_2: int,
    first_3: int,
    step_0: int,
    step_1: int,
    step_2: int,
    step_3: int,
    begin: int,
    end: int,
) -> None:
    """STRIDED_SLICE. A unit of work is a row of the output."""
    for row in range(begin, end):
        k = row % out.shape[2]
        j = row // out.shape[2] % out.shape[1]
        i = row // (out.shape[2] * out.shape[1])
        values = x[first_0 + i * step_0, first_1 + j * step_1, first_2 + k * step_2]
        for n in range(out.shape[3]):
            out[i, j, k, n] = values[first_3 + n * step_3]


@lowers(OperationType.RESHAPE)
def _lower_reshape(builder: Builder, arguments: Arguments) -> None:
    source = builder.input(0)
    if not builder.alias(source):
        out = builder.output().flat
        builder.emit(copy, source.flat, out, work=out.shape[0])


@lowers(OperationType.CONCATENATION)
def _lower_concatenation(builder: Builder, arguments: Arguments) -> None:
    out = builder.output()
    rows = math.prod(out.shape[: arguments.axis])
    columns = math.prod(out.shape[arguments.axis :])
    first = 0
    for position in range(len(arguments.inputs)):
        source = builder.input(position)
        width = math.prod(source.shape[arguments.axis :])
        builder.emit(copy_columns, source.viewed(rows, width), out.viewed(rows, columns), first, work=rows)
        first += width


@lowers(OperationType.PAD)
def _lower_pad(builder: Builder, arguments: Arguments) -> None:
    out = as_rank_4(builder.output())
    before = [first for first, _ in pads(arguments)]
    at = [0] * (4 - len(before)) + before
    builder.emit(pad, as_rank_4(builder.input(0)), out, *at, work=math.prod(out.shape[:3]))


@lowers(OperationType.STRIDED_SLICE)
def _lower_strided_slice(builder: Builder, arguments: Arguments) -> None:
    source = as_rank_4(builder.input(0))
    walks = [range(size)[walk] for walk, size in zip(slices(arguments), arguments.input.shape)]
    walks = [range(1)] * (4 - len(walks)) + walks
    out = builder.output().viewed(*(len(walk) for walk in walks))
    starts, steps = [walk.start for walk in walks], [walk.step for walk in walks]
    builder.emit(strided_slice, source, out, *starts, *steps, work=math.prod(out.shape[:3]))
