"""What tiled convolutions take in of what follows them: a residual ADD, PRELU, HARD_SWISH, RELU.

Their kernels end alike: the last four arrays are bias, addend, slopes and out, the last three numbers
after, low and high. A result is added to, then goes through one of PRELU and HARD_SWISH, then is bounded.
"""

from __future__ import annotations

import math
from dataclasses import replace

from drivers.engine.abi import AFTER_ADD, AFTER_HARD_SWISH, AFTER_PRELU
from drivers.engine.fusion import fuses
from drivers.engine.program import Command, Tensor

_TILED = ("tiled.products_by_tile", "tiled.taps_by_tile")
_UNBOUNDED = (-math.inf, math.inf)


def _ended(
    command: Command,
    out: Tensor,
    *,
    addend: Tensor | None = None,
    slopes: Tensor | None = None,
    after: int = 0,
    bounds: tuple[float, float] = _UNBOUNDED,
) -> Command:
    """A tiled command with a longer end."""
    *numbers, done, _, _ = (each for each in command.arguments if not isinstance(each, Tensor))
    *tensors, bias, added, sloped, _ = (each for each in command.arguments if isinstance(each, Tensor))
    assert isinstance(done, int)
    tensors += [bias, added if addend is None else addend.flat, sloped if slopes is None else slopes.flat, out.flat]
    return replace(command, arguments=(*tensors, *numbers, done | after, *bounds))


def _after(command: Command) -> int:
    """What a tiled command does after its sums."""
    after = command.arguments[-3]
    assert isinstance(after, int)
    return after


def _open(command: Command, allowed: int = 0) -> bool:
    """Whether nothing is behind a command's sums but what is ``allowed``."""
    return _bounds(command) == _UNBOUNDED and not _after(command) & ~allowed


def _bounds(command: Command) -> tuple[float, float]:
    """The last two arguments of a command that bounds its results."""
    low, high = command.arguments[-2:]
    assert isinstance(low, float)
    assert isinstance(high, float)
    return low, high


def _tensors(command: Command) -> list[Tensor]:
    return [each for each in command.arguments if isinstance(each, Tensor)]


def _with_sum(producer: Command, consumer: Command) -> Command | None:
    left, right, out = _tensors(consumer)
    addend = right if left.buffer is _tensors(producer)[-1].buffer else left
    if not _open(producer) or not left.shape == right.shape == out.shape:
        return None
    return _ended(producer, out, addend=addend, after=AFTER_ADD, bounds=_bounds(consumer))


def _with_slopes(producer: Command, consumer: Command) -> Command | None:
    value, slopes, out = _tensors(consumer)
    *_, bias, _, _, result = _tensors(producer)
    channels = bias.flat.shape[0]
    by_channel = slopes.shape[-1] == slopes.flat.shape[0] == channels == out.shape[-1]
    if not _open(producer, AFTER_ADD) or not by_channel or value.buffer is not result.buffer:
        return None
    return _ended(producer, out, slopes=slopes, after=AFTER_PRELU)


def _with_bounds(producer: Command, consumer: Command) -> Command | None:
    if not _open(producer, AFTER_ADD | AFTER_PRELU | AFTER_HARD_SWISH):
        return None
    return _ended(producer, _tensors(consumer)[-1], bounds=_bounds(consumer))


def _with_hard_swish(producer: Command, consumer: Command) -> Command | None:
    return _ended(producer, _tensors(consumer)[-1], after=AFTER_HARD_SWISH) if _open(producer, AFTER_ADD) else None


for _producer in _TILED:
    fuses(_producer, "elementwise.add")(_with_sum)
    fuses(_producer, "elementwise.prelu")(_with_slopes)
    fuses(_producer, "activation.clamp")(_with_bounds)
    fuses(_producer, "activation.hard_swish")(_with_hard_swish)
