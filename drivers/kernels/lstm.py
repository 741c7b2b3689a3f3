"""LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM, BIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drivers.engine.abi import F32x2, F32x3, helper, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.engine.program import Tensor
from drivers.kernels.exponential import hyperbolic_tangent, sigmoid
from drivers.kernels.fused import clamped
from drivers.kernels.recurrent import Inputs, add_product, directions, emit_sequences, emit_sums, last_step
from drivers.kernels.strided import View, emit_fill, emit_move, whole
from hal.operations.declaration import Arguments
from hal.operations.lstm import GATES, LstmActivation
from hal.types import OperationType

_RELU, _RELU6 = int(LstmActivation.RELU), int(LstmActivation.RELU6)
_TANH, _SIGMOID = int(LstmActivation.TANH), int(LstmActivation.SIGMOID)

_PEEPHOLES = "cell_to_{}_weights"


@helper
def _activate(values, activation):
    """Replace each value by that of an ``LstmActivation``."""
    if activation == _TANH:
        for i in range(len(values)):
            values[i] = hyperbolic_tangent(values[i])
    elif activation == _SIGMOID:
        for i in range(len(values)):
            values[i] = sigmoid(values[i])
    elif activation in (_RELU, _RELU6):
        most = np.float32(np.inf if activation == _RELU else 6)
        for i in range(len(values)):
            values[i] = clamped(values[i], np.float32(0), most)


@helper
def _add_scaled(values, scales, sums):
    for i in range(len(sums)):
        sums[i] += values[i] * scales[i]


@helper
def _normalize(values, weights, bias):
    """Values less their mean, over their standard deviation, times weights, plus bias."""
    mean = 0.0
    for i in range(len(values)):
        mean += values[i]
    mean /= len(values)
    variance = 0.0
    for i in range(len(values)):
        variance += (values[i] - mean) ** 2
    scale = 1 / np.sqrt(variance / len(values) + 1e-8)
    for i in range(len(values)):
        values[i] = np.float32((values[i] - mean) * scale) * weights[i] + bias[i]


@kernel
def unroll_lstm(
    sums: F32x3,
    weights: F32x2,
    peepholes: F32x2,
    norms: F32x2,
    biases: F32x2,
    projection: F32x2,
    output_before: F32x2,
    cell_before: F32x2,
    unprojected: F32x2,
    outputs: F32x3,
    cells: F32x2,
    activation: int,
    cell_clip: float,
    projection_clip: float,
    backward: int,
    begin: int,
    end: int,
) -> None:
    """LSTM cells over all steps, from the sums over their inputs, gate by gate. A unit of work is a batch.

    Without an input gate there are three gates. ``peepholes``, ``norms`` and ``projection`` have no
    rows where the cell has none of these; with norms the biases are added after them, else they are
    in the sums. ``outputs``, where they are projected, hold the projection's bias.
    """
    clip, output_clip = np.float32(cell_clip), np.float32(projection_clip)
    steps, units = len(sums), cells.shape[1]
    has_input = sums.shape[2] // units - 3
    for batch in range(begin, end):
        output, cell = output_before[batch], cell_before[batch]
        for i in range(steps):
            step = steps - 1 - i if backward else i
            row = sums[step, batch]
            add_product(output, weights, row)
            for gate in range(has_input + 1):
                if len(peepholes) > 0:
                    _add_scaled(cell, peepholes[gate], row[gate * units : (gate + 1) * units])
            for gate in range(has_input + 2):
                if len(norms) > 0:
                    _normalize(row[gate * units : (gate + 1) * units], norms[gate], biases[gate])
            let_in, forget, new = row[:units], row[has_input * units :], row[(has_input + 1) * units :]
            _activate(row[: (has_input + 1) * units], _SIGMOID)
            _activate(new[:units], activation)
            after = cells[batch]
            for n in range(units):
                added = let_in[n] if has_input else np.float32(1) - forget[n]
                after[n] = clamped(forget[n] * cell[n] + added * new[n], -clip, clip)
            cell = after
            let_out = row[(has_input + 2) * units :]
            if len(peepholes) > 0:
                _add_scaled(cell, peepholes[has_input + 1], let_out)
            if len(norms) > 0:
                _normalize(let_out, norms[has_input + 2], biases[has_input + 2])
            _activate(let_out, _SIGMOID)
            output = outputs[step, batch]
            made = unprojected[batch] if len(projection) > 0 else output
            for n in range(units):
                made[n] = cell[n]
            _activate(made, activation)
            for n in range(units):
                made[n] *= let_out[n]
            if len(projection) > 0:
                add_product(made, projection, output)
                for n in range(len(output)):
                    output[n] = clamped(output[n], -output_clip, output_clip)


class _Layer(NamedTuple):
    """A cell's outputs [time, batches, size], and its output and state after the last step."""

    outputs: Tensor
    output_state: View
    cell_state: View


