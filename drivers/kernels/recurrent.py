"""RNN, UNIDIRECTIONAL_SEQUENCE_RNN, BIDIRECTIONAL_SEQUENCE_RNN, and what all recurrent layers share.

A layer's sums over its input do not depend on its state: they are made for all steps at once. What is
left to do step by step, one kernel does for all steps of a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from drivers.engine.abi import F32x2, F32x3, helper, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.engine.program import Tensor
from drivers.kernels.fused import bounds, clamped
from drivers.kernels.layout import permuted
from drivers.kernels.strided import View, emit_fill, emit_joined, emit_move, whole
from hal.operations import DECLARATIONS
from hal.operations.declaration import Arguments, Array
from hal.types import FuseCode, OperationType

_TIME_FIRST = (1, 0, 2)


@helper
def add_product(x, weights, sums):
    """Add x * weights, of a vector and a matrix, to ``sums``."""
    for i in range(len(x)):
        value, row = x[i], weights[i]
        for j in range(len(sums)):
            sums[j] += value * row[j]


@kernel
def add_products(x: F32x2, weights: F32x2, sums: F32x2, begin: int, end: int) -> None:
    """Add x * weights to ``sums``. A unit of work is a row."""
    for row in range(begin, end):
        add_product(x[row], weights, sums[row])


@kernel
def unroll(
    states: F32x3, weights: F32x2, before: F32x2, low: float, high: float, backward: int, begin: int, end: int
) -> None:
    """The states of basic cells after each step, from the sums over their inputs. A unit of work is a batch.

    state = clamped(sums + state before * weights)
    """
    least, most = np.float32(low), np.float32(high)
    steps = len(states)
    for batch in range(begin, end):
        previous = before[batch]
        for i in range(steps):
            state = states[steps - 1 - i if backward else i, batch]
            add_product(previous, weights, state)
            for unit in range(len(state)):
                state[unit] = clamped(state[unit], least, most)
            previous = state


class Inputs:
    """The inputs of the operation being lowered, by name."""

    def __init__(self, builder: Builder, arguments: Arguments) -> None:
        (form,) = DECLARATIONS[builder.type].forms
        self._positions = {parameter.name: position for position, parameter in enumerate(form)}
        self._builder = builder
        self._arguments = arguments

    def has(self, name: str) -> bool:
        """Whether the input is not left out."""
        return getattr(self._arguments, name) is not None

    def get(self, name: str) -> Tensor:
        """The input as it is."""
        return self._builder.input(self._positions[name])

    def sequence(self, name: str) -> Tensor:
        """A sequence as [time, batches, size]."""
        if self._arguments.time_major:
            return self.get(name)
        return permuted(self._builder, self._positions[name], _TIME_FIRST)

    def turned(self, *names: str) -> Tensor:
        """Weights [unit, input] as [input, unit], those of several gates side by side."""

        def pack(*weights: Array) -> Array:
            return np.concatenate([each.T for each in weights], axis=1)

        return self._together(names, "turned", pack, lambda tensor: whole(tensor).transposed((1, 0)), 1)

    def stacked(self, *names: str) -> Tensor:
        """Vectors [unit] as the rows of a matrix; [0, 0] without any."""

        def pack(*vectors: Array) -> Array:
            return np.stack(vectors)

        if not names:
            return self._builder.table(np.zeros((0, 0), np.float32))
        return self._together(names, "stacked", pack, lambda tensor: whole(tensor, 1, *tensor.shape), 0)

    def _together(
        self,
        names: Sequence[str],
        layout: str,
        pack: Callable[..., Array],
        view: Callable[[Tensor], View],
        axis: int,
    ) -> Tensor:
        """What ``pack`` makes of constants; where there are others, the same as views joined along ``axis``."""
        builder, positions = self._builder, [self._positions[name] for name in names]
        if all(builder.is_constant(position) for position in positions):
            return builder.packed_together(positions, layout, pack)
        views = [view(builder.input(position)) for position in positions]
        shape = list(views[0].shape)
        shape[axis] = sum(each.shape[axis] for each in views)
        target = builder.temporary(*shape, dtype=views[0].tensor.dtype)
        emit_joined(builder, views, axis, whole(target))
        return target


def emit_sums(builder: Builder, bias: Tensor | None, products: Sequence[tuple[Tensor, Tensor]], sums: Tensor) -> None:
    """Emit what writes ``bias``, or 0, plus the products of inputs and weights [input, unit] to ``sums``."""
    out = whole(sums)
    if bias is None:
        emit_fill(builder, np.array(0, np.float32), out)
    else:
        emit_move(builder, View(bias, out.shape, (*(0 for _ in out.shape[1:]), 1)), out)
    for x, weights in products:
        size, units = weights.shape
        rows = math.prod(sums.shape[:-1])
        builder.emit(
            add_products,
            x.viewed(rows, size),
            weights,
            sums.viewed(rows, units),
            work=rows,
            operations=rows * size * units,
        )


def emit_sequences(builder: Builder, arguments: Arguments, layers: Sequence[Tensor], ends: Sequence[View]) -> None:
    """Emit what writes the outputs of a layer over a sequence, or of one in each direction.

    ``layers``: [time, batches, size] each. ``ends``: the states after the last step, for the outputs
    that follow, as far as there are such.
    """
    views = [whole(layer) if arguments.time_major else whole(layer).transposed(_TIME_FIRST) for layer in layers]
    if len(views) == 1 or arguments.merge_outputs:
        emit_joined(builder, views, 2, whole(builder.output(0)))
        position = 1
    else:
        for position, view in enumerate(views):
            emit_move(builder, view, whole(builder.output(position)))
        position = len(views)
    for end in ends[: builder.output_count - position]:
        emit_move(builder, end, whole(builder.output(position)))
        position += 1


def last_step(sequence: Tensor, backward: bool = False) -> View:
    """What a sequence [time, batches, size] has after the last step that was made."""
    steps, batches, size = sequence.shape
    step = 0 if backward else steps - 1
    return View(sequence, (batches, size), (size, 1), step * batches * size)


def directions(inputs: Inputs, crossed: bool) -> dict[str, list[Tensor]]:
    """The sequences that go into the forward and the backward cell, by the prefix of the cell's inputs.

    ``crossed``: an auxiliary input goes into both cells, else into the backward one instead of the input.
    """
    sequence = inputs.sequence("input")
    if not inputs.has("aux_input"):
        return {"fw_": [sequence], "bw_": [sequence]}
    aux = inputs.sequence("aux_input")
    return {"fw_": [sequence, aux], "bw_": [sequence, aux]} if crossed else {"fw_": [sequence], "bw_": [aux]}


def _emit_cell(
    builder: Builder, arguments: Arguments, prefix: str, sources: Sequence[Tensor], backward: bool = False
) -> Tensor:
    """Emit a cell over its sequences [time, batches, size]; returns its states [time, batches, units]."""
    inputs = Inputs(builder, arguments)
    steps, batches, _ = sources[0].shape
    weights = inputs.turned(f"{prefix}recurrent_weights")
    units = weights.shape[0]
    states = builder.temporary(steps, batches, units)
    names = (f"{prefix}weights", f"{prefix}aux_weights")
    products = [(source, inputs.turned(name)) for source, name in zip(sources, names)]
    emit_sums(builder, inputs.get(f"{prefix}bias"), products, states)
    low, high = bounds(FuseCode.NONE if arguments.activation is None else arguments.activation)
    builder.emit(
        unroll,
        states,
        weights,
        inputs.get(f"{prefix}hidden_state"),
        low,
        high,
        int(backward),
        work=batches,
        operations=steps * batches * units * units,
    )
    return states


@lowers(OperationType.RNN)
def _lower_rnn(builder: Builder, arguments: Arguments) -> None:
    sequence = Inputs(builder, arguments).get("input")
    states = _emit_cell(builder, arguments, "", [sequence.viewed(1, *sequence.shape)])
    for position in range(2):
        emit_move(builder, last_step(states), whole(builder.output(position)))


@lowers(OperationType.UNIDIRECTIONAL_SEQUENCE_RNN)
def _lower_unidirectional(builder: Builder, arguments: Arguments) -> None:
    states = _emit_cell(builder, arguments, "", [Inputs(builder, arguments).sequence("input")])
    emit_sequences(builder, arguments, [states], [last_step(states)])


@lowers(OperationType.BIDIRECTIONAL_SEQUENCE_RNN)
def _lower_bidirectional(builder: Builder, arguments: Arguments) -> None:
    inputs = Inputs(builder, arguments)
    sources = directions(inputs, crossed=inputs.has("fw_aux_weights"))
    forward = _emit_cell(builder, arguments, "fw_", sources["fw_"])
    backward = _emit_cell(builder, arguments, "bw_", sources["bw_"], backward=True)
    ends = [last_step(forward), last_step(backward, backward=True)]
    emit_sequences(builder, arguments, [forward, backward], ends)
