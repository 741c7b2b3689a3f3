"""Random operands, all from one seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hal.model import Lifetime, Operand, PerChannelQuantization
from hal.operations.declaration import TensorSpec, rounded
from hal.types import OperandType

Array = NDArray[Any]
_Item = TypeVar("_Item")

_SCALARS = {"b": OperandType.BOOL, "i": OperandType.INT32}
_PRECISION = {OperandType.TENSOR_FLOAT16: OperandType.FLOAT16, OperandType.FLOAT16: OperandType.FLOAT16}


@dataclass(frozen=True, slots=True)
class Given:
    """An operand and its value, None for one left out. ``is_constant``: whether the model itself holds it."""

    operand: Operand
    value: Array | None
    is_constant: bool = True


@dataclass(slots=True)
class Draw:
    """Draws what an operation over ``data_type`` may be given.

    A generator sets for what it draws ``terms``, how many products are summed for one result at most,
    and ``results``, how many of the operation's results are asked for: None for all.
    """

    random: np.random.Generator
    data_type: OperandType
    terms: int = 1
    results: int | None = None

    def whole(self, low: int, high: int) -> int:
        """A number from ``low`` to ``high``, inclusive."""
        return int(self.random.integers(low, high, endpoint=True))

    def chance(self, probability: float = 0.5) -> bool:
        """True as often as that."""
        return bool(self.random.random() < probability)

    def between(self, low: float, high: float) -> float:
        """A real number from ``low`` to ``high``."""
        return float(self.random.uniform(low, high))

    def choice(self, items: Sequence[_Item]) -> _Item:
        """One of ``items``."""
        return items[self.whole(0, len(items) - 1)]

    def order(self, count: int) -> list[int]:
        """The numbers below ``count``, shuffled."""
        return [int(number) for number in self.random.permutation(count)]

    def shape(self, least: int = 1, most: int = 4, largest: int = 6) -> tuple[int, ...]:
        """Dimensions of a rank from ``least`` to ``most``."""
        return tuple(self.whole(1, largest) for _ in range(self.whole(least, most)))

    def image(self, nchw: bool, *, channels: int | None = None, least: int = 1, most: int = 12) -> tuple[int, ...]:
        """Dimensions of a batch of images."""
        batches, height, width = self.whole(1, 3), self.whole(least, most), self.whole(least, most)
        depth = channels or self.whole(1, 9)
        return (batches, depth, height, width) if nchw else (batches, height, width, depth)

    def tensor(
        self,
        shape: Sequence[int],
        low: float = -4.0,
        high: float = 4.0,
        *,
        data_type: OperandType | None = None,
        like: Given | None = None,
    ) -> Given:
        """A tensor of values from ``low`` to ``high``, now and then exactly 0 or an end; an input of the model.

        ``data_type``: by default the operation's. ``like``: has the same scale and zero point as that one.
        """
        drawn_type = data_type or self.data_type
        operand = self._quantized(drawn_type, low, high) if like is None else like.operand
        values = self.random.uniform(low, high, tuple(shape))
        for special in (low, high, 0.0):
            if low <= special <= high:
                values[self.random.random(values.shape) < 0.03] = special
        return self.holding(values, operand)

    def holding(self, values: Array, operand: Operand) -> Given:
        """Real numbers as an input of the model, of ``operand``'s type and scale."""
        assert isinstance(operand.type, OperandType)
        if operand.type is OperandType.TENSOR_INT32 and operand.scale == 0:
            stored: Array = np.rint(values).astype(np.int32)
        elif operand.type is OperandType.TENSOR_BOOL8:
            stored = values > 0
        else:
            stored = rounded(values, TensorSpec(operand.type, values.shape, operand.scale, operand.zero_point))
        return given(replace(operand, dimensions=values.shape), stored, is_constant=False)

    def weights(self, shape: Sequence[int], low: float = -1.0, high: float = 1.0, **options: Any) -> Given:
        """A tensor that is a constant twice in three times."""
        return replace(self.tensor(shape, low, high, **options), is_constant=self.chance(2 / 3))

    def per_channel(self, shape: Sequence[int], channel_dim: int) -> Given:
        """A constant quantised symmetrically, with a scale for each channel."""
        scales = tuple(float32(scale) for scale in self.random.uniform(0.002, 0.02, shape[channel_dim]))
        values = self.random.integers(-127, 127, tuple(shape), endpoint=True).astype(np.int8)
        operand_type = OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL
        quantization = PerChannelQuantization(channel_dim, scales)
        return given(Operand(operand_type, values.shape, per_channel=quantization), values)

    def bias(self, inputs: Given, weights: Given, count: int) -> Given:
        """What a layer adds to its sums: for quantised data, integers in the scale of their products."""
        if not self.data_type.has_scale:
            return replace(self.tensor((count,), -1.0, 1.0), is_constant=weights.is_constant)
        scale = float32(np.float32(inputs.operand.scale) * np.float32(weights.operand.scale))
        values = self.random.integers(-2000, 2000, count, endpoint=True).astype(np.int32)
        return given(Operand(OperandType.TENSOR_INT32, (count,), scale), values, is_constant=weights.is_constant)

    def integers(self, values: Any, *, is_constant: bool = True) -> Given:
        """A tensor of the integers ``values``."""
        array: Array = np.array(values, np.int32)
        return given(Operand(OperandType.TENSOR_INT32, array.shape), array, is_constant=is_constant)

    def shaping(self, values: Any) -> Given:
        """Integers that the dimensions of the result follow from: a constant but for one time in eight."""
        return self.integers(values, is_constant=self.chance(7 / 8))

    def scalar(self, value: int | bool) -> Given:
        """An INT32 or BOOL scalar."""
        array: Array = np.array(value)
        operand_type = _SCALARS[array.dtype.kind]
        return given(Operand(operand_type), array.astype(operand_type.dtype))

    def real(self, value: float) -> Given:
        """A FLOAT32 scalar, or FLOAT16 where the data are."""
        operand_type = _PRECISION.get(self.data_type, OperandType.FLOAT32)
        return given(Operand(operand_type), np.array(value, operand_type.dtype))

    def activation(self) -> Given:
        """One of the fused activations, none as often as all the others."""
        return self.scalar(self.choice((0, 0, 0, 1, 2, 3)))

    def omitted(self, operand_type: OperandType, rank: int = 1) -> Given:
        """An operand that is left out."""
        dimensions = (0,) * rank if operand_type.is_tensor else ()
        operand = Operand(operand_type, dimensions, 1.0 if operand_type.has_scale else 0.0)
        return Given(replace(operand, lifetime=Lifetime.NO_VALUE), None)

    def some(self, optional: Sequence[Given]) -> list[Given]:
        """None of the optional operands at a list's end, or the first few, or all."""
        return list(optional[: self.whole(0, len(optional))])

    def _quantized(self, operand_type: OperandType, low: float, high: float) -> Operand:
        """An operand of the type, with a scale and zero point that suit values from ``low`` to ``high``."""
        if not operand_type.has_scale:
            return Operand(operand_type)
        stretch = self.between(0.8, 1.25)  # some values saturate, or some of the range goes unused
        return Operand(operand_type, (), *suiting(operand_type, low * stretch, high * stretch))


def given(operand: Operand, value: Array, *, is_constant: bool = True) -> Given:
    """``operand`` holding ``value``."""
    return Given(replace(operand, dimensions=value.shape), value, is_constant)


def suiting(operand_type: OperandType, low: float, high: float) -> tuple[float, int]:
    """The scale and zero point with which a quantised type just holds values from ``low`` to ``high``, and 0."""
    limits = np.iinfo(operand_type.dtype.name)
    low, high = min(low, 0.0), max(high, 0.0, low + 1e-3)
    if len(operand_type.zero_points) == 1:
        return float32(max(-low, high) / limits.max), 0
    scale = float32((high - low) / (limits.max - limits.min))
    return scale, int(np.clip(round(limits.min - low / scale), limits.min, limits.max))


def float32(value: Any) -> float:
    """The nearest float32: a model's scales are."""
    return float(np.float32(value))
