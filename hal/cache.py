"""Where files that can be made again are kept."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def cache_directory() -> Path:
    """The user's cache: ``NNHAL_CACHE_DIR``, else ``nnhal`` in ``XDG_CACHE_HOME``, else ``~/.cache/nnhal``.

    The directory need not exist.
    """
    if "NNHAL_CACHE_DIR" in os.environ:
        return Path(os.environ["NNHAL_CACHE_DIR"])
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "nnhal"


def kept(folder: Path, make: Callable[[Path], None]) -> Path:
    """``folder``, which ``make`` fills, unless it is there.

    ``make`` gets an empty folder that is given its name at the end, so what is there is whole. Several processes may
    ask for it at once: one makes it, the others wait.
    """
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.is_dir():
                with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                    made = Path(scratch) / "made"
                    made.mkdir()
                    make(made)
                    made.rename(folder)
    return folder
