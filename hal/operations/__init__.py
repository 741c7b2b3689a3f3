"""Every operation that nnhal knows, by type."""

from __future__ import annotations

from collections.abc import Mapping

from hal.operations import (
    activation,
    convolution,
    elementwise,
    fully_connected,
    movement,
    pooling,
    reduction,
    resize,
    transpose_convolution,
)
from hal.operations.declaration import Declaration

_FAMILIES = (
    activation,
    convolution,
    elementwise,
    fully_connected,
    movement,
    pooling,
    reduction,
    resize,
    transpose_convolution,
)

DECLARATIONS: Mapping[int, Declaration] = {
    value.type: value for family in _FAMILIES for value in vars(family).values() if isinstance(value, Declaration)
}
