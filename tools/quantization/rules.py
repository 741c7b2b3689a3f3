"""Which operations can be quantised, and what NNAPI then asks of their operands.

What each input and output becomes follows from the operation's declaration: a position that takes
floating tensors takes another type where the data is quantised. Scales that must be equal, or are fixed,
are the tables below.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from hal.model import Operand, Operation, is_extension
from hal.operations import DECLARATIONS
from hal.operations.activation import FUSED_BOUNDS
from hal.operations.declaration import Parameter
from hal.operations.quantization import check_output_as_input
from hal.types import OperandType
from hal.types import OperationType as O
from tools.optimization.passes.activations import CODES
from tools.quantization.grid import Grid

FLOATS = frozenset({OperandType.TENSOR_FLOAT32, OperandType.TENSOR_FLOAT16})

CHANNEL_DIMS: Mapping[int, int] = {
    O.CONV_2D: 0,
    O.GROUPED_CONV_2D: 0,
    O.TRANSPOSE_CONV_2D: 0,
    O.DEPTHWISE_CONV_2D: 3,
    O.FULLY_CONNECTED: 0,
}
"""Which dimension of a product's weights has one index for each channel of the result."""

SAME = frozenset(
    {each.type for each in DECLARATIONS.values() if each.check is check_output_as_input}
    | {O.SPLIT, O.PACK, O.REVERSE, O.RESHAPE}
)
"""Operations whose results have the scale and zero point of what they read."""

RELEVANT: Mapping[int, tuple[float, float]] = {
    **{operation: FUSED_BOUNDS[code] for operation, code in CODES.items()},
    O.HARD_SWISH: (-3.0, math.inf),
    O.LOGISTIC: (-math.log(511), math.log(254.5 / 1.5)),
    O.TANH: (-math.atanh(127.5 / 128), math.atanh(126.5 / 128)),
}
"""What an operation of one tensor tells apart: values beyond either end give the result that the end gives.

For LOGISTIC and TANH that is so after rounding to the grid that NNAPI gives their results.
"""

_COMPARING = (O.EQUAL, O.NOT_EQUAL, O.GREATER, O.GREATER_EQUAL, O.LESS, O.LESS_EQUAL, O.ARGMAX, O.ARGMIN)
_FREE = frozenset(
    {O.ADD, O.SUB, O.MUL, O.MAXIMUM, O.MINIMUM, O.PRELU, O.HARD_SWISH, O.RSQRT, O.SELECT, O.BATCH_MATMUL}
    | {O.CONCATENATION, *_COMPARING, *CHANNEL_DIMS}
)
"""Operations whose operands have scales of their own."""

_FIXED: Mapping[int, tuple[float, int]] = {
    O.LOGISTIC: (1 / 256, -128),
    O.SOFTMAX: (1 / 256, -128),
    O.TANH: (1 / 128, 0),
    O.L2_NORMALIZATION: (1 / 128, 0),
}
"""The scale and the signed type's zero point that NNAPI gives the results of some operations."""

ENDING = SAME | _FIXED.keys() | {O.CONCATENATION}
"""Operations that bring results in form; in 8 bits they round them once more, or to a grid that is too coarse."""

_FLIP = 128
"""From a signed zero point to an unsigned one."""


class Role(Enum):
    """What an input is to the operation, and so how it is quantised.

    ``DATA``: on a grid of its own. ``WEIGHTS``: symmetric, by channel where that is wanted and allowed.
    ``BIAS``: int32, in units of the input's scale times the weights'. ``VALUE``: a scalar, as the input's
    grid stores it. ``UNCHANGED``: as it is.
    """

    DATA = "data"
    WEIGHTS = "weights"
    BIAS = "bias"
    VALUE = "value"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Plan:
    """An operation that can be quantised: the role of each input; which outputs are data; weights by channel or not."""

    operation: Operation
    roles: tuple[Role, ...]
    results: tuple[bool, ...]
    per_channel: bool

    @property
    def data_inputs(self) -> list[int]:
        """The operands that are read on grids."""
        return [index for index, role in zip(self.operation.inputs, self.roles) if role is Role.DATA]

    @property
    def data_outputs(self) -> list[int]:
        """The operands that are written on grids."""
        return [index for index, is_data in zip(self.operation.outputs, self.results) if is_data]


class StaysFloatError(Exception):
    """An operation can't be quantised; the sentence about "it" says why."""


def planned(operation: Operation, operands: Sequence[Operand], data_type: OperandType, *, per_channel: bool) -> Plan:
    """How an operation is quantised to ``data_type``; raises ``StaysFloatError``."""
    if is_extension(operation.type):
        raise StaysFloatError("it is an extension's, whose types are unknown")
    declaration = DECLARATIONS[operation.type]
    if operation.type not in SAME | _FREE | _FIXED.keys() or data_type not in declaration.types:
        raise StaysFloatError(f"NNAPI has it not for {data_type.name}")
    inputs = [operands[index] for index in operation.inputs]
    if inputs[declaration.data_input].type not in FLOATS:
        raise StaysFloatError("it does not compute in floating point")
    by_channel = False
    roles = []
    for parameter, operand in zip(declaration.parameters(inputs), inputs):
        accepted = parameter.accepts(data_type)
        role = _role(parameter, operand, accepted)
        roles.append(role)
        if role is Role.WEIGHTS:
            by_channel = per_channel and OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL in accepted
    results = tuple(operands[index].type in FLOATS for index in operation.outputs)
    return Plan(operation, tuple(roles), results, by_channel)


def fixed_grid(operation_type: int, data_type: OperandType) -> Grid | None:
    """The grid that NNAPI gives an operation's results; None where it leaves that open."""
    fixed = _FIXED.get(operation_type)
    if fixed is None:
        return None
    scale, zero_point = fixed
    return Grid(data_type, scale, zero_point + _FLIP * (data_type is OperandType.TENSOR_QUANT8_ASYMM))


def _role(parameter: Parameter, operand: Operand, accepted: frozenset[OperandType]) -> Role:
    if operand.type in accepted:
        return Role.UNCHANGED
    if parameter.name in ("weights", "filter", "bias"):
        if operand.value is None:
            raise StaysFloatError(f"its {parameter.name} is computed; it must be a constant")
        return Role.BIAS if parameter.name == "bias" else Role.WEIGHTS
    if operand.type in FLOATS:
        return Role.DATA
    if OperandType.INT32 in accepted and operand.value is not None:
        return Role.VALUE
    raise StaysFloatError(f"its {parameter.name} can't be quantised")
