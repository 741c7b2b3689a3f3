"""Every operation that nnhal knows, by type."""

from __future__ import annotations

from collections.abc import Mapping

from hal.operations import (
    activation,
    batch_matmul,
    comparison,
    control_flow,
    conversion,
    convolution,
    detection,
    elementwise,
    fully_connected,
    grouped_convolution,
    hashing,
    lookup,
    lstm,
    movement,
    normalization,
    padding,
    pooling,
    quantized_lstm,
    random,
    rearrangement,
    recurrent,
    reduction,
    region_of_interest,
    resize,
    selection,
    shape,
    slicing,
    softmax,
    sorting,
    sparsity,
    svdf,
    transpose_convolution,
    unary,
)
from hal.operations.declaration import Declaration

_FAMILIES = (
    activation,
    batch_matmul,
    comparison,
    control_flow,
    conversion,
    convolution,
    detection,
    elementwise,
    fully_connected,
    grouped_convolution,
    hashing,
    lookup,
    lstm,
    movement,
    normalization,
    padding,
    pooling,
    quantized_lstm,
    random,
    rearrangement,
    recurrent,
    reduction,
    region_of_interest,
    resize,
    selection,
    shape,
    slicing,
    softmax,
    sorting,
    sparsity,
    svdf,
    transpose_convolution,
    unary,
)

DECLARATIONS: Mapping[int, Declaration] = {
    value.type: value for family in _FAMILIES for value in vars(family).values() if isinstance(value, Declaration)
}
