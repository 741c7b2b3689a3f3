"""Weights and biases of products, quantised symmetrically."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hal.model import Lifetime, Operand, PerChannelQuantization
from hal.operations.declaration import Array
from hal.types import OperandType
from tools.quantization.grid import Grid, nonzero_scale

_MOST = 127
"""Of a weight on either side of 0: with -128, products would need another bit."""

_BIAS_MOST = 2**30
"""Half of what the accumulators hold; the other half is for the products."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Quantised weights: how they are stored, what each stands for, and ``scales``, one for all or one a channel."""

    operand: Operand
    real: Array
    scales: Array


def symmetric(
    values: Array, channel_dim: int, data_type: OperandType, *, per_channel: bool, least: Array | float = 0.0
) -> Weights:
    """Float ``values`` in 8 bits around 0.

    ``data_type``: of weights with one scale; ``per_channel``: TENSOR_QUANT8_SYMM_PER_CHANNEL instead, with a
    scale for each index of ``channel_dim``. ``least``: what the scales must not fall below.
    """
    real = values.astype(np.float64)
    axes = tuple(axis for axis in range(real.ndim) if axis != channel_dim)
    needed = np.maximum(np.abs(real).max(axis=axes) / _MOST, least)
    if not per_channel:
        needed = needed.max(keepdims=True)
    scales = np.array([nonzero_scale(each) for each in needed])
    shape = [1] * real.ndim
    shape[channel_dim] = -1
    by_weight = scales.reshape(shape)
    whole = np.clip(np.rint(real / by_weight), -_MOST, _MOST)
    if per_channel:
        channels = PerChannelQuantization(channel_dim, tuple(scales.tolist()))
        operand = _constant(Operand(OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL, per_channel=channels), whole)
    else:
        middle = 128 if data_type is OperandType.TENSOR_QUANT8_ASYMM else 0
        operand = _constant(Operand(data_type, (), float(scales[0]), middle), whole + middle)
    return Weights(operand, whole * by_weight, scales)


def for_data(values: Array, bias: Array, data: Grid, channel_dim: int, *, per_channel: bool) -> Weights:
    """The weights of a product of data on a grid, with scales large enough for the bias to fit in its units."""
    least = np.abs(bias) / (data.scale * _BIAS_MOST)
    return symmetric(values, channel_dim, data.type, per_channel=per_channel, least=least)


def quantised_bias(bias: Array, data: Grid, weights: Weights) -> Operand:
    """A float bias in units of the data's scale times the weights'; its scale is 0 where these differ by channel."""
    stored = np.rint(bias.astype(np.float64) / (data.scale * weights.scales))
    return _constant(Operand(OperandType.TENSOR_INT32, (), data.scale * weights.operand.scale), stored)


def _constant(like: Operand, value: Array) -> Operand:
    stored = np.ascontiguousarray(value, OperandType(like.type).dtype)
    stored.flags.writeable = False
    return Operand(
        like.type,
        stored.shape,
        like.scale,
        like.zero_point,
        Lifetime.CONSTANT_COPY,
        value=stored,
        per_channel=like.per_channel,
    )
