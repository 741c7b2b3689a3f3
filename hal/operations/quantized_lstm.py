"""LSTM cells in integer arithmetic."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import (
    Arguments,
    Array,
    Declaration,
    Parameter,
    TensorSpec,
    int32,
    only,
    real,
    tensor,
)
from hal.operations.fixed_point import (
    ONE,
    divided,
    high_product,
    inverse_square_root,
    logistic,
    multiplied,
    quantized_multiplier,
    saturated,
    tanh,
    truncated,
)
from hal.operations.lstm import GATES, cell_parameters, cell_sizes, layer_norm_parameters, state_parameters
from hal.operations.quantization import check_bias, check_same_quantization
from hal.operations.recurrent import check_shapes
from hal.types import FeatureLevel, OperandType, OperationType

_QUANT8_SYMM = only(OperandType.TENSOR_QUANT8_SYMM)
_QUANT16 = only(OperandType.TENSOR_QUANT16_SYMM)
_BIAS = only(OperandType.TENSOR_INT32)

_WEIGHTS = (*(f"input_to_{gate}_weights" for gate in GATES), *(f"recurrent_to_{gate}_weights" for gate in GATES))
_ACTIVATION_SCALE, _ACTIVATION_ZERO_POINT = 1 / 128, 128
_STATE_SCALE = 16 / 32768


def _wide(values: Array) -> Array:
    return values.astype(np.int64)


def _multiplier(first: float, second: float, divisor: float) -> tuple[int, int]:
    """The multiplier first * second / divisor, in float32; more than 2^30 would saturate whatever it multiplies."""
    ratio = float(np.float32(first) * np.float32(second) / np.float32(divisor))
    return quantized_multiplier(min(ratio, 2.0**30))


def _check_fixed(name: str, spec: TensorSpec, scale: float, zero_point: int) -> None:
    if (spec.scale, spec.zero_point) != (scale, zero_point):
        raise BadDataError(
            f"its {name} has scale {spec.scale} and zero point {spec.zero_point}; they must be {scale} and {zero_point}"
        )


def _16_bit_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    batches, input_size = a.input.shape
    size = a.output_state.shape[1]
    check_shapes(
        a,
        {
            **{f"input_to_{gate}_weights": (size, input_size) for gate in GATES},
            **{f"recurrent_to_{gate}_weights": (size, size) for gate in GATES},
            **{f"{gate}_bias": (size,) for gate in GATES},
            "cell_state": (batches, size),
            "output_state": (batches, size),
        },
    )
    return (batches, size), (batches, size)


def _check_16_bit(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    cell_state_out, output = outputs
    for name, spec in (("input", a.input), ("output_state", a.output_state), ("output", output)):
        _check_fixed(name, spec, _ACTIVATION_SCALE, _ACTIVATION_ZERO_POINT)
    for name, spec in (("cell_state", a.cell_state), ("cell_state_out", cell_state_out)):
        _check_fixed(name, spec, _STATE_SCALE, 0)
    for name in _WEIGHTS[1:]:
        check_same_quantization(name, getattr(a, name), _WEIGHTS[0], getattr(a, _WEIGHTS[0]))
    for gate in GATES:
        check_bias(getattr(a, f"{gate}_bias"), a.input, getattr(a, _WEIGHTS[0]))


def _quantized_16bit_lstm(a: Arguments) -> tuple[Array, ...]:
    """QUANTIZED_16BIT_LSTM: one step of an LSTM cell, the state in 16 bits with 4 integer bits.

    The gates' sums are 16-bit numbers with 3 integer bits; g is tanh. Android multiplies input and output
    state, one after the other, with recurrent weights and input weights, one after the other, in this
    order: the recurrent weights begin with those of the input.
    """
    weights = a.specs.input_to_input_weights
    multiplier = _multiplier(_ACTIVATION_SCALE, weights.scale, 2.0**-12)
    values = _wide(np.concatenate([a.input, a.output_state], axis=1)) - _ACTIVATION_ZERO_POINT

    def summed(gate: str) -> Array:
        sides = [getattr(a, f"{side}_to_{gate}_weights") for side in ("recurrent", "input")]
        factors = _wide(np.concatenate(sides, axis=1)) - weights.zero_point
        return saturated(multiplied(values @ factors.T + _wide(getattr(a, f"{gate}_bias")), *multiplier))

    let_in, forget, let_out = (logistic(summed(gate), 3) for gate in ("input", "forget", "output"))
    new = divided(high_product(let_in, tanh(summed("cell"), 3)), 4)
    cell = saturated(new + high_product(forget, _wide(a.cell_state)))
    output = high_product(let_out, tanh(saturated(cell << 1), 3))
    return cell, saturated(divided(output, 8), 8) + _ACTIVATION_ZERO_POINT


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    batches, input_size = a.input.shape
    sizes = cell_sizes(a, "", batches, input_size)
    return (batches, sizes.output), (batches, sizes.units), (batches, sizes.output)


def _state_integer_bits(state: TensorSpec) -> int:
    """The integer bits of a cell state; refuses those that the operation has no tanh for with ``BadDataError``."""
    exponent = math.log2(state.scale)
    bits = round(exponent) + 15
    if abs(exponent - round(exponent)) > 1e-3 or not 0 <= bits <= 6:
        raise BadDataError(f"its cell_state has scale {state.scale}; it must be a power of 2 from 2^-15 to 2^-9")
    return bits


def _scale(a: Arguments, name: str) -> float:
    scale: float = getattr(a, name)
    if not 0 < scale < math.inf:
        raise BadDataError(f"its {name} is {scale}; it must be finite and above 0")
    return scale


def _hidden_zero_point(a: Arguments) -> int:
    zero_point: int = a.hidden_state_zero_point
    if not -128 <= zero_point <= 127:
        raise BadDataError(f"its hidden_state_zero_point is {zero_point}; it must be from -128 to 127")
    return zero_point


def _check(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    output_state_out, cell_state_out, output = outputs
    check_same_quantization("output_state_out", output_state_out, "output_state", a.output_state)
    check_same_quantization("cell_state_out", cell_state_out, "cell_state", a.cell_state)
    check_same_quantization("output", output, "output_state", a.output_state)
    _state_integer_bits(a.cell_state)
    _scale(a, "hidden_state_scale")
    _hidden_zero_point(a)
    for gate in GATES[1:]:
        _scale(a, f"{gate}_intermediate_scale")


def _clipped(values: Array, threshold: float | None, scale: float) -> Array:
    """Values that are stored in ``scale``, from -threshold to threshold, where there is one above 0."""
    if not threshold:
        return values
    limit = np.floor(np.float32(threshold) / np.float32(scale))
    return np.clip(values, -limit, limit).astype(np.int64)


def _quantized_lstm(a: Arguments) -> tuple[Array, ...]:
    """QUANTIZED_LSTM: one step of an LSTM cell whose gates are 16-bit numbers with 3 integer bits; g is tanh.

    Without layer normalisation, the intermediate scales must be that of such numbers, 2^-12. Without
    projection, the output holds the hidden state as it is stored.
    """
    specs = a.specs
    state_bits = _state_integer_bits(specs.cell_state)
    state_scale = 2.0 ** (state_bits - 15)
    hidden_scale, hidden_zero_point = _scale(a, "hidden_state_scale"), _hidden_zero_point(a)

    def gate(name: str, state: Array | None = None) -> Array:
        scale = _scale(a, f"{name}_intermediate_scale")
        bias, norm = getattr(a, f"{name}_bias"), getattr(a, f"{name}_layer_norm_weights")
        total: Array = np.zeros((len(a.input), len(bias)), np.int64)
        for values, side in (("input", "input"), ("output_state", "recurrent")):
            spec, weights = getattr(specs, values), getattr(specs, f"{side}_to_{name}_weights")
            sums = (_wide(getattr(a, values)) - spec.zero_point) @ _wide(weights.value).T
            if side == "input" and norm is None:
                sums = sums + bias
            total = saturated(total + multiplied(sums, *_multiplier(weights.scale, spec.scale, scale)))
        if state is not None and getattr(a, f"cell_to_{name}_weights") is not None:
            weights = getattr(specs, f"cell_to_{name}_weights")
            product = _wide(weights.value) * state
            total = saturated(total + multiplied(product, *_multiplier(state_scale, weights.scale, scale)))
        if norm is None:
            return total
        return _normalized(total, _wide(norm), getattr(specs, f"{name}_layer_norm_weights").scale, _wide(bias))

    state = _wide(a.cell_state)
    forget = logistic(gate("forget", state), 3)
    let_in = ONE - forget if a.input_to_input_weights is None else logistic(gate("input", state), 3)
    new = divided(let_in * tanh(gate("cell"), 3), 15 + state_bits)
    state = _clipped(saturated(divided(forget * state, 15) + new), a.cell_clip, specs.cell_state.scale)
    product = logistic(gate("output", state), 3) * tanh(state, state_bits)
    output = saturated(multiplied(product, *_multiplier(2.0**-15, 2.0**-15, hidden_scale)) + hidden_zero_point, 8)
    if a.projection_weights is not None:
        output = _projected(a, output, hidden_scale, hidden_zero_point)
    return output, state, output


def _projected(a: Arguments, hidden: Array, scale: float, zero_point: int) -> Array:
    spec, weights = a.specs.output_state, a.specs.projection_weights
    sums = (hidden - zero_point) @ _wide(weights.value).T
    if a.projection_bias is not None:
        sums = sums + a.projection_bias
    projected = multiplied(sums, *_multiplier(weights.scale, scale, spec.scale))
    return saturated(_clipped(projected, a.projection_clip, spec.scale) + spec.zero_point, 8)


def _normalized(values: Array, weights: Array, scale: float, bias: Array) -> Array:
    """Layer normalisation of 16-bit numbers, each row by itself, to numbers with 3 integer bits.

    The bias is counted in 2^-10 of the weights' ``scale``.
    """
    size = values.shape[1]
    mean = truncated(values.sum(axis=1, keepdims=True) * 1024, size)
    variance = truncated((values**2).sum(axis=1, keepdims=True) * (2**20 // size) - mean**2, 2**20)
    normalized = multiplied(1024 * values - mean, *inverse_square_root(variance))
    weighted = normalized * weights + bias
    multiplier, exponent = quantized_multiplier(scale)
    rounded = truncated(weighted + np.where(weighted > 0, 512, -512), 1024)
    return saturated(multiplied(rounded, multiplier, exponent + 12))


QUANTIZED_16BIT_LSTM = Declaration(
    OperationType.QUANTIZED_16BIT_LSTM,
    FeatureLevel.LEVEL_3,
    {OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_3},
    forms=(
        (
            tensor("input", 2),
            *(tensor(name, 2) for name in _WEIGHTS),
            *(tensor(f"{gate}_bias", 1, accepts=_BIAS) for gate in GATES),
            tensor("cell_state", 2, accepts=_QUANT16),
            tensor("output_state", 2),
        ),
    ),
    outputs=(tensor("cell_state_out", 2, accepts=_QUANT16), tensor("output", 2)),
    dimensions=_16_bit_dimensions,
    reference=_quantized_16bit_lstm,
    stored=True,
    check=_check_16_bit,
)


def _omittable_clip(name: str) -> Parameter:
    return dataclasses.replace(real(name), minimum=0, omittable=True)


QUANTIZED_LSTM = Declaration(
    OperationType.QUANTIZED_LSTM,
    FeatureLevel.LEVEL_4,
    {OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4},
    forms=(
        (
            tensor("input", 2),
            *cell_parameters("", _QUANT8_SYMM, _QUANT16, _BIAS),
            *state_parameters("", cell=_QUANT16),
            *layer_norm_parameters("", _QUANT16),
            _omittable_clip("cell_clip"),
            _omittable_clip("projection_clip"),
            *(real(f"{gate}_intermediate_scale") for gate in GATES),
            int32("hidden_state_zero_point"),
            real("hidden_state_scale"),
        ),
    ),
    outputs=(tensor("output_state_out", 2), tensor("cell_state_out", 2, accepts=_QUANT16), tensor("output", 2)),
    dimensions=_dimensions,
    reference=_quantized_lstm,
    stored=True,
    check=_check,
)
