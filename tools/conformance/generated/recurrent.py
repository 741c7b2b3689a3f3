"""What recurrent layers and hashes are given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from hal.model import Operand
from hal.operations.lstm import LstmActivation
from hal.types import OperandType
from hal.types import OperationType as O
from tools.conformance.generated.draw import Draw, Given, float32, given

_GATES = 4
_WITHOUT_INPUT_GATE = (False, True, True, True)
"""A coupled input and forget gate: the cell has no weights for the first gate."""

_ALL_GATES = (True,) * _GATES
_NO_GATES = (False,) * _GATES


def _weights(draw: Draw, *shape: int) -> Given:
    """Weights that keep sums in proportion to what is summed."""
    reach = 1 / math.sqrt(shape[-1])
    return draw.weights(shape, -reach, reach)


def _state(draw: Draw, *shape: int) -> Given:
    return draw.tensor(shape, -1, 1)


def _omitted(draw: Draw, rank: int) -> Given:
    return draw.omitted(draw.data_type, rank)


def _time_major_shape(time_major: bool, steps: int, batches: int, size: int) -> tuple[int, int, int]:
    return (steps, batches, size) if time_major else (batches, steps, size)


def _rnn_cell(draw: Draw, batches: int, input_size: int, units: int) -> list[Given]:
    draw.terms = max(draw.terms, input_size + units)
    weights = [_weights(draw, units, input_size), _weights(draw, units, units)]
    return [*weights, _state(draw, units), _state(draw, batches, units)]


def _rnn(draw: Draw) -> list[Given]:
    batches, size, units = draw.whole(1, 3), draw.whole(1, 8), draw.whole(1, 8)
    return [_state(draw, batches, size), *_rnn_cell(draw, batches, size, units), _maybe_activation(draw)]


def _maybe_activation(draw: Draw) -> Given:
    return draw.activation() if draw.chance(0.8) else draw.omitted(OperandType.INT32)


def _unidirectional_rnn(draw: Draw) -> list[Given]:
    batches, steps, size, units, time_major = (
        draw.whole(1, 3),
        draw.whole(1, 4),
        draw.whole(1, 8),
        draw.whole(1, 8),
        draw.chance(),
    )
    sequence = _state(draw, *_time_major_shape(time_major, steps, batches, size))
    draw.results = draw.whole(1, 2)
    cell = _rnn_cell(draw, batches, size, units)
    return [sequence, *cell, draw.activation(), draw.scalar(int(time_major))]


@dataclass(frozen=True, slots=True)
class _Sequences:
    """What goes into a bidirectional layer, and how its auxiliary input does."""

    sequence: Given
    aux: Given
    batches: int
    size: int
    backward_size: int
    aux_size: int
    crossed: bool
    time_major: bool


def _sequences(draw: Draw) -> _Sequences:
    batches, steps, size, aux_size, time_major = (
        draw.whole(1, 3), draw.whole(1, 4), draw.whole(1, 8), draw.whole(1, 6), draw.chance()
    )  # fmt: skip
    sequence = _state(draw, *_time_major_shape(time_major, steps, batches, size))
    has_aux, crossed = draw.chance(), draw.chance()
    aux = _state(draw, *_time_major_shape(time_major, steps, batches, aux_size)) if has_aux else _omitted(draw, 3)
    backward_size = aux_size if has_aux and not crossed else size
    return _Sequences(sequence, aux, batches, size, backward_size, aux_size, has_aux and crossed, time_major)


def _bidirectional_rnn(draw: Draw) -> list[Given]:
    drawn, units = _sequences(draw), (draw.whole(1, 8), draw.whole(1, 8))
    forward = _rnn_cell(draw, drawn.batches, drawn.size, units[0])
    backward = _rnn_cell(draw, drawn.batches, drawn.backward_size, units[1])
    aux_weights = [_weights(draw, each, drawn.aux_size) if drawn.crossed else _omitted(draw, 2) for each in units]
    merged = draw.chance()
    draw.results = (1 if merged else 2) + (2 if draw.chance() else 0)
    flags = [draw.scalar(drawn.time_major), draw.scalar(merged)]
    return [drawn.sequence, *forward, *backward, drawn.aux, *aux_weights, draw.activation(), *flags]


@dataclass(frozen=True, slots=True)
class _Lstm:
    """The operands of an LSTM cell, as the operations list them."""

    weights: list[Given]
    states: list[Given]
    layer_norm: list[Given]
    aux_weights: list[Given]
    is_normalized: bool


def _lstm_cell(draw: Draw, batches: int, input_size: int, aux_size: int = 0) -> _Lstm:
    """A cell with or without an input gate, peepholes, projection, and layer normalisation."""
    gates = _WITHOUT_INPUT_GATE if draw.chance(0.3) else _ALL_GATES
    is_normalized, has_peepholes, has_projection = draw.chance(0.3), draw.chance(), draw.chance(0.4)
    units = draw.whole(4, 8) if is_normalized else draw.whole(1, 8)  # the fewer, the more does a norm magnify rounding
    output = draw.whole(1, 8) if has_projection else units
    draw.terms = max(draw.terms, input_size + output + units + aux_size)

    def each(present: tuple[bool, ...], *shape: int) -> list[Given]:
        return [_weights(draw, *shape) if here else _omitted(draw, len(shape)) for here in present]

    peepholes = gates if has_peepholes else _NO_GATES
    projection = _weights(draw, output, units) if has_projection else _omitted(draw, 2)
    projection_bias = _state(draw, output) if has_projection and draw.chance() else _omitted(draw, 1)
    weights = [
        *each(gates, units, input_size),
        *each(gates, units, output),
        *each((peepholes[0], peepholes[1], peepholes[3]), units),
        *each(gates, units),
        projection,
        projection_bias,
    ]
    return _Lstm(
        weights,
        [_state(draw, batches, output), _state(draw, batches, units)],
        each(gates if is_normalized else _NO_GATES, units),
        each(gates if aux_size else _NO_GATES, units, max(aux_size, 1)),
        is_normalized,
    )


def _lstm_settings(draw: Draw) -> list[Given]:
    activation = draw.choice((LstmActivation.TANH, LstmActivation.TANH, *LstmActivation))
    clips = [draw.real(draw.choice((0.0, draw.between(0.2, 2)))) for _ in range(2)]
    return [draw.scalar(activation.value), *clips]


def _lstm(draw: Draw) -> list[Given]:
    batches, size = draw.whole(1, 3), draw.whole(1, 8)
    cell = _lstm_cell(draw, batches, size)
    layer_norm = cell.layer_norm if cell.is_normalized or draw.chance() else []
    return [_state(draw, batches, size), *cell.weights, *cell.states, *_lstm_settings(draw), *layer_norm]


def _unidirectional_lstm(draw: Draw) -> list[Given]:
    batches, steps, size, time_major = draw.whole(1, 3), draw.whole(1, 4), draw.whole(1, 8), draw.chance()
    sequence = _state(draw, *_time_major_shape(time_major, steps, batches, size))
    cell = _lstm_cell(draw, batches, size)
    draw.results = draw.choice((1, 3))
    settings = [*_lstm_settings(draw), draw.scalar(time_major)]
    return [sequence, *cell.weights, *cell.states, *settings, *cell.layer_norm]


def _bidirectional_lstm(draw: Draw) -> list[Given]:
    drawn = _sequences(draw)
    aux_size = drawn.aux_size if drawn.crossed else 0
    forward = _lstm_cell(draw, drawn.batches, drawn.size, aux_size)
    backward = _lstm_cell(draw, drawn.batches, drawn.backward_size, aux_size)
    merged = draw.chance()
    draw.results = (1 if merged else 2) + (4 if draw.chance() else 0)
    cells = [*forward.weights, *backward.weights, *forward.states, *backward.states]
    aux = [drawn.aux, *forward.aux_weights, *backward.aux_weights]
    settings = [*_lstm_settings(draw), draw.scalar(merged), draw.scalar(drawn.time_major)]
    return [drawn.sequence, *cells, *aux, *settings, *forward.layer_norm, *backward.layer_norm]


def _svdf(draw: Draw) -> list[Given]:
    batches, size, units, rank, memory = (
        draw.whole(1, 3), draw.whole(1, 8), draw.whole(1, 6), draw.whole(1, 3), draw.whole(1, 6)
    )  # fmt: skip
    filters = units * rank
    draw.terms = rank * memory + size
    weights = [_weights(draw, filters, size), _weights(draw, filters, memory)]
    bias = _state(draw, units) if draw.chance() else _omitted(draw, 1)
    state = _state(draw, batches, filters * memory)
    return [_state(draw, batches, size), *weights, bias, state, draw.scalar(rank), _maybe_activation(draw)]


_STATE_SCALE = 1 / 2048
"""Of 16-bit cell states: four integer bits."""


def _stored(draw: Draw, operand: Operand, low: int, high: int, *shape: int, is_constant: bool = False) -> Given:
    """Stored integers from ``low`` to ``high``."""
    values = draw.random.integers(low, high, shape, endpoint=True)
    return given(operand, values.astype(OperandType(operand.type).dtype), is_constant=is_constant)


def _cell_state(draw: Draw, batches: int, units: int) -> Given:
    operand = Operand(OperandType.TENSOR_QUANT16_SYMM, (), _STATE_SCALE)
    return _stored(draw, operand, -4000, 4000, batches, units)


def _quantized_16bit_lstm(draw: Draw) -> list[Given]:
    batches, size, units = draw.whole(1, 3), draw.whole(1, 8), draw.whole(1, 8)
    activations = Operand(OperandType.TENSOR_QUANT8_ASYMM, (), 1 / 128, 128)
    scale = float32(draw.between(0.002, 0.01))
    weights = Operand(OperandType.TENSOR_QUANT8_ASYMM, (), scale, draw.whole(100, 156))
    biases = Operand(OperandType.TENSOR_INT32, (), float32(scale / 128))
    tensors = [
        *(_stored(draw, weights, 0, 255, units, size, is_constant=True) for _ in range(_GATES)),
        *(_stored(draw, weights, 0, 255, units, units, is_constant=True) for _ in range(_GATES)),
        *(_stored(draw, biases, -5000, 5000, units, is_constant=True) for _ in range(_GATES)),
    ]
    inputs, output_state = (_stored(draw, activations, 0, 255, batches, width) for width in (size, units))
    return [inputs, *tensors, _cell_state(draw, batches, units), output_state]


def _quantized_lstm(draw: Draw) -> list[Given]:
    batches, size, units = draw.whole(1, 3), draw.whole(1, 8), draw.whole(2, 8)
    gates = _WITHOUT_INPUT_GATE if draw.chance(0.3) else _ALL_GATES
    is_normalized, has_peepholes, has_projection = draw.chance(0.4), draw.chance(), draw.chance(0.4)
    output = draw.whole(1, 8) if has_projection else units
    weights = OperandType.TENSOR_QUANT8_SYMM
    peephole = Operand(OperandType.TENSOR_QUANT16_SYMM, (), float32(draw.between(1e-5, 5e-5)))
    bias = Operand(OperandType.TENSOR_INT32)

    def each(present: tuple[bool, ...], operand: Operand, reach: int, *shape: int) -> list[Given]:
        return [
            _stored(draw, operand, -reach, reach, *shape, is_constant=True)
            if here
            else draw.omitted(OperandType(operand.type), len(shape))
            for here in present
        ]

    def scaled() -> Operand:
        return Operand(weights, (), float32(draw.between(0.002, 0.01)))

    peepholes = gates if has_peepholes else _NO_GATES
    activations = Operand(
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED, (), float32(draw.between(0.005, 0.01)), draw.whole(-5, 5)
    )
    output_state = _stored(draw, activations, -128, 127, batches, output)
    hidden = output_state.operand if not has_projection else activations
    norms = Operand(OperandType.TENSOR_QUANT16_SYMM, (), float32(draw.between(2e-5, 5e-5)))
    intermediates = [draw.between(0.002, 0.01) if is_normalized else 2**-12 for _ in range(_GATES)]
    clips = [draw.real(draw.between(0.3, 1)) if draw.chance() else draw.omitted(OperandType.FLOAT32) for _ in range(2)]
    return [
        _stored(draw, replace(activations, scale=float32(draw.between(0.005, 0.01))), -128, 127, batches, size),
        *each(gates, scaled(), 127, units, size),
        *each(gates, scaled(), 127, units, output),
        *each((peepholes[0], peepholes[1], peepholes[3]), peephole, 20000, units),
        *each(gates, bias, 20000 if is_normalized else 4000, units),
        *each((has_projection,), scaled(), 127, output, units),
        *each((has_projection and draw.chance(),), bias, 2000, output),
        output_state,
        _cell_state(draw, batches, units),
        *each(gates if is_normalized else _NO_GATES, norms, 20000, units),
        *clips,
        *(draw.real(scale) for scale in intermediates),
        draw.scalar(hidden.zero_point),
        draw.real(hidden.scale),
    ]


def _lsh_projection(draw: Draw) -> list[Given]:
    functions, bits = draw.whole(1, 6), draw.whole(1, 5)
    hash_type = draw.choice((OperandType.TENSOR_FLOAT16, OperandType.TENSOR_FLOAT32))
    shape = draw.shape(most=3)
    hashes = replace(draw.tensor((functions, bits), -1, 1, data_type=hash_type), is_constant=True)
    weight = draw.tensor(shape[:1], 0.1, 1, data_type=hash_type) if draw.chance() else draw.omitted(hash_type)
    return [hashes, draw.tensor(shape, -100, 100), weight, draw.scalar(draw.whole(1, 3))]


GENERATORS: Mapping[O, Callable[[Draw], list[Given]]] = {
    O.BIDIRECTIONAL_SEQUENCE_LSTM: _bidirectional_lstm,
    O.BIDIRECTIONAL_SEQUENCE_RNN: _bidirectional_rnn,
    O.LSH_PROJECTION: _lsh_projection,
    O.LSTM: _lstm,
    O.QUANTIZED_16BIT_LSTM: _quantized_16bit_lstm,
    O.QUANTIZED_LSTM: _quantized_lstm,
    O.RNN: _rnn,
    O.SVDF: _svdf,
    O.UNIDIRECTIONAL_SEQUENCE_LSTM: _unidirectional_lstm,
    O.UNIDIRECTIONAL_SEQUENCE_RNN: _unidirectional_rnn,
}
