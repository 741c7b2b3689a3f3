"""Rules about scales and zero points that operations share."""

from __future__ import annotations

import numpy as np

from hal.errors import BadDataError
from hal.operations.declaration import Arguments, TensorSpec
from hal.types import OperandType


def check_same_quantization(name: str, spec: TensorSpec, other_name: str, other: TensorSpec) -> None:
    """Refuse two tensors with ``BadDataError`` if the same value does not stand for the same number in both."""
    if (spec.scale, spec.zero_point) != (other.scale, other.zero_point):
        raise BadDataError(
            f"its {name} has scale {spec.scale} and zero point {spec.zero_point}; they must be those of its "
            f"{other_name}, {other.scale} and {other.zero_point}"
        )


def check_output_as_input(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    """The ``check`` of an operation whose first output has the scale and zero point of its ``input``."""
    check_same_quantization("output", outputs[0], "input", a.input)


def check_quantization(name: str, spec: TensorSpec, scale: float, *, asymmetric: int, signed: int) -> None:
    """Refuse a quantised tensor with ``BadDataError`` if it has another scale or zero point than NNAPI fixes.

    ``asymmetric``: the zero point of a TENSOR_QUANT8_ASYMM. ``signed``: that of a
    TENSOR_QUANT8_ASYMM_SIGNED.
    """
    if not spec.type.has_scale:
        return
    zero_point = asymmetric if spec.type is OperandType.TENSOR_QUANT8_ASYMM else signed
    if np.float32(spec.scale) != np.float32(scale) or spec.zero_point != zero_point:
        raise BadDataError(
            f"its {name} has scale {spec.scale} and zero point {spec.zero_point}; they must be {scale} and {zero_point}"
        )


def check_bias(bias: TensorSpec, inputs: TensorSpec, weights: TensorSpec) -> None:
    """Refuse the bias of a quantised operation with ``BadDataError`` if its scale is not that of a product.

    That is the input's scale times the weights', or 0 with weights quantised by channel, where it is
    another for each value.
    """
    if not inputs.type.has_scale:
        return
    if weights.per_channel is not None:
        product, why = 0.0, "as its weights are quantised by channel"
    else:
        product, why = inputs.scale * weights.scale, "its input's times its weights'"
    if abs(bias.scale - product) > 1e-6 * min(bias.scale, product):  # float32 products are inexact
        raise BadDataError(f"its bias has scale {bias.scale}; it must be {product}, {why}")
