"""The GPU's arithmetic: whatever is not an integer is stored as float16, and computed in float32 in between.

- Every floating tensor is rounded to float16 (the nearest, halves to even; beyond its range, infinity):
  the model's inputs and constants when they are read, each operation's results when they are written.
  Inside an operation sums and intermediate results are float32. So is TENSOR_FLOAT32 of relaxed models, the
  only ones with float32 that the device takes.
- 8-bit tensors are dequantised to float16 when they are read. Operations compute in float32, and their results are
  rounded to the nearest stored value (halves away from the zero point) and kept within its range. Biases
  in TENSOR_INT32 become float32.
- Scalar parameters are float32. TENSOR_INT32 and TENSOR_BOOL8 are what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from drivers.engine.numerics import Numerics
from drivers.engine.representation import Conversion, Representation, round_to_half
from drivers.kernels import dequantized
from hal.model import Operand
from hal.operations.declaration import Array, TensorSpec
from hal.types import OperandType

QUANTIZED = frozenset(
    {
        OperandType.TENSOR_QUANT8_ASYMM,
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED,
        OperandType.TENSOR_QUANT8_SYMM,
        OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL,
    }
)
"""Types that programs hold as the numbers they stand for."""

_OUTSIDE = (OperandType.TENSOR_QUANT16_SYMM, OperandType.TENSOR_QUANT16_ASYMM)
_FLIP = 128

_ROUNDED = Conversion(round_to_half)
_RELAXED = Representation(OperandType.TENSOR_FLOAT32, "float32", "float32", _ROUNDED, None, _ROUNDED)


class HalfNumerics(Numerics):
    """float16 between operations, float32 inside them."""

    def representation(self, tensor: Operand | TensorSpec) -> Representation | None:
        """Floating point for all but TENSOR_INT32 and TENSOR_BOOL8.

        None for 16-bit quantised types, and for a scale for each channel of what is no constant.
        """
        if tensor.type is OperandType.TENSOR_FLOAT32:
            return _RELAXED
        if tensor.per_channel is not None and tensor.value is None:
            return None
        if tensor.type in QUANTIZED:
            flip = _FLIP if tensor.type is OperandType.TENSOR_QUANT8_ASYMM else 0
            grid = tensor.scale, tensor.zero_point - flip
            return Representation(
                OperandType.TENSOR_FLOAT32,
                "float32",
                "int8",
                Conversion(dequantized.enter, (*grid, -flip)),
                Conversion(dequantized.leave, (*grid, -flip)),
                Conversion(dequantized.settle, grid),
            )
        return None if tensor.type in _OUTSIDE else super().representation(tensor)

    def represented(self, spec: TensorSpec) -> TensorSpec:
        """A tensor of numbers, which have no scale, in the place of a quantised one."""
        if spec.type not in QUANTIZED:
            return super().represented(spec)
        value = None if spec.value is None else self.constant(spec, spec.value)
        return replace(spec, type=OperandType.TENSOR_FLOAT32, scale=0.0, zero_point=0, per_channel=None, value=value)

    def _converted(self, tensor: Operand | TensorSpec, value: Array) -> Array:
        """The numbers of a floating or quantised tensor, as float16 holds them."""
        if tensor.type is OperandType.TENSOR_FLOAT32:
            return _in_float16(value)
        if tensor.type not in QUANTIZED:
            return super()._converted(tensor, value)
        scales: float | Array = tensor.scale
        if tensor.per_channel is not None:
            shape = [1] * value.ndim
            shape[tensor.per_channel.channel_dim] = -1
            scales = np.array(tensor.per_channel.scales).reshape(shape)
        return _in_float16((value.astype(np.float32) - tensor.zero_point) * np.float32(scales))

    def bias_units(self, data: Operand, weights: Operand) -> Sequence[float] | None:
        """The products of the scales of both."""
        if data.type not in QUANTIZED:
            return None
        scales = (weights.scale,) if weights.per_channel is None else weights.per_channel.scales
        return tuple(data.scale * scale for scale in scales)


def _in_float16(numbers: Array) -> Array:
    with np.errstate(over="ignore"):  # infinity is the answer
        return numbers.astype(np.float16).astype(np.float32)


HALF = HalfNumerics()
