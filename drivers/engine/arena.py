"""Memory planning: where each temporary lives in the arena."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hal.memory import aligned


@dataclass(frozen=True, slots=True)
class Lifespan:
    """``size`` bytes, needed from command ``first`` to command ``last``, both inclusive."""

    size: int
    first: int
    last: int


_TRIES = 32
"""Orders that are tried: a few milliseconds. Most networks' plans need one to ten."""


def plan(lifespans: Sequence[Lifespan]) -> tuple[list[int], int]:
    """Offsets at which no two lifespans that overlap in time share a byte, and the arena's size.

    Greedy by size: the largest is placed first, each next one into the lowest gap that holds it
    (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020). Where that takes more
    than the busiest moment, whatever reaches furthest is placed earlier and all is placed again
    (Joslin and Clements, "Squeaky wheel optimization", 1999); the smallest plan is taken.
    """
    least = _busiest(lifespans)
    order = sorted(range(len(lifespans)), key=lambda i: -lifespans[i].size)
    best: tuple[list[int], int] | None = None
    for _ in range(_TRIES):
        offsets = _placed(lifespans, order)
        ends = [offset + aligned(span.size) for offset, span in zip(offsets, lifespans)]
        size = max(ends, default=0)
        if best is None or size < best[1]:
            best = offsets, size
        if size == least:
            break
        for index in [index for index in order if ends[index] == size]:
            position = order.index(index)
            order.insert(position // 2, order.pop(position))
    assert best is not None
    return best


def _busiest(lifespans: Sequence[Lifespan]) -> int:
    """Bytes that are needed at the same time, at most: no plan takes fewer."""
    moments = {span.first for span in lifespans}  # a maximum begins where something does
    needed = (sum(aligned(span.size) for span in lifespans if span.first <= now <= span.last) for now in moments)
    return max(needed, default=0)


def _placed(lifespans: Sequence[Lifespan], order: Sequence[int]) -> list[int]:
    """Offsets where each is placed, in this order, into the lowest gap that holds it."""
    offsets = [0] * len(lifespans)
    placed: list[int] = []
    for index in order:
        span = lifespans[index]
        rivals = sorted(
            (offsets[other], offsets[other] + aligned(lifespans[other].size))
            for other in placed
            if lifespans[other].first <= span.last and span.first <= lifespans[other].last
        )
        offset = 0
        for start, end in rivals:
            if start - offset >= aligned(span.size):
                break
            offset = max(offset, end)
        offsets[index] = offset
        placed.append(index)
    return offsets
