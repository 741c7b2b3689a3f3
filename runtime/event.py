"""Waiting for what was started."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future


class Event:
    """The end of ``work``, which starts at once on a thread of its own."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._done: Future[None] = Future()
        # A daemon: an application that ends does not wait for a device that hangs.
        threading.Thread(target=self._run, args=(work,), name="nnhal execution", daemon=True).start()

    def wait(self) -> None:
        """Wait until the execution has ended; raises what it raised. May be called again."""
        self._done.result()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  wait() raises it
            self._done.set_exception(error)
        else:
            self._done.set_result(None)
