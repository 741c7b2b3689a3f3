"""CAST, QUANTIZE, and DEQUANTIZE by channel; ``tables`` has the other DEQUANTIZE.

Where programs hold quantised tensors as the numbers they stand for, there is nothing to compute for QUANTIZE and
DEQUANTIZE: entering, leaving and rounding a result is all.
"""

from __future__ import annotations

import math

import numpy as np

from drivers.engine.abi import F32x1, F32x3, I8x3, helper, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.fused import clamped
from drivers.kernels.pointwise import emit_mapping, mapping
from drivers.kernels.strided import emit_move, whole
from drivers.kernels.tables import STORED, emit_lookup
from hal.operations.declaration import Arguments
from hal.types import OperandType, OperationType

_UNSIGNED = 128
"""CAST takes a TENSOR_QUANT8_ASYMM for the numbers it stores, which are this much above those in a program."""


@helper
def _whole(x, least, most, shift):
    number = np.float64(x)  # holds every int32
    kept = clamped(number if number == number else 0.0, np.float64(least), np.float64(most))
    return np.int64(kept) - shift


@helper
def _real(x):
    return np.float32(x)


@helper
def _quantized(x, scale, zero_point):
    scaled = np.float64(x) / scale
    nearest = np.floor(scaled + 0.5) if scaled >= 0 else np.ceil(scaled - 0.5)
    kept = clamped(nearest + zero_point, -128.0, 127.0)
    return np.int64(kept if kept == kept else 0.0)


to_int32 = mapping("to_int32", _whole, int, int, int, out_dtype="int32")
to_int8 = mapping("to_int8", _whole, int, int, int, dtypes=("float32", "int32"), out_dtype="int8")
to_float32 = mapping("to_float32", _real, dtypes=("int32",), out_dtype="float32")
quantize = mapping("quantize", _quantized, float, int, out_dtype="int8")


@kernel
def dequantize_channels(x: I8x3, scales: F32x1, out: F32x3, begin: int, end: int) -> None:
    """DEQUANTIZE with a scale for each index of the middle dimension. A unit of work is a row."""
    for row in range(begin, end):
        i, channel = row // x.shape[1], row % x.shape[1]
        scale = scales[channel]
        values, results = x[i, channel], out[i, channel]
        for n in range(len(values)):
            results[n] = np.float32(values[n]) * scale


_CAST = (
    OperandType.TENSOR_FLOAT32,
    OperandType.TENSOR_INT32,
    OperandType.TENSOR_BOOL8,
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED,
    OperandType.TENSOR_QUANT8_SYMM,
    OperandType.TENSOR_QUANT16_ASYMM,
    OperandType.TENSOR_QUANT16_SYMM,
)


@lowers(OperationType.CAST, data=_CAST)
def _lower_cast(builder: Builder, arguments: Arguments) -> None:
    source, wanted = builder.input(0), builder.output_spec().type
    if arguments.data_type is wanted:
        emit_move(builder, whole(source), whole(builder.output()))
    elif source.dtype == "int8":
        numbers = STORED.astype(np.int32) + _UNSIGNED
        out = builder.output()
        emit_lookup(builder, source, out, numbers.astype(out.dtype))
    elif wanted is OperandType.TENSOR_INT32:
        limits = np.iinfo(np.int32)
        emit_mapping(builder, to_int32, int(limits.min), int(limits.max), 0)
    elif wanted is OperandType.TENSOR_QUANT8_ASYMM_SIGNED:
        emit_mapping(builder, to_int8, 0, 255, _UNSIGNED)
    else:
        emit_mapping(builder, to_float32)


@lowers(OperationType.QUANTIZE)
def _lower_quantize(builder: Builder, arguments: Arguments) -> None:
    wanted = builder.output_spec()
    if wanted.type is OperandType.TENSOR_FLOAT32:
        _lower_as_numbers(builder, arguments)
    else:
        emit_mapping(builder, quantize, wanted.scale, wanted.zero_point)


@lowers(OperationType.DEQUANTIZE)
def _lower_as_numbers(builder: Builder, arguments: Arguments) -> None:
    emit_move(builder, whole(builder.input(0)), whole(builder.output()))


@lowers(OperationType.DEQUANTIZE, data=(OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL,))
def _lower_dequantize_channels(builder: Builder, arguments: Arguments) -> None:
    source, out, channels = builder.input(0), builder.output(), arguments.input.per_channel
    shape = source.shape[: channels.channel_dim], source.shape[channels.channel_dim + 1 :]
    view = (math.prod(shape[0]), len(channels.scales), math.prod(shape[1]))
    scales = builder.table(np.array(channels.scales, np.float32))
    builder.emit(dequantize_channels, source.viewed(*view), scales, out.viewed(*view), work=view[0] * view[1])
