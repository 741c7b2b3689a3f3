"""Drivers as child processes of the application, on Unix sockets in its folder."""

from __future__ import annotations

import atexit
import itertools
import os
import select
import socket
import subprocess
import sys
import threading
from contextlib import suppress

from hal.errors import UnavailableDeviceError
from hal.memory import check_socket_path
from runtime.process import folder

_START_LIMIT = 60.0
"""Seconds that a driver may take to answer: the first start on a machine compiles the walker."""

_COMMAND = (sys.executable, "-m", "drivers.sdk.embedded")

_numbers = itertools.count()


class EmbeddedDriver:
    """The driver of the device ``name``, started when it is first needed and again after it has died.

    ``description``: of the hardware, for a driver that takes one.
    """

    def __init__(self, name: str, description: str | None = None) -> None:
        self.name = name
        self._description = [] if description is None else [description]
        self._owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._address = ""
        self._lock = threading.Lock()
        self._ours: socket.socket | None = None

    def address(self) -> str:
        """Where the running driver answers, after starting it if it does not run.

        Raises ``UnavailableDeviceError`` with the driver's reason when it can't start.
        """
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            return self._address

    @property
    def pid(self) -> int | None:
        """The number of the driver's process; None before it has been started and after it was given up."""
        return None if self._process is None else self._process.pid

    def give_up(self, address: str) -> None:
        """End the driver at ``address``, which was found dead or dying: the next call starts another."""
        with self._lock:
            if self._process is not None and self._address == address:
                self._end(self._process)
                self._process = None

    def _start(self) -> None:
        path = folder().path / f"{self.name}-{next(_numbers)}.sock"
        check_socket_path(path)
        self._ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*_COMMAND, self.name, str(path), str(theirs.fileno()), *self._description],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        atexit.register(self._end, self._process)
        answering = select.poll()
        answering.register(self._ours, select.POLLIN)
        answer = (
            self._ours.recv(4096).decode().strip()
            if answering.poll(_START_LIMIT * 1000)
            else f"no answer within {_START_LIMIT:g} s"
        )
        if answer != "ready":
            self._end(self._process)
            raise UnavailableDeviceError(f"the driver '{self.name}' did not start: {answer or 'it ended by itself'}")
        self._address = f"unix:{path}"

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if os.getpid() == self._owner:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()


class RunningService:
    """A service that runs by itself, at a known address."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self._address = address

    def address(self) -> str:
        """Where it answers."""
        return self._address

    def give_up(self, address: str) -> None:
        """Leave it as it is: whoever started the service looks after it."""
