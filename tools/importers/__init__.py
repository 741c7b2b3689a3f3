"""Importers: from a model file, a framework's or nnhal's own, to a finished NNAPI model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hal.errors import BadDataError
from hal.model_file import MAGIC
from tools.extras import needs

if TYPE_CHECKING:
    from runtime.model import Model


def load_model(path: str | os.PathLike[str], *, relaxed: bool = False) -> Model:
    """The finished NNAPI model of a model file; its content, not its name, says what it is.

    Reads nnhal's own .nnhal files, which ``Model.save`` writes and whose weights are read when they are
    first used, and TFLite files. ``relaxed``: float32 may be computed with the range and precision of
    float16, also where the file does not say so. Raises ``BadDataError`` when the file can't be read, is
    none of these, is damaged, or has operators that NNAPI can't express, and ``OpFailedError`` when the
    packages that read it are not installed.
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
        return load(path, relaxed=relaxed)
    if start == MAGIC:
        from runtime.model_file import load as load_nnhal

        return load_nnhal(path, relaxed=relaxed)
    raise BadDataError(f"{path} is not a model that nnhal can read: it must be a .nnhal or a TFLite file")
