"""AVERAGE_POOL_2D and MAX_POOL_2D."""

from __future__ import annotations

import math

import numpy as np

from drivers.engine.abi import F32x4, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.fused import bounds, clamped
from drivers.kernels.layout import nhwc_input, nhwc_output
from hal.operations.declaration import Arguments
from hal.operations.pooling import pool_axes
from hal.types import OperationType


@kernel
def max_pool_2d(
    x: F32x4,
    out: F32x4,
    rows: int,
    columns: int,
    stride_y: int,
    stride_x: int,
    top: int,
    left: int,
    low: float,
    high: float,
    begin: int,
    end: int,
) -> None:
    """MAX_POOL_2D. A unit of work is a row of the output."""
    least, most = np.float32(low), np.float32(high)
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        first_y = max(i * stride_y - top, 0)
        last_y = min(i * stride_y - top + rows, x.shape[1])
        for j in range(out.shape[2]):
            first_x = max(j * stride_x - left, 0)
            last_x = min(j * stride_x - left + columns, x.shape[2])
            results = out[batch, i, j]
            for c in range(len(results)):
                results[c] = np.float32(-np.inf)
            for y in range(first_y, last_y):
                for column in range(first_x, last_x):
                    pixel = x[batch, y, column]
                    for c in range(len(results)):
                        results[c] = results[c] if results[c] >= pixel[c] else pixel[c]
            for c in range(len(results)):
                results[c] = clamped(results[c], least, most)


@kernel
def average_pool_2d(
    x: F32x4,
    out: F32x4,
    rows: int,
    columns: int,
    stride_y: int,
    stride_x: int,
    top: int,
    left: int,
    low: float,
    high: float,
    begin: int,
    end: int,
) -> None:
    """AVERAGE_POOL_2D: the mean of those elements that lie in the input. A unit of work is a row of the output."""
    least, most = np.float32(low), np.float32(high)
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        first_y = max(i * stride_y - top, 0)
        last_y = min(i * stride_y - top + rows, x.shape[1])
        for j in range(out.shape[2]):
            first_x = max(j * stride_x - left, 0)
            last_x = min(j * stride_x - left + columns, x.shape[2])
            results = out[batch, i, j]
            for c in range(len(results)):
                results[c] = np.float32(0)
            for y in range(first_y, last_y):
                for column in range(first_x, last_x):
                    pixel = x[batch, y, column]
                    for c in range(len(results)):
                        results[c] += pixel[c]
            share = np.float32(1) / np.float32((last_y - first_y) * (last_x - first_x))
            for c in range(len(results)):
                results[c] = clamped(results[c] * share, least, most)


_KERNELS = {OperationType.MAX_POOL_2D: max_pool_2d, OperationType.AVERAGE_POOL_2D: average_pool_2d}


@lowers(*_KERNELS)
def _lower_pool(builder: Builder, arguments: Arguments) -> None:
    x = nhwc_input(builder, arguments.nchw)
    vertical, horizontal = pool_axes(arguments)
    with nhwc_output(builder, arguments.nchw) as out:
        builder.emit(
            _KERNELS[builder.type],
            x,
            out,
            vertical.window,
            horizontal.window,
            vertical.stride,
            horizontal.stride,
            vertical.before,
            horizontal.before,
            *bounds(arguments.activation),
            work=out.shape[0] * out.shape[1],
            operations=math.prod(out.shape) * vertical.window * horizontal.window,
        )
