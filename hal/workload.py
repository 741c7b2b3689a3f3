"""How much work an operation is, whatever device does it.

Performance models are computed from these counts: those of the simulated devices, and the runtime's own
for devices that tell only how they compare with a CPU. How each family of operations is counted stands
in ``hal.counts``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hal.counts import COUNTS
from hal.counts.count import RESCALING, Matrix, Shapes, Traffic
from hal.errors import BadDataError
from hal.model import Lifetime, Operand, Operation, is_extension
from hal.operations import DECLARATIONS
from hal.operations.declaration import Arguments
from hal.types import OperandType, OperationType

__all__ = ["Matrix", "Workload", "nominal_seconds", "workload"]


@dataclass(frozen=True, slots=True)
class Workload:
    """One operation's work.

    ``data_type``: what it computes in. ``macs``: multiply-accumulates, padding's included. ``elements``:
    scalar results; for what reduces, the elements that it reads. ``arithmetic``: scalar instructions
    beside the ``macs``, as ``hal.counts.count`` weighs them. ``input_bytes``, ``weight_bytes`` and
    ``output_bytes``: what it reads of computed tensors and of constants, and what it writes. ``matrix``:
    a convolution, fully connected layer or matrix product as a product of matrices, None for the others.

    Where values decide how much there is to do (detections), the counts are the most that it can be.
    """

    operation: OperationType
    data_type: OperandType
    macs: int
    elements: int
    arithmetic: int
    input_bytes: int
    weight_bytes: int
    output_bytes: int
    matrix: Matrix | None = None


def workload(operation: Operation, operands: Sequence[Operand], arguments: Arguments | None = None) -> Workload:
    """The work of ``operation``, whose inputs and outputs among ``operands`` have known dimensions.

    ``arguments``: the operation's inputs, where they have been bound already.
    IF and WHILE count as one instruction: who walks the subgraphs adds what they take. Raises
    ``UnknownValueError`` where a scalar that the work depends on (a stride) is not a constant, and
    ``BadDataError`` for an extension's operation and for inputs that do not fit each other.
    """
    if is_extension(operation.type):
        raise BadDataError(f"operation type {operation.type:#x} is an extension's; only its driver knows its work")
    operation_type = OperationType(operation.type)
    inputs = [operands[index] for index in operation.inputs]
    outputs = [operands[index] for index in operation.outputs]
    if arguments is None:
        arguments = DECLARATIONS[operation_type].bind(inputs, concrete=True)
    shapes = Shapes(tuple(each.dimensions for each in inputs), tuple(each.dimensions for each in outputs))
    count = COUNTS[operation_type](arguments, shapes)
    rescaled = sum(_elements(each) for each in outputs if _is_rescaled(inputs, each, summed=count.macs > 0))
    input_bytes, weight_bytes, output_bytes = _traffic(inputs, outputs, count.traffic)
    return Workload(
        operation_type,
        arguments.data_type,
        count.macs,
        count.elements,
        count.arithmetic + RESCALING * rescaled,
        input_bytes,
        weight_bytes,
        output_bytes,
        count.matrix,
    )


_FLOAT_MACS_PER_SECOND = 16e9
_BYTE_MACS_PER_SECOND = 64e9
_INSTRUCTIONS_PER_SECOND = 8e9
_BYTES_PER_SECOND = 10e9
_SECONDS_TO_START = 1e-6


def nominal_seconds(work: Workload) -> float:
    """What ``work`` takes on a nominal CPU: one core of a mobile processor, about 2 GHz, with 128-bit vectors.

    Eight float32 multiply-accumulates a cycle and four 8-bit ones for each of those, 10 GB/s of memory, and
    a microsecond to start. For devices that only say how they compare with such a processor.
    """
    is_byte = work.data_type is not OperandType.MODEL and work.data_type.dtype.itemsize == 1
    computing = work.macs / (_BYTE_MACS_PER_SECOND if is_byte else _FLOAT_MACS_PER_SECOND)
    computing += work.arithmetic / _INSTRUCTIONS_PER_SECOND
    moving = (work.input_bytes + work.weight_bytes + work.output_bytes) / _BYTES_PER_SECOND
    return _SECONDS_TO_START + max(computing, moving)


def _elements(operand: Operand) -> int:
    return math.prod(operand.dimensions)


def _bytes(operand: Operand) -> int:
    """Bytes of an operand's value; none for a referenced model, for what is left out and for an extension's types."""
    if not isinstance(operand.type, OperandType) or operand.type is OperandType.MODEL:
        return 0
    return 0 if operand.lifetime is Lifetime.NO_VALUE else _elements(operand) * operand.type.dtype.itemsize


def _is_rescaled(inputs: Sequence[Operand], output: Operand, *, summed: bool) -> bool:
    """Whether an output of a quantised type counts in other units than sums do, or an input of the same type."""
    if not isinstance(output.type, OperandType) or not output.type.has_scale:
        return False
    units = (output.scale, output.zero_point)
    return summed or any((each.scale, each.zero_point) != units for each in inputs if each.type is output.type)


def _traffic(inputs: Sequence[Operand], outputs: Sequence[Operand], traffic: Traffic) -> tuple[int, int, int]:
    """Bytes read of computed tensors, of constants, and bytes written."""
    if traffic is Traffic.NONE:
        return 0, 0, 0
    written = sum(map(_bytes, outputs))
    limit = written if traffic is Traffic.SELECTED else None
    computed = weights = 0
    for operand in inputs:
        size = _bytes(operand) if limit is None else min(_bytes(operand), limit)
        if operand.is_constant:
            weights += size
        else:
            computed += size
    return computed, weights, written
