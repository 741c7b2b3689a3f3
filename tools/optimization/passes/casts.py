"""Cancels changes of type that lose nothing and are taken back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hal.model import Lifetime, Operand, Operation
from hal.operations import DECLARATIONS
from hal.operations.declaration import Array, evaluate
from hal.types import OperandType as T
from hal.types import OperationType as O
from tools.graph import Graph
from tools.optimization.rewriting import Pass, everywhere, meaning

_HOLD_ALL_OF = {
    T.TENSOR_FLOAT16: {T.TENSOR_FLOAT32},
    T.TENSOR_QUANT8_ASYMM: {T.TENSOR_FLOAT16, T.TENSOR_FLOAT32, T.TENSOR_INT32},
}
"""The types that can be cast to without losing anything, for each type."""


def _rule(graph: Graph, operation: Operation) -> bool:
    producer = graph.producer(operation.inputs[0]) if operation.inputs else None
    if producer is None:
        return False
    if (producer.type, operation.type) == (O.CAST, O.CAST):
        return _cast_at_once(graph, producer, operation)
    if (producer.type, operation.type) == (O.DEQUANTIZE, O.QUANTIZE):
        return _is_taken_back(graph, producer, operation) and graph.bypass(operation, producer.inputs[0])
    return False


def _cast_at_once(graph: Graph, first: Operation, second: Operation) -> bool:
    """CAST(CAST(x)) is CAST(x), where the first one changes no number."""
    source, between, result = (
        graph.operands[index] for index in (first.inputs[0], second.inputs[0], second.outputs[0])
    )
    if between.type not in _HOLD_ALL_OF.get(T(source.type), ()):
        return False
    if meaning(source) == meaning(result):
        return graph.bypass(second, first.inputs[0])
    graph.replace(second, replace(second, inputs=first.inputs))
    return True


def _is_taken_back(graph: Graph, dequantize: Operation, quantize: Operation) -> bool:
    """Whether each value that the type has comes back from DEQUANTIZE and QUANTIZE as it was."""
    source, between, result = (
        graph.operands[index] for index in (dequantize.inputs[0], quantize.inputs[0], quantize.outputs[0])
    )
    if meaning(source) != meaning(result) or source.per_channel is not None:
        return False
    every = np.arange(256, dtype=np.uint8).view(T(source.type).dtype)
    shown = [replace(each, dimensions=every.shape, lifetime=Lifetime.TEMPORARY_VARIABLE) for each in (between, result)]
    (real,) = evaluate(DECLARATIONS[O.DEQUANTIZE], [_constant(source, every)], [every], shown[:1])
    (back,) = evaluate(DECLARATIONS[O.QUANTIZE], shown[:1], [real], shown[1:])
    return bool(np.array_equal(back, every))


def _constant(operand: Operand, value: Array) -> Operand:
    return replace(operand, dimensions=value.shape, lifetime=Lifetime.CONSTANT_COPY, value=value, location=None)


CASTS = Pass("casts", "cancel changes of type that are taken back", everywhere(_rule))
