"""MEAN, REDUCE_SUM, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ALL, REDUCE_ANY, ARGMAX, ARGMIN."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from drivers.engine.abi import Anyx2, ArraySpec, Helper, I32x1, generic, helper
from drivers.engine.lowering import Builder, lowers
from drivers.engine.program import Tensor
from drivers.kernels.layout import as_rank_4
from drivers.kernels.lines import input_lines
from drivers.kernels.pointwise import ByType, greater, kernel_from, less, mapping
from hal.operations.declaration import Arguments
from hal.operations.reduction import reduced_axes
from hal.types import OperandType, OperationType


def reducing(name: str, combine: Helper, dtypes: Mapping[str, str]) -> ByType:
    """Kernels that ``combine`` all of x over the dimensions in which their output has size 1.

    ``dtypes``: that of the output for each that x may have. A unit of work is a row of the output.
    What is returned must be a variable called ``name`` in the module of ``combine``.
    """

    def body(x, out, begin, end):
        count_0, count_1 = x.shape[0] // out.shape[0], x.shape[1] // out.shape[1]
        count_2, count_3 = x.shape[2] // out.shape[2], x.shape[3] // out.shape[3]
        for row in range(begin, end):
            k = row % out.shape[2]
            j = row // out.shape[2] % out.shape[1]
            i = row // (out.shape[2] * out.shape[1])
            results = out[i, j, k]
            for p in range(count_0):
                for q in range(count_1):
                    for r in range(count_2):
                        values = x[i + p, j + q, k + r]
                        first = p + q + r == 0
                        if count_3 > 1:
                            total = values[0]
                            for n in range(1, len(values)):
                                total = combine(total, values[n])
                            results[0] = total if first else combine(results[0], total)
                        elif first:
                            for n in range(len(results)):
                                results[n] = values[n]
                        else:
                            for n in range(len(results)):
                                results[n] = combine(results[n], values[n])

    return {
        dtype: kernel_from(name, combine, body, [ArraySpec(dtype, 4), ArraySpec(out_dtype, 4)], dtype)
        for dtype, out_dtype in dtypes.items()
    }


@helper
def _sum(left, right):
    return left + right


@helper
def _product(left, right):
    return left * right


@helper
def _greater(left, right):
    return greater(left, right)


@helper
def _less(left, right):
    return less(left, right)


@helper
def _scaled(x, factor):
    return x * np.float32(factor)


@helper
def _average(total, count, zero_point):
    """The mean of ``count`` stored values: as a distance from the zero point, halves away from it."""
    distance = total - count * zero_point
    size = (2 * abs(distance) + count) // (2 * count)
    return (size if distance >= 0 else -size) + zero_point


_SAME = {"float32": "float32", "int8": "int8"}

total = reducing("total", _sum, {"float32": "float32", "int8": "int64"})
product = reducing("product", _product, {"float32": "float32"})
greatest = reducing("greatest", _greater, _SAME)
least = reducing("least", _less, _SAME)
scale = mapping("scale", _scaled, float)
average = mapping("average", _average, int, int, dtypes=("int64",), out_dtype="int8")

_EXTREMES = {OperationType.REDUCE_MAX: greatest, OperationType.REDUCE_MIN: least}
_TRUTH = {OperationType.REDUCE_ANY: greatest, OperationType.REDUCE_ALL: least}
_REDUCTIONS = {**_EXTREMES, **_TRUTH, OperationType.REDUCE_SUM: total, OperationType.REDUCE_PROD: product}


@lowers(OperationType.REDUCE_SUM, OperationType.REDUCE_PROD, *_EXTREMES)
@lowers(*_EXTREMES, data=(OperandType.TENSOR_QUANT8_ASYMM_SIGNED,))
@lowers(*_TRUTH, data=(OperandType.TENSOR_BOOL8,))
def _lower_reduction(builder: Builder, arguments: Arguments) -> None:
    _emit_reduction(builder, arguments, _REDUCTIONS[builder.type], builder.output())


@lowers(OperationType.MEAN)
def _lower_mean(builder: Builder, arguments: Arguments) -> None:
    out = builder.output().flat
    _emit_reduction(builder, arguments, total, out)
    share = out.shape[0] / builder.input(0).flat.shape[0]
    builder.emit(scale["float32"], out, out, share, work=out.shape[0])


@lowers(OperationType.MEAN, data=(OperandType.TENSOR_QUANT8_ASYMM_SIGNED,))
def _lower_quantized_mean(builder: Builder, arguments: Arguments) -> None:
    out = builder.output().flat
    count = builder.input(0).flat.shape[0] // out.shape[0]
    sums = builder.temporary(*out.shape, dtype="int64")
    _emit_reduction(builder, arguments, total, sums)
    builder.emit(average["int64"], sums, out, count, arguments.input.zero_point, work=out.shape[0])


def _emit_reduction(builder: Builder, arguments: Arguments, kernels: ByType, out: Tensor) -> None:
    source = as_rank_4(builder.input(0))
    missing = 4 - len(arguments.input.shape)
    reduced = {missing + axis for axis in reduced_axes(arguments)}
    out = out.viewed(*(1 if axis in reduced else size for axis, size in enumerate(source.shape)))
    builder.emit(kernels[source.dtype], source, out, work=math.prod(out.shape[:3]))


@generic
def place(x: Anyx2, out: I32x1, of_least: int, begin: int, end: int) -> None:
    """ARGMAX or ARGMIN along rows: the first place of the extreme, or of NaN. A unit of work is a row."""
    for line in range(begin, end):
        values, chosen = x[line], 0
        for n in range(1, len(values)):
            value, held = values[n], values[chosen]
            better = value < held if of_least else value > held
            if (better or value != value) and held == held:
                chosen = n
        out[line] = chosen


_PLACED = (OperandType.TENSOR_FLOAT32, OperandType.TENSOR_INT32, OperandType.TENSOR_QUANT8_ASYMM_SIGNED)


@lowers(OperationType.ARGMAX, OperationType.ARGMIN, data=_PLACED)
def _lower_place(builder: Builder, arguments: Arguments) -> None:
    x = input_lines(builder, arguments.input.shape, arguments.axis)
    of_least = builder.type is OperationType.ARGMIN
    builder.emit(place[x.dtype], x, builder.output().flat, of_least, work=x.shape[0], operations=x.flat.shape[0])
