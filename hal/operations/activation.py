"""Functions of one value: what an operation may end with, and the same as operations of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hal.model import Dimensions
from hal.operations.declaration import FLOAT32_ONLY, UP_TO_4, Arguments, Array, Declaration, tensor
from hal.types import FeatureLevel, FuseCode, OperationType

FUSED_BOUNDS: Mapping[int, tuple[float, float]] = {
    FuseCode.RELU: (0.0, np.inf),
    FuseCode.RELU1: (-1.0, 1.0),
    FuseCode.RELU6: (0.0, 6.0),
}
"""The least and greatest result of each ``FuseCode`` that bounds it."""


def activated(values: Array, activation: int) -> Array:
    """``values`` after the fused ``activation``, a ``FuseCode``."""
    if activation == FuseCode.NONE:
        return values
    return np.clip(values, *FUSED_BOUNDS[activation])


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (a.input.shape,)


def _relu(a: Arguments) -> tuple[Array, ...]:
    """RELU: out = max(0, in)."""
    return (activated(a.input, FuseCode.RELU),)


def _relu1(a: Arguments) -> tuple[Array, ...]:
    """RELU1: out = min(1, max(-1, in))."""
    return (activated(a.input, FuseCode.RELU1),)


def _relu6(a: Arguments) -> tuple[Array, ...]:
    """RELU6: out = min(6, max(0, in))."""
    return (activated(a.input, FuseCode.RELU6),)


def _logistic(a: Arguments) -> tuple[Array, ...]:
    """LOGISTIC: out = 1 / (1 + e^-in)."""
    return (1 / (1 + np.exp(-a.input)),)


def _hard_swish(a: Arguments) -> tuple[Array, ...]:
    """HARD_SWISH: out = in * max(0, min(6, in + 3)) / 6."""
    return (a.input * np.clip(a.input + 3, 0, 6) / 6,)


def _declaration(
    operation_type: OperationType,
    reference: Callable[[Arguments], tuple[Array, ...]],
    ranks: tuple[int, ...] = UP_TO_4,
    since: FeatureLevel = FeatureLevel.LEVEL_1,
) -> Declaration:
    return Declaration(
        operation_type,
        since,
        FLOAT32_ONLY,
        forms=((tensor("input", *ranks),),),
        outputs=(tensor("output", *ranks),),
        dimensions=_dimensions,
        reference=reference,
    )


RELU = _declaration(OperationType.RELU, _relu)
RELU1 = _declaration(OperationType.RELU1, _relu1)
RELU6 = _declaration(OperationType.RELU6, _relu6)
LOGISTIC = _declaration(OperationType.LOGISTIC, _logistic)
HARD_SWISH = _declaration(OperationType.HARD_SWISH, _hard_swish, ranks=(), since=FeatureLevel.LEVEL_4)
