"""The numbers that a quantised tensor can hold, and how real numbers become them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hal.model import Operand
from hal.operations.declaration import Array, TensorSpec, rounded
from hal.types import OperandType

_STEPS = 255
"""From the least to the greatest of 8 bits."""


@dataclass(frozen=True, slots=True)
class Grid:
    """real = (stored - ``zero_point``) * ``scale``, for the 8-bit values of ``type``."""

    type: OperandType
    scale: float
    zero_point: int

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest real number."""
        limits = np.iinfo(self.type.dtype.name)
        return (limits.min - self.zero_point) * self.scale, (limits.max - self.zero_point) * self.scale

    def operand(self, like: Operand) -> Operand:
        """A temporary of these numbers, with the dimensions of ``like``."""
        return Operand(self.type, like.dimensions, self.scale, self.zero_point)

    def stored(self, values: Array) -> Array:
        """The nearest that there is to each real number, as it is stored."""
        real = np.asarray(values, np.float64)
        return rounded(real, TensorSpec(self.type, real.shape, self.scale, self.zero_point))


def covering(operand_type: OperandType, low: float, high: float) -> Grid:
    """The finest grid from ``low`` to ``high`` that has 0, which NNAPI pads with and activations end at."""
    low, high = min(low, 0.0), max(high, 0.0)
    least = int(np.iinfo(operand_type.dtype.name).min)
    scale = nonzero_scale((high - low) / _STEPS)
    zero_point = round(least - low / scale)
    return Grid(operand_type, scale, min(max(zero_point, least), least + _STEPS))


def nonzero_scale(scale: float) -> float:
    """``scale`` as NNAPI stores it, in float32; for one too small for that, of a tensor that is all 0, the least."""
    return float(max(np.float32(scale), np.finfo(np.float32).tiny))
