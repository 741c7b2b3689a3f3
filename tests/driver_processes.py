"""The processes that an application's drivers run in."""

from __future__ import annotations

import time
from pathlib import Path

import psutil


def driver_processes(application: int | None = None) -> list[psutil.Process]:
    """Those that live, in the order in which they were started. ``application``: a process's number, default ours."""
    found = [each for each in psutil.Process(application).children(recursive=True) if each.name().startswith("nnhal-")]
    living = [each for each in found if each.status() != psutil.STATUS_ZOMBIE]
    return sorted(living, key=lambda each: (each.create_time(), each.pid))


def driver_process(device: str) -> psutil.Process:
    """The newest one of a device."""
    return [each for each in driver_processes() if each.name() == f"nnhal-{device}"][-1]


def stop(process: psutil.Process) -> None:
    """Stop a process, and return when all of its threads have stopped: some go on for a while after the signal."""
    process.suspend()
    while any(_state(thread) not in "TtZX" for thread in Path(f"/proc/{process.pid}/task").iterdir()):
        time.sleep(1e-3)


def _state(thread: Path) -> str:
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]
