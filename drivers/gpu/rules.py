"""What the GPU takes, and why not the rest, in words."""

from __future__ import annotations

import math
from collections.abc import Callable

from drivers.gpu.numerics import QUANTIZED
from drivers.simulation.rules import kind_refusal, named
from hal.model import Model, Operand, Operation, is_fully_specified, is_tensor
from hal.types import OperandType, OperationType

_COMPARISONS = (
    OperationType.EQUAL,
    OperationType.NOT_EQUAL,
    OperationType.GREATER,
    OperationType.GREATER_EQUAL,
    OperationType.LESS,
    OperationType.LESS_EQUAL,
)
_SIXTEEN_BITS = (OperandType.TENSOR_QUANT16_SYMM, OperandType.TENSOR_QUANT16_ASYMM)

LEAST_SCALE = 2.0**-14
"""float16's smallest normal number: of a smaller scale's multiples it loses bits."""

GREATEST_SCALE = 65504 / 255
"""An 8-bit number of a greater scale can be above float16's greatest."""

_INT32_BYTES = 4
_HALF_BYTES = 2


def rule(buffer_bytes: int) -> Callable[[Model, Operation], str]:
    """The rule of a GPU whose buffers hold ``buffer_bytes`` at most: why it does not take an operation, or ""."""

    def refusal(model: Model, operation: Operation) -> str:
        operands = model.main.operands
        inputs = [operands[index] for index in operation.inputs]
        outputs = [operands[index] for index in operation.outputs]
        if reason := kind_refusal(operation):
            return reason
        for side, position, operand in named(inputs, outputs):
            if is_tensor(operand):
                reason = (
                    _type_refusal(model, operand) or _scale_refusal(operand) or _size_refusal(operand, buffer_bytes)
                )
                if reason:
                    return f"its {side} {position} {reason}"
        return _stored_refusal(operation, inputs, outputs)

    return refusal


def _type_refusal(model: Model, operand: Operand) -> str:
    if operand.type is OperandType.TENSOR_FLOAT32 and not model.relaxed:
        return (
            "is TENSOR_FLOAT32 in a model that is not relaxed; the GPU computes in float16: "
            "relax_computation_float32_to_float16 allows it to"
        )
    if operand.type in _SIXTEEN_BITS:
        return f"is {OperandType(operand.type).name}; of the quantised types the GPU takes those of 8 bits"
    if operand.type is OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL and not operand.is_constant:
        return "has a scale for each channel and is no constant; the GPU takes one scale, or a constant"
    return ""


def _scale_refusal(operand: Operand) -> str:
    if operand.type not in QUANTIZED:
        return ""
    scale = operand.scale if operand.per_channel is None else max(operand.per_channel.scales)
    if LEAST_SCALE <= scale <= GREATEST_SCALE:
        return ""
    return f"has the scale {scale:g}; the GPU's float16 holds numbers of scales from 2^-14 to {GREATEST_SCALE:g}"


def _size_refusal(operand: Operand, buffer_bytes: int) -> str:
    if not is_fully_specified(operand.dimensions):
        return ""  # the engine refuses it
    width = _INT32_BYTES if operand.type is OperandType.TENSOR_INT32 else _HALF_BYTES
    size = math.prod(operand.dimensions) * width
    return "" if size <= buffer_bytes else f"takes {size} bytes on the GPU; its buffers hold {buffer_bytes}"


def _stored_refusal(operation: Operation, inputs: list[Operand], outputs: list[Operand]) -> str:
    """What depends on the integers that quantised tensors are stored as, which the GPU turns into numbers."""
    data = inputs[0]
    if operation.type == OperationType.CAST and not QUANTIZED.isdisjoint((data.type, outputs[0].type)):
        return (
            "it takes quantised numbers for the integers that store them; QUANTIZE and DEQUANTIZE take them as numbers"
        )
    scales = {(each.scale, each.zero_point) for each in inputs if each.type in QUANTIZED}
    if operation.type in _COMPARISONS and len(scales) > 1:
        return (
            "it compares numbers of two scales, which float16 rounds to equal ones where they are near; "
            "both inputs must have the same scale and zero point"
        )
    return ""
