"""Importers: from a framework's model file to a finished NNAPI model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hal.errors import BadDataError
from tools.extras import needs

if TYPE_CHECKING:
    from runtime.model import Model


def load_model(path: str | os.PathLike[str]) -> Model:
    """The finished NNAPI model of a model file; its content, not its name, says what it is.

    Reads TFLite files. Raises ``BadDataError`` when the file can't be read, is none of these, is
    damaged, or has operators that NNAPI can't express, and ``OpFailedError`` when the packages that
    read it are not installed.
    """
    path = Path(path)
    try:
        if not path.is_file():  # opening a pipe might wait for ever
            raise BadDataError(f"{path} is not a file" if path.exists() else f"there is no file {path}")
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise BadDataError(f"{path} can't be read: {error.strerror}") from error
    if start[4:8] == b"TFL3":
        with needs("tflite"):
            from tools.importers.tflite import load
        return load(path)
    raise BadDataError(f"{path} is not a model that nnhal can read: it must be a TFLite file")
