"""Layouts that kernels share: dimensions in another order, lower ranks as rank 4, NCHW through NHWC kernels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from drivers.engine.lowering import Builder
from drivers.engine.program import Tensor
from drivers.kernels.strided import emit_move, whole

_TO_NHWC = (0, 2, 3, 1)
_TO_NCHW = (0, 3, 1, 2)


def permuted(builder: Builder, position: int, axes: Sequence[int], view: Sequence[int] = ()) -> Tensor:
    """The operation's input at ``position`` with its dimensions in the order of ``axes``.

    ``view``: dimensions to see it with before, where those are not its own. A constant is rearranged
    once, when the model is prepared.
    """
    if builder.is_constant(position):
        return builder.packed(
            position, f"{view} {axes}", lambda value: value.reshape(view or value.shape).transpose(axes)
        )
    source = builder.input(position)
    source = source.viewed(*view or source.shape)
    if list(axes) == sorted(axes):
        return source
    target = builder.temporary(*(source.shape[axis] for axis in axes), dtype=source.dtype)
    emit_permute(builder, source, target, axes)
    return target


def emit_permute(builder: Builder, source: Tensor, target: Tensor, axes: Sequence[int]) -> None:
    """Emit what writes ``source`` into ``target`` with its dimensions in the order of ``axes``."""
    emit_move(builder, whole(source).transposed(axes), whole(target))


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
    source = builder.temporary(*(output.shape[axis] for axis in _TO_NHWC), dtype=output.dtype)
    yield source
    emit_permute(builder, source, output, _TO_NCHW)


def as_rank_4(tensor: Tensor) -> Tensor:
    """The tensor with dimensions of 1 put before its own."""
    return tensor.viewed(*(1,) * (4 - len(tensor.shape)), *tensor.shape)
