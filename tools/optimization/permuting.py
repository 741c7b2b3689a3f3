"""Operations over tensors whose dimensions are put in another order.

A permutation is TRANSPOSE's: dimension i of what comes out is dimension perm[i] of what goes in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hal.model import Lifetime, Operation, is_fully_specified, is_tensor
from hal.operations import DECLARATIONS
from hal.operations.axis import from_first
from hal.operations.declaration import integers
from hal.operations.movement import permutation
from hal.types import OperandType
from hal.types import OperationType as O
from tools.graph import Graph

Permutation = tuple[int, ...]

TO_NCHW: Permutation = (0, 3, 1, 2)
TO_NHWC: Permutation = (0, 2, 3, 1)


def then(first: Permutation, second: Permutation) -> Permutation:
    """The permutation that does as ``first`` and then ``second``."""
    return tuple(first[dimension] for dimension in second)


def inverse(perm: Permutation) -> Permutation:
    """The permutation that takes ``perm`` back."""
    return tuple(perm.index(dimension) for dimension in range(len(perm)))


def is_identity(perm: Permutation) -> bool:
    """Whether nothing changes its place."""
    return perm == tuple(range(len(perm)))


def transposition(graph: Graph, operation: Operation | None) -> Permutation | None:
    """What a TRANSPOSE does; None for other operations, and where only an execution knows."""
    if operation is None or operation.type != O.TRANSPOSE:
        return None
    arguments = graph.arguments(operation)
    if not arguments.input.is_known or (arguments.perm is not None and arguments.perm.value is None):
        return None
    return permutation(arguments)


def transpose(graph: Graph, source: int, perm: Permutation, result: int | None = None) -> int:
    """The operand that is ``source`` permuted: itself, a constant, or the result of a new TRANSPOSE.

    ``result``: the operand to write; by default a new one.
    """
    operand = graph.operands[source]
    if result is None:
        if is_identity(perm):
            return source
        if operand.value is not None:
            return graph.add_constant(operand.value.transpose(perm), operand)
        result = graph.add_temporary(operand, tuple(operand.dimensions[dimension] for dimension in perm))
    graph.add(O.TRANSPOSE, (source, graph.add_integers(perm)), (result,))
    return result


def can_transpose(graph: Graph, index: int) -> bool:
    """Whether NNAPI's TRANSPOSE takes the operand."""
    return graph.operands[index].type in DECLARATIONS[O.TRANSPOSE].types


ELEMENTWISE = frozenset(
    {
        O.ADD, O.SUB, O.MUL, O.DIV, O.POW, O.MAXIMUM, O.MINIMUM, O.PRELU, O.SELECT, O.EQUAL, O.NOT_EQUAL, O.LESS,
        O.LESS_EQUAL, O.GREATER, O.GREATER_EQUAL, O.LOGICAL_AND, O.LOGICAL_OR, O.LOGICAL_NOT, O.RELU, O.RELU1, O.RELU6,
        O.LOGISTIC, O.TANH, O.ELU, O.HARD_SWISH, O.ABS, O.NEG, O.EXP, O.LOG, O.SQRT, O.RSQRT, O.SIN, O.FLOOR, O.CAST,
        O.QUANTIZE, O.DEQUANTIZE,
    }
)  # fmt: skip
"""Operations whose result at a place follows from their tensors at this place."""

IMAGES = frozenset(
    {
        O.CONV_2D, O.DEPTHWISE_CONV_2D, O.GROUPED_CONV_2D, O.TRANSPOSE_CONV_2D, O.AVERAGE_POOL_2D, O.MAX_POOL_2D,
        O.L2_POOL_2D, O.RESIZE_BILINEAR, O.RESIZE_NEAREST_NEIGHBOR, O.DEPTH_TO_SPACE, O.SPACE_TO_DEPTH,
        O.BATCH_TO_SPACE_ND, O.SPACE_TO_BATCH_ND, O.INSTANCE_NORMALIZATION,
    }
)  # fmt: skip
"""Operations over images in either of two layouts, as their input ``nchw`` says."""


