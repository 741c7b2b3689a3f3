"""What convolutions and matrix products share: sums of products, and how integer sums become 8-bit results.

Kernels of quantised operations take values less their zero point, multiply and add in int32, and
rescale the sums to the output's scale. The weights' zero point is taken off before: such weights are
int16, all others int8.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivers.engine.abi import I8x1, I16x1, helper, kernel, multiply_add
from drivers.engine.lowering import Builder
from drivers.engine.program import Tensor
from drivers.kernels.fixed_point import rescaled
from drivers.kernels.fused import quantized_bounds
from drivers.kernels.layout import permuted
from hal.operations.declaration import TensorSpec
from hal.types import OperandType

FLOAT_AND_QUANT8 = (OperandType.TENSOR_FLOAT32, OperandType.TENSOR_QUANT8_ASYMM_SIGNED)


@helper
def add_products(sums, values, weights, zero):
    """sums[o] += sum over i of (values[i] - zero) * weights[i, o], in order, four at a time.

    The innermost loop is a vector of ``sums``, which are in fast memory.
    """
    by_four = len(values) - len(values) % 4
    for i in range(0, by_four, 4):
        v0, v1, v2, v3 = values[i] - zero, values[i + 1] - zero, values[i + 2] - zero, values[i + 3] - zero
        for o in range(len(sums)):
            total = multiply_add(sums[o], v0, weights[i, o])
            total = multiply_add(total, v1, weights[i + 1, o])
            total = multiply_add(total, v2, weights[i + 2, o])
            sums[o] = multiply_add(total, v3, weights[i + 3, o])
    for i in range(by_four, len(values)):
        value = values[i] - zero
        for o in range(len(sums)):
            sums[o] = multiply_add(sums[o], value, weights[i, o])


@helper
def requantize(sums, results, mantissas, exponents, zero_point, low, high):
    """Sums, rescaled each by its own multiplier, as 8-bit results from ``low`` to ``high``."""
    for o in range(len(sums)):
        result = rescaled(sums[o], mantissas[o], exponents[o]) + zero_point
        results[o] = np.int8(min(max(result, low), high))


@kernel
def take_off(x: I8x1, out: I16x1, zero_point: int, begin: int, end: int) -> None:
    """8-bit values less their zero point."""
    for i in range(begin, end):
        out[i] = x[i] - zero_point


def rescaling(builder: Builder, scales: Sequence[float], activation: int) -> tuple[Tensor, Tensor, int, int, int]:
    """What ``requantize`` needs to make a row of the operation's output of sums of these scales."""
    output = builder.output_spec()
    multipliers = [builder.multiplier(scale / output.scale) for scale in scales]
    mantissas, exponents = (builder.table(np.array(values, np.int32)) for values in zip(*multipliers))
    return mantissas, exponents, output.zero_point, *quantized_bounds(activation, output)


def weights_in_order(
    builder: Builder, position: int, spec: TensorSpec, axes: Sequence[int], view: Sequence[int] = ()
) -> Tensor:
    """``permuted``, less the weights' zero point."""
    if spec.zero_point == 0:
        return permuted(builder, position, axes, view)
    if builder.is_constant(position):
        return builder.packed(
            position,
            f"{view} {axes} less {spec.zero_point}",
            lambda value: value.reshape(view or value.shape).transpose(axes) - np.int16(spec.zero_point),
        )
    values = permuted(builder, position, axes, view)
    wide = builder.temporary(*values.shape, dtype="int16")
    builder.emit(take_off, values.flat, wide.flat, spec.zero_point, work=values.flat.shape[0])
    return wide
