"""BATCH_MATMUL."""

from __future__ import annotations

import math

import numpy as np

from drivers.engine.abi import Anyx3, F32x3, I8x3, I32x1, I32x2, generic, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.layout import permuted
from drivers.kernels.products import FLOAT_AND_QUANT8, add_products, requantize, rescaling, weights_in_order
from hal.operations.declaration import Arguments
from hal.types import FuseCode, OperationType


@kernel
def batch_matmul(x: F32x3, y: F32x3, out: F32x3, begin: int, end: int) -> None:
    """BATCH_MATMUL. A unit of work is a row of the output, in which its sums grow."""
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        sums = out[batch, i]
        for j in range(len(sums)):
            sums[j] = np.float32(0)
        add_products(sums, x[batch, i], y[batch], np.float32(0))


@generic
def batch_matmul_quant8(
    x: I8x3,
    y: Anyx3,
    sums: I32x2,
    mantissas: I32x1,
    exponents: I32x1,
    out: I8x3,
    zero: int,
    out_zero: int,
    low: int,
    high: int,
    begin: int,
    end: int,
) -> None:
    """``batch_matmul`` of 8-bit values; ``sums`` has a row for each unit of work."""
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        totals = sums[line]
        for j in range(len(totals)):
            totals[j] = 0
        add_products(totals, x[batch, i], y[batch], zero)
        requantize(totals, out[batch, i], mantissas, exponents, out_zero, low, high)


@lowers(OperationType.BATCH_MATMUL, data=FLOAT_AND_QUANT8)
def _lower_batch_matmul(builder: Builder, arguments: Arguments) -> None:
    first, second = arguments.input0, arguments.input1
    batches = math.prod(first.shape[:-2])
    x = permuted(builder, 0, (0, 2, 1) if arguments.adjoint0 else (0, 1, 2), (batches, *first.shape[-2:]))
    axes = (0, 2, 1) if arguments.adjoint1 else (0, 1, 2)
    y = weights_in_order(builder, 1, second, axes, (batches, *second.shape[-2:]))
    rows, columns = x.shape[1], y.shape[2]
    out = builder.output().viewed(batches, rows, columns)
    work, operations = batches * rows, math.prod(out.shape) * x.shape[2]
    if out.dtype == "float32":
        builder.emit(batch_matmul, x, y, out, work=work, operations=operations)
        return
    sums = builder.temporary(work, columns, dtype="int32")
    scale = float(np.float32(first.scale) * np.float32(second.scale))  # as LiteRT rounds it
    mantissas, exponents, *result = rescaling(builder, [scale] * columns, FuseCode.NONE)
    builder.emit(
        batch_matmul_quant8[y.dtype],
        x,
        y,
        sums,
        mantissas,
        exponents,
        out,
        first.zero_point,
        *result,
        work=work,
        operations=operations,
    )
