"""What the DSP takes, and why it does not take the rest.

A reason is a sentence about "it", the operation, that says what to change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from drivers.dsp.description import DspSection, Limits
from drivers.simulation.rules import kind_refusal, named, size_refusal, sum_refusal
from hal.model import Model, Operand, Operation
from hal.operations import DECLARATIONS
from hal.operations.declaration import Arguments, Declaration, UnknownValueError, type_name
from hal.types import OperandType, OperationType

_T = OperationType

_BYTES = frozenset({OperandType.TENSOR_QUANT8_ASYMM, OperandType.TENSOR_QUANT8_ASYMM_SIGNED})
_SYMMETRIC = frozenset({OperandType.TENSOR_QUANT8_SYMM})
_HALVES = frozenset({OperandType.TENSOR_QUANT16_SYMM, OperandType.TENSOR_QUANT16_ASYMM})
_WORDS = frozenset({OperandType.TENSOR_INT32})
_TRUTHS = frozenset({OperandType.TENSOR_BOOL8})
_FLOATING = frozenset({OperandType.TENSOR_FLOAT32, OperandType.TENSOR_FLOAT16})

_PRODUCTS = (_T.CONV_2D, _T.DEPTHWISE_CONV_2D, _T.GROUPED_CONV_2D, _T.TRANSPOSE_CONV_2D, _T.FULLY_CONNECTED)
_COMPARISONS = (_T.EQUAL, _T.NOT_EQUAL, _T.GREATER, _T.GREATER_EQUAL, _T.LESS, _T.LESS_EQUAL)

TAKES: Mapping[OperationType, frozenset[OperandType]] = {
    **dict.fromkeys(_PRODUCTS, _BYTES),
    **dict.fromkeys((_T.ADD, _T.SUB, _T.MUL, _T.MAXIMUM, _T.MINIMUM, _T.SELECT, _T.ARGMAX, _T.ARGMIN), _BYTES | _WORDS),
    **dict.fromkeys(_COMPARISONS, _BYTES | _WORDS | _TRUTHS),
    **dict.fromkeys((_T.RELU, _T.RELU1, _T.RELU6, _T.LOGISTIC, _T.TANH, _T.HARD_SWISH, _T.RSQRT, _T.PRELU), _BYTES),
    **dict.fromkeys((_T.AVERAGE_POOL_2D, _T.MAX_POOL_2D, _T.MEAN, _T.REDUCE_MAX, _T.REDUCE_MIN, _T.SOFTMAX), _BYTES),
    **dict.fromkeys((_T.RESIZE_BILINEAR, _T.RESIZE_NEAREST_NEIGHBOR, _T.CHANNEL_SHUFFLE, _T.CONCATENATION), _BYTES),
    **dict.fromkeys((_T.SPACE_TO_DEPTH, _T.DEPTH_TO_SPACE, _T.SPACE_TO_BATCH_ND, _T.BATCH_TO_SPACE_ND), _BYTES),
    **dict.fromkeys((_T.PAD, _T.PAD_V2, _T.SQUEEZE, _T.STRIDED_SLICE, _T.TRANSPOSE), _BYTES),
    **dict.fromkeys((_T.RESHAPE, _T.EXPAND_DIMS, _T.SLICE, _T.SPLIT, _T.TILE, _T.PACK, _T.REVERSE), _BYTES | _WORDS),
    **dict.fromkeys((_T.MIRROR_PAD, _T.GATHER, _T.EMBEDDING_LOOKUP), _BYTES | _WORDS),
    **dict.fromkeys((_T.LOGICAL_AND, _T.LOGICAL_OR, _T.LOGICAL_NOT, _T.REDUCE_ALL, _T.REDUCE_ANY), _TRUTHS),
    **dict.fromkeys((_T.ABS, _T.NEG), _WORDS),
    _T.BATCH_MATMUL: frozenset({OperandType.TENSOR_QUANT8_ASYMM_SIGNED}),
    _T.CAST: _BYTES | _SYMMETRIC | _HALVES | _WORDS | _TRUTHS,
    _T.DEQUANTIZE: _BYTES | _SYMMETRIC,
    _T.FILL: frozenset({OperandType.INT32}),
    _T.QUANTIZED_16BIT_LSTM: frozenset({OperandType.TENSOR_QUANT8_ASYMM}),
    _T.QUANTIZED_LSTM: frozenset({OperandType.TENSOR_QUANT8_ASYMM_SIGNED}),
}
"""The operations that it takes, each with the types of data that it takes it over."""

_BOX_BY_BOX = "boxes are sorted, compared and dropped one by one, which a vector unit can't: leave it to the CPU"
_CHECKED = "impossible boxes must be refused, and a vector unit can't while it computes: leave it to the CPU"

_REASONS: Mapping[OperationType, str] = {
    _T.BOX_WITH_NMS_LIMIT: _BOX_BY_BOX,
    _T.GENERATE_PROPOSALS: _BOX_BY_BOX,
    _T.AXIS_ALIGNED_BBOX_TRANSFORM: _CHECKED,
    _T.HEATMAP_MAX_KEYPOINT: _CHECKED,
    _T.ROI_ALIGN: _CHECKED,
    _T.ROI_POOLING: _CHECKED,
    _T.DIV: "the vector unit can't divide by what it computes: multiply by the reciprocal, in a quantised type",
    _T.L2_NORMALIZATION: "the vector unit has no square root: leave it to the CPU",
    _T.DENSIFY: "weights must be dense when they reach the device: densify them in the converter",
    _T.HASHTABLE_LOOKUP: "a search can't be done in vectors: use EMBEDDING_LOOKUP, with places in place of keys",
    _T.LSH_PROJECTION: "hashes of single values can't be done in vectors: leave it to the CPU",
    _T.QUANTIZE: "its data is floating-point, and the device computes in integers: give the model quantised inputs",
    _T.RANK: "its answer is known before the model runs: make it a constant",
    _T.TOPK_V2: "sorting can't be done in vectors: use ARGMAX where k is 1, else leave it to the CPU",
}
"""Why it does not take others, where more is to be said than that they compute in floating point."""


def refusal(dsp: DspSection, model: Model, operation: Operation) -> str:
    """Why the device that ``dsp`` describes does not take ``operation`` of the model's main subgraph; "" if it does."""
    if reason := kind_refusal(operation):
        return reason
    operation_type = OperationType(operation.type)
    declaration = DECLARATIONS[operation_type]
    if operation_type not in TAKES:
        return _REASONS.get(operation_type) or _floating_alone(declaration)
    operands = model.main.operands
    inputs = [operands[index] for index in operation.inputs]
    outputs = [operands[index] for index in operation.outputs]
    data_type = declaration.data_type(inputs)
    if data_type not in TAKES[operation_type]:
        return _other_data(data_type, TAKES[operation_type])
    edges = outputs if operation_type is _T.DEQUANTIZE else []
    for side, position, operand in named(inputs, outputs):
        if reason := _unfit(dsp.limits, operand, may_float=operand in edges):
            return f"its {side} {position} {reason}"
    try:
        return sum_refusal(operation, operands) or _line_refusal(dsp, operation_type, declaration.bind(inputs))
    except UnknownValueError:  # a parameter that the model computes, which the engine refuses
        return ""


