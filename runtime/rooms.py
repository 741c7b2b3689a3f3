"""Shared memory for the values of an execution."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from hal.device import Argument, Bytes, DeviceMemory
from hal.memory import Region, aligned
from hal.model import Dimensions, Location
from runtime import process


class Room:
    """Where a value goes. ``dimensions``: what the caller says of them."""

    __slots__ = ("_region", "data", "dimensions", "location")

    def __init__(
        self, data: Bytes, location: Location, dimensions: Dimensions = (), region: Region | None = None
    ) -> None:
        self.data = data
        self.location = location
        self.dimensions = dimensions
        self._region = region  # shared only as long as somebody holds it

    @staticmethod
    def new(size: int = 0) -> Room:
        """Room of its own for ``size`` bytes."""
        region = Region.create(process.folder(), size)
        return Room(region.slice(0, size), Location(region.name, 0, size), (), region)

    @property
    def capacity(self) -> int:
        """Bytes that it has room for."""
        return self.data.size

    def renew(self, size: int) -> None:
        """Be elsewhere, with ``size`` bytes: because the value needs more, or since somebody may still write here."""
        fresh = Room.new(size)
        self.data, self.location, self._region = fresh.data, fresh.location, fresh._region

    def argument(self) -> Argument:
        """The room as a request has it."""
        return Argument(self.data, self.location, self.dimensions)

    def filled(self, size: int, dimensions: Dimensions) -> Argument:
        """The value of ``size`` bytes that is in it."""
        location = Location(self.location.region, self.location.offset, size)
        return Argument(self.data[:size], location, dimensions)


class DeviceRoom(Room):
    """Memory on a device, which takes whatever size comes."""

    __slots__ = ("memory",)

    def __init__(self, memory: DeviceMemory, dimensions: Dimensions) -> None:
        super().__init__(np.zeros(0, np.uint8), Location("", 0, 0), dimensions)
        self.memory = memory

    @property
    def capacity(self) -> int:
        """No limit that this process knows."""
        return sys.maxsize

    def argument(self) -> Argument:
        """The memory as a request has it."""
        return Argument(None, None, self.dimensions, self.memory)

    def filled(self, size: int, dimensions: Dimensions) -> Argument:
        """The value that is in it."""
        return Argument(None, None, dimensions, self.memory)


class Stage:
    """Several rooms in one region, for one execution at a time."""

    def __init__(self) -> None:
        self._region: Region | None = None
        self._sizes: tuple[int, ...] = ()
        self._places: list[tuple[Bytes, Location]] = []

    def rooms(self, sizes: Sequence[int]) -> list[Room]:
        """Room for ``sizes`` bytes each; in the same places as last time for the same sizes."""
        if tuple(sizes) != self._sizes:
            offsets, total = [], 0
            for size in sizes:
                offsets.append(total)
                total += aligned(size)
            if self._region is None or self._region.data.size < total:
                self._region = Region.create(process.folder(), total)
            name = self._region.name
            self._places = [
                (self._region.slice(offset, size), Location(name, offset, size)) for offset, size in zip(offsets, sizes)
            ]
            self._sizes = tuple(sizes)
        return [Room(data, location) for data, location in self._places]
