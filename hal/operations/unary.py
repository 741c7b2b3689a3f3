"""Functions of one number, element by element."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hal.model import Dimensions
from hal.operations.declaration import UP_TO_4, Arguments, Array, Declaration, tensor
from hal.types import FeatureLevel, OperandType, OperationType


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (a.input.shape,)


def _abs(a: Arguments) -> tuple[Array, ...]:
    """ABS: out = |in|."""
    return (np.abs(a.input),)


def _neg(a: Arguments) -> tuple[Array, ...]:
    """NEG: out = -in."""
    return (-a.input,)


def _exp(a: Arguments) -> tuple[Array, ...]:
    """EXP: out = e^in."""
    return (np.exp(a.input),)


def _log(a: Arguments) -> tuple[Array, ...]:
    """LOG: out = the natural logarithm of in."""
    return (np.log(a.input),)


def _sqrt(a: Arguments) -> tuple[Array, ...]:
    """SQRT: out = in^(1/2)."""
    return (np.sqrt(a.input),)


def _rsqrt(a: Arguments) -> tuple[Array, ...]:
    """RSQRT: out = 1 / in^(1/2)."""
    return (1 / np.sqrt(a.input),)


def _sin(a: Arguments) -> tuple[Array, ...]:
    """SIN: out = sin(in), in radians."""
    return (np.sin(a.input),)


def _floor(a: Arguments) -> tuple[Array, ...]:
    """FLOOR: out = the greatest integer that is not above in."""
    return (np.floor(a.input),)


_FLOATS = {
    OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_3,
}
_ABS = {**_FLOATS, OperandType.TENSOR_INT32: FeatureLevel.LEVEL_4}
_NEG = {**_FLOATS, OperandType.TENSOR_INT32: FeatureLevel.LEVEL_3}
_FLOOR = {**_FLOATS, OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_1}
_RSQRT = {
    **_FLOATS,
    OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_7,
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_7,
}


def _declaration(
    operation_type: OperationType,
    reference: Callable[[Arguments], tuple[Array, ...]],
    types: Mapping[OperandType, FeatureLevel] = _FLOATS,
    ranks: tuple[int, ...] = (),
) -> Declaration:
    return Declaration(
        operation_type,
        types[OperandType.TENSOR_FLOAT32],
        types,
        forms=((tensor("input", *ranks),),),
        outputs=(tensor("output", *ranks),),
        dimensions=_dimensions,
        reference=reference,
    )


ABS = _declaration(OperationType.ABS, _abs, _ABS)
NEG = _declaration(OperationType.NEG, _neg, _NEG)
EXP = _declaration(OperationType.EXP, _exp)
LOG = _declaration(OperationType.LOG, _log)
SQRT = _declaration(OperationType.SQRT, _sqrt)
RSQRT = _declaration(OperationType.RSQRT, _rsqrt, _RSQRT)
SIN = _declaration(OperationType.SIN, _sin)
FLOOR = _declaration(OperationType.FLOOR, _floor, _FLOOR, UP_TO_4)
