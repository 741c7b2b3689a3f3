"""The activation fused into another operation: two bounds that its results are kept within."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import helper
from hal.operations.declaration import TensorSpec
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


def quantized_bounds(activation: int, spec: TensorSpec) -> tuple[int, int]:
    """The same for results as a quantised tensor of ``spec`` stores them, also kept within its type."""
    limits = np.iinfo(spec.type.dtype.name)

    def stored(bound: float) -> int:
        scaled = np.float64(np.float32(bound) / np.float32(spec.scale))  # the division that LiteRT rounds
        nearest = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
        return int(np.clip(nearest + spec.zero_point, limits.min, limits.max))

    low, high = bounds(activation)
    return stored(low), stored(high)


@helper
def clamped(value, low, high):
    """``value`` kept within ``low`` and ``high``; NaN stays NaN."""
    return low if value < low else (high if value > high else value)
