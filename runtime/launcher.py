"""Drivers as child processes of the application, on Unix sockets in its folder.

They are forked by a process that has imported what they need (``drivers.sdk.fork_server``, which has the protocol).
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import select
import socket
import subprocess
import sys
import threading
from contextlib import closing, suppress
from typing import Any

from hal.errors import UnavailableDeviceError
from hal.memory import check_socket_path
from runtime.process import folder

_START_LIMIT = 60.0
"""Seconds that a driver may take to answer: the first start on a machine compiles the walker."""

_END_LIMIT = 5.0
"""Seconds that the fork server may take to end all drivers, and itself."""

_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""For NumPy's library: only a process with one thread can be forked safely."""

_STANDARD_ERROR = 2

_numbers = itertools.count()
_lock = threading.Lock()
_server: ForkServer | None = None


def fork_server() -> ForkServer:
    """This process's, started if it does not run: the earlier, the more of its imports are done when it is needed."""
    global _server
    with _lock:
        if _server is None or not _server.is_running():
            _server = ForkServer()
        return _server


class ForkServer:
    """The process that forks drivers."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._ours, theirs = socket.socketpair()
        self._ours.settimeout(_START_LIMIT)
        command = [sys.executable, "-m", "drivers.sdk.fork_server", str(theirs.fileno()), str(folder().path)]
        with theirs:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **_ONE_THREAD},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        atexit.register(self.close)

    def is_running(self) -> bool:
        """Whether this process has it, and it lives."""
        return os.getpid() == self._owner and self._process.poll() is None

    def start(self, name: str, path: str, description: str | None) -> tuple[int, socket.socket]:
        """Have a driver forked; returns its process's number, and the socket where it tells whether it could start."""
        ours, theirs = socket.socketpair()
        start = {
            "name": name,
            "path": path,
            "description": description,
            "environment": dict(os.environ),
            "cores": list(os.sched_getaffinity(0)),
        }
        directory = os.open(".", os.O_PATH)
        with theirs:
            try:
                return self._answer({"start": start}, theirs.fileno(), _STANDARD_ERROR, directory), ours
            except OSError as error:
                ours.close()
                raise UnavailableDeviceError(f"the driver '{name}' can't be started: {error}") from error
            finally:
                os.close(directory)

    def end(self, number: int) -> None:
        """End a driver that was started here."""
        if self.is_running():
            with suppress(OSError):  # without the fork server, drivers end by themselves
                self._answer({"end": number})

    def close(self) -> None:
        """End all drivers."""
        if self.is_running():
            with suppress(OSError):
                self._ours.shutdown(socket.SHUT_RDWR)  # a forked child's copy of our end would keep it open
            try:
                self._process.wait(_END_LIMIT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _answer(self, question: dict[str, Any], *descriptors: int) -> Any:
        line = json.dumps(question).encode() + b"\n"
        with self._lock:
            try:
                sent = socket.send_fds(self._ours, [line], descriptors)
                self._ours.sendall(line[sent:])
                answer = self._ours.recv(4096)
            except TimeoutError:
                self._process.kill()  # or its answer might be taken for the next question's; its drivers end too
                raise
        if not answer:
            raise ConnectionResetError("the process that forks drivers has ended")
        return json.loads(answer)


class EmbeddedDriver:
    """The driver of the device ``name``, started when it is first needed and again after it has died.

    ``description``: of the hardware, for a driver that takes one.
    """

    def __init__(self, name: str, description: str | None = None) -> None:
        self.name = name
        self._description = description
        self._running: tuple[ForkServer, int, socket.socket] | None = None
        self._address = ""
        self._lock = threading.Lock()

    def address(self) -> str:
        """Where the running driver answers, after starting it if it does not run.

        Raises ``UnavailableDeviceError`` with the driver's reason when it can't start.
        """
        with self._lock:
            if self._running is None or _is_closed(self._running[2]):
                self._start()
            return self._address

    @property
    def pid(self) -> int | None:
        """The number of the driver's process; None before it has been started and after it was given up."""
        return None if self._running is None else self._running[1]

    def give_up(self, address: str) -> None:
        """End the driver at ``address``, which was found dead or dying: the next call starts another."""
        with self._lock:
            if self._running is not None and self._address == address:
                self._end()

    def _start(self) -> None:
        path = folder().path / f"{self.name}-{next(_numbers)}.sock"
        check_socket_path(path)
        server = fork_server()
        number, ours = server.start(self.name, str(path), self._description)
        self._running = server, number, ours
        answering = select.poll()
        answering.register(ours, select.POLLIN)
        answer = (
            ours.recv(4096).decode().strip()
            if answering.poll(_START_LIMIT * 1000)
            else f"no answer within {_START_LIMIT:g} s"
        )
        if answer != "ready":
            self._end()
            raise UnavailableDeviceError(f"the driver '{self.name}' did not start: {answer or 'it ended by itself'}")
        self._address = f"unix:{path}"

    def _end(self) -> None:
        assert self._running is not None
        server, number, ours = self._running
        self._running = None
        with closing(ours):
            server.end(number)


def _is_closed(connection: socket.socket) -> bool:
    """Whether nobody has the other end any more."""
    hangup = select.poll()
    hangup.register(connection, 0)
    return bool(hangup.poll(0))


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
