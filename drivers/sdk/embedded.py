"""A driver as the child process of one application: ``python -m drivers.sdk.embedded NAME SOCKET FD [DESCRIPTION]``.

FD is one end of a pair of connected sockets. The driver writes a line to it when it answers at
SOCKET ("ready") or when it can't start (the reason), and ends when the other end closes: when the
application ends or dies, whichever way. It then removes the application's folder, in case that the
application could not.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path

from hal.errors import NnapiError

_PARENT_CHECK = 1.0
"""Seconds between looks at who the parent is: a forked child of the application may hold its end open."""


def main(name: str, path: str, descriptor: int, description: str | None = None) -> None:
    """Serve the device ``name`` at the socket ``path`` for as long as the application lives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the application, which ends us
    application = socket.socket(fileno=descriptor)
    threading.Thread(target=_end_with, args=(application, os.getppid(), Path(path).parent), daemon=True).start()
    try:
        from drivers.sdk.registry import load_device
        from drivers.sdk.server import serve

        folder = Path(path).parent
        device = load_device(name, description)
        serve(device, f"unix:{path}", base=folder.parent, ready=lambda address: application.sendall(b"ready\n"))
    except NnapiError as error:
        application.sendall(str(error).encode() + b"\n")
        sys.exit(1)
    except BaseException as error:  # a vendor's module may fail in any way; the application is to hear how
        application.sendall(f"{type(error).__name__}: {error}\n".encode())
        raise


def _end_with(application: socket.socket, parent: int, folder: Path) -> None:
    end = select.poll()
    end.register(application, select.POLLIN)
    while os.getppid() == parent:
        if end.poll(_PARENT_CHECK * 1000) and not application.recv(1):
            break
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