def permuted_inputs(graph: Graph, operation: Operation, perm: Permutation) -> tuple[int, ...] | None:
    """The positions of the inputs to permute so that the operation's results come permuted.

    None where there is no such way. Raises ``UnknownValueError`` where a parameter to change is not a
    constant.
    """
    if operation.type in ELEMENTWISE:
        positions = _tensors_that_vary(graph, operation)
    elif operation.type == O.CONCATENATION:
        positions = tuple(range(len(operation.inputs) - 1))
    elif operation.type in _PARAMETERS or (operation.type in IMAGES and _other_layout(graph, operation) == perm):
        positions = (0,)
    else:
        return None
    given = [graph.operands[operation.inputs[position]] for position in positions]
    results = [graph.operands[index] for index in operation.outputs]
    if any(operand.per_channel is not None for operand in given):
        return None
    whole = [*results, *(operand for operand in given if operand.value is None)]
    if not all(is_fully_specified(each.dimensions) and len(each.dimensions) == len(perm) for each in whole):
        return None
    return positions


def permuted(
    graph: Graph, operation: Operation, perm: Permutation, tensors: Mapping[int, int], results: Sequence[int]
) -> Operation:
    """The operation with permuted inputs, ``tensors`` (constants are permuted here), and permuted ``results``."""
    inputs = list(operation.inputs)
    for position in permuted_inputs(graph, operation, perm) or ():
        index = inputs[position]
        inputs[position] = _permuted_constant(graph, index, perm) if graph.value(index) is not None else tensors[index]
    parameters = _layout if operation.type in IMAGES else _PARAMETERS.get(operation.type)
    changed = operation if parameters is None else parameters(graph, operation, perm)
    kept = [new if new != old else given for old, new, given in zip(operation.inputs, changed.inputs, inputs)]
    return replace(changed, inputs=(*kept, *changed.inputs[len(kept) :]), outputs=tuple(results))


def _tensors_that_vary(graph: Graph, operation: Operation) -> tuple[int, ...]:
    """The inputs with more than one element: a single one is the same for all places, whatever its rank."""
    operands = [graph.operands[index] for index in operation.inputs]
    return tuple(
        position
        for position, operand in enumerate(operands)
        if is_tensor(operand) and operand.lifetime is not Lifetime.NO_VALUE and set(operand.dimensions) != {1}
    )


def _permuted_constant(graph: Graph, index: int, perm: Permutation) -> int:
    operand = graph.operands[index]
    assert operand.value is not None
    whole = operand.value.reshape((1,) * (len(perm) - operand.value.ndim) + operand.value.shape)
    return graph.add_constant(whole.transpose(perm), operand)


def _other_layout(graph: Graph, operation: Operation) -> Permutation:
    return TO_NHWC if graph.arguments(operation).nchw else TO_NCHW


def _layout(graph: Graph, operation: Operation, perm: Permutation) -> Operation:
    if "output_shape" in vars(graph.arguments(operation)):
        operation = _reordered(graph, operation, "output_shape", perm)
    return graph.with_argument(operation, "nchw", graph.add_scalar(OperandType.BOOL, perm == TO_NCHW))


def _reordered(graph: Graph, operation: Operation, name: str, perm: Permutation) -> Operation:
    """With the values of ``name``, of which there is one, or a row, for each dimension, in the new order."""
    values = np.array(integers(graph.arguments(operation), name)).reshape(len(perm), -1)[list(perm)]
    shape = graph.operands[operation.inputs[graph.position(operation, name)]].dimensions
    return graph.with_argument(operation, name, graph.add_integers(values.reshape(shape)))


def _paddings(graph: Graph, operation: Operation, perm: Permutation) -> Operation:
    return _reordered(graph, operation, "paddings", perm)


def _axis(graph: Graph, operation: Operation, perm: Permutation) -> Operation:
    axis = from_first(graph.arguments(operation).axis, len(perm))
    moved = graph.add_scalar(OperandType.INT32, perm.index(axis))
    if operation.type == O.CONCATENATION:
        return replace(operation, inputs=(*operation.inputs[:-1], moved))
    return graph.with_argument(operation, "axis", moved)


_PARAMETERS: Mapping[int, Callable[[Graph, Operation, Permutation], Operation]] = {
    O.PAD: _paddings,
    O.PAD_V2: _paddings,
    O.MIRROR_PAD: _paddings,
    O.CONCATENATION: _axis,
    O.SPLIT: _axis,
}
"""How the parameters of operations that know dimensions change."""