def _floating_alone(declaration: Declaration) -> str:
    assert not any(np.issubdtype(each.dtype, np.integer) for each in declaration.types), declaration.type.name
    return "NNAPI has it for floating-point data alone, and the device computes in integers: leave it to another device"


def _other_data(data_type: OperandType, taken: Iterable[OperandType]) -> str:
    *others, last = sorted(each.name for each in taken)
    wanted = f"{', '.join(others)} or {last}" if others else last
    if data_type in _FLOATING:
        return f"its data is {data_type.name}, and the device computes in integers: quantise the model, to {wanted}"
    return f"its data is {data_type.name}; the device takes it over {wanted}"


def _unfit(limits: Limits, operand: Operand, may_float: bool) -> str:
    """What about an operand the device can't hold, "" for nothing."""
    if operand.type in _FLOATING and not may_float:
        return f"is {type_name(operand.type)}, and the device computes in integers: it must be of a quantised type"
    return size_refusal(operand, limits.rank, limits.dimension)


def _line_refusal(dsp: DspSection, operation_type: OperationType, arguments: Arguments) -> str:
    """Why the lines of a SOFTMAX are too long for a tile."""
    if operation_type is not _T.SOFTMAX or not arguments.input.is_known:
        return ""
    line = arguments.input.dimensions[arguments.axis]
    if line <= dsp.tile_bytes:
        return ""
    return (
        f"its lines are {line} elements long, and a tile in the tightly-coupled memory holds "
        f"{dsp.tile_bytes}: split them"
    )
