"""Dynamic-range quantisation: weights in 8 bits, computing in floating point.

NNAPI has no product of float data and 8-bit weights, so a DEQUANTIZE makes them float where they are used.
"""

from __future__ import annotations

from hal.errors import BadDataError
from hal.model import Model, Operation
from hal.types import OperandType
from hal.types import OperationType as O
from tools.graph import Edit, Graph
from tools.quantization.rules import CHANNEL_DIMS, FLOATS
from tools.quantization.weights import symmetric

_WORTHWHILE = 1024
"""Weights that save more than the operation costs which makes them float."""


def with_small_weights(model: Model, *, per_channel: bool) -> Model:
    """The model with the weights of its products in 8 bits; raises ``BadDataError`` where there are none."""
    edit = Edit(model)
    counts = [_shrink(graph, operation, per_channel) for graph in edit.graphs for operation in graph.operations]
    if not any(counts):
        raise BadDataError(
            f"the model has nothing to quantise: no product has {_WORTHWHILE} constant float weights or more"
        )
    return edit.finish()


def _shrink(graph: Graph, operation: Operation, per_channel: bool) -> bool:
    if operation.type not in CHANNEL_DIMS:
        return False
    index = operation.inputs[1]
    operand, value = graph.operands[index], graph.value(index)
    if value is None or operand.type not in FLOATS or value.size < _WORTHWHILE:
        return False
    weights = symmetric(
        value, CHANNEL_DIMS[operation.type], OperandType.TENSOR_QUANT8_ASYMM_SIGNED, per_channel=per_channel
    )
    wide = graph.add_temporary(operand, operand.dimensions)
    graph.add(O.DEQUANTIZE, [graph.add_operand(weights.operand)], [wide])
    graph.replace(
        operation, Operation(operation.type, (operation.inputs[0], wide, *operation.inputs[2:]), operation.outputs)
    )
    return True
