"""The client at the other end of a call."""

from __future__ import annotations

import threading
from collections.abc import Callable

import grpc

from hal.errors import DeadObjectError


class Client:
    """Knows when the call ends: the client has ended it, or has died."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context

    def when_gone(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called when the call ends; at once if it has."""
        if not self._context.add_callback(callback):
            callback()

    def wait_until_gone(self) -> None:
        """Return when the call ends."""
        gone = threading.Event()
        self.when_gone(gone.set)
        gone.wait()

    def check(self) -> None:
        """Raise ``DeadObjectError``, which nobody will hear of, if the call has ended."""
        if not self._context.is_active():
            raise DeadObjectError("the client has gone away")
