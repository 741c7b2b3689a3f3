"""The fully connected layer."""

from __future__ import annotations

import math

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.activation import activated
from hal.operations.convolution import BIAS
from hal.operations.declaration import (
    ACTIVATION,
    Arguments,
    Array,
    Declaration,
    TensorSpec,
    floating_and_quant8,
    tensor,
)
from hal.operations.layout import check_not_empty
from hal.operations.quantization import check_bias
from hal.types import FeatureLevel, OperationType


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    check_not_empty("weights", a.weights.shape)
    units, input_size = a.weights.shape
    elements = math.prod(a.input.shape)
    if elements % input_size != 0:
        raise BadDataError(
            f"its input {list(a.input.shape)} has {elements} elements; its weights need a multiple of {input_size}"
        )
    if a.bias.shape[0] != units:
        raise BadDataError(f"its bias has {a.bias.shape[0]} values; it must have {units}, one a unit")
    return ((elements // input_size, units),)


def _check(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    check_bias(a.bias, a.input, a.weights)


def _fully_connected(a: Arguments) -> tuple[Array, ...]:
    """FULLY_CONNECTED: out[b, u] = bias[u] + sum over i of in[b, i] * weights[u, i].

    An input of a higher rank is first flattened to [elements / input size, input size].
    """
    rows = a.input.reshape(-1, a.weights.shape[1])
    return (activated(rows @ a.weights.T + a.bias, a.activation),)


FULLY_CONNECTED = Declaration(
    OperationType.FULLY_CONNECTED,
    FeatureLevel.LEVEL_1,
    floating_and_quant8(FeatureLevel.LEVEL_1),
    forms=((tensor("input", 2, 3, 4), tensor("weights", 2), BIAS, ACTIVATION),),
    outputs=(tensor("output", 2),),
    dimensions=_dimensions,
    reference=_fully_connected,
    check=_check,
)
