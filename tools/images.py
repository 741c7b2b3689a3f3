"""Images as inputs of models, by a stated preprocessing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hal.errors import BadDataError
from hal.metadata import Fit, Layout, Preprocessing
from hal.model import Operand
from hal.operations.declaration import Array
from tools.extras import needs
from tools.samples import reading

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm")
"""What names of images end with."""

_MODES = {1: "L", 3: "RGB"}  # Pillow's, by the number of channels


def read_image(file: Path, operand: Operand, preprocessing: Preprocessing) -> Array:
    """The image of a file as real numbers for an input ``operand``; raises ``BadDataError`` where it can't be."""
    with needs("images"):
        from PIL import Image, ImageOps
    try:
        with reading(file), Image.open(file) as image:
            upright = ImageOps.exif_transpose(image)
    except Image.DecompressionBombError as error:
        raise BadDataError(f"{file} can't be read: {error}") from error
    return preprocessed(upright, operand, preprocessing)


def preprocessed(image: Image, operand: Operand, preprocessing: Preprocessing) -> Array:
    """An image as real numbers for an input ``operand`` of four dimensions, a batch of one.

    Raises ``BadDataError`` for another operand.
    """
    height, width, channels = _size(operand, preprocessing)
    resized = _fitted(_cropped(image.convert(_MODES[channels]), preprocessing.crop), width, height, preprocessing.fit)
    pixels = np.asarray(resized, np.float32).reshape(height, width, channels)
    for name, numbers in (("mean", preprocessing.mean), ("std", preprocessing.std)):
        if len(numbers) not in (1, channels):
            raise BadDataError(
                f"the preprocessing's {name} has {len(numbers)} numbers; the input has {channels} channels"
            )
    real = (pixels - np.array(preprocessing.mean, np.float32)) / np.array(preprocessing.std, np.float32)
    if preprocessing.layout is Layout.NCHW:
        real = real.transpose(2, 0, 1)
    return real[None].astype(np.float64)


def _size(operand: Operand, preprocessing: Preprocessing) -> tuple[int, int, int]:
    dimensions = operand.dimensions
    if len(dimensions) == 4:
        _, *rest = dimensions
        height, width, channels = rest if preprocessing.layout is Layout.NHWC else (*rest[1:], rest[0])
        if dimensions[0] == 1 and channels in _MODES and min(height, width) > 0:
            return height, width, channels
    raise BadDataError(
        f"an image can't be made an input of dimensions {list(dimensions)} in {preprocessing.layout.name}: "
        "it must be a batch of one, of 1 or 3 channels, all dimensions known"
    )


def _cropped(image: Image, share: float) -> Image:
    width, height = (max(1, round(side * share)) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _fitted(image: Image, width: int, height: int, fit: Fit) -> Image:
    from PIL.Image import Resampling
    from PIL.ImageOps import fit as cover
    from PIL.ImageOps import pad as contain

    if fit is Fit.STRETCH:
        return image.resize((width, height), Resampling.BILINEAR)
    return (cover if fit is Fit.COVER else contain)(image, (width, height), Resampling.BILINEAR)
