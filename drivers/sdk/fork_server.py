"""A process that an application has its drivers forked by: ``python -m drivers.sdk.fork_server FD FOLDER``.

What drivers need is imported here once; a driver that is forked has it at once, and shares the memory that it takes.

FD is one end of a pair of connected sockets. The application asks at the other one, a line of JSON each time, and
gets a line of JSON as the answer:

- to ``{"start": {...}}``, with the fields of ``Start``: the number of the driver's process. Descriptors come with the
  question: the driver's ``application`` (see ``drivers.sdk.embedded``), standard error and working directory;
- to ``{"end": NUMBER}``: null, when the driver in this process has been ended.

When the application ends or dies, whichever way, this process ends the drivers, removes the application's FOLDER in
case that the application could not, and ends.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points

from hal.device import DRIVER_GROUP

_PARENT_CHECK = 1.0
"""Seconds between looks at who the parent is: a forked child of the application may hold its end open."""

_DESCRIPTORS = 3
_STANDARD_ERROR = 2
_SET_NAME = 15
"""``prctl``'s number for it."""


@dataclass(frozen=True, slots=True)
class Start:
    """A driver to start, and what it is to find as if the application had started it itself."""

    name: str
    path: str
    description: str | None
    environment: dict[str, str]
    cores: list[int]


def main(descriptor: int, folder: str) -> None:
    """Fork drivers for as long as the application lives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the application, which ends us
    parent, application = os.getppid(), socket.socket(fileno=descriptor)
    _set_process_name("nnhal")
    _import_what_drivers_need()
    drivers: set[int] = set()
    asked = select.poll()
    asked.register(application, select.POLLIN)
    try:
        while os.getppid() == parent:
            if asked.poll(_PARENT_CHECK * 1000) and not _answered(application, drivers):
                break
            _forget_dead(drivers)
    finally:
        for number in list(drivers):
            _end(number, drivers)
        shutil.rmtree(folder, ignore_errors=True)


def _import_what_drivers_need() -> None:
    """All that our own drivers import; a vendor's may start what must not be forked."""
    import grpc_health.v1.health  # noqa: F401
    import grpc_reflection.v1alpha.reflection  # noqa: F401

    import drivers.sdk.server  # noqa: F401

    for entry in entry_points(group=DRIVER_GROUP):
        if entry.dist is not None and entry.dist.name == "nnhal":
            entry.load()
    gc.collect()
    gc.freeze()  # looking for garbage would write to memory that all share


def _answered(application: socket.socket, drivers: set[int]) -> bool:
    """Answer a question; false where there is none, since the application has gone."""
    question, descriptors, _, _ = socket.recv_fds(application, 1 << 16, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
    while not question.endswith(b"\n"):
        more = application.recv(1 << 16)
        if not more:
            return False
        question += more
    asked = json.loads(question)
    answer = None
    if "end" in asked:
        _end(asked["end"], drivers)
    else:
        answer = _forked(Start(**asked["start"]), descriptors, application)
        drivers.add(answer)
    for each in descriptors:
        os.close(each)
    application.sendall(json.dumps(answer).encode() + b"\n")
    return True


def _forked(start: Start, descriptors: Sequence[int], application: socket.socket) -> int:
    reports, standard_error, directory = descriptors
    number = os.fork()
    if number:
        return number
    status = 1
    try:
        application.close()
        _set_process_name(f"nnhal-{start.name}")
        os.dup2(standard_error, _STANDARD_ERROR)
        os.environ.clear()
        os.environ.update(start.environment)
        os.fchdir(directory)
        os.sched_setaffinity(0, start.cores)
        from drivers.sdk import embedded

        status = embedded.main(start.name, start.path, socket.socket(fileno=reports), start.description)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)  # the fork server's own way to its end is not the driver's


def _end(number: int, drivers: set[int]) -> None:
    """End a driver. One that was found dead before is none of ``drivers`` any more, and its number may be another's."""
    _forget_dead(drivers)
    if number in drivers:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        drivers.remove(number)


def _forget_dead(drivers: set[int]) -> None:
    drivers -= {number for number in drivers if os.waitpid(number, os.WNOHANG)[0]}


def _set_process_name(name: str) -> None:
    """Have tools such as ``top`` show this name, of which Linux keeps 15 bytes."""
    ctypes.CDLL(None).prctl(_SET_NAME, name.encode(), 0, 0, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
