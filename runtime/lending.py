"""Outputs in shared memory, which an application keeps for as long as it likes, and which are used again after that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from sys import getrefcount
from typing import Any

import numpy as np

from hal.device import Argument
from hal.model import Dimensions
from runtime import forks
from runtime.rooms import Stage
from runtime.values import Array


class Outputs:
    """Room for the outputs of one execution at a time: at least one, each of these dimensions and this type.

    ``goals``: as a request has them.
    """

    def __init__(self, kinds: Sequence[tuple[Dimensions, np.dtype[Any]]]) -> None:
        rooms = Stage().rooms([math.prod(shape) * dtype.itemsize for shape, dtype in kinds])
        self.goals = [Argument(room.data, room.location) for room in rooms]
        self._places = [room.data.view(dtype).reshape(shape) for room, (shape, dtype) in zip(rooms, kinds)]
        # NumPy has every array that shows any of this memory, made by whatever way, hold this one.
        self._memory = rooms[0].data.base
        self._forks = forks.made()
        self._unlent = getrefcount(self._memory)

    def lent(self) -> list[Array]:
        """The outputs where they are: arrays of the caller's own until it drops them, and all views of them."""
        return [place[...] for place in self._places]

    def copies(self) -> list[Array]:
        """Copies of the outputs."""
        return [place.copy() for place in self._places]

    @property
    def is_free(self) -> bool:
        """Whether nobody holds what was lent; never again after a fork: the other process might, unseen."""
        return getrefcount(self._memory) == self._unlent and self._forks == forks.made()

    @property
    def is_lost(self) -> bool:
        """Whether it will not be free again."""
        return self._forks != forks.made()
