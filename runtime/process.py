"""What this process has once: its folder in the runtime directory, removed when it ends."""

from __future__ import annotations

import atexit
import os
import threading

from hal.memory import Folder

_lock = threading.Lock()
_folder: tuple[int, Folder] | None = None


def folder() -> Folder:
    """This process's folder, made on first use; a forked child gets its own."""
    global _folder
    with _lock:
        if _folder is None or _folder[0] != os.getpid():
            _folder = (os.getpid(), Folder())
            atexit.register(_remove, *_folder)
        return _folder[1]


def remove_folder() -> None:
    """Remove this process's folder, if it has one: for a process that ends without Python's exit handlers."""
    if _folder is not None:
        _remove(*_folder)


def _remove(owner: int, owned: Folder) -> None:
    if os.getpid() == owner:
        owned.remove()