def _limit(clip: float) -> float:
    """A clip's bound; 0 is none."""
    return clip if clip > 0 else np.inf


def _emit_cell(
    builder: Builder, arguments: Arguments, prefix: str, sources: Sequence[Tensor], backward: bool = False
) -> _Layer:
    """Emit a cell over its sequences [time, batches, size]."""
    inputs = Inputs(builder, arguments)
    gates = GATES if inputs.has(f"{prefix}input_to_input_weights") else GATES[1:]

    def of_gates(form: str) -> list[str]:
        names = [prefix + form.format(gate) for gate in gates if form != _PEEPHOLES or gate != "cell"]
        return [name for name in names if inputs.has(name)]

    steps, batches, _ = sources[0].shape
    weights = inputs.turned(*of_gates("recurrent_to_{}_weights"))
    output_size, units = weights.shape[0], weights.shape[1] // len(gates)
    norms, biases = inputs.stacked(*of_gates("{}_layer_norm_weights")), inputs.stacked(*of_gates("{}_bias"))
    sums = builder.temporary(steps, batches, weights.shape[1])
    forms = ("input_to_{}_weights", "aux_input_to_{}_weights")
    products = [(source, inputs.turned(*of_gates(form))) for source, form in zip(sources, forms)]
    emit_sums(builder, None if norms.shape[0] > 0 else biases, products, sums)

    outputs = builder.temporary(steps, batches, output_size)
    if inputs.has(f"{prefix}projection_weights"):
        projection = inputs.turned(f"{prefix}projection_weights")
        bias = f"{prefix}projection_bias"
        emit_sums(builder, inputs.get(bias) if inputs.has(bias) else None, [], outputs)
    else:
        projection = inputs.stacked()
    cells = builder.temporary(batches, units)
    builder.emit(
        unroll_lstm,
        sums,
        weights,
        inputs.stacked(*of_gates(_PEEPHOLES)),
        norms,
        biases,
        projection,
        inputs.get(f"{prefix}output_state"),
        inputs.get(f"{prefix}cell_state"),
        builder.temporary(batches, units),
        outputs,
        cells,
        arguments.activation,
        _limit(arguments.cell_clip),
        _limit(arguments.projection_clip),
        int(backward),
        work=batches,
        operations=steps * batches * weights.shape[0] * weights.shape[1],
    )
    return _Layer(outputs, last_step(outputs, backward), whole(cells))


@lowers(OperationType.LSTM)
def _lower_lstm(builder: Builder, arguments: Arguments) -> None:
    sequence = Inputs(builder, arguments).get("input")
    layer = _emit_cell(builder, arguments, "", [sequence.viewed(1, *sequence.shape)])
    emit_fill(builder, np.array(0, np.float32), whole(builder.output(0)))  # the scratch buffer, of no meaning
    for position, state in enumerate((layer.output_state, layer.cell_state, layer.output_state), start=1):
        emit_move(builder, state, whole(builder.output(position)))


@lowers(OperationType.UNIDIRECTIONAL_SEQUENCE_LSTM)
def _lower_unidirectional(builder: Builder, arguments: Arguments) -> None:
    layer = _emit_cell(builder, arguments, "", [Inputs(builder, arguments).sequence("input")])
    emit_sequences(builder, arguments, [layer.outputs], layer[1:])


@lowers(OperationType.BIDIRECTIONAL_SEQUENCE_LSTM)
def _lower_bidirectional(builder: Builder, arguments: Arguments) -> None:
    inputs = Inputs(builder, arguments)
    sources = directions(inputs, crossed=inputs.has("fw_aux_input_to_forget_weights"))
    forward = _emit_cell(builder, arguments, "fw_", sources["fw_"])
    backward = _emit_cell(builder, arguments, "bw_", sources["bw_"], backward=True)
    emit_sequences(builder, arguments, [forward.outputs, backward.outputs], [*forward[1:], *backward[1:]])
