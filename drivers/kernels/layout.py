"""Layouts that kernels share: dimensions in another order, lower ranks as rank 4, NCHW through NHWC kernels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from drivers.engine.abi import F32x1, F32x4, kernel
from drivers.engine.lowering import Builder
from drivers.engine.program import Tensor

_TO_NHWC = (0, 2, 3, 1)
_TO_NCHW = (0, 3, 1, 2)


@kernel
def permute(x: F32x1, out: F32x4, step_0: int, step_1: int, step_2: int, step_3: int, begin: int, end: int) -> None:
    """out[i, j, k, n] = x[i * step_0 + j * step_1 + k * step_2 + n * step_3]. A unit of work is a row of the output."""
    for row in range(begin, end):
        k = row % out.shape[2]
        j = row // out.shape[2] % out.shape[1]
        i = row // (out.shape[2] * out.shape[1])
        first = i * step_0 + j * step_1 + k * step_2
        for n in range(out.shape[3]):
            out[i, j, k, n] = x[first + n * step_3]


def permuted(builder: Builder, position: int, axes: Sequence[int]) -> Tensor:
    """The operation's input at ``position`` with its dimensions in the order of ``axes``.

    A constant is rearranged once, when the model is prepared.
    """
    if builder.is_constant(position):
        return builder.packed(position, f"axes {axes}", lambda value: value.transpose(axes))
    source = builder.input(position)
    target = builder.temporary(*(source.shape[axis] for axis in axes))
    emit_permute(builder, source, target, axes)
    return target


def emit_permute(builder: Builder, source: Tensor, target: Tensor, axes: Sequence[int]) -> None:
    """Emit what writes ``source`` into ``target`` with its dimensions in the order of ``axes``; rank up to 4."""
    steps = [math.prod(source.shape[axis + 1 :]) for axis in axes]
    padded = as_rank_4(target)
    builder.emit(permute, source.flat, padded, *[0] * (4 - len(steps)), *steps, work=math.prod(padded.shape[:3]))


def nhwc_input(builder: Builder, nchw: bool) -> Tensor:
    """The operation's first input, in NHWC."""
    return permuted(builder, 0, _TO_NHWC) if nchw else builder.input(0)


@contextmanager
def nhwc_output(builder: Builder, nchw: bool) -> Iterator[Tensor]:
    """The operation's output, to be written in NHWC."""
    output = builder.output()
    if not nchw:
        yield output
        return
    source = builder.temporary(*(output.shape[axis] for axis in _TO_NHWC))
    yield source
    emit_permute(builder, source, output, _TO_NCHW)


def as_rank_4(tensor: Tensor) -> Tensor:
    """The tensor with dimensions of 1 put before its own."""
    return tensor.viewed(*(1,) * (4 - len(tensor.shape)), *tensor.shape)
