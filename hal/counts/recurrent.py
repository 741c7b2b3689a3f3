"""Recurrent layers: products of vectors and matrices, step after step, and the gates between them.

No ``Matrix`` is given: a step waits for the one before, so the layer is not one product.
"""

from __future__ import annotations

from hal.counts.count import ROOT, TRANSCENDENTAL, Count, Shapes, activating, counts
from hal.operations.declaration import Arguments
from hal.operations.lstm import GATES
from hal.operations.recurrent import steps_and_batches
from hal.types import OperationType

_LAYER_NORM = 7
"""Instructions for each sum: to the mean, to the variance (3), normalised, weighted (2)."""


def _cell(a: Arguments, prefix: str, size: int, aux_size: int | None, activation: int) -> Count:
    """One step of a basic cell, for one batch."""
    units = a.__dict__[f"{prefix}weights"].shape[0]
    macs = units * (size + units + (aux_size or 0))
    return Count(units, units * (1 + activation), macs)


@counts(OperationType.RNN)
def _rnn(a: Arguments, shapes: Shapes) -> Count:
    batches, size = a.input.shape
    return _times(batches, _cell(a, "", size, None, activating(a.activation)))


@counts(OperationType.UNIDIRECTIONAL_SEQUENCE_RNN)
def _rnn_sequence(a: Arguments, shapes: Shapes) -> Count:
    steps, batches = steps_and_batches(a)
    return _times(steps * batches, _cell(a, "", a.input.shape[2], None, activating(a.activation)))


@counts(OperationType.BIDIRECTIONAL_SEQUENCE_RNN)
def _rnn_both_ways(a: Arguments, shapes: Shapes) -> Count:
    steps, batches = steps_and_batches(a)
    backward_size, aux_size = _sizes(a, crossed=a.fw_aux_weights is not None)
    activation = activating(a.activation)
    forward = _cell(a, "fw_", a.input.shape[2], aux_size, activation)
    return _times(steps * batches, forward, _cell(a, "bw_", backward_size, aux_size, activation))


def _lstm_cell(a: Arguments, prefix: str, size: int, aux_size: int | None = None) -> Count:
    """One step of an LSTM cell, for one batch: its gates, its state and, where it has one, its projection."""
    given = vars(a)
    units, output = given[f"{prefix}recurrent_to_output_weights"].shape
    gates = len(GATES) if given.get(f"{prefix}input_to_input_weights") is not None else len(GATES) - 1
    peepholes = sum(given.get(f"{prefix}cell_to_{gate}_weights") is not None for gate in GATES)
    macs = gates * units * (size + output + (aux_size or 0))
    arithmetic = gates * (1 + TRANSCENDENTAL) + 2 * peepholes  # bias and activation; multiply and add
    arithmetic += 4 + TRANSCENDENTAL  # the state: two products, their sum; the output: its activation, a product
    if given.get(f"{prefix}output_layer_norm_weights") is not None:
        arithmetic += gates * _LAYER_NORM
    arithmetic *= units
    if given.get(f"{prefix}output_layer_norm_weights") is not None:
        arithmetic += gates * ROOT
    if given.get(f"{prefix}projection_weights") is not None:
        macs += units * output
        arithmetic += output
    return Count(output, arithmetic, macs)


@counts(OperationType.LSTM, OperationType.QUANTIZED_LSTM)
def _lstm(a: Arguments, shapes: Shapes) -> Count:
    batches, size = a.input.shape
    return _times(batches, _lstm_cell(a, "", size))


@counts(OperationType.QUANTIZED_16BIT_LSTM)
def _lstm_16_bit(a: Arguments, shapes: Shapes) -> Count:
    batches, size = a.input.shape
    return _times(batches, _lstm_cell(a, "", size))


@counts(OperationType.UNIDIRECTIONAL_SEQUENCE_LSTM)
def _lstm_sequence(a: Arguments, shapes: Shapes) -> Count:
    steps, batches = steps_and_batches(a)
    return _times(steps * batches, _lstm_cell(a, "", a.input.shape[2]))


@counts(OperationType.BIDIRECTIONAL_SEQUENCE_LSTM)
def _lstm_both_ways(a: Arguments, shapes: Shapes) -> Count:
    steps, batches = steps_and_batches(a)
    backward_size, aux_size = _sizes(a, crossed=a.fw_aux_input_to_forget_weights is not None)
    forward = _lstm_cell(a, "fw_", a.input.shape[2], aux_size)
    return _times(steps * batches, forward, _lstm_cell(a, "bw_", backward_size, aux_size))


@counts(OperationType.SVDF)
def _svdf(a: Arguments, shapes: Shapes) -> Count:
    batches, size = a.input.shape
    filters, memory = a.weights_time.shape
    units = filters // a.rank
    arithmetic = units * (a.rank - 1 + (a.bias is not None) + activating(a.activation))
    return _times(batches, Count(units, arithmetic, filters * (size + memory)))


def _sizes(a: Arguments, crossed: bool) -> tuple[int, int | None]:
    """What the backward cell reads at a step, and what both cells read of the auxiliary input, None for nothing."""
    if a.aux_input is None or len(a.aux_input.shape) < 3:  # the latter: an input that executions leave out
        return a.input.shape[2], None
    aux_size = a.aux_input.shape[2]
    return (a.input.shape[2], aux_size) if crossed else (aux_size, None)


def _times(times: int, *cells: Count) -> Count:
    """So many steps of all ``cells``."""
    return Count(
        times * sum(cell.elements for cell in cells),
        times * sum(cell.arithmetic for cell in cells),
        times * sum(cell.macs for cell in cells),
    )
