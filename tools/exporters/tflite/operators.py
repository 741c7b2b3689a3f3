"""How each NNAPI operation is said in TFLite: one function each, found under the operation's type."""

from __future__ import annotations

import math
from collections.abc import Callable

from hal.model import Dimensions
from hal.operations.convolution import conv_axes
from hal.operations.pooling import pool_axes
from hal.operations.resize import resized
from hal.operations.transpose_convolution import transpose_axes
from hal.operations.window import Axis, implicit_padding
from hal.types import OperationType, PaddingCode
from tools.exporters.tflite.graph import Conversion, InexpressibleError

Convert = Callable[[Conversion], None]
MAPPING: dict[OperationType, Convert] = {}

_SAME, _VALID = 0, 1
"""TFLite's paddings."""


def _maps(*types: OperationType) -> Callable[[Convert], Convert]:
    def register(function: Convert) -> Convert:
        MAPPING.update(dict.fromkeys(types, function))
        return function

    return register


@_maps(
    OperationType.DEQUANTIZE,
    OperationType.HARD_SWISH,
    OperationType.LOGISTIC,
    OperationType.PRELU,
    OperationType.QUANTIZE,
    OperationType.RELU,
    OperationType.RELU6,
    OperationType.TANH,
)
def _plain(c: Conversion) -> None:
    """What has the same name and inputs there, and no options."""
    c.emit(OperationType(c.operation.type).name, [c.input(position) for position in range(len(c.operation.inputs))])


@_maps(OperationType.ADD)
def _add(c: Conversion) -> None:
    c.emit("ADD", [c.input(0), c.input(1)], "AddOptions", fusedActivationFunction=c.activation())


@_maps(OperationType.SUB)
def _sub(c: Conversion) -> None:
    c.emit("SUB", [c.input(0), c.input(1)], "SubOptions", fusedActivationFunction=c.activation())


@_maps(OperationType.MUL)
def _mul(c: Conversion) -> None:
    c.emit("MUL", [c.input(0), c.input(1)], "MulOptions", fusedActivationFunction=c.activation())


@_maps(OperationType.CONV_2D)
def _conv_2d(c: Conversion) -> None:
    source, padding = _padded(c, *conv_axes(c.arguments))
    c.emit(
        "CONV_2D",
        [source, c.input(1), c.bias()],
        "Conv2DOptions",
        padding=padding,
        fusedActivationFunction=c.activation(),
        **_strides(c),
        **_dilations(c),
    )


@_maps(OperationType.DEPTHWISE_CONV_2D)
def _depthwise_conv_2d(c: Conversion) -> None:
    source, padding = _padded(c, *conv_axes(c.arguments))
    c.emit(
        "DEPTHWISE_CONV_2D",
        [source, c.input(1), c.bias()],
        "DepthwiseConv2DOptions",
        padding=padding,
        depthMultiplier=c.arguments.depth_multiplier,
        fusedActivationFunction=c.activation(),
        **_strides(c),
        **_dilations(c),
    )


