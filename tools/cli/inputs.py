"""Reads a model's inputs from files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hal.errors import BadDataError
from hal.model import Operand, is_fully_specified
from hal.types import OperandType
from tools.extras import needs
from tools.samples import load_arrays, reading

Array = NDArray[Any]

_IMAGE_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's, by the number of channels


def read_inputs(files: Sequence[Path], operands: Sequence[Operand], low: float, high: float) -> list[Array]:
    """An array for each of the model's input ``operands``, from ``files``; random ones without files.

    ``low``, ``high``: the range of an image's values and of random ones. Raises ``BadDataError`` when
    a file can't be read, or files and inputs are not equally many.
    """
    if not files:
        generator = np.random.default_rng(0)
        return [_random(operand, generator, low, high) for operand in operands]
    arrays: list[Array] = []
    for file in files:
        arrays += _read(file, operands[min(len(arrays), len(operands) - 1)], low, high)
    if len(arrays) != len(operands):
        raise BadDataError(f"the files hold {len(arrays)} inputs; the model has {len(operands)}")
    return arrays


def _random(operand: Operand, generator: np.random.Generator, low: float, high: float) -> Array:
    dimensions = operand.dimensions
    if not is_fully_specified(dimensions):
        raise BadDataError(f"an input has dimensions {list(dimensions)}, not all known; give one with --input")
    return (generator.random(dimensions) * (high - low) + low).astype(OperandType(operand.type).dtype)


def _read(file: Path, operand: Operand, low: float, high: float) -> list[Array]:
    if file.suffix in (".npy", ".npz"):
        return load_arrays(file)
    with reading(file):
        return [_image(file, operand, low, high)]


def _image(file: Path, operand: Operand, low: float, high: float) -> Array:
    with needs("images"):
        from PIL import Image
    dimensions = operand.dimensions
    if len(dimensions) != 4 or 0 in dimensions or dimensions[0] != 1 or dimensions[3] not in _IMAGE_MODES:
        raise BadDataError(f"{file} is an image; it can't be made an input of dimensions {list(dimensions)}")
    _, height, width, channels = dimensions
    try:
        with Image.open(file) as image:
            resized = image.convert(_IMAGE_MODES[channels]).resize((width, height), Image.Resampling.BILINEAR)
    except Image.DecompressionBombError as error:
        raise BadDataError(f"{file} can't be read: {error}") from error
    pixels = np.asarray(resized, np.float32).reshape(dimensions) / 255
    return (pixels * (high - low) + low).astype(OperandType(operand.type).dtype)
