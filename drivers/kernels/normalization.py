"""L2_NORMALIZATION, LOCAL_RESPONSE_NORMALIZATION, INSTANCE_NORMALIZATION.

Sums of squares are in float64: they span twice the exponents of what is squared.
"""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import F32x2, I8x2, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.fused import clamped
from drivers.kernels.lines import input_lines, output_lines
from hal.operations.declaration import Arguments
from hal.types import OperandType, OperationType


@kernel
def l2_normalization(x: F32x2, out: F32x2, begin: int, end: int) -> None:
    """L2_NORMALIZATION along rows; a row of zeros stays one. A unit of work is a row."""
    for line in range(begin, end):
        values, results = x[line], out[line]
        total = np.float64(0)
        for n in range(len(values)):
            total += np.float64(values[n]) * np.float64(values[n])
        length = np.sqrt(total) if total != 0 else np.float64(1)
        for n in range(len(values)):
            results[n] = np.float32(values[n] / length)


@kernel
def l2_normalization_int8(x: I8x2, out: I8x2, zero_point: int, out_zero_point: int, begin: int, end: int) -> None:
    """L2_NORMALIZATION along rows, whose results are counted in steps of 1/128. A unit of work is a row."""
    for line in range(begin, end):
        values, results = x[line], out[line]
        total = np.int64(0)
        for n in range(len(values)):
            number = values[n] - zero_point
            total += number * number
        steps = 128 / np.sqrt(np.float64(total if total > 0 else 1))
        for n in range(len(values)):
            scaled = (values[n] - zero_point) * steps
            nearest = np.int64(scaled + 0.5 if scaled >= 0 else scaled - 0.5)
            results[n] = clamped(nearest + out_zero_point, -128, 127)


@kernel
def local_response_normalization(
    x: F32x2, out: F32x2, radius: int, bias: float, alpha: float, beta: float, begin: int, end: int
) -> None:
    """LOCAL_RESPONSE_NORMALIZATION along rows. A unit of work is a row."""
    for line in range(begin, end):
        values, results = x[line], out[line]
        for n in range(len(values)):
            total = np.float64(0)
            for near in range(max(n - radius, 0), min(n + radius + 1, len(values))):
                total += np.float64(values[near]) * np.float64(values[near])
            results[n] = np.float32(values[n] / (bias + alpha * total) ** beta)


@kernel
def instance_normalization(
    x: F32x2, out: F32x2, gamma: float, beta: float, epsilon: float, begin: int, end: int
) -> None:
    """INSTANCE_NORMALIZATION of rows: one for each channel of each image. A unit of work is a row."""
    for line in range(begin, end):
        values, results = x[line], out[line]
        total = np.float64(0)
        for n in range(len(values)):
            total += values[n]
        mean = total / len(values)
        squares = np.float64(0)
        for n in range(len(values)):
            squares += (values[n] - mean) ** 2
        factor = gamma / np.sqrt(squares / len(values) + epsilon)
        for n in range(len(values)):
            results[n] = np.float32((values[n] - mean) * factor + beta)


@lowers(OperationType.L2_NORMALIZATION)
def _lower_l2_normalization(builder: Builder, arguments: Arguments) -> None:
    x = input_lines(builder, arguments.input.shape, arguments.axis)
    with output_lines(builder, arguments.input.shape, arguments.axis) as out:
        builder.emit(l2_normalization, x, out, work=x.shape[0])


@lowers(OperationType.L2_NORMALIZATION, data=(OperandType.TENSOR_QUANT8_ASYMM_SIGNED,))
def _lower_quantized_l2_normalization(builder: Builder, arguments: Arguments) -> None:
    zero_points = arguments.input.zero_point, builder.output_spec().zero_point
    x = input_lines(builder, arguments.input.shape, arguments.axis)
    with output_lines(builder, arguments.input.shape, arguments.axis) as out:
        builder.emit(l2_normalization_int8, x, out, *zero_points, work=x.shape[0])


@lowers(OperationType.LOCAL_RESPONSE_NORMALIZATION)
def _lower_local_response_normalization(builder: Builder, arguments: Arguments) -> None:
    scalars = arguments.radius, arguments.bias, arguments.alpha, arguments.beta
    x = input_lines(builder, arguments.input.shape, arguments.axis)
    with output_lines(builder, arguments.input.shape, arguments.axis) as out:
        window = min(2 * arguments.radius + 1, x.shape[1])
        builder.emit(
            local_response_normalization, x, out, *scalars, work=x.shape[0], operations=window * x.flat.shape[0]
        )


@lowers(OperationType.INSTANCE_NORMALIZATION)
def _lower_instance_normalization(builder: Builder, arguments: Arguments) -> None:
    scalars = arguments.gamma, arguments.beta, arguments.epsilon
    first, second, third, fourth = arguments.input.shape
    image, axis = ((first, second, third * fourth), 2) if arguments.nchw else ((first, second * third, fourth), 1)
    x = input_lines(builder, image, axis)
    with output_lines(builder, image, axis) as out:
        builder.emit(instance_normalization, x, out, *scalars, work=x.shape[0])
