"""NNAPI's rules for one operand.

A ``..._fault`` function tells what is wrong as the end of a sentence about the operand, and None
when nothing is.
"""

from __future__ import annotations

import math

import numpy as np

from hal.model import Dimensions, Operand, PerChannelQuantization, byte_size, is_extension, is_fully_specified
from hal.operations.declaration import type_name
from hal.types import OEM_SCALAR, OperandType

MAX_DIMENSION = 2**32 - 1
"""NNAPI's dimensions have 32 bits."""

MAX_BYTES = 2**32 - 1
"""NNAPI counts the bytes of an operand in 32 bits."""


def type_fault(operand_type: int, dimensions: Dimensions, scale: float, zero_point: int) -> str | None:
    """What is wrong with a type and what belongs to it.

    Of an extension's type, NNAPI knows only that it has no scale and zero point.
    """
    itemsize = 1
    if isinstance(operand_type, OperandType):
        if dimensions and not operand_type.is_tensor:
            return f"has dimensions {list(dimensions)}; it is a scalar, which has none"
        if operand_type.is_tensor:
            itemsize = operand_type.dtype.itemsize
    elif not is_extension(operand_type):
        return "has a type that NNAPI does not know"
    elif operand_type == OEM_SCALAR and dimensions:
        return f"has dimensions {list(dimensions)}; it is a scalar, which has none"
    size = itemsize
    for dimension in dimensions:
        if not 0 <= dimension <= MAX_DIMENSION:
            return f"has dimensions {list(dimensions)}; each must be from 0 (unknown) to {MAX_DIMENSION}"
        size *= dimension or 1
        if size > MAX_BYTES:
            return f"has dimensions {list(dimensions)}; its size overflows the {MAX_BYTES} bytes that NNAPI allows"
    return _quantization_fault(operand_type, scale, zero_point)


def per_channel_fault(
    operand_type: int, dimensions: Dimensions, per_channel: PerChannelQuantization | None
) -> str | None:
    """What is wrong with per-channel scales, or with their absence."""
    if operand_type is not OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL:
        return None if per_channel is None else "has per-channel scales; TENSOR_QUANT8_SYMM_PER_CHANNEL alone has them"
    if per_channel is None:
        return "has no per-channel scales; it must have them"
    channel_dim = per_channel.channel_dim
    if not 0 <= channel_dim < len(dimensions):
        return f"has channel dimension {channel_dim}; it must be from 0 to its rank, {len(dimensions)}, less 1"
    if dimensions[channel_dim] == 0:
        return f"has dimensions {list(dimensions)}; dimension {channel_dim}, the channels, must be known"
    if len(per_channel.scales) != dimensions[channel_dim]:
        return f"has {len(per_channel.scales)} scales; it must have one for each of {dimensions[channel_dim]} channels"
    for channel, scale in enumerate(per_channel.scales):
        if not 0 < scale < math.inf:
            return f"has scale {scale} for channel {channel}; it must be finite and above 0"
    return None


def value_fault(operand: Operand) -> str | None:
    """What is wrong with a constant's value, or with another operand's having one. The value is not read."""
    value = operand.value
    if not operand.is_constant:
        if value is not None or operand.location is not None:
            return f"has a value and lifetime {operand.lifetime.name}; only a constant has a value"
        return None
    if value is None:
        return "is a constant without a value"
    if operand.location is not None and operand.location.length != value.nbytes:
        return f"has a value of {value.nbytes} bytes in a place of {operand.location.length}"
    if not isinstance(operand.type, OperandType):
        return None if value.dtype == np.uint8 else f"has a value of {value.dtype}; an extension's must be bytes"
    if operand.type.is_tensor and not is_fully_specified(operand.dimensions):
        return f"is a constant with dimensions {list(operand.dimensions)}; a constant's must all be known"
    if value.dtype != operand.type.dtype or value.shape != operand.dimensions:
        return (
            f"has a value of {value.dtype} {list(value.shape)}; "
            f"it must be {operand.type.dtype} {list(operand.dimensions)}"
        )
    return None if value.flags.c_contiguous else "has a value that is not contiguous"


def _quantization_fault(operand_type: int, scale: float, zero_point: int) -> str | None:
    if operand_type is OperandType.TENSOR_INT32:  # a quantised operation's bias has a scale, others have none
        scale_is_right, wanted_scale = 0 <= scale < math.inf, "finite and at least 0"
    elif isinstance(operand_type, OperandType) and operand_type.has_scale:
        scale_is_right, wanted_scale = 0 < scale < math.inf, "finite and above 0"
    else:
        scale_is_right, wanted_scale = scale == 0, "0"
    if not scale_is_right:
        return f"has scale {scale}; it must be {wanted_scale}"
    zero_points = operand_type.zero_points if isinstance(operand_type, OperandType) else range(1)
    if zero_point not in zero_points:
        wanted = f"from {zero_points[0]} to {zero_points[-1]}" if len(zero_points) > 1 else "0"
        return f"has zero point {zero_point}; it must be {wanted}"
    return None


def merge(first: Dimensions, second: Dimensions) -> Dimensions | None:
    """What two accounts of the same dimensions say together; None where they contradict each other."""
    if not first or not second or first == second:
        return first or second
    if len(first) != len(second) or any(a != b for a, b in zip(first, second) if a and b):
        return None
    return tuple(a or b for a, b in zip(first, second))


def value_size(operand: Operand, dimensions: Dimensions) -> int | None:
    """Bytes that the operand's value takes with these dimensions; None where that can't be told."""
    if not isinstance(operand.type, OperandType):
        return None
    if operand.type.is_tensor and not is_fully_specified(dimensions):
        return None
    return byte_size(operand.type, dimensions)


def described(operand_type: int, dimensions: Dimensions = ()) -> str:
    """An operand's type and dimensions as people call them."""
    known = isinstance(operand_type, OperandType) or is_extension(operand_type)
    name = type_name(operand_type) if known else f"type {operand_type}"
    return f"{name} {list(dimensions)}" if dimensions else name