@_maps(OperationType.TRANSPOSE_CONV_2D)
def _transpose_conv_2d(c: Conversion) -> None:
    c.refuse_nchw()
    _, height, width, _ = c.operand(0).dimensions
    _, filter_height, filter_width, _ = c.operand(1).dimensions
    axes = transpose_axes(c.arguments, height, width, filter_height, filter_width)
    # the axes walk over the output, whose size TFLite is given: the part of the sums that is cut off follows from it
    cut = [max(0, (axis.output - 1) * axis.stride + axis.window - axis.input) for axis in axes]
    if any(axis.before != total // 2 for axis, total in zip(axes, cut)):
        raise InexpressibleError("a padding of its own")
    c.emit(
        "TRANSPOSE_CONV",
        [c.exporter.constant(c.result.dimensions), c.input(1), c.input(0), c.bias()],
        "TransposeConvOptions",
        padding=_SAME if any(cut) else _VALID,
        fusedActivationFunction=c.activation(),
        **_strides(c),
    )


@_maps(OperationType.FULLY_CONNECTED)
def _fully_connected(c: Conversion) -> None:
    inputs = [c.input(0), c.input(1), c.bias()]
    c.emit("FULLY_CONNECTED", inputs, "FullyConnectedOptions", fusedActivationFunction=c.activation())


@_maps(OperationType.AVERAGE_POOL_2D, OperationType.MAX_POOL_2D)
def _pool(c: Conversion) -> None:
    c.refuse_nchw()
    padding = _padding(*pool_axes(c.arguments))
    if padding is None:
        raise InexpressibleError("a padding of its own")
    c.emit(
        OperationType(c.operation.type).name,
        [c.input(0)],
        "Pool2DOptions",
        padding=padding,
        filterWidth=c.arguments.filter_width,
        filterHeight=c.arguments.filter_height,
        fusedActivationFunction=c.activation(),
        **_strides(c),
    )


@_maps(OperationType.MEAN)
def _mean(c: Conversion) -> None:
    c.emit("MEAN", [c.input(0), c.constant(1)], "ReducerOptions", keepDims=bool(c.arguments.keep_dims))


@_maps(OperationType.PAD)
def _pad(c: Conversion) -> None:
    c.emit("PAD", [c.input(0), c.constant(1)], "PadOptions")


@_maps(OperationType.RESHAPE)
def _reshape(c: Conversion) -> None:
    inputs = [c.input(0), c.exporter.constant(c.result.dimensions)]
    c.emit("RESHAPE", inputs, "ReshapeOptions", newShape=list(c.result.dimensions))


@_maps(OperationType.TRANSPOSE)
def _transpose(c: Conversion) -> None:
    c.emit("TRANSPOSE", [c.input(0), c.constant(1)], "TransposeOptions")


@_maps(OperationType.CONCATENATION)
def _concatenation(c: Conversion) -> None:
    tensors = [c.input(position) for position in range(len(c.operation.inputs) - 1)]
    c.emit("CONCATENATION", tensors, "ConcatenationOptions", axis=c.arguments.axis)


@_maps(OperationType.DEPTH_TO_SPACE)
def _depth_to_space(c: Conversion) -> None:
    c.refuse_nchw()
    c.emit("DEPTH_TO_SPACE", [c.input(0)], "DepthToSpaceOptions", blockSize=c.arguments.block_size)


@_maps(OperationType.RESIZE_BILINEAR)
def _resize_bilinear(c: Conversion) -> None:
    c.refuse_nchw()
    c.emit(
        "RESIZE_BILINEAR",
        [c.input(0), c.exporter.constant(resized(c.arguments))],
        "ResizeBilinearOptions",
        alignCorners=c.arguments.align_corners,
        halfPixelCenters=c.arguments.half_pixel_centers,
    )


@_maps(OperationType.SOFTMAX)
def _softmax(c: Conversion) -> None:
    if c.arguments.axis not in (-1, len(c.operand(0).dimensions) - 1):
        raise InexpressibleError(f"an axis {c.arguments.axis} that is not the last")
    c.emit("SOFTMAX", [c.input(0)], "SoftmaxOptions", beta=c.arguments.beta)


@_maps(OperationType.STRIDED_SLICE)
def _strided_slice(c: Conversion) -> None:
    a = c.arguments
    c.emit(
        "STRIDED_SLICE",
        [c.input(0), *(c.constant(position) for position in (1, 2, 3))],
        "StridedSliceOptions",
        beginMask=a.begin_mask,
        endMask=a.end_mask,
        shrinkAxisMask=a.shrink_axis_mask,
    )


def _padded(c: Conversion, vertical: Axis, horizontal: Axis) -> tuple[int, int]:
    """The tensor that a window walks over and TFLite's padding; where TFLite has none like it, a padded tensor."""
    c.refuse_nchw()
    padding = _padding(vertical, horizontal)
    if padding is not None:
        return c.input(0), padding
    batches, _, _, channels = c.operand(0).dimensions
    sides = [(0, 0), *((axis.before, axis.after) for axis in (vertical, horizontal)), (0, 0)]
    sizes: Dimensions = (batches, *(a.input + a.before + a.after for a in (vertical, horizontal)), channels)
    padded = c.exporter.value(c.operation.inputs[0], sizes)
    c.exporter.emit("PAD", [c.input(0), c.exporter.constant(sides)], [padded], "PadOptions")
    return padded, _VALID


def _padding(vertical: Axis, horizontal: Axis) -> int | None:
    """TFLite's padding that is the same as these axes' own, None where there is none."""
    axes = vertical, horizontal
    same = [implicit_padding(PaddingCode.SAME, axis.input, axis.window, axis.stride, axis.dilation)[0] for axis in axes]
    places = [math.ceil(axis.input / axis.stride) for axis in axes]
    if all(axis.before == before and axis.output == count for axis, before, count in zip(axes, same, places)):
        return _SAME
    return _VALID if all(axis.before == axis.after == 0 for axis in axes) else None


def _strides(c: Conversion) -> dict[str, int]:
    return {"strideW": c.arguments.stride_width, "strideH": c.arguments.stride_height}


def _dilations(c: Conversion) -> dict[str, int]:
    return {"dilationWFactor": c.arguments.dilation_width, "dilationHFactor": c.arguments.dilation_height}
