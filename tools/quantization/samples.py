"""Samples of a model's inputs for calibration: from files, and checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hal.device import Progress
from hal.errors import BadDataError
from hal.metadata import Preprocessing
from hal.model import Operand
from hal.operand_rules import merge
from tools.images import SUFFIXES, read_image
from tools.samples import Array, Sample, read_samples

_LARGEST = float(np.finfo(np.float32).max)


def read(
    path: Path, operands: Sequence[Operand], preprocessing: Preprocessing | None, progress: Progress
) -> list[Sample]:
    """Samples for the inputs ``operands``: of an .npz file, see ``read_samples``, or of all images of a folder.

    ``preprocessing``: what images go through to become the one input. Raises ``BadDataError`` for what can't
    be read or does not fit, and for no samples.
    """
    if not path.is_dir():
        return read_samples(path, operands)
    if len(operands) != 1:
        raise BadDataError(f"{path} is a folder of images; the model has {len(operands)} inputs: give an .npz file")
    try:
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise BadDataError(f"{path} can't be read: {error.strerror}") from error
    if not files:
        raise BadDataError(f"{path} has no samples: there are no images in it ({', '.join(SUFFIXES)})")
    samples = []
    for done, file in enumerate(files):
        progress("reading images", done, len(files))
        samples.append([read_image(file, operands[0], preprocessing or Preprocessing())])
    return samples


def checked(samples: Sequence[Sample], operands: Sequence[Operand]) -> list[Sample]:
    """The samples, known to be there, to fit the inputs ``operands``, and to be finite.

    Raises ``BadDataError`` for those that are not.
    """
    found = _listed("the samples are", samples)
    if not found:
        raise BadDataError("there are no samples: give some, 32 or more, of what the model is going to see")
    return [_checked(number, sample, operands) for number, sample in enumerate(found)]


def _checked(number: int, sample: Sample, operands: Sequence[Operand]) -> Sample:
    arrays = _listed(f"sample {number} is", sample)
    if len(arrays) != len(operands):
        raise BadDataError(f"sample {number} has {len(arrays)} arrays; the model has {len(operands)} inputs")
    return [
        _fitting(f"input {position} of sample {number}", value, operand)
        for position, (value, operand) in enumerate(zip(arrays, operands))
    ]


def _listed(what: str, values: Any) -> list[Any]:
    """The values as a list; ``BadDataError`` where they are none, as of a caller who forgot a pair of brackets."""
    try:
        return list(values)
    except TypeError:
        raise BadDataError(
            f"{what} {values!r}; samples must be a list that has for each a list of an array for each input"
        ) from None


def _fitting(name: str, value: Any, operand: Operand) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise BadDataError(f"{name} is no array: its rows differ in length") from error
    if merge(operand.dimensions, array.shape) is None or 0 in array.shape:
        raise BadDataError(f"{name} has shape {list(array.shape)}; it must be {list(operand.dimensions)}")
    if array.dtype.kind not in "fiub":
        raise BadDataError(f"{name} is {array.dtype}; it must be numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise BadDataError(f"{name} has NaN or infinite values; samples must be finite")
    if np.abs(array.astype(np.float64)).max() > _LARGEST:
        raise BadDataError(f"{name} has values of more than {_LARGEST:.4g}, which float32 does not have")
    return array
