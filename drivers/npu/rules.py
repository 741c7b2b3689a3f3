"""What the NPU takes, and why it does not take the rest.

It computes in int8: TENSOR_QUANT8_ASYMM_SIGNED, or TENSOR_QUANT8_ASYMM, whose highest bit DMA flips on the way, and
constant weights of these types or of TENSOR_QUANT8_SYMM_PER_CHANNEL. Its commands are made when a model is prepared, so
dimensions and parameters are in the model; tensors have four dimensions at most, and where they have four, a batch of
one. ``TAKES`` lists the operations, a description's ``Limits`` the sizes.

A reason is a sentence about "it", the operation, that says what to change.
"""

from __future__ import annotations

from drivers.npu.description import Limits
from drivers.simulation.rules import kind_refusal, named, size_refusal, sum_refusal
from hal.model import Model, Operand, Operation, is_fully_specified, is_tensor
from hal.operations import DECLARATIONS
from hal.operations.declaration import Arguments, UnknownValueError, type_name
from hal.types import OperandType, OperationType

_T = OperationType

_PRODUCTS = (_T.CONV_2D, _T.DEPTHWISE_CONV_2D, _T.GROUPED_CONV_2D, _T.TRANSPOSE_CONV_2D, _T.FULLY_CONNECTED)
_PLACES = (_T.ARGMAX, _T.ARGMIN)

TAKES = frozenset(
    (
        *_PRODUCTS,
        *_PLACES,
        *(_T.BATCH_MATMUL, _T.ADD, _T.SUB, _T.MUL, _T.MAXIMUM, _T.MINIMUM, _T.PRELU, _T.RELU, _T.RELU1, _T.RELU6),
        *(_T.LOGISTIC, _T.TANH, _T.HARD_SWISH, _T.RSQRT, _T.SOFTMAX, _T.MEAN, _T.REDUCE_MAX, _T.REDUCE_MIN),
        *(_T.AVERAGE_POOL_2D, _T.MAX_POOL_2D, _T.RESIZE_BILINEAR, _T.RESIZE_NEAREST_NEIGHBOR),
        *(_T.RESHAPE, _T.SQUEEZE, _T.EXPAND_DIMS, _T.TRANSPOSE, _T.CONCATENATION, _T.PACK, _T.SPLIT, _T.SLICE),
        *(_T.STRIDED_SLICE, _T.PAD, _T.PAD_V2, _T.MIRROR_PAD, _T.DEPTH_TO_SPACE, _T.SPACE_TO_DEPTH),
        *(_T.CHANNEL_SHUFFLE, _T.TILE, _T.GATHER, _T.REVERSE),
    )
)
"""The operations that it takes."""

_CONVERSION = "it converts between types, and the device holds int8 alone: leave it to the CPU, at the model's edges"
_BATCHES = "it moves between batches, and the device has a batch of one: leave it to another device"
_REASONS = {
    _T.CAST: _CONVERSION,
    _T.QUANTIZE: _CONVERSION,
    _T.DEQUANTIZE: _CONVERSION,
    _T.SPACE_TO_BATCH_ND: f"{_BATCHES}; a dilated convolution does what it is often used for",
    _T.BATCH_TO_SPACE_ND: f"{_BATCHES}; a dilated convolution does what it is often used for",
}
"""Why it does not take some that models often have."""

_BYTES = frozenset({OperandType.TENSOR_QUANT8_ASYMM_SIGNED, OperandType.TENSOR_QUANT8_ASYMM})
_QUANTISED = "quantise the model, to TENSOR_QUANT8_ASYMM_SIGNED"
_RANK = 4


def refusal(limits: Limits, model: Model, operation: Operation) -> str:
    """Why a device of these ``limits`` does not take ``operation`` of the model's main subgraph; "" if it does."""
    if reason := kind_refusal(operation):
        return reason
    operation_type = OperationType(operation.type)
    if operation_type not in TAKES:
        return _REASONS.get(operation_type, "the device has no command for it: leave it to another device")
    operands = model.main.operands
    inputs = [operands[index] for index in operation.inputs]
    outputs = [operands[index] for index in operation.outputs]
    declaration = DECLARATIONS[operation_type]
    data_type = declaration.data_type(inputs)
    if data_type not in _BYTES:
        return f"its data is {data_type.name}, and the device computes in int8: {_QUANTISED}"
    for side, position, operand in named(inputs, outputs):
        constant = operand.is_constant and position != declaration.data_input  # weights, or parameters
        result = side == "output" and operation_type in _PLACES
        reason = _unfit(limits, operand, constant=constant, places=result) if is_tensor(operand) else ""
        if reason:
            return f"its {side} {position} {reason}"
    if operation_type in _PRODUCTS:
        for position in (1, 2):
            if not inputs[position].is_constant:
                return f"its input {position} is computed; weights and biases are packed beforehand: make it a constant"
    if operation_type is _T.FULLY_CONNECTED and outputs[0].dimensions and outputs[0].dimensions[0] > 1:
        return f"it has a batch of {outputs[0].dimensions[0]}; the device takes one at a time: execute it for each"
    try:
        return _window_refusal(limits, declaration.bind(inputs)) or sum_refusal(operation, operands)
    except UnknownValueError as error:
        return f"its input '{error}' is computed; commands are made before: make it a constant of the model"


def _unfit(limits: Limits, operand: Operand, *, constant: bool, places: bool) -> str:
    """What about a tensor the device can't hold, "" for nothing.

    ``constant``: whether it is weights or a parameter; ``places``: whether it is the result of ARGMAX or ARGMIN.
    """
    dimensions = operand.dimensions
    if operand.type not in _BYTES and not constant and not places:
        return f"is {type_name(operand.type)}, and the device computes in int8: {_QUANTISED}"
    if not is_fully_specified(dimensions):
        return "has dimensions that only an execution knows; commands are made before: give them in the model"
    if reason := size_refusal(operand, _RANK, limits.dimension):
        return reason
    if len(dimensions) == _RANK and dimensions[0] > 1 and not constant:
        return f"has a batch of {dimensions[0]}; the device takes one at a time: execute it for each"
    return ""


def _window_refusal(limits: Limits, arguments: Arguments) -> str:
    """Why a filter or a pooling window is too large, or goes too far."""
    given = vars(arguments)
    if "stride_height" not in given:
        return ""
    stride = max(arguments.stride_height, arguments.stride_width)
    if stride > limits.stride:
        return f"its stride is {stride}; the device's is {limits.stride} at most"
    if "filter" in given:
        height, width = arguments.filter.dimensions[1:3]
    else:
        height, width = arguments.filter_height, arguments.filter_width
    height = (height - 1) * getattr(arguments, "dilation_height", 1) + 1
    width = (width - 1) * getattr(arguments, "dilation_width", 1) + 1
    if max(height, width) > limits.filter_size:
        return f"its filter reaches over {height} by {width} pixels; the device's at most {limits.filter_size} each way"
    return ""
