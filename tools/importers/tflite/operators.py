"""How each TFLite operator is said in NNAPI: one function each, found under the operator's name."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from hal.types import OperationType, PaddingCode
from tools.importers.tflite.graph import Conversion, UnsupportedError
from tools.importers.tflite.reader import damaged

_PADDINGS = {0: PaddingCode.SAME, 1: PaddingCode.VALID}  # TFLite's numbers

MAPPING: dict[str, Callable[[Conversion], None]] = {}
"""By the operator's name in TFLite, or a custom operator's custom code."""


def _maps(name: str) -> Callable[[Callable[[Conversion], None]], Callable[[Conversion], None]]:
    def register(function: Callable[[Conversion], None]) -> Callable[[Conversion], None]:
        MAPPING[name] = function
        return function

    return register


@_maps("ADD")
def _add(c: Conversion) -> None:
    c.emit(OperationType.ADD, c.input(0), c.input(1), c.activation())


@_maps("MUL")
def _mul(c: Conversion) -> None:
    c.emit(OperationType.MUL, c.input(0), c.input(1), c.activation())


@_maps("RELU")
def _relu(c: Conversion) -> None:
    c.emit(OperationType.RELU, c.input(0))


@_maps("RELU6")
def _relu6(c: Conversion) -> None:
    c.emit(OperationType.RELU6, c.input(0))


@_maps("PRELU")
def _prelu(c: Conversion) -> None:
    c.emit(OperationType.PRELU, c.input(0), c.input(1))


@_maps("LOGISTIC")
def _logistic(c: Conversion) -> None:
    c.emit(OperationType.LOGISTIC, c.input(0))


@_maps("HARD_SWISH")
def _hard_swish(c: Conversion) -> None:
    c.emit(OperationType.HARD_SWISH, c.input(0))


@_maps("CONV_2D")
def _conv_2d(c: Conversion) -> None:
    operands = (c.input(0), c.input(1), _bias(c, channels=c.shape(1)[0]))
    c.emit(OperationType.CONV_2D, *operands, _padding(c), *_strides(c), c.activation(), *_dilations(c))


@_maps("DEPTHWISE_CONV_2D")
def _depthwise_conv_2d(c: Conversion) -> None:
    operands = (c.input(0), c.input(1), _bias(c, channels=c.shape(1)[-1]))
    steps = (*_strides(c), c.int32(c.option("depth_multiplier")))
    c.emit(OperationType.DEPTHWISE_CONV_2D, *operands, _padding(c), *steps, c.activation(), *_dilations(c))


@_maps("Convolution2DTransposeBias")
def _transpose_conv_2d(c: Conversion) -> None:
    """MediaPipe's custom operator; its options are three int32: TFLite's C padding code, stride width and height."""
    if len(c.operator.custom_options) < 12:
        raise damaged(f"operator {c.operator.index} (Convolution2DTransposeBias) has too few options")
    same, valid = 1, 2
    padding, stride_width, stride_height = struct.unpack_from("<3i", c.operator.custom_options)
    if padding not in (same, valid) or stride_width < 1 or stride_height < 1:
        raise damaged(f"operator {c.operator.index} has padding {padding}, strides {stride_width}, {stride_height}")
    _, height, width, _ = c.shape(0, rank=4)
    out_channels, filter_height, filter_width, _ = c.shape(1, rank=4)
    sides = []
    for size, extent, stride in ((width, filter_width, stride_width), (height, filter_height, stride_height)):
        # MediaPipe's own rule: it is TFLite's SAME only where the stride divides the size
        total = max(0, extent - (size - 1) % stride - 1) if padding == same else 0
        sides += [c.int32(total // 2), c.int32(total - total // 2)]
    operands = (c.input(0), c.input(1), _bias(c, out_channels))
    strides = (c.int32(stride_width), c.int32(stride_height))
    c.emit(OperationType.TRANSPOSE_CONV_2D, *operands, *sides, *strides, c.activation(), c.bool(False))


@_maps("FULLY_CONNECTED")
def _fully_connected(c: Conversion) -> None:
    c.refuse_unless("weights_format", 0)
    if len(c.shape(0)) > 2:
        c.refuse_unless("keep_num_dims", False)  # NNAPI's result always has rank 2
    c.emit(OperationType.FULLY_CONNECTED, c.input(0), c.input(1), _bias(c, channels=c.shape(1)[0]), c.activation())


@_maps("MAX_POOL_2D")
def _max_pool_2d(c: Conversion) -> None:
    c.emit(OperationType.MAX_POOL_2D, c.input(0), _padding(c), *_strides(c), *_filter(c), c.activation())


@_maps("AVERAGE_POOL_2D")
def _average_pool_2d(c: Conversion) -> None:
    c.emit(OperationType.AVERAGE_POOL_2D, c.input(0), _padding(c), *_strides(c), *_filter(c), c.activation())


@_maps("MEAN")
def _mean(c: Conversion) -> None:
    axes = c.int32_tensor(c.constant(1).reshape(-1))
    c.emit(OperationType.MEAN, c.input(0), axes, c.int32(c.option("keep_dims", False)))


@_maps("PAD")
def _pad(c: Conversion) -> None:
    c.emit(OperationType.PAD, c.input(0), c.int32_tensor(c.constant(1)))


@_maps("RESHAPE")
def _reshape(c: Conversion) -> None:
    shape = c.constant(1) if c.has_input(1) else np.array(c.option("new_shape"), np.int32)
    c.emit(OperationType.RESHAPE, c.input(0), c.int32_tensor(shape))


@_maps("CONCATENATION")
def _concatenation(c: Conversion) -> None:
    c.refuse_unless("fused_activation_function", 0)
    axis = c.option("axis")
    c.emit(OperationType.CONCATENATION, *c.inputs, c.int32(axis + len(c.shape(0)) if axis < 0 else axis))


@_maps("DEPTH_TO_SPACE")
def _depth_to_space(c: Conversion) -> None:
    c.emit(OperationType.DEPTH_TO_SPACE, c.input(0), c.int32(c.option("block_size")))


@_maps("RESIZE_BILINEAR")
def _resize_bilinear(c: Conversion) -> None:
    size = c.constant(1)
    if size.shape != (2,):
        raise damaged(f"operator {c.operator.index} (RESIZE_BILINEAR) has a size of shape {list(size.shape)}")
    height, width = size.tolist()
    flags = (c.bool(False), c.bool(c.option("align_corners", False)), c.bool(c.option("half_pixel_centers", False)))
    c.emit(OperationType.RESIZE_BILINEAR, c.input(0), c.int32(width), c.int32(height), *flags)


@_maps("STRIDED_SLICE")
def _strided_slice(c: Conversion) -> None:
    for name in ("ellipsis_mask", "new_axis_mask"):
        c.refuse_unless(name, 0)
    c.refuse_unless("offset", False)
    places = [c.int32_tensor(c.constant(position)) for position in (1, 2, 3)]
    masks = [c.int32(c.option(name, 0)) for name in ("begin_mask", "end_mask", "shrink_axis_mask")]
    c.emit(OperationType.STRIDED_SLICE, c.input(0), *places, *masks)


@_maps("DEQUANTIZE")
def _dequantize(c: Conversion) -> None:
    """Weights kept in half precision; NNAPI gets them widened."""
    value = c.constant(0)
    if value.dtype != np.float16:
        raise UnsupportedError(f"a constant of {value.dtype}")
    c.fold(value.astype(np.float32))


@_maps("DENSIFY")
def _densify(c: Conversion) -> None:
    """Weights kept sparse; a constant is made dense wherever it is read."""
    c.fold(c.constant(0))


def _bias(c: Conversion, channels: int) -> int:
    return c.input(2) if c.has_input(2) else c.tensor(np.zeros(channels, np.float32))


def _padding(c: Conversion) -> int:
    padding = c.option("padding")
    if padding not in _PADDINGS:
        raise damaged(f"operator {c.operator.index} ({c.operator.name}) has the padding {padding}")
    return c.int32(_PADDINGS[padding])


def _strides(c: Conversion) -> tuple[int, int]:
    return c.int32(c.option("stride_w")), c.int32(c.option("stride_h"))


def _filter(c: Conversion) -> tuple[int, int]:
    return c.int32(c.option("filter_width")), c.int32(c.option("filter_height"))


def _dilations(c: Conversion) -> tuple[int, ...]:
    """Layout and dilation factors, which NNAPI has since feature level 3; nothing where they are 1."""
    width, height = c.option("dilation_w_factor", 1), c.option("dilation_h_factor", 1)
    return () if (width, height) == (1, 1) else (c.bool(False), c.int32(width), c.int32(height))
