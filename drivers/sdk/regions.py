"""The shared memory of clients, as a driver has it mapped."""

from __future__ import annotations

import threading
from pathlib import Path

from hal.device import Bytes
from hal.errors import BadDataError
from hal.memory import Region
from hal.model import Location


class Regions:
    """Regions opened so far, each mapped once and let go when its client has withdrawn it."""

    def __init__(self, base: Path | None) -> None:
        self._base = base
        self._open: dict[str, Region] = {}
        self._lock = threading.Lock()

    def resolve(self, location: Location) -> Bytes:
        """The bytes at ``location``.

        Raises ``BadDataError`` where there are none, or where clients are on other machines, and
        ``UnmappableError`` when they can't be mapped.
        """
        if self._base is None:
            raise BadDataError("this service takes no shared memory from clients on the network; send bytes inline")
        region = self._open.get(location.region)
        if region is None:
            with self._lock:
                self._let_go(self._base)
                region = self._open[location.region] = Region.open(self._base, location.region)
        return region.slice(location.offset, location.length)

    def _let_go(self, base: Path) -> None:
        for name in [name for name in self._open if not (base / name).is_symlink()]:
            del self._open[name]
