"""What the subcommands print with: tables or JSON on standard output, progress on standard error."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.status import Status

    from hal.device import Progress

_FILE_WIDTH = 240  # of a table that goes into a file or another program, which need no folding
_PATIENCE = 1.0
"""Seconds that something may take before its progress is shown."""


def print_json(value: Any) -> None:
    """Print ``value`` as JSON."""
    print(json_text(value))


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """``value`` as JSON, which has no numbers for NaN and infinities: they are text."""
    return json.dumps(_expressible(value), indent=indent, allow_nan=False)


def _expressible(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _expressible(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_expressible(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else _FILE_WIDTH
    console = Console(width=width, markup=False, highlight=False)
    with console.capture() as capture:  # rich itself would end the process when nobody reads on
        console.print(table)
    print(capture.get(), end="")


def check_writable(paths: Sequence[Path | None]) -> None:
    """Refuse files that can't be written before anything takes time: ``BadDataError``."""
    from hal.errors import BadDataError

    for path in paths:
        if path is not None:
            try:
                path.open("a").close()
            except OSError as error:
                raise BadDataError(f"{path} can't be written: {error.strerror}") from error


@contextlib.contextmanager
def progress_shown(activity: str) -> Iterator[Progress]:
    """Show what is being done, from when it has taken a second, until the block ends.

    The block is given a ``Progress`` to call with news.
    """
    shown = _Shown(activity)
    timer = threading.Timer(_PATIENCE, shown.start)
    timer.daemon = True
    timer.start()
    try:
        yield shown.update
    finally:
        timer.cancel()
        shown.stop()


class _Shown:
    """A rich status on a terminal; elsewhere a line for each new activity."""

    def __init__(self, activity: str) -> None:
        self._activity = activity
        self._status: Status | None = None
        self._started = self._stopped = False
        self._lock = threading.Lock()  # the timer starts it on a thread of its own

    def start(self) -> None:
        with self._lock:
            if self._stopped:
                return
            self._started = True
            if sys.stderr.isatty():
                from rich.console import Console

                self._status = Console(stderr=True).status(self._activity)
                self._status.start()
            else:
                self._print()

    def update(self, activity: str, done: int, total: int) -> None:
        with self._lock:
            is_new = activity != self._activity
            self._activity = activity
            if self._status is not None:
                self._status.update(f"{activity} ({done}/{total})" if total > 1 else activity)
            elif self._started and is_new:
                self._print()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._status is not None:
                self._status.stop()

    def _print(self) -> None:
        print(f"{self._activity}...", file=sys.stderr, flush=True)
