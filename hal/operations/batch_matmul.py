"""The matrix product."""

from __future__ import annotations

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import Arguments, Array, Declaration, boolean, optional, tensor
from hal.operations.layout import check_not_empty
from hal.types import FeatureLevel, OperandType, OperationType

_RANKS = (2, 3, 4)


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    (*batches, rows, inner), (*other_batches, other_inner, columns) = a.input0.shape, a.input1.shape
    if a.adjoint0:
        rows, inner = inner, rows
    if a.adjoint1:
        other_inner, columns = columns, other_inner
    if batches != other_batches:
        raise BadDataError(f"its inputs have batches {batches} and {other_batches}; they must be the same")
    check_not_empty("input0", a.input0.shape, first=len(batches))
    check_not_empty("input1", a.input1.shape, first=len(batches))
    if inner != other_inner:
        raise BadDataError(
            f"its inputs are matrices of {rows} x {inner} and {other_inner} x {columns}; "
            "the columns of the one must be as many as the rows of the other"
        )
    return ((*batches, rows, columns),)


def _batch_matmul(a: Arguments) -> tuple[Array, ...]:
    """BATCH_MATMUL: out[..., i, j] = sum over k of in0[..., i, k] * in1[..., k, j], each transposed first if asked."""
    first = a.input0.swapaxes(-1, -2) if a.adjoint0 else a.input0
    second = a.input1.swapaxes(-1, -2) if a.adjoint1 else a.input1
    return (first @ second,)


BATCH_MATMUL = Declaration(
    OperationType.BATCH_MATMUL,
    FeatureLevel.LEVEL_6,
    dict.fromkeys(
        (
            OperandType.TENSOR_FLOAT16,
            OperandType.TENSOR_FLOAT32,
            OperandType.TENSOR_INT32,
            OperandType.TENSOR_QUANT8_ASYMM_SIGNED,
        ),
        FeatureLevel.LEVEL_6,
    ),
    forms=(
        (
            tensor("input0", *_RANKS),
            tensor("input1", *_RANKS),
            optional(boolean("adjoint0"), default=False, since=FeatureLevel.LEVEL_6),
            optional(boolean("adjoint1"), default=False, since=FeatureLevel.LEVEL_6),
        ),
    ),
    outputs=(tensor("output", *_RANKS),),
    dimensions=_dimensions,
    reference=_batch_matmul,
)
