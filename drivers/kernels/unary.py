"""ABS, NEG, EXP, LOG, SQRT, RSQRT, SIN, FLOOR; ``tables`` has the 8-bit RSQRT."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import helper
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.exponential import exponential
from drivers.kernels.pointwise import emit_mapping, mapping
from hal.operations.declaration import Arguments
from hal.types import OperandType, OperationType


@helper
def _absolute(x):
    return abs(x)


@helper
def _negative(x):
    return -x


@helper
def _exponential(x):
    return exponential(x)


@helper
def _logarithm(x):
    return np.log(x)


@helper
def _root(x):
    return np.sqrt(x)


@helper
def _inverse_root(x):
    return np.float32(1) / np.sqrt(x)


@helper
def _sine(x):
    return np.sin(x)


@helper
def _floor(x):
    return np.floor(x)


absolute = mapping("absolute", _absolute, dtypes=("float32", "int32"))
negative = mapping("negative", _negative, dtypes=("float32", "int32"))
power_of_e = mapping("power_of_e", _exponential)
logarithm = mapping("logarithm", _logarithm)
root = mapping("root", _root)
inverse_root = mapping("inverse_root", _inverse_root)
sine = mapping("sine", _sine)
floor = mapping("floor", _floor)

_INT32 = {OperationType.ABS: absolute, OperationType.NEG: negative}
_KERNELS = {
    **_INT32,
    OperationType.EXP: power_of_e,
    OperationType.LOG: logarithm,
    OperationType.SQRT: root,
    OperationType.RSQRT: inverse_root,
    OperationType.SIN: sine,
    OperationType.FLOOR: floor,
}


@lowers(*_INT32, data=(OperandType.TENSOR_INT32,))
@lowers(*_KERNELS)
def _lower_unary(builder: Builder, arguments: Arguments) -> None:
    emit_mapping(builder, _KERNELS[builder.type])
