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


def plan(lifespans: Sequence[Lifespan]) -> tuple[list[int], int]:
    """Offsets at which no two lifespans that overlap in time share a byte, and the arena's size.

    Greedy by size: the largest is placed first, each next one into the lowest gap that holds it
    (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020).
    """
    offsets = [0] * len(lifespans)
    placed: list[int] = []
    for index in sorted(range(len(lifespans)), key=lambda i: -lifespans[i].size):
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
    size = max((offset + aligned(span.size) for offset, span in zip(offsets, lifespans)), default=0)
    return offsets, size
