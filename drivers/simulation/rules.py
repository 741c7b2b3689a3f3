"""What the rules of accelerators have in common: which operations none of them takes, and limits that several have.

A reason is a sentence about "it", the operation, that says what to change; "" where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hal.model import Operand, Operation, is_extension, is_fully_specified, is_tensor
from hal.operations.control_flow import CONTROL_FLOW
from hal.types import OperandType, OperationType
from hal.workload import workload

_ACCUMULATOR_MOST = 2**31 - 1


def kind_refusal(operation: Operation) -> str:
    """Why an accelerator takes no operation of this kind: control flow, and what NNAPI does not define."""
    if is_extension(operation.type):
        return "it is an extension's, which the device does not know: use one of NNAPI's operations"
    if operation.type in CONTROL_FLOW:
        return (
            "it is control flow, and the device only runs straight through a model: compile the branches as models of "
            "their own, or leave it to the CPU"
        )
    return ""


def named(inputs: Sequence[Operand], outputs: Sequence[Operand]) -> Iterator[tuple[str, int, Operand]]:
    """Each operand with what it is called: "input", 0."""
    yield from (("input", position, operand) for position, operand in enumerate(inputs))
    yield from (("output", position, operand) for position, operand in enumerate(outputs))


def size_refusal(operand: Operand, rank: int, dimension: int) -> str:
    """What about a tensor is too much for the device's addressing: how a sentence about it goes on."""
    if len(operand.dimensions) > rank:
        return f"has rank {len(operand.dimensions)}; the device's addressing has {rank} dimensions at most: reshape it"
    if max(operand.dimensions, default=0) > dimension:
        return f"has dimensions {list(operand.dimensions)}; each may be {dimension} at most: split it"
    return ""


def sum_refusal(operation: Operation, operands: Sequence[Operand]) -> str:
    """Why the sums of a product of integers may not fit 32-bit accumulators.

    Nothing is said where dimensions are not known yet. Raises ``UnknownValueError`` where a parameter is computed.
    """
    tensors = (operands[index] for index in (*operation.inputs, *operation.outputs) if is_tensor(operands[index]))
    if not all(is_fully_specified(operand.dimensions) for operand in tensors):
        return ""
    matrix = workload(operation, operands).matrix
    if matrix is None:
        return ""
    products = matrix.inner
    if operation.type == OperationType.TRANSPOSE_CONV_2D:  # windows overlap in the result
        products *= matrix.filter_height * matrix.filter_width
    values, weights = (operands[index] for index in operation.inputs[:2])
    largest = _largest(values) * _largest(weights)
    if products * largest <= _ACCUMULATOR_MOST:
        return ""
    return (
        f"each of its sums has {products} products of up to {largest}, and the accumulators have 32 bits: "
        f"{_ACCUMULATOR_MOST // largest} such products fit; split the input's channels"
    )


def _largest(operand: Operand) -> int:
    """The largest size of a stored value less the zero point."""
    limits = np.iinfo(OperandType(operand.type).dtype.name)
    return max(int(limits.max) - operand.zero_point, operand.zero_point - int(limits.min))
