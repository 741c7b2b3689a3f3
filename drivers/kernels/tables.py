"""Functions of one 8-bit number: a table of all 256 results, made when a model is prepared."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping

import numpy as np

from drivers.engine.abi import Anyx1, I8x1, generic
from drivers.engine.lowering import Builder, lowers
from drivers.engine.program import Tensor
from hal.model import Operand
from hal.operations import DECLARATIONS
from hal.operations.declaration import Arguments, Array, TensorSpec, evaluate, rounded
from hal.types import OperandType, OperationType

STORED = np.arange(-128, 128, dtype=np.int8)
"""What a table's entries are for, in their order."""


@generic
def lookup(x: I8x1, table: Anyx1, out: Anyx1, begin: int, end: int) -> None:
    """The entries of ``table``, whose first is for -128, that ``x`` names."""
    for i in range(begin, end):
        out[i] = table[np.int64(x[i]) + 128]


def emit_lookup(builder: Builder, source: Tensor, out: Tensor, table: Array) -> None:
    """Emit what writes the entries of ``table`` that ``source`` names into ``out``."""
    builder.emit(lookup[out.dtype], source.flat, builder.table(table), out.flat, work=out.flat.shape[0])


def requantized(builder: Builder, position: int, spec: TensorSpec, wanted: TensorSpec) -> Tensor:
    """The 8-bit input at ``position``, quantised as ``spec`` says, as ``wanted`` quantises the same numbers."""
    source = builder.input(position)
    if (spec.scale, spec.zero_point) == (wanted.scale, wanted.zero_point):
        return source
    out = builder.temporary(*source.shape, dtype="int8")
    emit_lookup(builder, source, out, rounded(real(spec), wanted))
    return out


def real(spec: TensorSpec) -> Array:
    """The numbers that ``STORED`` stands for, float64."""
    return (STORED.astype(np.float64) - spec.zero_point) * np.float64(spec.scale)


def _of_c(name: str) -> Callable[[Array], Array]:
    """A function of C's mathematical library in float32, which may round otherwise than NumPy's."""
    function = getattr(ctypes.CDLL(None), name)
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
    return np.vectorize(function, otypes=[np.float32])


def _logistic(x: Array) -> Array:
    return np.float32(1) / (np.float32(1) + _of_c("expf")(-x))


def _tanh(x: Array) -> Array:
    return _of_c("tanhf")(x)


_IN_FLOAT32: Mapping[OperationType, Callable[[Array], Array]] = {
    OperationType.LOGISTIC: _logistic,
    OperationType.TANH: _tanh,
}
"""Those whose tables LiteRT's reference kernels make in float32; ours are equal to them."""


def _table_in_float32(function: Callable[[Array], Array], spec: TensorSpec, wanted: TensorSpec) -> Array:
    numbers = np.float32(spec.scale) * (STORED.astype(np.int32) - spec.zero_point).astype(np.float32)
    with np.errstate(over="ignore"):
        scaled = function(numbers) * (np.float32(1) / np.float32(wanted.scale))
    nearest = np.copysign(np.floor(np.abs(scaled.astype(np.float64)) + 0.5), scaled)
    return np.clip(nearest + wanted.zero_point, -128, 127).astype(np.int8)


def _table_of_reference(operation_type: OperationType, spec: TensorSpec, wanted: TensorSpec) -> Array:
    operand = Operand(spec.type, STORED.shape, spec.scale, spec.zero_point)
    result = Operand(wanted.type, STORED.shape, wanted.scale, wanted.zero_point)
    values = STORED.astype(spec.type.dtype)
    (table,) = evaluate(DECLARATIONS[operation_type], [operand], [values], [result])
    return table.astype(np.int8) if table.dtype == np.bool_ else table


_QUANTIZED = (
    OperationType.RELU,
    OperationType.RELU1,
    OperationType.RELU6,
    OperationType.LOGISTIC,
    OperationType.TANH,
    OperationType.HARD_SWISH,
    OperationType.RSQRT,
)


@lowers(*_QUANTIZED, data=(OperandType.TENSOR_QUANT8_ASYMM_SIGNED,))
@lowers(OperationType.DEQUANTIZE, data=(OperandType.TENSOR_QUANT8_ASYMM_SIGNED, OperandType.TENSOR_QUANT8_SYMM))
@lowers(OperationType.LOGICAL_NOT, data=(OperandType.TENSOR_BOOL8,))
def _lower_lookup(builder: Builder, arguments: Arguments) -> None:
    spec, wanted = arguments.input, builder.output_spec()
    if builder.type in _IN_FLOAT32:
        table = _table_in_float32(_IN_FLOAT32[builder.type], spec, wanted)
    else:
        table = _table_of_reference(builder.type, spec, wanted)
    emit_lookup(builder, builder.input(0), builder.output(), table)
