"""Operations that order a tensor's values."""

from __future__ import annotations

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import Arguments, Array, Declaration, int32, only, tensor
from hal.operations.movement import movable
from hal.operations.quantization import check_output_as_input
from hal.types import FeatureLevel, OperandType, OperationType


def _topk_v2_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    *others, size = a.input.shape
    if a.k > size:
        raise BadDataError(f"its k is {a.k}; its input's last dimension has {size}")
    return ((*others, a.k),) * 2


def _topk_v2(a: Arguments) -> tuple[Array, ...]:
    """TOPK_V2: the k greatest values along the last dimension, greatest first, and where they are.

    Of equal values, the one with the larger index comes first.
    """
    places = np.argsort(a.input, axis=-1, kind="stable")[..., ::-1][..., : a.k]
    return np.take_along_axis(a.input, places, axis=-1), places


TOPK_V2 = Declaration(
    OperationType.TOPK_V2,
    FeatureLevel.LEVEL_3,
    movable(FeatureLevel.LEVEL_3),
    forms=((tensor("input"), int32("k", minimum=1)),),
    outputs=(tensor("values"), tensor("indices", accepts=only(OperandType.TENSOR_INT32))),
    dimensions=_topk_v2_dimensions,
    reference=_topk_v2,
    stored=True,
    check=check_output_as_input,
)
