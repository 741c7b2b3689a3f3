"""ADD and MUL, and how operations over two broadcast tensors are made."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import F32x4, Helper, Kernel, helper, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.fused import bounds, clamped
from drivers.kernels.layout import as_rank_4
from hal.operations.declaration import Arguments
from hal.types import FuseCode, OperationType


def broadcasting(name: str, combine: Helper) -> Kernel:
    """A kernel that computes ``combine(left, right)`` over two broadcast arrays, kept within bounds.

    A unit of its work is a row of the output's last dimension. The kernel must be a variable called
    ``name`` in the module of ``combine``.
    """

    def body(a: F32x4, b: F32x4, out: F32x4, low: float, high: float, begin: int, end: int) -> None:
        least, most = np.float32(low), np.float32(high)
        for row in range(begin, end):
            k = row % out.shape[2]
            j = row // out.shape[2] % out.shape[1]
            i = row // (out.shape[2] * out.shape[1])
            left = a[i % a.shape[0], j % a.shape[1], k % a.shape[2]]
            right = b[i % b.shape[0], j % b.shape[1], k % b.shape[2]]
            results = out[i, j, k]
            if len(left) == len(right):
                for n in range(len(results)):
                    results[n] = clamped(combine(left[n], right[n]), least, most)
            elif len(left) == 1:
                for n in range(len(results)):
                    results[n] = clamped(combine(left[0], right[n]), least, most)
            else:
                for n in range(len(results)):
                    results[n] = clamped(combine(left[n], right[0]), least, most)

    body.__name__, body.__module__ = name, combine.function.__module__  # where a compiling process finds it
    return kernel(body)


def emit_broadcasting(builder: Builder, chosen: Kernel, activation: int) -> None:
    """Emit ``chosen`` over the operation's first two inputs."""
    out = as_rank_4(builder.output())
    left, right = as_rank_4(builder.input(0)), as_rank_4(builder.input(1))
    rows = out.shape[0] * out.shape[1] * out.shape[2]
    builder.emit(chosen, left, right, out, *bounds(activation), work=rows)


@helper
def _sum(left, right):
    return left + right


@helper
def _product(left, right):
    return left * right


add = broadcasting("add", _sum)
multiply = broadcasting("multiply", _product)

_KERNELS = {OperationType.ADD: add, OperationType.MUL: multiply}


@lowers(*_KERNELS)
def _lower_binary(builder: Builder, arguments: Arguments) -> None:
    emit_broadcasting(builder, _KERNELS[builder.type], FuseCode(arguments.activation))
