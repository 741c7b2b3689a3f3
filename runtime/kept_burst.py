"""The burst that a prepared model keeps for its ordinary executions, which are quicker through it than as calls."""

from __future__ import annotations

import logging
import threading
import time
import weakref

from hal.device import ExecutionResult, PreparedModel, Request
from hal.errors import NnapiError
from runtime import forks
from runtime.remote_burst import RemoteBurst

MOST = 8
"""Bursts that a process keeps at once. Each is a thread of its driver's that sleeps, and a few pages of memory."""

_CALLS = 2
"""Executions by calls before a burst is opened, which takes as long as two or three of them."""

_IDLE = 1.0
"""Seconds without an execution after which a burst may be closed to make room for another model's."""

_log = logging.getLogger(__name__)

_lock = threading.Lock()
_all: weakref.WeakSet[KeptBurst] = weakref.WeakSet()


class KeptBurst:
    """Executes on one prepared model after the other, through a burst as soon as that is worth it.

    The burst is opened on a thread of its own, so no execution's deadline pays for that. It executes one
    request at a time: what other threads ask for meanwhile are calls, and so is what must be traced. Nothing
    depends on it: a driver without bursts, or with too many, gets calls.
    """

    def __init__(self) -> None:
        self._prepared: PreparedModel | None = None
        self._calls = 0
        self._burst: RemoteBurst | None = None
        self._opening = False
        self._descent = 0
        self._alone = threading.Lock()
        self._used = 0.0
        self._closed = False
        with _lock:
            _all.add(self)

    def execute(self, prepared: PreparedModel, request: Request) -> ExecutionResult:
        """Execute on the prepared model; raises what the device raises."""
        if prepared is not self._prepared:
            self._change(prepared)
        if self._burst is None:
            self._count(prepared)
        elif not request.trace and self._alone.acquire(blocking=False):
            try:
                burst = self._current(prepared)
                if burst is not None:
                    return burst.execute(request)
            finally:
                self._alone.release()
                if self._closed:
                    self.close()
        return prepared.execute(request)

    def close(self) -> None:
        """End the burst for good, after what it is computing. May be called again."""
        self._closed = True
        self._retire()

    def _current(self, prepared: PreparedModel) -> RemoteBurst | None:
        """The burst, if it is this prepared model's and still open; who asks is alone."""
        burst = self._burst
        if burst is None or prepared is not self._prepared or self._descent != forks.descent():
            return None  # a forked child must not write to its parent's rings
        if not burst.is_open:
            self._burst, self._calls = None, 0
            return None
        self._used = time.monotonic()
        return burst

    def _change(self, prepared: PreparedModel) -> None:
        """Executions are on another prepared model from now on: the driver of the last one has died."""
        with _lock:
            self._prepared, self._burst, self._calls = prepared, None, 0

    def _count(self, prepared: PreparedModel) -> None:
        """Another execution is a call; open a burst if there have been enough of them."""
        calls = self._calls = self._calls + 1
        if calls != _CALLS or self._closed:
            return
        with _lock:
            if self._opening:
                return
            if not _has_room():
                self._calls = 0
                return
            self._opening, self._descent, self._used = True, forks.descent(), time.monotonic()
        try:
            threading.Thread(target=self._open, args=(prepared,), daemon=True).start()
        except RuntimeError as error:  # the process is ending, or has as many threads as it may
            self._opening = False
            _log.info("executions are calls, without a burst: %s", error)

    def _open(self, prepared: PreparedModel) -> None:
        try:
            burst = prepared.open_burst()
        except NnapiError as error:
            burst = None
            _log.info("executions are calls, without a burst: %s", str(error))
        with _lock:
            self._opening = False
            if isinstance(burst, RemoteBurst) and prepared is self._prepared:
                self._burst = burst
        if self._closed:
            self._retire()

    def _retire(self) -> bool:
        """Close the burst unless it computes; returns whether there is none any more."""
        if not self._alone.acquire(blocking=False):
            return False
        try:
            burst, self._burst, self._calls = self._burst, None, 0
            if burst is not None:
                burst.close()
        finally:
            self._alone.release()
        return True

    def _has_been_idle(self) -> bool:
        return self._used < time.monotonic() - _IDLE


def _has_room() -> bool:
    """Whether one more burst may be kept; closes one that nobody has used for a while if that makes room."""
    keeping = [each for each in _all if each._descent == forks.descent() and (each._burst is not None or each._opening)]
    if len(keeping) < MOST:
        return True
    keeping.sort(key=lambda each: each._used)
    return any(each._has_been_idle() and each._retire() for each in keeping)
