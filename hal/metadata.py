"""What a model's file can say about it beside the model itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from hal.errors import BadDataError
from protos.nnhal.v1 import file_pb2


class Fit(IntEnum):
    """How an image is brought to an input's height and width.

    ``STRETCH``: each side is scaled by itself. ``COVER``: both alike until the image covers the input,
    of which the middle is taken. ``CONTAIN``: both alike until it fits in, in the middle, on black.
    """

    STRETCH = 0
    COVER = 1
    CONTAIN = 2


class Layout(IntEnum):
    """The order of an image's dimensions: batch, height, width and channels, or channels before the others."""

    NHWC = 0
    NCHW = 1


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image becomes a model's first input.

    ``crop``: how much of each side is taken first, from the middle; above 0, to 1 for all. Then comes
    ``fit``, then (pixel - ``mean``) / ``std``, of pixels from 0 to 255 in RGB or gray: one number each, or
    one for each channel. Raises ``BadDataError`` for what can't be.
    """

    fit: Fit = Fit.STRETCH
    crop: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: Layout = Layout.NHWC

    def __post_init__(self) -> None:
        if not 0 < self.crop <= 1:
            raise BadDataError(f"the preprocessing crops to {self.crop} of each side; it must be above 0, to 1")
        if not self.mean or not all(map(math.isfinite, self.mean)):
            raise BadDataError(f"the preprocessing's mean is {list(self.mean)}; it must be finite numbers")
        if not self.std or not all(0 < each < math.inf for each in self.std):
            raise BadDataError(f"the preprocessing's std is {list(self.std)}; it must be finite numbers above 0")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says of its model: its name, the program that made it (and how), what images go through before."""

    name: str = ""
    creator: str = ""
    preprocessing: Preprocessing | None = None


def metadata_to_wire(metadata: Metadata) -> file_pb2.Metadata:
    """The message for it."""
    message = file_pb2.Metadata(name=metadata.name, creator=metadata.creator)
    stated = metadata.preprocessing
    if stated is not None:
        message.preprocessing.CopyFrom(
            file_pb2.Preprocessing(
                fit=stated.fit,  # type: ignore[arg-type]
                crop=stated.crop,
                mean=stated.mean,
                std=stated.std,
                layout=stated.layout,  # type: ignore[arg-type]
            )
        )
    return message


def metadata_from_wire(message: file_pb2.Metadata) -> Metadata:
    """What the message says; ``BadDataError`` when that can't be."""
    preprocessing = None
    if message.HasField("preprocessing"):
        stated = message.preprocessing
        try:
            fit, layout = Fit(stated.fit), Layout(stated.layout)
        except ValueError as error:
            raise BadDataError(f"the preprocessing is unknown: {error}") from error
        preprocessing = Preprocessing(fit, stated.crop, tuple(stated.mean), tuple(stated.std), layout)
    return Metadata(message.name, message.creator, preprocessing)
