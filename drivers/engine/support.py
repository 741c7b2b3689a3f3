"""Which operations of a model the engine runs as programs, and why not the others.

For devices that have no processor to leave an operation to: what they take must have a lowering.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from drivers.engine.lowering import LOWERINGS, ON_REFERENCE, Builder, NoLoweringError, UnreadWeights
from drivers.engine.numerics import Numerics
from drivers.engine.tuning import Tuner
from hal.errors import BadDataError
from hal.model import Dimensions, Lifetime, Model, Operand, Operation, Subgraph, is_fully_specified, is_tensor
from hal.operations import DECLARATIONS
from hal.operations.declaration import UnknownValueError, type_name
from hal.types import OperandType, OperationType
from hal.wire import INLINE_LIMIT

_WEIGHTS = frozenset(
    {
        OperandType.TENSOR_FLOAT32,
        OperandType.TENSOR_FLOAT16,
        OperandType.TENSOR_QUANT8_ASYMM,
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED,
        OperandType.TENSOR_QUANT8_SYMM,
        OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL,
    }
)


def is_weight(operand: Operand) -> bool:
    """Whether the operand is a constant that is only computed with, and large.

    Neither dimensions nor whether an operation can be lowered depend on its value, as they do on integers.
    """
    return operand.type in _WEIGHTS and operand.value is not None and operand.value.nbytes > INLINE_LIMIT


def refusals(model: Model, numerics: Numerics, own: Sequence[str] = ()) -> list[str]:
    """For each operation of a valid model's main subgraph why it can't be part of a program, "" where it can.

    A reason is a sentence about "it", the operation, that says what would be taken. ``own``: reasons that
    the device has itself, by operation; where there is one, the engine need not lower the operation to
    find another. Weights are not read.
    """
    subgraph = replace(model.main, operands=tuple(map(_without_content, model.main.operands)))
    shapes = {
        index: operand.dimensions
        for index, operand in enumerate(subgraph.operands)
        if is_tensor(operand) and not operand.is_constant and is_fully_specified(operand.dimensions)
    }
    reasons = own or [""] * len(subgraph.operations)
    return [
        reason or _refusal(subgraph, operation, shapes, numerics)
        for reason, operation in zip(reasons, subgraph.operations)
    ]


def _without_content(operand: Operand) -> Operand:
    """The operand; of a weight, one whose value is zeros that take no memory."""
    if operand.value is None or not is_weight(operand):
        return operand
    return replace(operand, value=np.broadcast_to(np.zeros((), operand.value.dtype), operand.value.shape))


def _refusal(subgraph: Subgraph, operation: Operation, shapes: dict[int, Dimensions], numerics: Numerics) -> str:
    """Why ``operation`` can't be lowered; the dimensions of its outputs, where they follow, go into ``shapes``."""
    if operation.type not in DECLARATIONS:
        return "it is an extension's, which the device does not know"
    reason = _unknown_kind(subgraph, operation, numerics) or _unknown_inputs(subgraph, operation, shapes, numerics)
    if reason:
        return reason
    given = {index: shapes[index] for index in operation.inputs if index in shapes}
    builder = Builder(subgraph, given, (), UnreadWeights(), numerics, Tuner())
    try:
        builder.lower(operation)
    except NoLoweringError as error:
        return str(error)
    except UnknownValueError as error:
        return f"its input '{error}' is computed; it must be a constant of the model"
    except BadDataError as error:
        return str(error)
    shapes.update(builder.shapes)
    return ""


def _unknown_kind(subgraph: Subgraph, operation: Operation, numerics: Numerics) -> str:
    operation_type = OperationType(operation.type)
    position = DECLARATIONS[operation_type].data_input
    known = {data_type for lowered, data_type in LOWERINGS if lowered is operation_type}
    if not known:
        return f"it has no kernel: {ON_REFERENCE[operation_type]}"
    data = subgraph.operands[operation.inputs[position]]
    computed = numerics.data_type(data)
    if computed not in known:
        seen_as = "" if computed is data.type else f", which the device computes as {computed.name}"
        return f"it has no kernel for {type_name(data.type)}{seen_as}; it has for {_names(known)}"
    for position, index in enumerate(operation.outputs):
        operand = subgraph.operands[index]
        if numerics.representation(operand) is None:
            return f"its output {position} is {type_name(operand.type)}, which the device can't hold"
    return ""


def _unknown_inputs(
    subgraph: Subgraph, operation: Operation, shapes: Mapping[int, Dimensions], numerics: Numerics
) -> str:
    for position, index in enumerate(operation.inputs):
        operand = subgraph.operands[index]
        if operand.is_constant or operand.lifetime is Lifetime.NO_VALUE:
            continue
        if not is_tensor(operand):
            return f"its input {position} is computed; it must be a constant of the model"
        if numerics.representation(operand) is None:
            return f"its input {position} is {type_name(operand.type)}, which the device can't hold"
        if index not in shapes:
            return f"its input {position} has dimensions that only an execution knows; they must be in the model"
    return ""


def _names(types: set[OperandType]) -> str:
    return ", ".join(sorted(each.name for each in types))
