"""Operations that move whole tensors: into another shape or order, several times over, or together."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.axis import from_first
from hal.operations.declaration import (
    UP_TO_4,
    Arguments,
    Array,
    Declaration,
    Parameter,
    TensorSpec,
    floating_and_quant8,
    int32,
    int32_tensor,
    integers,
    only,
    optional,
    repeated,
    tensor,
)
from hal.operations.quantization import check_output_as_input, check_same_quantization
from hal.types import FeatureLevel, OperandType, OperationType


def movable(since: FeatureLevel) -> Mapping[OperandType, FeatureLevel]:
    """The data types of most operations that move values and came with ``since``, level 3 or later."""
    return {**floating_and_quant8(since), OperandType.TENSOR_INT32: since}


def _reshape_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    shape = integers(a, "shape")
    elements = math.prod(a.input.shape)
    least = 0 if elements == 0 else 1
    if not shape or shape.count(-1) > 1 or any(size < least and size != -1 for size in shape):
        raise BadDataError(
            f"its shape is {shape}; it must have sizes of at least {least}, and in place of one of them it may have -1"
        )
    given = math.prod(size for size in shape if size != -1)
    if (given == 0 or elements % given != 0) if -1 in shape else elements != given:
        raise BadDataError(f"its input {list(a.input.shape)} has {elements} elements, which do not fill {shape}")
    return (tuple(elements // given if size == -1 else size for size in shape),)


def _check_reshape(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    """NNAPI's limit on the rank holds where the shape is computed; PyTorch flattens larger ranks by a constant one."""
    check_output_as_input(a, outputs)
    rank = len(a.input.dimensions)
    if rank > max(UP_TO_4) and a.shape.value is None:
        raise BadDataError(
            f"its input has rank {rank}; it must have rank {max(UP_TO_4)} or less, unless its shape is a constant"
        )


def _reshape(a: Arguments) -> tuple[Array, ...]:
    """RESHAPE: the input's values, in order, in the shape given; a size of -1 is what the others leave."""
    (dimensions,) = _reshape_dimensions(a)
    return (a.input.reshape(dimensions),)


def _squeeze_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    shape = a.input.shape
    if a.squeeze_dims is None:
        squeezed = {dimension for dimension, size in enumerate(shape) if size == 1}
    else:
        squeezed = {from_first(axis, len(shape)) for axis in integers(a, "squeeze_dims")}
    for dimension in squeezed:
        if shape[dimension] != 1:
            raise BadDataError(
                f"it squeezes dimension {dimension} of its input {list(shape)}; only one of size 1 can be squeezed"
            )
    return (tuple(size for dimension, size in enumerate(shape) if dimension not in squeezed) or (1,),)


def _squeeze(a: Arguments) -> tuple[Array, ...]:
    """SQUEEZE: the input without those of its dimensions of size 1 that are listed, or without all of them."""
    (dimensions,) = _squeeze_dimensions(a)
    return (a.input.reshape(dimensions),)


def _expand_dims_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    shape = a.input.shape
    axis = from_first(a.axis, len(shape) + 1)
    return ((*shape[:axis], 1, *shape[axis:]),)


def _expand_dims(a: Arguments) -> tuple[Array, ...]:
    """EXPAND_DIMS: the input with a dimension of size 1 more, at the axis."""
    return (np.expand_dims(a.input, a.axis),)


def permutation(a: Arguments) -> tuple[int, ...]:
    """The input's dimension that becomes each of TRANSPOSE's output; raises ``BadDataError`` where it is none."""
    rank = len(a.input.shape)
    if a.perm is None:
        return tuple(reversed(range(rank)))
    perm = integers(a, "perm")
    if sorted(perm) != list(range(rank)):
        raise BadDataError(f"its perm is {perm}; for an input of rank {rank} it must have each of 0 to {rank - 1} once")
    return tuple(perm)


def _transpose_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (tuple(a.input.shape[dimension] for dimension in permutation(a)),)


