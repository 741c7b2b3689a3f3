"""Layouts that kernels share: NCHW tensors pass through NHWC kernels, lower ranks through those of rank 4."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from drivers.engine.abi import F32x3, kernel
from drivers.engine.lowering import Builder
from drivers.engine.program import Tensor


@kernel
def swap(x: F32x3, out: F32x3, begin: int, end: int) -> None:
    """out[b, j, i] = x[b, i, j]. A unit of work is a row of the output."""
    for row in range(begin, end):
        batch, j = row // out.shape[1], row % out.shape[1]
        for i in range(out.shape[2]):
            out[batch, j, i] = x[batch, i, j]


def nhwc_input(builder: Builder, nchw: bool) -> Tensor:
    """The operation's first input, in NHWC."""
    source = builder.input(0)
    if not nchw:
        return source
    batches, depth, height, width = source.shape
    target = builder.temporary(batches, height, width, depth)
    _emit_swap(builder, source.viewed(batches, depth, height * width), target)
    return target


@contextmanager
def nhwc_output(builder: Builder, nchw: bool) -> Iterator[Tensor]:
    """The operation's output, to be written in NHWC."""
    output = builder.output()
    if not nchw:
        yield output
        return
    batches, depth, height, width = output.shape
    source = builder.temporary(batches, height, width, depth)
    yield source
    _emit_swap(builder, source.viewed(batches, height * width, depth), output)


def _emit_swap(builder: Builder, source: Tensor, target: Tensor) -> None:
    batches, rows, columns = source.shape
    builder.emit(swap, source, target.viewed(batches, columns, rows), work=batches * columns)


def as_rank_4(tensor: Tensor) -> Tensor:
    """The tensor with dimensions of 1 put before its own."""
    return tensor.viewed(*(1,) * (4 - len(tensor.shape)), *tensor.shape)
