"""Functions of two tensors, element by element, the smaller one stretched to the larger."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.activation import activated
from hal.operations.declaration import (
    ACTIVATION,
    FLOAT32_ONLY,
    UP_TO_4,
    Arguments,
    Array,
    Declaration,
    tensor,
)
from hal.types import FeatureLevel, OperationType

_INPUTS = (tensor("input0", *UP_TO_4), tensor("input1", *UP_TO_4))


def broadcast(first: Dimensions, second: Dimensions) -> Dimensions:
    """The dimensions of two tensors combined: aligned at their last dimension, a size of 1 stretches.

    Raises ``BadDataError`` where two sizes differ and neither is 1.
    """
    pairs = list(zip_longest(reversed(first), reversed(second), fillvalue=1))
    for one, other in pairs:
        if one != other and 1 not in (one, other):
            raise BadDataError(
                f"its inputs {list(first)} and {list(second)} do not broadcast: "
                f"sizes {one} and {other} must be equal, or one of them 1"
            )
    return tuple(max(pair) for pair in reversed(pairs))


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (broadcast(a.input0.shape, a.input1.shape),)


def _add(a: Arguments) -> tuple[Array, ...]:
    """ADD: out = in0 + in1."""
    return (activated(a.input0 + a.input1, a.activation),)


def _mul(a: Arguments) -> tuple[Array, ...]:
    """MUL: out = in0 * in1."""
    return (activated(a.input0 * a.input1, a.activation),)


def _prelu_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (broadcast(a.input.shape, a.alpha.shape),)


def _prelu(a: Arguments) -> tuple[Array, ...]:
    """PRELU: out = in where in >= 0, alpha * in elsewhere."""
    return (np.where(a.input >= 0, a.input, a.alpha * a.input),)


ADD = Declaration(
    OperationType.ADD,
    FeatureLevel.LEVEL_1,
    FLOAT32_ONLY,
    forms=((*_INPUTS, ACTIVATION),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_dimensions,
    reference=_add,
)

MUL = Declaration(
    OperationType.MUL,
    FeatureLevel.LEVEL_1,
    FLOAT32_ONLY,
    forms=((*_INPUTS, ACTIVATION),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_dimensions,
    reference=_mul,
)

PRELU = Declaration(
    OperationType.PRELU,
    FeatureLevel.LEVEL_3,
    FLOAT32_ONLY,
    forms=((tensor("input"), tensor("alpha")),),
    outputs=(tensor("output"),),
    dimensions=_prelu_dimensions,
    reference=_prelu,
)
