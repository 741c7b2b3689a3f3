"""Fences: words in shared memory that say whether work is done.

A fence is a region of one 32-bit word: 0 until it signals, then 1, or 2 when what it stands for has
failed. Whoever waits sleeps in the kernel, in whatever process it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path

import numpy as np

from hal import futex
from hal.errors import BadDataError, MissedDeadlineTransientError, OpFailedError
from hal.memory import Folder, Region

_LOOK = 0.1
"""Seconds between looks at whether waiting still makes sense."""


class FenceState(IntEnum):
    """What a fence's word says."""

    WAITING = 0
    DONE = 1
    FAILED = 2


class Fence:
    """A fence, as this process has it mapped."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._word = region.slice(0, 4).view(np.uint32)

    @classmethod
    def create(cls, folder: Folder) -> Fence:
        """A new fence, published in ``folder`` as long as this object lives."""
        return cls(Region.create(folder, 4))

    @classmethod
    def open(cls, base: Path, name: str) -> Fence:
        """The fence that an application published; raises what ``Region.open`` raises."""
        region = Region.open(base, name)
        if region.data.size < 4 or not region.data.flags.writeable:
            raise BadDataError(f"the region '{name}' is no fence; it must be 4 bytes that can be written")
        return cls(region)

    @property
    def name(self) -> str:
        """Its region's name."""
        return self._region.name

    @property
    def state(self) -> FenceState:
        """What it says now; a word that is none of the three counts as failed."""
        word = int(self._word[0])
        return FenceState(word) if word in (0, 1) else FenceState.FAILED

    def signal(self, state: FenceState) -> None:
        """Say so to everybody who waits. The first signal counts: a later one changes nothing."""
        if self.state is FenceState.WAITING:
            self._word[0] = state
            futex.wake(self._word.ctypes.data)

    def wait(self, deadline: float | None = None, check: Callable[[], None] = lambda: None) -> None:
        """Wait until it signals.

        Raises ``OpFailedError`` when it says that the work has failed, ``MissedDeadlineTransientError``
        past ``deadline`` (by ``time.monotonic``), and what ``check``, called now and then, raises.
        """
        while self.state is FenceState.WAITING:
            check()
            left = _LOOK if deadline is None else min(_LOOK, deadline - time.monotonic())
            if left <= 0:
                raise MissedDeadlineTransientError("what the execution waits for was not done in time")
            futex.wait(self._word.ctypes.data, FenceState.WAITING, left)
        if self.state is FenceState.FAILED:
            raise OpFailedError("what the execution waits for has failed")
