"""Loading models from .nnhal files."""

from __future__ import annotations

import os
from dataclasses import replace

from hal.errors import BadDataError
from hal.memory import Region
from hal.model_file import ModelFile
from runtime import process
from runtime.model import Model


def load(path: str | os.PathLike[str], *, relaxed: bool = False) -> Model:
    """The finished model of a .nnhal file, with its metadata.

    The constants stay in the file, which drivers of this machine map too; ``Model.verify`` says when
    they are read. The file must not be changed or cut short while the model is in use; replacing it, as
    saving does, is no such change. ``relaxed``: relax the model, if its file does not. Raises
    ``BadDataError`` when the file can't be read, is of another kind or newer, is damaged, or holds a model
    that breaks NNAPI's rules.
    """
    file = ModelFile(path)
    canonical = file.model(Region.from_descriptor(process.folder(), file.descriptor, file.size, writable=False))
    try:
        return Model.from_canonical(replace(canonical, relaxed=canonical.relaxed or relaxed), file.metadata, file)
    except BadDataError as error:
        raise BadDataError(f"{path}: {error}", operand=error.operand, operation=error.operation) from error
