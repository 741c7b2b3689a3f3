"""AVERAGE_POOL_2D, L2_POOL_2D and MAX_POOL_2D."""

from __future__ import annotations

import math

import numpy as np

from drivers.engine.abi import Anyx4, F32x4, Helper, I8x4, I32x2, Kernel, flat, generic, helper, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.fused import bounds, clamped, quantized_bounds
from drivers.kernels.layout import nhwc_input, nhwc_output
from hal.operations.declaration import Arguments
from hal.operations.pooling import pool_axes
from hal.types import OperandType, OperationType


@helper
def _covered(place, stride, before, window, size):
    """The first element of the input that a window lies on, and the one after its last."""
    first = place * stride - before
    return max(first, 0), min(first + window, size)


@helper
def _greater(one, other):
    return one if one >= other else other


@generic
def max_pool_2d(
    x: Anyx4,
    out: Anyx4,
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
    least, most = x.dtype.type(low), x.dtype.type(high)
    values, results = flat(x), flat(out)
    height, width, depth = x.shape[1:]
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        first_y, last_y = _covered(i, stride_y, top, rows, height)
        for j in range(out.shape[2]):
            first_x, last_x = _covered(j, stride_x, left, columns, width)
            at = (line * out.shape[2] + j) * depth
            first = ((batch * height + first_y) * width + first_x) * depth
            if last_y - first_y == 2 and last_x - first_x == 2:  # the usual window, in one go
                below = first + width * depth
                for c in range(depth):
                    one, other = values[np.uint64(first + c)], values[np.uint64(first + depth + c)]
                    third, fourth = values[np.uint64(below + c)], values[np.uint64(below + depth + c)]
                    greatest = _greater(_greater(_greater(one, other), third), fourth)
                    results[np.uint64(at + c)] = clamped(greatest, least, most)
                continue
            for c in range(depth):
                results[np.uint64(at + c)] = values[np.uint64(first + c)]
            for y in range(last_y - first_y):
                for column in range(last_x - first_x):
                    pixel = first + (y * width + column) * depth
                    for c in range(depth):
                        results[np.uint64(at + c)] = _greater(results[np.uint64(at + c)], values[np.uint64(pixel + c)])
            for c in range(depth):
                results[np.uint64(at + c)] = clamped(results[np.uint64(at + c)], least, most)


def _averaging(name: str, term: Helper, result: Helper) -> Kernel:
    """A kernel that computes ``result(mean of term(element))`` over the elements that lie in the input.

    A unit of its work is a row of the output. The kernel must be a variable called ``name``.
    """

    def body(
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
        least, most = np.float32(low), np.float32(high)
        for line in range(begin, end):
            batch, i = line // out.shape[1], line % out.shape[1]
            first_y, last_y = _covered(i, stride_y, top, rows, x.shape[1])
            for j in range(out.shape[2]):
                first_x, last_x = _covered(j, stride_x, left, columns, x.shape[2])
                results = out[batch, i, j]
                for c in range(len(results)):
                    results[c] = np.float32(0)
                for y in range(first_y, last_y):
                    for column in range(first_x, last_x):
                        pixel = x[batch, y, column]
                        for c in range(len(results)):
                            results[c] += term(pixel[c])
                share = np.float32(1) / np.float32((last_y - first_y) * (last_x - first_x))
                for c in range(len(results)):
                    results[c] = clamped(result(results[c] * share), least, most)

    body.__name__ = name
    return kernel(body)


@helper
def _itself(value):
    return value


@helper
def _square(value):
    return value * value


@helper
def _root(value):
    return np.sqrt(value)


average_pool_2d = _averaging("average_pool_2d", _itself, _itself)
l2_pool_2d = _averaging("l2_pool_2d", _square, _root)


@kernel
def average_pool_2d_quant8(
    x: I8x4,
    sums: I32x2,
    out: I8x4,
    rows: int,
    columns: int,
    stride_y: int,
    stride_x: int,
    top: int,
    left: int,
    low: int,
    high: int,
    begin: int,
    end: int,
) -> None:
    """AVERAGE_POOL_2D of 8-bit values, halves rounded away from 0; ``sums`` has a row for each unit of work."""
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        first_y, last_y = _covered(i, stride_y, top, rows, x.shape[1])
        for j in range(out.shape[2]):
            first_x, last_x = _covered(j, stride_x, left, columns, x.shape[2])
            totals, results = sums[line], out[batch, i, j]
            for c in range(len(totals)):
                totals[c] = 0
            for y in range(first_y, last_y):
                for column in range(first_x, last_x):
                    pixel = x[batch, y, column]
                    for c in range(len(totals)):
                        totals[c] += pixel[c]
            count = (last_y - first_y) * (last_x - first_x)
            half = count // 2
            for c in range(len(totals)):
                # float64 quotients of int32 are exact enough to be cut off at the point, and are vectors
                nearest = np.trunc((totals[c] + (half if totals[c] > 0 else -half)) / count)
                results[c] = np.int8(min(max(nearest, low), high))


_IN_FLOAT32 = {
    OperationType.AVERAGE_POOL_2D: average_pool_2d,
    OperationType.L2_POOL_2D: l2_pool_2d,
    OperationType.MAX_POOL_2D: max_pool_2d["float32"],
}


@lowers(*_IN_FLOAT32)
def _lower_pool(builder: Builder, arguments: Arguments) -> None:
    _emit_pool(builder, arguments, _IN_FLOAT32[builder.type], bounds(arguments.activation))


@lowers(OperationType.AVERAGE_POOL_2D, OperationType.MAX_POOL_2D, data=(OperandType.TENSOR_QUANT8_ASYMM_SIGNED,))
def _lower_pool_quant8(builder: Builder, arguments: Arguments) -> None:
    chosen = max_pool_2d["int8"] if builder.type is OperationType.MAX_POOL_2D else average_pool_2d_quant8
    _emit_pool(builder, arguments, chosen, quantized_bounds(arguments.activation, builder.output_spec()))


def _emit_pool(builder: Builder, arguments: Arguments, chosen: Kernel, limits: tuple[float, float]) -> None:
    x = nhwc_input(builder, arguments.nchw)
    vertical, horizontal = pool_axes(arguments)
    with nhwc_output(builder, arguments.nchw) as out:
        work = out.shape[0] * out.shape[1]
        sums = (builder.temporary(work, out.shape[3], dtype="int32"),) if chosen is average_pool_2d_quant8 else ()
        builder.emit(
            chosen,
            x,
            *sums,
            out,
            vertical.window,
            horizontal.window,
            vertical.stride,
            horizontal.stride,
            vertical.before,
            horizontal.before,
            *limits,
            work=work,
            operations=math.prod(out.shape) * vertical.window * horizontal.window,
        )
