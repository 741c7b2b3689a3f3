"""The two layouts of an image tensor: NHWC, and NCHW where the operation's flag asks for it."""

from __future__ import annotations

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import Array


def nhwc_shape(shape: Dimensions, nchw: bool) -> tuple[int, int, int, int]:
    """Batches, height, width and channels of a rank 4 tensor of ``shape``."""
    if nchw:
        batches, channels, height, width = shape
    else:
        batches, height, width, channels = shape
    return batches, height, width, channels


def place(batches: int, height: int, width: int, channels: int, nchw: bool) -> tuple[int, int, int, int]:
    """Dimensions of a rank 4 tensor in the layout asked for."""
    return (batches, channels, height, width) if nchw else (batches, height, width, channels)


def to_nhwc(image: Array, nchw: bool) -> Array:
    """``image`` as [batches, height, width, channels]."""
    return image.transpose(0, 2, 3, 1) if nchw else image


def from_nhwc(image: Array, nchw: bool) -> Array:
    """An NHWC ``image`` in the layout asked for."""
    return image.transpose(0, 3, 1, 2) if nchw else image


def check_not_empty(name: str, dimensions: Dimensions, first: int = 0) -> None:
    """Refuse a tensor with ``BadDataError`` if it is empty along dimension ``first`` or a later one."""
    for dimension in range(first, len(dimensions)):
        if dimensions[dimension] == 0:
            raise BadDataError(f"its {name} is {list(dimensions)}; dimension {dimension} can't be 0")
