"""Dimensions chosen by number, from the first or from the end."""

from __future__ import annotations

from hal.errors import BadDataError


def from_first(axis: int, rank: int) -> int:
    """``axis`` counted from the first dimension of a tensor of ``rank``; a negative one counts from the end.

    Raises ``BadDataError`` where the tensor has no such dimension.
    """
    if not -rank <= axis < rank:
        raise BadDataError(f"its axis {axis} is not one of an input of rank {rank}: {-rank} to {rank - 1}")
    return axis % rank
