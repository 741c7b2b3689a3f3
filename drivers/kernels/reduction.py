"""MEAN."""

from __future__ import annotations

import math

import numpy as np

from drivers.engine.abi import F32x4, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.layout import as_rank_4
from hal.operations.declaration import Arguments
from hal.operations.reduction import reduced_axes
from hal.types import OperationType


@kernel
def mean(x: F32x4, out: F32x4, begin: int, end: int) -> None:
    """MEAN over the dimensions in which ``out`` has size 1. A unit of work is a row of the output."""
    share = np.float32(out.size) / np.float32(x.size)
    count_0, count_1 = x.shape[0] // out.shape[0], x.shape[1] // out.shape[1]
    count_2, count_3 = x.shape[2] // out.shape[2], x.shape[3] // out.shape[3]
    for row in range(begin, end):
        k = row % out.shape[2]
        j = row // out.shape[2] % out.shape[1]
        i = row // (out.shape[2] * out.shape[1])
        results = out[i, j, k]
        for n in range(len(results)):
            results[n] = np.float32(0)
        for p in range(count_0):
            for q in range(count_1):
                for r in range(count_2):
                    values = x[i + p, j + q, k + r]
                    if count_3 == 1:
                        for n in range(len(results)):
                            results[n] += values[n]
                    else:
                        total = np.float32(0)
                        for n in range(len(values)):
                            total += values[n]
                        results[0] += total
        for n in range(len(results)):
            results[n] *= share


@lowers(OperationType.MEAN)
def _lower_mean(builder: Builder, arguments: Arguments) -> None:
    source = as_rank_4(builder.input(0))
    first = 4 - len(arguments.input.shape)
    reduced = {first + axis for axis in reduced_axes(arguments)}
    out = builder.output().viewed(*(1 if axis in reduced else size for axis, size in enumerate(source.shape)))
    builder.emit(mean, source, out, work=math.prod(out.shape[:3]))
