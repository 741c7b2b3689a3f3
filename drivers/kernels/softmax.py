"""SOFTMAX and LOG_SOFTMAX."""

from __future__ import annotations

import math

import numpy as np

from drivers.engine.abi import F32x2, I8x2, I32x1, helper, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.engine.numerics import Multiplier
from drivers.kernels.exponential import exponential
from drivers.kernels.fixed_point import high_product, rounding_shift
from drivers.kernels.lines import input_lines, output_lines
from hal.operations.declaration import Arguments, Array
from hal.types import OperandType, OperationType


@helper
def _greatest(row):
    greatest = row[0]
    for n in range(1, len(row)):
        greatest = row[n] if row[n] > greatest else greatest
    return greatest


@kernel
def softmax(x: F32x2, out: F32x2, beta: float, begin: int, end: int) -> None:
    """SOFTMAX along rows: out = e^((x - max) * beta) / the sum of the same. A unit of work is a row."""
    factor = np.float32(beta)
    for line in range(begin, end):
        values, results = x[line], out[line]
        greatest = _greatest(values)
        for n in range(len(values)):
            results[n] = exponential((values[n] - greatest) * factor)
        total = np.float32(0)
        for n in range(len(results)):
            total += results[n]
        for n in range(len(results)):
            results[n] /= total


@kernel
def log_softmax(x: F32x2, out: F32x2, beta: float, begin: int, end: int) -> None:
    """LOG_SOFTMAX along rows: out = (x - max) * beta - log(the sum of e to that). A unit of work is a row."""
    factor = np.float32(beta)
    for line in range(begin, end):
        values, results = x[line], out[line]
        greatest = _greatest(values)
        for n in range(len(values)):
            results[n] = exponential((values[n] - greatest) * factor)
        total = np.float32(0)
        for n in range(len(results)):
            total += results[n]
        logarithm = np.log(total)
        for n in range(len(results)):
            results[n] = (values[n] - greatest) * factor - logarithm


_ONE = 2**31
"""What 1 is where a number below 1 is an int32."""

_SUM_BITS = 12
"""How many times a row's sum, whose terms are up to 1, is halved so that it fits: LiteRT's choice, as all below is."""

_DIFFERENCE_BITS = 5
"""How many bits of an exponent are above the point, in an int32."""

_START, _SLOPE = round(48 / 17 * _ONE / 4), round(-32 / 17 * _ONE / 4)


@helper
def _inverse(x):
    """1 / (1 + x), both below 1: Newton's method for the inverse of half of 1 + x, which is kept in quarters."""
    half = (np.int64(x) + _ONE) >> 1
    quotient = np.int64(_START) + high_product(half, _SLOPE)
    for _ in range(3):
        rest = _ONE // 4 - np.int64(high_product(half, quotient))
        quotient += np.int64(high_product(quotient, rest)) << 2
    return min(quotient << 1, _ONE - 1)


@kernel
def softmax_int8(x: I8x2, powers: I32x1, out: I8x2, begin: int, end: int) -> None:
    """SOFTMAX along rows in integers. A unit of work is a row.

    ``powers``: e^((x - max) * beta) for each difference in stored values, from 0 to -255.
    """
    for line in range(begin, end):
        values, results = x[line], out[line]
        greatest = np.int64(_greatest(values))
        total = np.int64(0)
        for n in range(len(values)):
            total += rounding_shift(powers[greatest - values[n]], _SUM_BITS)
        if total >= _ONE:  # a row so long that its results are all below half a step of the output
            total = np.int64(_ONE - 1)
        leading_zeros = 0
        while total << leading_zeros < _ONE:
            leading_zeros += 1
        share = _inverse((total << leading_zeros) - _ONE)
        bits = 31 - 8 + _SUM_BITS - leading_zeros
        for n in range(len(values)):
            result = np.int64(rounding_shift(high_product(share, powers[greatest - values[n]]), bits)) - 128
            results[n] = min(result, 127)


def _powers(scale: float, multiplier: Multiplier) -> Array:
    """e^(-n * scale) for n from 0 to 255, as int32; 0 where LiteRT takes it for nothing."""
    unit = _ONE >> _DIFFERENCE_BITS
    mantissa, exponent = multiplier(min(scale * unit, _ONE - 1.0))
    steps = -np.arange(256, dtype=np.int64)
    exponents = rounding_shift(high_product(steps << max(exponent, 0), mantissa), max(-exponent, 0))
    kept = -steps <= math.floor((2**_DIFFERENCE_BITS - 1) * unit / 2.0**exponent)
    return np.where(kept, _exponential(exponents.astype(np.int64), unit), 0).astype(np.int32)


def _exponential(x: Array, unit: int) -> Array:
    """e^(x / unit) for x <= 0: a series around -1/8 for what x is above a quarter's multiple, then factors."""
    quarter = unit // 4
    above = (x & (quarter - 1)) - quarter
    a = (above << _DIFFERENCE_BITS) + _ONE // 8
    square = high_product(a, a)
    fourth = rounding_shift(high_product(square, square), 2)
    tail = rounding_shift(high_product(fourth + high_product(square, a), round(_ONE / 3)) + square, 1)
    middle = round(math.exp(-1 / 8) * _ONE)
    result = middle + high_product(middle, a + tail)
    for bit in range(_DIFFERENCE_BITS + 2):
        factor = round(math.exp(-(2.0**bit) / 4) * _ONE)
        result = np.where((above - x) & (quarter << bit), high_product(result, factor), result)
    return np.where(x == 0, _ONE - 1, result)


@lowers(OperationType.SOFTMAX, OperationType.LOG_SOFTMAX)
def _lower_softmax(builder: Builder, arguments: Arguments) -> None:
    chosen = softmax if builder.type is OperationType.SOFTMAX else log_softmax
    x = input_lines(builder, arguments.input.shape, arguments.axis)
    with output_lines(builder, arguments.input.shape, arguments.axis) as out:
        builder.emit(chosen, x, out, arguments.beta, work=x.shape[0])


@lowers(OperationType.SOFTMAX, data=(OperandType.TENSOR_QUANT8_ASYMM_SIGNED,))
def _lower_quantized_softmax(builder: Builder, arguments: Arguments) -> None:
    x = input_lines(builder, arguments.input.shape, arguments.axis)
    powers = builder.table(_powers(arguments.beta * arguments.input.scale, builder.multiplier))
    with output_lines(builder, arguments.input.shape, arguments.axis) as out:
        builder.emit(softmax_int8, x, powers, out, work=x.shape[0])
