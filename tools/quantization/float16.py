"""Computing in float16: all float32 tensors become TENSOR_FLOAT16, and a CAST stands at inputs and outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hal.errors import BadDataError
from hal.model import Model, Operand, Operation, is_extension
from hal.operations import DECLARATIONS
from hal.types import OperandType
from hal.types import OperationType as O
from tools.graph import Edit, Graph

_SINGLE, _HALF = OperandType.TENSOR_FLOAT32, OperandType.TENSOR_FLOAT16
_CONVERSIONS = {O.QUANTIZE, O.DEQUANTIZE}
_LARGEST = float(np.finfo(np.float16).max)


def in_float16(model: Model) -> Model:
    """The model with float16 in the place of float32 wherever NNAPI has the operation for it.

    Raises ``BadDataError`` where there is none, and for constants that float16 can't hold.
    """
    edit = Edit(model)
    graph = edit.graphs[0]
    halving = _Halving(graph)
    halved = [operation.type for operation in graph.operations if halving.halve(operation)]
    if not set(halved) - _CONVERSIONS:
        raise BadDataError("the model has nothing to quantise: no operation computes in float32 that could in float16")
    halving.connect()
    return edit.finish()


class _Halving:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._twins: dict[int, int] = {}
        self._written: set[int] = set()

    def halve(self, operation: Operation) -> bool:
        """Have an operation compute in float16; False where NNAPI has it not."""
        graph = self._graph
        if is_extension(operation.type) or operation.type == O.CAST:
            return False
        declaration = DECLARATIONS[operation.type]
        given = [graph.operands[index] for index in operation.inputs]
        if _HALF not in declaration.types or given[declaration.data_input].type != _SINGLE:
            return False
        accepted = [parameter.accepts(_HALF) for parameter in declaration.parameters(given)]
        if any(each.type not in types and not _has_half(each, types) for each, types in zip(given, accepted)):
            return False
        inputs = [
            index if each.type in types else self._half(index)
            for index, each, types in zip(operation.inputs, given, accepted)
        ]
        floats = [index for index in operation.outputs if graph.operands[index].type == _SINGLE]
        self._written.update(floats)
        outputs = [self._half(index) if index in floats else index for index in operation.outputs]
        graph.replace(operation, Operation(operation.type, tuple(inputs), tuple(outputs)))
        return True

    def connect(self) -> None:
        """Put a CAST where float16 and float32 meet."""
        for index, twin in self._twins.items():
            if index in self._written:
                if self._graph.is_read(index):
                    self._graph.add(O.CAST, [twin], [index])
            elif self._graph.value(index) is None:
                self._graph.add(O.CAST, [index], [twin])

    def _half(self, index: int) -> int:
        if index not in self._twins:
            operand, value = self._graph.operands[index], self._graph.value(index)
            narrow = _HALF if operand.type == _SINGLE else OperandType.FLOAT16
            if value is None:
                twin = self._graph.add_temporary(replace(operand, type=narrow), operand.dimensions)
            else:
                if np.abs(value[np.isfinite(value)]).max(initial=0) > _LARGEST:
                    raise BadDataError(
                        f"operand {index} has constants beyond {_LARGEST:g}, the most that float16 holds"
                    )
                twin = self._graph.add_constant(value, replace(operand, type=narrow))
            self._twins[index] = twin
        return self._twins[index]


def _has_half(operand: Operand, accepted: frozenset[OperandType]) -> bool:
    if operand.type == _SINGLE:
        return _HALF in accepted
    return operand.type == OperandType.FLOAT32 and OperandType.FLOAT16 in accepted and operand.value is not None
