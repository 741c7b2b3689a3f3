"""How busy a machine is with other things than what is being measured."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path


class Others:
    """Counts from now on. ``processes``: numbers of those that are not others, beside this one."""

    def __init__(self, processes: Sequence[int]) -> None:
        self._processes = (os.getpid(), *processes)
        self._start = time.perf_counter(), self._seconds()

    def cores(self) -> float:
        """On how many cores others were busy, on average; another system on the same processor counts."""
        begin, seconds = self._start
        return max(0.0, (self._seconds() - seconds) / (time.perf_counter() - begin))

    def _seconds(self) -> float:
        """All cores' busy seconds but for ours, since the machine's start."""
        user, nice, system, _, _, interrupts, soft, stolen = map(
            int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        )
        busy = user + nice + system + interrupts + soft + stolen
        return (busy - sum(map(_ticks, self._processes))) / os.sysconf("SC_CLK_TCK")


def _ticks(process: int) -> int:
    """User's and system's time of a process, in clock ticks."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
