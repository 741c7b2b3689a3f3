"""FULLY_CONNECTED."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import Anyx2, F32x1, F32x2, I8x2, I32x1, I32x2, generic, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.engine.program import Tensor
from drivers.kernels import tiled_quant8
from drivers.kernels.convolution import conv_2d_quant8
from drivers.kernels.fused import bounds, clamped, quantized_bounds
from drivers.kernels.products import FLOAT_AND_QUANT8, add_products, rescaling, weights_in_order
from drivers.kernels.tiled import emit_matrix_products
from hal.operations.declaration import Arguments
from hal.types import OperationType


@kernel
def fully_connected(
    x: F32x2, weights: F32x2, bias: F32x1, out: F32x2, low: float, high: float, begin: int, end: int
) -> None:
    """FULLY_CONNECTED with weights as [input, unit]. A unit of work is an output unit, for all batches."""
    least, most = np.float32(low), np.float32(high)
    for batch in range(x.shape[0]):
        sums = out[batch, begin:end]
        for unit in range(len(sums)):
            sums[unit] = bias[begin + unit]
        add_products(sums, x[batch], weights[:, begin:end], np.float32(0))
        for unit in range(len(sums)):
            sums[unit] = clamped(sums[unit], least, most)


@generic
def fully_connected_quant8(
    x: I8x2,
    weights: Anyx2,
    bias: I32x1,
    sums: I32x2,
    out: I8x2,
    zero: int,
    scale: float,
    out_zero: int,
    low: int,
    high: int,
    begin: int,
    end: int,
) -> None:
    """``fully_connected`` of 8-bit values; ``sums`` is like ``out``.

    A sum is scaled in float64 and rounded, halves away from zero, as LiteRT's reference kernel does it.
    """
    for batch in range(x.shape[0]):
        totals, results = sums[batch, begin:end], out[batch, begin:end]
        for unit in range(len(totals)):
            totals[unit] = bias[begin + unit]
        add_products(totals, x[batch], weights[:, begin:end], zero)
        for unit in range(len(totals)):
            scaled = np.float64(totals[unit]) * scale
            whole = np.trunc(scaled)
            nearest = whole + np.trunc(2 * (scaled - whole))
            results[unit] = np.int8(min(max(nearest + out_zero, low), high))


@lowers(OperationType.FULLY_CONNECTED, data=FLOAT_AND_QUANT8)
def _lower_fully_connected(builder: Builder, arguments: Arguments) -> None:
    out = builder.output()
    batches, units = out.shape
    x = builder.input(0).viewed(batches, arguments.weights.shape[1])
    if out.dtype == "float32" and builder.is_constant(1):
        emit_matrix_products(builder, x, builder.bias(), out, bounds(arguments.activation))
        return
    if out.dtype == "int8" and tiled_quant8.fits_matrix_products(builder, arguments.weights):
        in_float64 = builder.numerics.scales_in_float64
        tiled_quant8.emit_matrix_products(builder, arguments, arguments.weights, x, out, in_float64=in_float64)
        return
    weights = weights_in_order(builder, 1, arguments.weights, (1, 0))
    bias, work = builder.bias(), units
    operations = x.shape[0] * weights.shape[0] * weights.shape[1]
    if out.dtype == "float32":
        limits = bounds(arguments.activation)
        builder.emit(fully_connected, x, weights, bias, out, *limits, work=work, operations=operations)
        return
    if not builder.numerics.scales_in_float64:
        _emit_as_convolution(builder, arguments, x, weights, bias, out)
        return
    output = builder.output_spec()
    builder.emit(
        fully_connected_quant8[weights.dtype],
        x,
        weights,
        bias,
        builder.temporary(*out.shape, dtype="int32"),
        out,
        arguments.input.zero_point,
        arguments.input.scale * arguments.weights.scale / output.scale,
        output.zero_point,
        *quantized_bounds(arguments.activation, output),
        work=work,
        operations=operations,
    )


def _emit_as_convolution(
    builder: Builder, arguments: Arguments, x: Tensor, weights: Tensor, bias: Tensor, out: Tensor
) -> None:
    """Emit it as a convolution of an image with a row for each batch and one column, whose filter is one pixel."""
    batches, units = out.shape
    scale = arguments.input.scale * arguments.weights.scale
    mantissas, exponents, *result = rescaling(builder, [scale] * units, arguments.activation)
    stride, dilation, before = (1, 1), (1, 1), (0, 0)
    builder.emit(
        conv_2d_quant8[weights.dtype],
        x.viewed(1, batches, 1, 1, x.shape[1]),
        weights.viewed(1, 1, 1, *weights.shape),
        bias.viewed(1, units),
        builder.temporary(batches, 1, units, dtype="int32"),
        mantissas.viewed(1, units),
        exponents.viewed(1, units),
        out.viewed(1, batches, 1, 1, units),
        *stride,
        *dilation,
        *before,
        arguments.input.zero_point,
        *result,
        work=batches,
        operations=batches * weights.shape[0] * units,
    )
