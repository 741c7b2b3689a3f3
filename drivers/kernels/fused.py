"""The activation fused into another operation: two bounds that its results are kept within."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import helper
from hal.types import FuseCode

_BOUNDS = {
    FuseCode.NONE: (-np.inf, np.inf),
    FuseCode.RELU: (0.0, np.inf),
    FuseCode.RELU1: (-1.0, 1.0),
    FuseCode.RELU6: (0.0, 6.0),
}


def bounds(activation: int) -> tuple[float, float]:
    """The least and the greatest result that an activation (NNAPI ``FuseCode``) lets through."""
    return _BOUNDS[FuseCode(activation)]


@helper
def clamped(value, low, high):
    """``value`` kept within ``low`` and ``high``; NaN stays NaN."""
    return low if value < low else (high if value > high else value)
