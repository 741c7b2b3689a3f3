"""QUANTIZED_LSTM and QUANTIZED_16BIT_LSTM: integer arithmetic that NNAPI defines to the bit, the same on every device.

Gates, cell states and what is made of them are 16-bit fixed-point numbers. Functions of one such number
are tables of all 65,536 results, made of the reference's functions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from drivers.engine.abi import I8x2, I16x1, I16x2, I32x1, I32x2, helper, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.engine.numerics import nearest_multiplier
from drivers.engine.program import Tensor
from drivers.kernels.fixed_point import high_product, rescaled, rounding_shift
from drivers.kernels.fused import clamped
from drivers.kernels.products import add_products, requantize
from drivers.kernels.recurrent import Inputs
from drivers.kernels.strided import View, emit_fill, emit_joined, emit_move, whole
from hal.operations.declaration import Arguments, Array, TensorSpec
from hal.operations.fixed_point import logistic, saturated, tanh
from hal.operations.lstm import GATES
from hal.types import OperandType, OperationType

_LEAST, _MOST = -(2**15), 2**15 - 1
_LEAST_WORD, _MOST_WORD = -(2**31), 2**31 - 1
_GATE_BITS = 3
"""Integer bits of a gate's sum."""

_STATE_BITS = 4
"""Integer bits of QUANTIZED_16BIT_LSTM's cell state."""


@helper
def _half(value):
    """``value`` kept within 16 bits."""
    return clamped(np.int64(value), np.int64(_LEAST), np.int64(_MOST))


@helper
def _word(value):
    """``value`` kept within 32 bits."""
    return np.int32(clamped(np.int64(value), np.int64(_LEAST_WORD), np.int64(_MOST_WORD)))


@helper
def _product(left, right):
    """The product left * right / 2^15, rounded to the nearest, halves up."""
    return (np.int64(left) * np.int64(right) + np.int64(1 << 14)) >> np.int64(15)


@helper
def _of(table, value):
    """The entry for a 16-bit number of a table whose first is for -2^15."""
    return np.int64(table[np.int64(value) - _LEAST])


@kernel
def accumulate(x: I8x2, weights: I8x2, sums: I32x2, zero: int, weight_zero: int, begin: int, end: int) -> None:
    """Add (x - zero) * (weights - weight_zero) to ``sums``, with weights as [input, unit]. A unit of work is a row."""
    for row in range(begin, end):
        values, totals = x[row], sums[row]
        add_products(totals, values, weights, zero)
        if weight_zero != 0:
            offset = np.int64(0)
            for i in range(len(values)):
                offset += values[i] - zero
            offset *= weight_zero
            for unit in range(len(totals)):
                totals[unit] = np.int32(totals[unit] - offset)


@kernel
def add_rescaled(sums: I32x2, mantissas: I32x1, exponents: I32x1, gates: I16x2, begin: int, end: int) -> None:
    """Add sums, each column rescaled by its own multiplier, to 16-bit ``gates``. A unit of work is a row."""
    for row in range(begin, end):
        totals, results = sums[row], gates[row]
        for unit in range(len(totals)):
            results[unit] = _half(results[unit] + np.int64(rescaled(totals[unit], mantissas[unit], exponents[unit])))


@kernel
def requantize_rows(
    sums: I32x2, mantissas: I32x1, exponents: I32x1, out: I8x2, zero: int, low: int, high: int, begin: int, end: int
) -> None:
    """``requantize`` of whole rows; a unit of work is one."""
    for row in range(begin, end):
        requantize(sums[row], out[row], mantissas, exponents, zero, low, high)


@helper
def _add_peephole(state, weights, scale, gate):
    """Add a cell's state times ``weights``, rescaled by mantissa and exponent, to a gate's sums."""
    for n in range(len(gate)):
        product = np.int32(np.int64(weights[n]) * np.int64(state[n]))
        gate[n] = _half(gate[n] + np.int64(rescaled(product, scale[0], scale[1])))


@helper
def _truncated(value, divisor):
    """The quotient value / divisor, a divisor above 0, without its fraction."""
    size = abs(value) // divisor
    return size if value >= 0 else -size


