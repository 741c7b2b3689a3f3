"""A device's arithmetic, as programs need it: how tensors are represented, and how integers are rescaled.

``EXACT`` is what the operations' declarations define, quantised ones in LiteRT's integers. A device that
computes otherwise has a ``Numerics`` of its own: with another ``multiplier`` where its integer arithmetic
scales by another kind of number, or derived from it where it holds tensors in another form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from drivers.engine.representation import REPRESENTATIONS, Representation
from hal.model import Operand
from hal.operations.declaration import Array, TensorSpec
from hal.types import OperandType

Multiplier = Callable[[float], tuple[int, int]]
"""From a real number of at least 0 to ``mantissa`` and ``exponent``, for ``kernels.fixed_point.rescaled``."""

_FLIP = 128


def halves_up(number: float) -> int:
    """floor(``number`` + 1/2), exactly: the sum in floating point may be rounded up to an integer."""
    whole = math.floor(number)
    return whole + (number - whole >= 0.5)


def nearest_multiplier(real: float) -> tuple[int, int]:
    """``mantissa`` and ``exponent`` with mantissa / 2^31 * 2^exponent nearest to ``real``.

    ``real`` is at least 0. The mantissa is at least 2^30, or 0 where ``real`` rounds every int32 to 0.
    A ``real`` of 2^31 and more takes any integer but 0 out of int32: all of them become the same.
    """
    fraction, exponent = math.frexp(real)
    mantissa = halves_up(fraction * 2**31)
    if mantissa == 2**31:
        mantissa, exponent = 2**30, exponent + 1
    if exponent < -31:
        return 0, 0
    return (mantissa, exponent) if exponent <= 31 else (2**31 - 1, 31)


class Numerics:
    """Exact arithmetic, rounded once after each operation; integers are rescaled by ``multiplier``.

    ``scales_in_float64``: FULLY_CONNECTED's integer sums are scaled in float64, as in LiteRT's reference
    kernel; otherwise they are rescaled like those of every other product.
    """

    def __init__(self, multiplier: Multiplier = nearest_multiplier, *, scales_in_float64: bool = False) -> None:
        self.multiplier = multiplier
        self.scales_in_float64 = scales_in_float64

    def representation(self, tensor: Operand | TensorSpec) -> Representation | None:
        """How a tensor is represented inside programs; None for what programs don't know."""
        return REPRESENTATIONS.get(tensor.type) if isinstance(tensor.type, OperandType) else None

    def data_type(self, operand: Operand) -> OperandType:
        """The type whose lowering is that of an operation over this data."""
        if operand.type is OperandType.FLOAT16:
            return OperandType.FLOAT32
        representation = self.representation(operand)
        return OperandType(operand.type) if representation is None else representation.type

    def represented(self, spec: TensorSpec) -> TensorSpec:
        """What lowerings see of a tensor: of its representation's type, a constant with its value there."""
        representation = self.representation(spec)
        if representation is None or representation.type is spec.type:
            return spec
        value = None if spec.value is None else self.constant(spec, spec.value)
        asymmetric = spec.type is OperandType.TENSOR_QUANT8_ASYMM
        zero_point = spec.zero_point - _FLIP if asymmetric else spec.zero_point
        return replace(spec, type=representation.type, value=value, zero_point=zero_point)

    def constant(self, tensor: Operand | TensorSpec, value: Array) -> Array:
        """``value``, of the tensor's type, as it is inside a program."""
        if any(value.strides) or not value.size:
            return self._converted(tensor, value)
        one = value[(slice(1),) * value.ndim]  # stands for all: where nobody reads weights, they take no memory
        return np.broadcast_to(self._converted(tensor, one), value.shape)

    def _converted(self, tensor: Operand | TensorSpec, value: Array) -> Array:
        if tensor.type is OperandType.TENSOR_QUANT8_ASYMM:
            return (value ^ np.uint8(_FLIP)).view(np.int8)
        if tensor.type is OperandType.TENSOR_BOOL8:
            return (value.view(np.int8) != 0).view(np.int8)
        if tensor.type is OperandType.TENSOR_QUANT16_ASYMM:
            return value.view(np.int16)
        return value.astype(np.float32) if tensor.type is OperandType.TENSOR_FLOAT16 else value

    def bias_units(self, data: Operand, weights: Operand) -> Sequence[float] | None:
        """What 1 in the TENSOR_INT32 bias of a product stands for: one number, or one for each channel.

        None where the bias is added as it is, to sums of its own kind.
        """
        return None


EXACT = Numerics(scales_in_float64=True)
