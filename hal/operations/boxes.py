"""Axis-aligned boxes, each as [x1, y1, x2, y2]: what the operations on them share."""

from __future__ import annotations

import numpy as np

from hal.errors import BadDataError
from hal.operations.declaration import Arguments, Array, Parameter, TensorSpec, following, integers, tensor
from hal.operations.layout import check_not_empty
from hal.operations.quantization import check_quantization
from hal.types import OperandType

_SCALE = 0.125

_TYPES = following(
    dict.fromkeys(
        (OperandType.TENSOR_QUANT8_ASYMM, OperandType.TENSOR_QUANT8_ASYMM_SIGNED),
        frozenset({OperandType.TENSOR_QUANT16_ASYMM}),
    )
)


def lengths(name: str, rank: int) -> Parameter:
    """Coordinates or sizes in pixels: of the operation's data type, TENSOR_QUANT16_ASYMM where that is 8-bit."""
    return tensor(name, rank, accepts=_TYPES)


def check_lengths(name: str, spec: TensorSpec) -> None:
    """Refuse quantised coordinates or sizes in anything but eighths of a pixel with ``BadDataError``."""
    check_quantization(name, spec, _SCALE, asymmetric=0, signed=0)


def check_regions(a: Arguments) -> int:
    """Refuse ``rois`` and ``batches`` that are not one box and one batch index for each region; return their number."""
    regions, coordinates = a.rois.shape
    if coordinates != 4:
        raise BadDataError(f"its rois are {list(a.rois.shape)}; they must have 4 coordinates each")
    if a.batches.shape[0] != regions:
        raise BadDataError(f"its batches have {a.batches.shape[0]} indexes; they must have {regions}, one a region")
    return int(regions)


def check_image_sizes(name: str, shape: tuple[int, ...]) -> None:
    """Refuse a tensor that is not the height and width of one or more images."""
    check_not_empty(name, shape)
    if shape[1] != 2:
        raise BadDataError(f"its {name} is {list(shape)}; it must have 2 columns, height and width")


def check_corners(name: str, boxes: Array) -> None:
    """Refuse ``boxes`` [number, 4] with ``BadDataError`` if one's second corner lies before its first."""
    wrong = np.flatnonzero(~((boxes[:, 0] <= boxes[:, 2]) & (boxes[:, 1] <= boxes[:, 3])))
    if wrong.size:
        raise BadDataError(
            f"its {name} {wrong[0]} is {boxes[wrong[0]].tolist()}; x1 must be at most x2, and y1 at most y2"
        )


def batch_indexes(a: Arguments, count: int) -> Array:
    """The batch of each region, among ``count``; refuses others with ``BadDataError``."""
    indexes = np.array(integers(a, "batches"), int)
    wrong = np.flatnonzero((indexes < 0) | (indexes >= count))
    if wrong.size:
        raise BadDataError(f"its region {wrong[0]} is of batch {indexes[wrong[0]]}; there are {count} batches")
    return indexes
