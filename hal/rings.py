"""The two rings of a burst: requests one way, results the other, in memory that client and driver share.

A ring holds one message at a time, since a burst executes one request after the other: a header of
64-bit words and room for bytes. ``device.proto`` tells what the words mean. The sequence number is
written last; who waits for it to change looks at it for a while, then sleeps at its low half.
"""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np

from hal import futex
from hal.errors import BadDataError
from hal.memory import Folder, Region

FORMS = 16
"""Requests that a client can have announced at once."""

HEADER = 64
"""Bytes before the room for a message."""

SEQUENCE, SUBJECT, LENGTH, NANOSECONDS = range(4)
"""The header's words. ``SUBJECT``: a request's form, or a result's code."""

_IN_ORDER = platform.machine() == "x86_64"
"""Whether other cores see this one's writes in their order; elsewhere a system call keeps them apart."""


class Ring:
    """One of the rings, as this process has it mapped. ``words``: its header; ``address``: where that is."""

    def __init__(self, region: Region) -> None:
        if region.data.size < HEADER or not region.data.flags.writeable:
            raise BadDataError(
                f"the region '{region.name}' is no ring; it must be at least {HEADER} bytes that can be written"
            )
        self._region = region
        self._room = region.data[HEADER:]
        self.words = region.data[:HEADER].data.cast("q")
        self.address: int = region.data.ctypes.data

    @classmethod
    def create(cls, folder: Folder, room: int) -> Ring:
        """A new ring, published in ``folder`` as long as this object lives, for messages of up to ``room`` bytes."""
        return cls(Region.create(folder, HEADER + room))

    @classmethod
    def open(cls, base: Path, name: str) -> Ring:
        """The ring that an application published; raises what ``Region.open`` raises."""
        return cls(Region.open(base, name))

    @property
    def name(self) -> str:
        """Its region's name."""
        return self._region.name

    @property
    def room(self) -> int:
        """Bytes that a message may have."""
        return self._room.size

    def post(self, sequence: int, subject: int, nanoseconds: int, message: bytes = b"") -> None:
        """Put a message there and wake who waits for it. It must fit."""
        words = self.words
        if message:
            self._room[: len(message)] = np.frombuffer(message, np.uint8)
        words[SUBJECT] = subject
        words[LENGTH] = len(message)
        words[NANOSECONDS] = nanoseconds
        if not _IN_ORDER:
            futex.wake(self.address)
        words[SEQUENCE] = sequence
        futex.wake(self.address)

    def sleep(self, seen: int, seconds: float) -> None:
        """Sleep for ``seconds`` at most while the sequence number is ``seen``; may return early."""
        futex.wait(self.address, seen, seconds)

    def message(self, length: int) -> bytes:
        """A copy of the message, of ``length`` bytes; ``BadDataError`` when the ring has no room for so many."""
        if not 0 <= length <= self._room.size:
            raise BadDataError(f"a message of {length} bytes is in a ring with room for {self._room.size}")
        return self._room[:length].tobytes()
