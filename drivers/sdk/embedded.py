"""A driver as a process that belongs to one application; ``drivers.sdk.fork_server`` makes it.

Its ``application`` is one end of a pair of connected sockets. The driver writes a line to it when it answers at
its own socket ("ready") or when it can't start (the reason), and ends when the other end closes or the fork
server ends: when the application ends or dies, whichever way.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from pathlib import Path

from hal.errors import NnapiError

_PARENT_CHECK = 1.0
"""Seconds between looks at who the parent is: a forked child of the application may hold its end open."""


def main(name: str, path: str, application: socket.socket, description: str | None) -> int:
    """Serve the device ``name`` at the socket ``path`` for as long as the application lives.

    Returns the status to exit with when it can't. Raises what a vendor's module raises, after telling the application.
    """
    threading.Thread(target=_end_with, args=(application, os.getppid()), daemon=True).start()
    try:
        from drivers.sdk.registry import load_device
        from drivers.sdk.server import serve

        device = load_device(name, description)
        base = Path(path).parent.parent
        serve(device, f"unix:{path}", base=base, ready=lambda address: application.sendall(b"ready\n"))
    except NnapiError as error:
        application.sendall(str(error).encode() + b"\n")
    except BaseException as error:  # a vendor's module may fail in any way; the application is to hear how
        application.sendall(f"{type(error).__name__}: {error}\n".encode())
        raise
    return 1


def _end_with(application: socket.socket, parent: int) -> None:
    end = select.poll()
    end.register(application, select.POLLIN)
    while os.getppid() == parent:
        if end.poll(_PARENT_CHECK * 1000) and not application.recv(1):
            break
    os._exit(0)
