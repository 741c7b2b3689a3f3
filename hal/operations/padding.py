"""Operations that put values around a tensor."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import (
    UP_TO_4,
    Arguments,
    Array,
    Declaration,
    Parameter,
    floating_and_quant8,
    following,
    int32,
    int32_tensor,
    integers,
    tensor,
)
from hal.operations.movement import movable
from hal.operations.quantization import check_output_as_input
from hal.types import FeatureLevel, OperandType, OperationType


class MirrorPadMode(IntEnum):
    """Whether MIRROR_PAD leaves out the element at the edge, or mirrors it too."""

    REFLECT = 0
    SYMMETRIC = 1


def pads(a: Arguments) -> tuple[tuple[int, int], ...]:
    """How many elements a padding puts before and after, for each dimension of the input."""
    rank = len(a.input.shape)
    if a.paddings.shape != (rank, 2):
        raise BadDataError(
            f"its paddings are {list(a.paddings.shape)}; for an input of rank {rank} they must be {[rank, 2]}"
        )
    flat = integers(a, "paddings")
    if min(flat) < 0:
        raise BadDataError(f"its paddings are {flat}; none may be negative")
    return tuple(zip(flat[0::2], flat[1::2]))


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (tuple(before + size + after for size, (before, after) in zip(a.input.shape, pads(a))),)


def _pad(a: Arguments) -> tuple[Array, ...]:
    """PAD: the input with zeros before and after, in each dimension as many as its row of paddings says."""
    return (np.pad(a.input, pads(a), constant_values=a.specs.input.zero_point),)


def _pad_v2_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    if a.data_type.has_scale:
        limits = np.iinfo(a.data_type.dtype)
        if not limits.min <= a.pad_value <= limits.max:
            raise BadDataError(
                f"its pad value is {a.pad_value}; for {a.data_type.name} it must be from {limits.min} to {limits.max}"
            )
    return _dimensions(a)


def _pad_v2(a: Arguments) -> tuple[Array, ...]:
    """PAD_V2: the input with the pad value, a stored one, before and after."""
    return (np.pad(a.input, pads(a), constant_values=a.pad_value),)


def _mirror_pad_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    edge = 1 if a.mode == MirrorPadMode.REFLECT else 0
    for dimension, (size, given) in enumerate(zip(a.input.shape, pads(a))):
        if max(given) > max(size - edge, 0):
            raise BadDataError(
                f"its paddings of dimension {dimension} are {list(given)}; "
                f"from a size of {size}, {MirrorPadMode(a.mode).name} can mirror {max(size - edge, 0)}"
            )
    return _dimensions(a)


def _mirror_pad(a: Arguments) -> tuple[Array, ...]:
    """MIRROR_PAD: the input with its own values before and after, as mirrors at its edges show them."""
    if a.mode == MirrorPadMode.REFLECT:
        return (np.pad(a.input, pads(a), mode="reflect"),)
    return (np.pad(a.input, pads(a), mode="symmetric"),)


_PADDINGS = int32_tensor("paddings")  # of rank 2, which ``pads`` checks: to addOperation, any is right
_PAD_VALUES = {
    OperandType.TENSOR_FLOAT16: frozenset({OperandType.FLOAT16}),
    OperandType.TENSOR_FLOAT32: frozenset({OperandType.FLOAT32}),
    OperandType.TENSOR_QUANT8_ASYMM: frozenset({OperandType.INT32}),
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: frozenset({OperandType.INT32}),
}

PAD = Declaration(
    OperationType.PAD,
    FeatureLevel.LEVEL_2,
    floating_and_quant8(FeatureLevel.LEVEL_2),
    forms=((tensor("input", *UP_TO_4), _PADDINGS),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_dimensions,
    reference=_pad,
    stored=True,
    check=check_output_as_input,
)

PAD_V2 = Declaration(
    OperationType.PAD_V2,
    FeatureLevel.LEVEL_3,
    floating_and_quant8(FeatureLevel.LEVEL_3),
    forms=((tensor("input", *UP_TO_4), _PADDINGS, Parameter("pad_value", following(_PAD_VALUES))),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_pad_v2_dimensions,
    reference=_pad_v2,
    stored=True,
    check=check_output_as_input,
)

MIRROR_PAD = Declaration(
    OperationType.MIRROR_PAD,
    FeatureLevel.LEVEL_7,
    movable(FeatureLevel.LEVEL_7),
    forms=((tensor("input"), _PADDINGS, int32("mode", choices=MirrorPadMode)),),
    outputs=(tensor("output"),),
    dimensions=_mirror_pad_dimensions,
    reference=_mirror_pad,
    stored=True,
    check=check_output_as_input,
)
