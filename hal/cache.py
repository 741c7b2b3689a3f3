"""Where files that can be made again are kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """The user's cache: ``NNHAL_CACHE_DIR``, else ``nnhal`` in ``XDG_CACHE_HOME``, else ``~/.cache/nnhal``.

    The directory need not exist.
    """
    if "NNHAL_CACHE_DIR" in os.environ:
        return Path(os.environ["NNHAL_CACHE_DIR"])
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "nnhal"
