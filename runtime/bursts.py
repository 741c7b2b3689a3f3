"""The bursts of drivers that one burst of an application consists of: one for each step of its plan."""

from __future__ import annotations

import logging
import threading

from hal.device import Burst, ExecutionResult, OrdinaryBurst, PreparedModel, Request
from hal.errors import BadStateError, DeadObjectError, NnapiError
from runtime.remote_burst import RemoteBurst

_log = logging.getLogger(__name__)


class Bursts:
    """Opens a burst of each prepared model when it is first executed, and again when it is needed after a failure."""

    def __init__(self) -> None:
        self._open: dict[PreparedModel, Burst] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._failed: tuple[PreparedModel, NnapiError] | None = None

    def execute(self, prepared: PreparedModel, request: Request) -> ExecutionResult:
        """Execute in the prepared model's burst; raises what the device raises."""
        failed, self._failed = self._failed, None
        try:
            if failed is not None and failed[0] is prepared:
                raise failed[1]
            return self._of(prepared).execute(request)
        except DeadObjectError:
            self._open.pop(prepared, None)
            raise

    def remote(self, prepared: PreparedModel | None) -> RemoteBurst | None:
        """The burst behind a driver that has been opened for a prepared model, if there is one."""
        burst = None if prepared is None else self._open.get(prepared)
        return burst if isinstance(burst, RemoteBurst) and burst.is_open else None

    def has_failed(self, prepared: PreparedModel, error: NnapiError) -> None:
        """The execution that comes next has been tried already, on this prepared model, and has come to this."""
        self._failed = prepared, error

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            self._closed = True
            bursts = list(self._open.values())
            self._open.clear()
        for burst in bursts:
            burst.close()

    def _of(self, prepared: PreparedModel) -> Burst:
        burst = self._open.get(prepared)
        if burst is None or (isinstance(burst, RemoteBurst) and not burst.is_open):
            burst = self._opened(prepared)
            with self._lock:
                if self._closed:
                    burst.close()
                    raise BadStateError("the burst is closed")
                self._open[prepared] = burst
        return burst

    @staticmethod
    def _opened(prepared: PreparedModel) -> Burst:
        try:
            return prepared.open_burst()
        except DeadObjectError:
            raise
        except NnapiError as error:
            _log.warning("a burst's executions are ordinary ones: %s", str(error))
            return OrdinaryBurst(prepared)
