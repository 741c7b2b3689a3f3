"""ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM, POW, PRELU, LOGICAL_AND, LOGICAL_OR."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import SUM_BITS, helper
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.elementwise_quant8 import Row, emit_pairs
from drivers.kernels.fixed_point import rescaled
from drivers.kernels.fused import bounds, clamped, quantized_bounds
from drivers.kernels.pointwise import broadcasting, emit_broadcasting, greater, less
from drivers.kernels.tables import requantized
from hal.operations.declaration import Arguments
from hal.types import OperandType, OperationType

INT32 = ("int32",)
INT8 = ("int8",)


@helper
def _sum(left, right, low, high):
    return clamped(left + right, np.float32(low), np.float32(high))


@helper
def _difference(left, right, low, high):
    return clamped(left - right, np.float32(low), np.float32(high))


@helper
def _product(left, right, low, high):
    return clamped(left * right, np.float32(low), np.float32(high))


@helper
def _quotient(left, right, low, high):
    return clamped(left / right, np.float32(low), np.float32(high))


add = broadcasting("add", _sum, float, float)
subtract = broadcasting("subtract", _difference, float, float)
multiply = broadcasting("multiply", _product, float, float)
divide = broadcasting("divide", _quotient, float, float)

_FLOAT32 = {
    OperationType.ADD: add,
    OperationType.SUB: subtract,
    OperationType.MUL: multiply,
    OperationType.DIV: divide,
}


@lowers(*_FLOAT32)
def _lower_float32(builder: Builder, arguments: Arguments) -> None:
    low, high = bounds(arguments.activation)
    emit_broadcasting(builder, _FLOAT32[builder.type], builder.input(0), builder.input(1), low, high)


@helper
def _int32_sum(left, right):
    return left + right


@helper
def _int32_difference(left, right):
    return left - right


@helper
def _int32_product(left, right):
    return left * right


@helper
def _int32_quotient(left, right):
    return left // right if right != 0 else np.int64(0)


@helper
def _greater(left, right):
    return greater(left, right)


@helper
def _less(left, right):
    return less(left, right)


@helper
def _power(left, right):
    return left**right


@helper
def _leaky(value, slope):
    return value if value >= np.float32(0) else value * slope


add_int32 = broadcasting("add_int32", _int32_sum, dtypes=INT32)
subtract_int32 = broadcasting("subtract_int32", _int32_difference, dtypes=INT32)
multiply_int32 = broadcasting("multiply_int32", _int32_product, dtypes=INT32)
divide_int32 = broadcasting("divide_int32", _int32_quotient, dtypes=INT32)
maximum = broadcasting("maximum", _greater, dtypes=("float32", "int32", "int8"))
minimum = broadcasting("minimum", _less, dtypes=("float32", "int32", "int8"))
power = broadcasting("power", _power)
prelu = broadcasting("prelu", _leaky)

_INT32 = {
    OperationType.ADD: add_int32,
    OperationType.SUB: subtract_int32,
    OperationType.MUL: multiply_int32,
    OperationType.DIV: divide_int32,
}
_EXTREMES = {OperationType.MAXIMUM: maximum, OperationType.MINIMUM: minimum}
_TRUTH = {OperationType.LOGICAL_OR: maximum, OperationType.LOGICAL_AND: minimum}
_PLAIN = {**_INT32, **_EXTREMES, **_TRUTH, OperationType.POW: power, OperationType.PRELU: prelu}


@lowers(*_INT32, data=(OperandType.TENSOR_INT32,))
@lowers(*_EXTREMES, data=(OperandType.TENSOR_FLOAT32, OperandType.TENSOR_INT32))
@lowers(*_TRUTH, data=(OperandType.TENSOR_BOOL8,))
@lowers(OperationType.POW, OperationType.PRELU)
def _lower_plain(builder: Builder, arguments: Arguments) -> None:
    emit_broadcasting(builder, _PLAIN[builder.type], builder.input(0), builder.input(1))


@helper
def _quantized_sum(
    left, right, left_zero, left_mantissa, left_exponent, right_zero, right_mantissa, right_exponent, sign,
    mantissa, exponent, zero, low, high,
):  # fmt: skip
    one = rescaled(np.int32((left - left_zero) << SUM_BITS), left_mantissa, left_exponent)
    other = rescaled(np.int32((right - right_zero) << SUM_BITS), right_mantissa, right_exponent)
    return clamped(np.int64(rescaled(np.int32(one + sign * other), mantissa, exponent)) + zero, low, high)


@helper
def _quantized_product(left, right, left_zero, right_zero, mantissa, exponent, zero, low, high):
    product = np.int32((left - left_zero) * (right - right_zero))
    return clamped(np.int64(rescaled(product, mantissa, exponent)) + zero, low, high)


@helper
def _quantized_leaky(value, slope, value_zero, slope_zero, mantissa, exponent, steep_mantissa, steep_exponent, zero):
    number = value - value_zero
    straight = rescaled(np.int32(number), mantissa, exponent)
    sloped = rescaled(np.int32(number * (slope - slope_zero)), steep_mantissa, steep_exponent)
    return clamped(np.int64(straight if number >= 0 else sloped) + zero, -128, 127)


add_int8 = broadcasting("add_int8", _quantized_sum, *[int] * 12, dtypes=INT8)
multiply_int8 = broadcasting("multiply_int8", _quantized_product, *[int] * 7, dtypes=INT8)
prelu_int8 = broadcasting("prelu_int8", _quantized_leaky, *[int] * 7, dtypes=INT8)

_QUANTIZED = (OperandType.TENSOR_QUANT8_ASYMM_SIGNED,)


@lowers(OperationType.ADD, OperationType.SUB, data=_QUANTIZED)
def _lower_quantized_sum(builder: Builder, arguments: Arguments) -> None:
    left, right, out = arguments.input0, arguments.input1, builder.output_spec()
    largest = 2 * max(left.scale, right.scale)  # both inputs in units of it stay below a half
    limits = quantized_bounds(arguments.activation, out)
    if builder.type is OperationType.ADD:
        rows = [
            Row(-spec.zero_point << SUM_BITS, builder.multiplier(spec.scale / largest), 255 << SUM_BITS)
            for spec in (left, right)
        ]
        multiplier = builder.multiplier(largest / (2**SUM_BITS * out.scale))
        if emit_pairs(builder, "sum", [*rows, Row(0, multiplier, 256 << SUM_BITS, out.zero_point)], limits):
            return
    scalars: list[int] = []
    for spec in (left, right):
        scalars += [spec.zero_point, *builder.multiplier(spec.scale / largest)]
    scalars.append(1 if builder.type is OperationType.ADD else -1)
    scalars += [*builder.multiplier(largest / (2**SUM_BITS * out.scale)), out.zero_point]
    scalars += limits
    emit_broadcasting(builder, add_int8, builder.input(0), builder.input(1), *scalars)


@lowers(OperationType.MUL, data=_QUANTIZED)
def _lower_quantized_product(builder: Builder, arguments: Arguments) -> None:
    left, right, out = arguments.input0, arguments.input1, builder.output_spec()
    factor = builder.multiplier(float(np.float32(left.scale) * np.float32(right.scale) / np.float32(out.scale)))
    limits = quantized_bounds(arguments.activation, out)
    rows = [Row(-spec.zero_point, factor, 255 * 255, out.zero_point) for spec in (left, right)]
    if emit_pairs(builder, "product", rows, limits):
        return
    scalars = [left.zero_point, right.zero_point, *factor, out.zero_point]
    emit_broadcasting(builder, multiply_int8, builder.input(0), builder.input(1), *scalars, *limits)


@lowers(OperationType.PRELU, data=_QUANTIZED)
def _lower_quantized_prelu(builder: Builder, arguments: Arguments) -> None:
    value, slope, out = arguments.input, arguments.alpha, builder.output_spec()
    straight = np.float32(value.scale) / np.float32(out.scale)
    sloped = np.float32(value.scale) * np.float32(slope.scale) / np.float32(out.scale)
    multipliers = [builder.multiplier(float(real)) for real in (straight, sloped)]
    (mantissa, exponent), steep = multipliers
    up = max(exponent, 0)  # what a multiplier of 1 and more takes is shifted before
    rows = [
        Row(-value.zero_point, (mantissa, exponent - up), 255 << up, out.zero_point),
        Row(-slope.zero_point, steep, 255 * 255, out.zero_point),
        Row(up, (0, 0), 0),
    ]
    if emit_pairs(builder, "leaky", rows, (-128, 127)):
        return
    scalars = [value.zero_point, slope.zero_point, *multipliers[0], *multipliers[1]]
    emit_broadcasting(builder, prelu_int8, builder.input(0), builder.input(1), *scalars, out.zero_point)


@lowers(*_EXTREMES, data=_QUANTIZED)
def _lower_quantized_extreme(builder: Builder, arguments: Arguments) -> None:
    """Rounding keeps order: the greater of two rounded numbers is the greater one, rounded."""
    out = builder.output_spec()
    left = requantized(builder, 0, arguments.input0, out)
    right = requantized(builder, 1, arguments.input1, out)
    emit_broadcasting(builder, _EXTREMES[builder.type], left, right)
