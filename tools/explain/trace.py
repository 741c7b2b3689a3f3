"""An execution's timeline as Perfetto and Chrome read it: the trace event format, in JSON.

Each device is a process, and each part of it that reports what it did a thread; the plan's steps are a
process of their own. Times are the devices' own account, simulated where they are.
"""

from __future__ import annotations

from typing import Any

from runtime.report import ExecutionReport
from tools.explain.explanation import ranges_told

_STEPS = "steps"


def trace_events(report: ExecutionReport) -> dict[str, Any]:
    """The document for an execution that has been traced."""
    timeline = _Timeline()
    for number, step in enumerate(report.steps):
        name = f"operation{'s' if len(step.operations) > 1 else ''} {ranges_told(step.operations)} on {step.device}"
        for run in step.runs:
            timeline.add(_STEPS, step.device, name, run.start, run.duration, step=number)
            for span in run.spans:
                facts = {} if span.operation is None else {"operation": span.operation}
                timeline.add(step.device, span.track, span.name, span.start, span.duration, step=number, **facts)
    return {"traceEvents": timeline.events(), "displayTimeUnit": "ns"}


class _Timeline:
    """Slices in processes and threads that are numbered as they are met."""

    def __init__(self) -> None:
        self._processes: dict[str, int] = {}
        self._threads: dict[tuple[str, str], int] = {}
        self._slices: list[dict[str, Any]] = []

    def add(self, process: str, thread: str, name: str, start: int, duration: int, **facts: int) -> None:
        """Something that took ``duration`` nanoseconds from ``start``."""
        pid = self._processes.setdefault(process, len(self._processes) + 1)
        tid = self._threads.setdefault((process, thread), len(self._threads) + 1)
        place = {"ph": "X", "pid": pid, "tid": tid, "name": name}
        self._slices.append({**place, "ts": start / 1e3, "dur": duration / 1e3, "args": facts})

    def events(self) -> list[dict[str, Any]]:
        """The names of processes and threads, then the slices."""
        named = [
            {"ph": "M", "pid": pid, "name": "process_name", "args": {"name": name}}
            for name, pid in self._processes.items()
        ]
        named += [
            {"ph": "M", "pid": self._processes[process], "tid": tid, "name": "thread_name", "args": {"name": name}}
            for (process, name), tid in self._threads.items()
        ]
        return [*named, *self._slices]