@helper
def _inverse_square_root(value):
    """1 / value^(1/2) as a multiplier's mantissa and exponent; values below 2 count as 1.

    Five steps of Newton's method from 1, for a value between 2^27 and 2^29, each as the 32-bit fixed-point
    functions of NNAPI's definition round it.
    """
    length = 0
    while value >> length > 0:
        length += 1
    too_long = 1 if length > 29 else 0
    pairs = (31 - (length - 2 * too_long)) // 2 - 1
    scaled = (np.int64(value) >> (2 * too_long)) << (2 * pairs)
    halved = rounding_shift(np.int32(scaled >> 1), 1)
    x = np.int64(1 << 28)
    for _ in range(5):
        cube = _word(np.int64(high_product(high_product(x, x), x)) << 6)
        x = np.int64(_word((np.int64(high_product(x, 3 << 27)) - np.int64(high_product(halved, cube))) << 3))
    mantissa = np.int64(high_product(x, 1518500250))
    exponent = pairs - too_long - 11
    overshoot = max(exponent, 0)
    if value <= 1:
        return np.int64(_MOST_WORD), np.int64(0)
    return mantissa << overshoot, np.int64(exponent - overshoot)


@helper
def _normalize(gate, weights, bias, scale):
    """Layer normalisation of a gate's sums, in place; the bias is counted in 2^-10 of the weights' scale."""
    size = len(gate)
    total, squares = np.int64(0), np.int64(0)
    for n in range(size):
        total += np.int64(gate[n])
        squares += np.int64(gate[n]) * np.int64(gate[n])
    mean = _truncated(total * 1024, size)
    variance = _truncated(squares * ((1 << 20) // size) - mean * mean, 1 << 20)
    mantissa, exponent = _inverse_square_root(variance)
    for n in range(size):
        normalized = rescaled(np.int32(1024 * np.int64(gate[n]) - mean), mantissa, exponent)
        weighted = np.int64(normalized) * np.int64(weights[n]) + np.int64(bias[n])
        rounded = _truncated(weighted + (512 if weighted > 0 else -512), 1024)
        gate[n] = _half(rescaled(_word(rounded), scale[0], scale[1]))


@kernel
def cell_step(
    gates: I16x2,
    peepholes: I16x2,
    peephole_scales: I32x2,
    norms: I16x2,
    biases: I32x2,
    norm_scales: I32x2,
    logistics: I16x1,
    tanhs: I16x1,
    state_tanhs: I16x1,
    before: I16x2,
    after: I16x2,
    hidden: I8x2,
    state_bits: int,
    clip: int,
    mantissa: int,
    exponent: int,
    zero: int,
    begin: int,
    end: int,
) -> None:
    """QUANTIZED_LSTM from its gates' sums to its hidden state. A unit of work is a batch.

    Without an input gate there are three gates. ``peepholes`` and ``norms`` have no rows where the cell has none.
    Scales are a mantissa and an exponent a row.
    """
    for batch in range(begin, end):
        row, cell, state, results = gates[batch], before[batch], after[batch], hidden[batch]
        units = len(state)
        has_input = len(row) // units - 3
        if len(peepholes) > 0:
            for gate in range(has_input + 1):
                _add_peephole(cell, peepholes[gate], peephole_scales[gate], row[gate * units : (gate + 1) * units])
        if len(norms) > 0:
            for gate in range(has_input + 2):
                _normalize(row[gate * units : (gate + 1) * units], norms[gate], biases[gate], norm_scales[gate])
        let_in, forget, new = row[:units], row[has_input * units :], row[(has_input + 1) * units :]
        for n in range(units):
            kept = _of(logistics, forget[n])
            added = _of(logistics, let_in[n]) if has_input else np.int64(_MOST) - kept
            addend = np.int64(rounding_shift(np.int32(added * _of(tanhs, new[n])), 15 + state_bits))
            total = _half(np.int64(rounding_shift(np.int32(kept * np.int64(cell[n])), 15)) + addend)
            state[n] = clamped(total, np.int64(-clip), np.int64(clip))
        let_out = row[(has_input + 2) * units :]
        if len(peepholes) > 0:
            _add_peephole(state, peepholes[has_input + 1], peephole_scales[has_input + 1], let_out)
        if len(norms) > 0:
            _normalize(let_out, norms[has_input + 2], biases[has_input + 2], norm_scales[has_input + 2])
        for n in range(units):
            product = np.int32(_of(logistics, let_out[n]) * _of(state_tanhs, state[n]))
            results[n] = clamped(np.int64(rescaled(product, mantissa, exponent)) + zero, -128, 127)


@kernel
def cell_step_16bit(
    sums: I32x2,
    logistics: I16x1,
    tanhs: I16x1,
    state_tanhs: I16x1,
    before: I16x2,
    after: I16x2,
    out: I8x2,
    mantissa: int,
    exponent: int,
    begin: int,
    end: int,
) -> None:
    """QUANTIZED_16BIT_LSTM from the sums of its four gates on. A unit of work is a batch."""
    for batch in range(begin, end):
        row, cell, state, results = sums[batch], before[batch], after[batch], out[batch]
        units = len(state)
        for n in range(units):
            let_in = _of(logistics, _half(rescaled(row[n], mantissa, exponent)))
            forget = _of(logistics, _half(rescaled(row[units + n], mantissa, exponent)))
            new = _of(tanhs, _half(rescaled(row[2 * units + n], mantissa, exponent)))
            let_out = _of(logistics, _half(rescaled(row[3 * units + n], mantissa, exponent)))
            addend = np.int64(rounding_shift(np.int32(_product(let_in, new)), _STATE_BITS))
            state[n] = _half(addend + _product(forget, cell[n]))
            result = np.int32(_product(let_out, _of(state_tanhs, state[n])))
            results[n] = clamped(np.int64(rounding_shift(result, 8)), -128, 127)


_NUMBERS = np.arange(_LEAST, _MOST + 1)


@functools.cache
def _logistics() -> Array:
    return logistic(_NUMBERS, _GATE_BITS).astype(np.int16)


@functools.cache
def _tanhs(integer_bits: int) -> Array:
    return tanh(_NUMBERS, integer_bits).astype(np.int16)


@functools.cache
def _tanhs_of_state() -> Array:
    """For a state with 4 integer bits, which the definition brings to 3."""
    return tanh(saturated(_NUMBERS << 1), _GATE_BITS).astype(np.int16)


class _Cell(Inputs):
    """The inputs of a QUANTIZED_LSTM being lowered, and what is known of them."""

    def __init__(self, builder: Builder, arguments: Arguments) -> None:
        super().__init__(builder, arguments)
        self._given = vars(arguments)
        self.gates = GATES if self.has("input_to_input_weights") else GATES[1:]

    def spec(self, name: str) -> TensorSpec:
        """What is known of the tensor ``name``."""
        found: TensorSpec = self._given[name]
        return found

    def names(self, form: str) -> list[str]:
        """Those of all gates that there are and that are not left out."""
        names = [form.format(gate) for gate in self.gates]
        return [name for name in names if self._given.get(name) is not None]


@lowers(OperationType.QUANTIZED_LSTM, data=(OperandType.TENSOR_QUANT8_ASYMM_SIGNED,))
def _lower_quantized_lstm(builder: Builder, arguments: Arguments) -> None:
    cell = _Cell(builder, arguments)
    batches, units = arguments.cell_state.shape
    peepholes, norms = cell.names("cell_to_{}_weights"), cell.names("{}_layer_norm_weights")
    scales = {gate: getattr(arguments, f"{gate}_intermediate_scale") for gate in cell.gates}
    biases = cell.stacked(*cell.names("{}_bias"))
    gates = builder.temporary(batches, len(cell.gates) * units, dtype="int16")
    emit_fill(builder, np.array(0, np.int16), whole(gates))
    for values, form, bias in (
        ("input", "input_to_{}_weights", None if norms else biases),
        ("output_state", "recurrent_to_{}_weights", None),
    ):
        weights, spec = cell.names(form), cell.spec(values)
        sums = _emit_sums(builder, bias, cell.get(values), cell.turned(*weights), spec.zero_point)
        multipliers = [
            _multiplier(cell.spec(name).scale, spec.scale, scale) for name, scale in zip(weights, scales.values())
        ]
        builder.emit(add_rescaled, sums, *_columns(builder, multipliers, units), gates, work=batches)

    state_bits = round(math.log2(arguments.cell_state.scale)) + 15
    of_peepholes = [
        _multiplier(2.0 ** (state_bits - 15), cell.spec(name).scale, scales[gate])
        for name, gate in zip(peepholes, (gate for gate in cell.gates if gate != "cell"))
    ]
    out = builder.output(2)
    projected = cell.has("projection_weights")
    hidden = builder.temporary(batches, units, dtype="int8") if projected else out
    none = builder.table(np.zeros((0, 0), np.int16))
    builder.emit(
        cell_step,
        gates,
        cell.stacked(*peepholes) if peepholes else none,
        builder.table(np.array(of_peepholes, np.int32).reshape(-1, 2)),
        cell.stacked(*norms) if norms else none,
        biases,
        builder.table(np.array([_normalizer(cell.spec(name).scale) for name in norms], np.int32).reshape(-1, 2)),
        builder.table(_logistics()),
        builder.table(_tanhs(_GATE_BITS)),
        builder.table(_tanhs(state_bits)),
        cell.get("cell_state"),
        builder.output(1),
        hidden,
        state_bits,
        _limit(arguments.cell_clip, arguments.cell_state.scale, -_LEAST),
        *_multiplier(2.0**-15, 2.0**-15, arguments.hidden_state_scale),
        arguments.hidden_state_zero_point,
        work=batches,
    )
    if projected:
        _emit_projection(builder, arguments, cell, hidden, out)
    emit_move(builder, whole(out), whole(builder.output(0)))


def _emit_projection(builder: Builder, arguments: Arguments, cell: _Cell, hidden: Tensor, out: Tensor) -> None:
    weights, state = cell.spec("projection_weights"), arguments.output_state
    bias = cell.get("projection_bias") if cell.has("projection_bias") else None
    turned = cell.turned("projection_weights")
    sums = _emit_sums(builder, bias, hidden, turned, arguments.hidden_state_zero_point)
    factor = _multiplier(weights.scale, arguments.hidden_state_scale, state.scale)
    limit = _limit(arguments.projection_clip, state.scale, 256)
    builder.emit(
        requantize_rows,
        sums,
        *_columns(builder, [factor], out.shape[1]),
        out,
        state.zero_point,
        max(state.zero_point - limit, -128),
        min(state.zero_point + limit, 127),
        work=out.shape[0],
    )


def _emit_sums(builder: Builder, bias: Tensor | None, x: Tensor, weights: Tensor, zero: int) -> Tensor:
    """Emit a bias for each column, or 0, plus the product of ``x`` and weights [input, unit]; returns the sums."""
    sums = _emit_bias(builder, bias, x.shape[0], weights.shape[1])
    _emit_product(builder, x, weights, sums, zero)
    return sums


def _emit_bias(builder: Builder, bias: Tensor | None, rows: int, units: int) -> Tensor:
    sums = builder.temporary(rows, units, dtype="int32")
    if bias is None:
        emit_fill(builder, np.array(0, np.int32), whole(sums))
    else:
        emit_move(builder, View(bias, sums.shape, (0, 1)), whole(sums))
    return sums


def _emit_product(builder: Builder, x: Tensor, weights: Tensor, sums: Tensor, zero: int, weight_zero: int = 0) -> None:
    rows, units = sums.shape
    operations = rows * weights.shape[0] * units
    builder.emit(accumulate, x, weights, sums, zero, weight_zero, work=rows, operations=operations)


def _columns(builder: Builder, multipliers: Sequence[tuple[int, int]], units: int) -> tuple[Tensor, Tensor]:
    """Mantissas and exponents for each of ``units`` columns for each of ``multipliers``."""
    mantissas, exponents = np.repeat(np.array(multipliers, np.int32), units, axis=0).T
    return builder.table(mantissas), builder.table(exponents)


def _multiplier(first: float, second: float, divisor: float) -> tuple[int, int]:
    """The ratio first * second / divisor in float32; more than 2^30 would saturate whatever it multiplies."""
    ratio = float(np.float32(first) * np.float32(second) / np.float32(divisor))
    return nearest_multiplier(min(ratio, 2.0**30))


def _normalizer(scale: float) -> tuple[int, int]:
    """What brings a normalised gate, weighted in ``scale``, to a gate's units of 2^-12."""
    mantissa, exponent = nearest_multiplier(scale)
    return mantissa, min(exponent + 15 - _GATE_BITS, 31)


def _limit(threshold: float | None, scale: float, none: int) -> int:
    """A clip's bound, counted in ``scale``; ``none`` where there is none above 0, or where it lies beyond."""
    if not threshold:
        return none
    return int(min(np.floor(np.float32(threshold) / np.float32(scale)), none))


@lowers(OperationType.QUANTIZED_16BIT_LSTM, data=(OperandType.TENSOR_QUANT8_ASYMM_SIGNED,))
def _lower_quantized_16bit_lstm(builder: Builder, arguments: Arguments) -> None:
    cell = _Cell(builder, arguments)
    (batches, size), units = arguments.input.shape, arguments.cell_state.shape[1]
    weights, spec = arguments.input_to_input_weights, arguments.input
    values = builder.temporary(batches, size + units, dtype="int8")
    emit_joined(builder, [whole(cell.get("input")), whole(cell.get("output_state"))], 1, whole(values))
    sums = _emit_bias(builder, cell.stacked(*cell.names("{}_bias")), batches, len(GATES) * units)
    for form, columns in (
        ("recurrent_to_{}_weights", range(units)),  # Android's order, though the input comes first among the values
        ("input_to_{}_weights", range(units, units + size)),
    ):
        part = builder.temporary(batches, len(columns), dtype="int8")
        emit_move(builder, whole(values).part(range(batches), columns), whole(part))
        turned = cell.turned(*cell.names(form))
        _emit_product(builder, part, turned, sums, spec.zero_point, weights.zero_point)
    builder.emit(
        cell_step_16bit,
        sums,
        builder.table(_logistics()),
        builder.table(_tanhs(_GATE_BITS)),
        builder.table(_tanhs_of_state()),
        cell.get("cell_state"),
        builder.output(0),
        builder.output(1),
        *_multiplier(spec.scale, weights.scale, 2.0 ** (_GATE_BITS - 15)),
        work=batches,
    )