def _transpose(a: Arguments) -> tuple[Array, ...]:
    """TRANSPOSE: the input with its dimensions in another order, reversed where no order is given."""
    return (a.input.transpose(permutation(a)),)


def reversed_axis(a: Arguments) -> int:
    """The axis of REVERSE; raises ``BadDataError`` where the input has no such axis."""
    (axis,) = integers(a, "axis")
    rank = len(a.input.shape)
    if not 0 <= axis < rank:
        raise BadDataError(f"its axis is {axis}; for an input of rank {rank} it must be from 0 to {rank - 1}")
    return axis


def _reverse_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    if a.axis.shape != (1,):
        raise BadDataError(f"its axis is {list(a.axis.shape)}; it must be [1]")
    return (a.input.shape,)


def _check_reversible(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    check_output_as_input(a, outputs)
    _check_rank("output", outputs[0], "that of its input", len(a.input.dimensions))


def _check_reverse(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    _check_reversible(a, outputs)
    if a.input.is_known and a.axis.shape == (1,):
        reversed_axis(a)


def _reverse(a: Arguments) -> tuple[Array, ...]:
    """REVERSE: out[..., i, ...] = in[..., size - 1 - i, ...] along the axis."""
    return (np.flip(a.input, reversed_axis(a)),)


def _tile_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    shape = a.input.shape
    multiples = integers(a, "multiples")
    if len(multiples) != len(shape):
        raise BadDataError(f"its multiples are {multiples}; for an input of rank {len(shape)} there must be as many")
    if min(multiples) < 1:
        raise BadDataError(f"its multiples are {multiples}; each must be at least 1")
    return (tuple(size * multiple for size, multiple in zip(shape, multiples)),)


def _tile(a: Arguments) -> tuple[Array, ...]:
    """TILE: the input as often along each dimension as the multiples say."""
    return (np.tile(a.input, integers(a, "multiples")),)


def _concatenation_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    first, *others = (entry.shape for entry in a.inputs)
    if a.axis >= len(first):
        raise BadDataError(f"its axis is {a.axis}; inputs of rank {len(first)} have axes 0 to {len(first) - 1}")
    for position, other in enumerate(others, start=1):
        if len(other) != len(first) or _without(other, a.axis) != _without(first, a.axis):
            raise BadDataError(
                f"its input {position} is {list(other)} and its input 0 is {list(first)}; "
                f"they may differ in dimension {a.axis} only"
            )
    total = first[a.axis] + sum(other[a.axis] for other in others)
    return ((*first[: a.axis], total, *first[a.axis + 1 :]),)


def _without(dimensions: Dimensions, axis: int) -> Dimensions:
    return dimensions[:axis] + dimensions[axis + 1 :]


def _concatenation(a: Arguments) -> tuple[Array, ...]:
    """CONCATENATION: the inputs one after the other along the axis."""
    return (np.concatenate(a.inputs, axis=a.axis),)


def _pack_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    first, *others = (entry.shape for entry in a.inputs)
    if a.axis > len(first):
        raise BadDataError(f"its axis is {a.axis}; inputs of rank {len(first)} can be packed along 0 to {len(first)}")
    for position, other in enumerate(others, start=1):
        if other != first:
            raise BadDataError(f"its input {position} is {list(other)}; it must be {list(first)} as its input 0")
    return ((*first[: a.axis], len(a.inputs), *first[a.axis :]),)


def _check_pack(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    rank = len(a.inputs[0].dimensions)
    for position, entry in enumerate(a.inputs):
        _check_rank(f"input {position}", entry, "that of its first", rank)
        if a.data_type.has_scale:
            check_same_quantization(f"input {position}", entry, "output", outputs[0])
    if rank:
        _check_rank("output", outputs[0], "its inputs' and one more", rank + 1)


def _pack(a: Arguments) -> tuple[Array, ...]:
    """PACK: the inputs side by side along a dimension of their own, the axis."""
    return (np.stack(a.inputs, axis=a.axis),)


def _check_rank(name: str, spec: TensorSpec, what: str, rank: int) -> None:
    """Refuse a tensor of another rank with ``BadDataError``; 0 is an unknown one."""
    if rank and spec.dimensions and len(spec.dimensions) != rank:
        raise BadDataError(f"its {name} has rank {len(spec.dimensions)}; it must be {what}, {rank}")


def _dimension_list(name: str) -> Parameter:
    listed = tensor(name, 1, accepts=only(OperandType.TENSOR_INT32), omittable=True)
    return optional(listed, default=None, since=FeatureLevel.LEVEL_2)


RESHAPE = Declaration(
    OperationType.RESHAPE,
    FeatureLevel.LEVEL_1,
    {**floating_and_quant8(FeatureLevel.LEVEL_1), OperandType.TENSOR_INT32: FeatureLevel.LEVEL_6},
    forms=((tensor("input"), int32_tensor("shape", 1)),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_reshape_dimensions,
    reference=_reshape,
    stored=True,
    check=_check_reshape,
    check_at_once=_check_reshape,
)

SQUEEZE = Declaration(
    OperationType.SQUEEZE,
    FeatureLevel.LEVEL_2,
    floating_and_quant8(FeatureLevel.LEVEL_2),
    forms=((tensor("input", *UP_TO_4), _dimension_list("squeeze_dims")),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_squeeze_dimensions,
    reference=_squeeze,
    stored=True,
    check=check_output_as_input,
)

EXPAND_DIMS = Declaration(
    OperationType.EXPAND_DIMS,
    FeatureLevel.LEVEL_3,
    movable(FeatureLevel.LEVEL_3),
    forms=((tensor("input"), int32("axis")),),
    outputs=(tensor("output"),),
    dimensions=_expand_dims_dimensions,
    reference=_expand_dims,
    stored=True,
    check=check_output_as_input,
)

TRANSPOSE = Declaration(
    OperationType.TRANSPOSE,
    FeatureLevel.LEVEL_2,
    floating_and_quant8(FeatureLevel.LEVEL_2),
    forms=((tensor("input", *UP_TO_4), _dimension_list("perm")),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_transpose_dimensions,
    reference=_transpose,
    stored=True,
    check=check_output_as_input,
)

REVERSE = Declaration(
    OperationType.REVERSE,
    FeatureLevel.LEVEL_7,
    movable(FeatureLevel.LEVEL_7),
    forms=((tensor("input"), int32_tensor("axis", 1)),),
    outputs=(tensor("output"),),
    dimensions=_reverse_dimensions,
    reference=_reverse,
    stored=True,
    check=_check_reverse,
    check_at_once=_check_reversible,
)

TILE = Declaration(
    OperationType.TILE,
    FeatureLevel.LEVEL_3,
    movable(FeatureLevel.LEVEL_3),
    forms=((tensor("input"), int32_tensor("multiples", 1)),),
    outputs=(tensor("output"),),
    dimensions=_tile_dimensions,
    reference=_tile,
    stored=True,
    check=check_output_as_input,
)

CONCATENATION = Declaration(
    OperationType.CONCATENATION,
    FeatureLevel.LEVEL_1,
    floating_and_quant8(FeatureLevel.LEVEL_1),
    forms=((repeated(tensor("inputs", *UP_TO_4)), int32("axis", minimum=0)),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_concatenation_dimensions,
    reference=_concatenation,
)

PACK = Declaration(
    OperationType.PACK,
    FeatureLevel.LEVEL_6,
    movable(FeatureLevel.LEVEL_6),
    forms=((int32("axis", minimum=0), repeated(tensor("inputs"))),),
    outputs=(tensor("output"),),
    dimensions=_pack_dimensions,
    reference=_pack,
    data_input=1,
    stored=True,
    check=_check_pack,
    check_at_once=_check_pack,
)
