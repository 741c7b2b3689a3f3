"""Recurrent layers of long short-term memory (LSTM) cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.activation import activated
from hal.operations.declaration import (
    Arguments,
    Array,
    Declaration,
    Parameter,
    Types,
    boolean,
    int32,
    optional,
    real,
    same,
    tensor,
)
from hal.operations.recurrent import (
    both_dimensions,
    both_outputs,
    check_all_or_none,
    check_merging,
    check_shapes,
    floating,
    in_order,
    is_cross_linked,
    settle,
    state_output,
    steps_and_batches,
    time_first,
)
from hal.types import FeatureLevel, FuseCode, OperandType, OperationType

GATES = ("input", "forget", "cell", "output")
_OMITTABLE = (
    "input_to_input_weights",
    "recurrent_to_input_weights",
    "cell_to_input_weights",
    "cell_to_forget_weights",
    "cell_to_output_weights",
    "input_bias",
    "projection_weights",
    "projection_bias",
    *(f"{gate}_layer_norm_weights" for gate in GATES),
)


class LstmActivation(IntEnum):
    """g, which an LSTM cell applies to what comes in and to its state."""

    NONE = 0
    RELU = 1
    RELU6 = 3
    TANH = 4
    SIGMOID = 6


class CellSizes(NamedTuple):
    """How many units an LSTM cell has, and how many values its output."""

    units: int
    output: int


def cell_parameters(
    prefix: str = "",
    weights: Callable[[OperandType], Types] = same,
    peepholes: Callable[[OperandType], Types] = same,
    biases: Callable[[OperandType], Types] = same,
) -> tuple[Parameter, ...]:
    """The positions that every LSTM operation has for a cell's weights and biases, with their types."""
    return (
        *(_named(prefix, f"input_to_{gate}_weights", 2, weights) for gate in GATES),
        *(_named(prefix, f"recurrent_to_{gate}_weights", 2, weights) for gate in GATES),
        *(_named(prefix, f"cell_to_{gate}_weights", 1, peepholes) for gate in GATES if gate != "cell"),
        *(_named(prefix, f"{gate}_bias", 1, biases) for gate in GATES),
        _named(prefix, "projection_weights", 2, weights),
        _named(prefix, "projection_bias", 1, biases),
    )


def state_parameters(
    prefix: str = "", output: Callable[[OperandType], Types] = same, cell: Callable[[OperandType], Types] = same
) -> tuple[Parameter, ...]:
    """The positions for a cell's output and state after the step before."""
    return _named(prefix, "output_state", 2, output), _named(prefix, "cell_state", 2, cell)


def layer_norm_parameters(prefix: str = "", accepts: Callable[[OperandType], Types] = same) -> tuple[Parameter, ...]:
    """The positions for a cell's layer normalisation weights."""
    return tuple(_named(prefix, f"{gate}_layer_norm_weights", 1, accepts) for gate in GATES)


def _named(prefix: str, name: str, rank: int, accepts: Callable[[OperandType], Types]) -> Parameter:
    if name in _OMITTABLE:  # of any rank: the dimensions of what is omitted mean nothing
        return tensor(prefix + name, accepts=accepts, omittable=True)
    return tensor(prefix + name, rank, accepts=accepts)


def cell_sizes(a: Arguments, prefix: str, batches: int, input_size: int) -> CellSizes:
    """The sizes of the cell whose tensors' names begin with ``prefix``.

    Raises ``BadDataError`` where its tensors do not fit each other, and ``UnknownValueError`` where only
    an execution tells which of those that may be omitted are there.
    """
    units, output = (int(size) for size in getattr(a, f"{prefix}recurrent_to_output_weights").shape)
    if 0 in (units, output):
        raise BadDataError(f"its {prefix}recurrent_to_output_weights is {[units, output]}; neither may be 0")
    shapes: dict[str, Dimensions] = {
        "output_state": (batches, output),
        "cell_state": (batches, units),
        "projection_weights": (output, units),
        "projection_bias": (output,),
    }
    for gate in GATES:
        shapes[f"input_to_{gate}_weights"] = (units, input_size)
        shapes[f"recurrent_to_{gate}_weights"] = (units, output)
        shapes[f"{gate}_bias"] = (units,)
        shapes[f"{gate}_layer_norm_weights"] = (units,)
        if gate != "cell":
            shapes[f"cell_to_{gate}_weights"] = (units,)
    check_shapes(a, {prefix + name: dimensions for name, dimensions in shapes.items()})
    settle(a, *(prefix + name for name in _OMITTABLE))
    _check_presence(a, prefix)
    if getattr(a, f"{prefix}projection_weights") is None and output != units:
        raise BadDataError(
            f"its {prefix}cell_state has {units} values a batch and its {prefix}output_state {output}; "
            "without projection_weights they must be as many"
        )
    return CellSizes(units, output)


def _check_presence(a: Arguments, prefix: str) -> None:
    """Refuse a cell with ``BadDataError`` if of its tensors that may be omitted only some that belong together are."""

    def all_or_none(*names: str) -> bool:
        return check_all_or_none(a, *(prefix + name for name in names))

    has_input_gate = all_or_none("input_to_input_weights", "recurrent_to_input_weights", "input_bias")
    for weights, others in (
        ("cell_to_input_weights", ("cell_to_forget_weights", "cell_to_output_weights")),
        ("input_layer_norm_weights", tuple(f"{gate}_layer_norm_weights" for gate in GATES if gate != "input")),
    ):
        wanted = all_or_none(*others) and has_input_gate
        if wanted != (getattr(a, prefix + weights) is not None):
            raise BadDataError(
                f"its {prefix}{weights} must {'have a' if wanted else 'have no'} value: it has one where both "
                f"{prefix}{others[0]} and {prefix}input_to_input_weights have one, and only there"
            )
    if getattr(a, f"{prefix}projection_bias") is not None and getattr(a, f"{prefix}projection_weights") is None:
        raise BadDataError(f"its {prefix}projection_bias has a value and its {prefix}projection_weights has none")


_FUNCTIONS: Mapping[int, Callable[[Array], Array]] = {
    LstmActivation.NONE: lambda values: values,
    LstmActivation.RELU: lambda values: activated(values, FuseCode.RELU),
    LstmActivation.RELU6: lambda values: activated(values, FuseCode.RELU6),
    LstmActivation.TANH: np.tanh,
    LstmActivation.SIGMOID: lambda values: _sigmoid(values),
}


def _sigmoid(values: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-values)))


def _clipped(values: Array, threshold: float) -> Array:
    """``values`` from -threshold to threshold, where that is not 0."""
    return np.clip(values, -threshold, threshold) if threshold > 0 else values


def _normalized(values: Array) -> Array:
    """Each row less its mean, over its standard deviation."""
    centred = values - values.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-8))


class _States(NamedTuple):
    """A cell's outputs [time, batches, size], and its output and state after the last step."""

    outputs: Array
    output_state: Array
    cell_state: Array


def _unrolled(
    a: Arguments, prefix: str, sequence: Array, aux: Array | None = None, *, backward: bool = False
) -> _States:
    """An LSTM cell over the steps of a sequence [time, batches, size].

    With x the input, h the output and C the cell state before the step, and s the logistic function:

    i = s(Wxi x + Whi h + Wci * C + bi), or 1 - f without an input gate
    f = s(Wxf x + Whf h + Wcf * C + bf)
    C = clip(f * C + i * g(Wxc x + Whc h + bc))
    o = s(Wxo x + Who h + Wco * C + bo)
    h = o * g(C), or clip(Wproj (o * g(C)) + bproj) with projection

    An auxiliary input adds Wa a to every sum; layer normalisation normalises the sums before the bias
    and scales them by its weights.
    """

    def given(name: str) -> Any:
        return getattr(a, prefix + name)

    def gate(name: str, step: int, peephole: Array | None = None) -> Array:
        total = driven[name][step] + output @ given(f"recurrent_to_{name}_weights").T
        if peephole is not None:
            total = total + peephole * cell
        norm = given(f"{name}_layer_norm_weights")
        total = total if norm is None else _normalized(total) * norm
        return np.asarray(total + given(f"{name}_bias"))

    has_input_gate = given("input_to_input_weights") is not None
    gates = GATES if has_input_gate else GATES[1:]
    driven = {name: sequence @ given(f"input_to_{name}_weights").T for name in gates}
    if aux is not None:
        driven = {name: values + aux @ given(f"aux_input_to_{name}_weights").T for name, values in driven.items()}
    g = _FUNCTIONS[a.activation]
    projection, projection_bias = given("projection_weights"), given("projection_bias")
    output, cell = given("output_state"), given("cell_state")
    outputs = np.empty((*sequence.shape[:2], output.shape[1]))
    for step in in_order(len(sequence), backward):
        forget = _sigmoid(gate("forget", step, given("cell_to_forget_weights")))
        let_in = _sigmoid(gate("input", step, given("cell_to_input_weights"))) if has_input_gate else 1 - forget
        cell = _clipped(forget * cell + let_in * g(gate("cell", step)), a.cell_clip)
        output = _sigmoid(gate("output", step, given("cell_to_output_weights"))) * g(cell)
        if projection is not None:
            projected = output @ projection.T
            output = _clipped(projected if projection_bias is None else projected + projection_bias, a.projection_clip)
        outputs[step] = output
    return _States(outputs, output, cell)


def _lstm_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    batches, input_size = a.input.shape
    units, output = cell_sizes(a, "", batches, input_size)
    gates = 3 if a.input_to_input_weights is None else 4
    return (batches, gates * units), (batches, output), (batches, units), (batches, output)


def _lstm(a: Arguments) -> tuple[Array, ...]:
    """LSTM: one step of an LSTM cell. The scratch buffer's values have no meaning; here they are 0."""
    states = _unrolled(a, "", a.input[np.newaxis])
    scratch = np.zeros(_lstm_dimensions(a.specs)[0])
    return scratch, states.output_state, states.cell_state, states.output_state


def _unidirectional_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    _, batches = steps_and_batches(a)
    units, output = cell_sizes(a, "", batches, a.input.shape[2])
    return (*a.input.shape[:2], output), (batches, output), (batches, units)


def _unidirectional(a: Arguments) -> tuple[Array, ...]:
    """UNIDIRECTIONAL_SEQUENCE_LSTM: an LSTM cell at each step of the input, and its output and state after the last."""
    states = _unrolled(a, "", time_first(a, a.input))
    return time_first(a, states.outputs), states.output_state, states.cell_state


def _aux_weights(a: Arguments, prefix: str) -> list[str]:
    """The names of a cell's auxiliary weights, one for each gate that it has."""
    gates = GATES if getattr(a, f"{prefix}input_to_input_weights") is not None else GATES[1:]
    return [f"{prefix}aux_input_to_{gate}_weights" for gate in gates]


def _bidirectional_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    _, batches = steps_and_batches(a)
    forward = cell_sizes(a, "fw_", batches, a.input.shape[2])
    settle(a, "bw_input_to_input_weights")
    crossed = is_cross_linked(a, *_aux_weights(a, "fw_"), *_aux_weights(a, "bw_"))
    parallel = a.aux_input is not None and not crossed
    backward = cell_sizes(a, "bw_", batches, (a.aux_input if parallel else a.input).shape[2])
    for prefix, sizes in (("fw_", forward), ("bw_", backward)):
        unused = f"{prefix}aux_input_to_input_weights"
        settle(a, unused)
        if getattr(a, unused) is not None and getattr(a, f"{prefix}input_to_input_weights") is None:
            raise BadDataError(f"its {unused} has a value and its {prefix}input_to_input_weights has none")
        if crossed:
            check_shapes(a, dict.fromkeys(_aux_weights(a, prefix), (sizes.units, a.aux_input.shape[2])))
    states = (
        (batches, forward.output),
        (batches, forward.units),
        (batches, backward.output),
        (batches, backward.units),
    )
    return (*both_dimensions(a, forward.output, backward.output), *states)


def _bidirectional(a: Arguments) -> tuple[Array, ...]:
    """BIDIRECTIONAL_SEQUENCE_LSTM: one LSTM from the first step to the last, another one from the last to the first.

    An auxiliary input goes into both cells where they have weights for it, and else into the backward
    one instead of the input.
    """
    sequence = time_first(a, a.input)
    aux = None if a.aux_input is None else time_first(a, a.aux_input)
    crossed = a.fw_aux_input_to_forget_weights is not None
    forward = _unrolled(a, "fw_", sequence, aux if crossed else None)
    if aux is None or crossed:
        backward = _unrolled(a, "bw_", sequence, aux, backward=True)
    else:
        backward = _unrolled(a, "bw_", aux, backward=True)
    return (*both_outputs(a, forward.outputs, backward.outputs), *forward[1:], *backward[1:])


def _clip(name: str) -> Parameter:
    return dataclasses.replace(real(name), minimum=0)


_SETTINGS = (int32("activation", choices=LstmActivation), _clip("cell_clip"), _clip("projection_clip"))
_AUX_WEIGHTS = tuple(
    tensor(f"{prefix}aux_input_to_{gate}_weights", omittable=True) for prefix in ("fw_", "bw_") for gate in GATES
)


def _since_3(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """These positions, which may only be missing together."""
    *others, last = (optional(each, default=None, since=FeatureLevel.LEVEL_3) for each in parameters)
    return (*(dataclasses.replace(each, with_next=True) for each in others), last)


LSTM = Declaration(
    OperationType.LSTM,
    FeatureLevel.LEVEL_1,
    floating(FeatureLevel.LEVEL_1),
    forms=(
        (
            tensor("input", 2),
            *cell_parameters(),
            *state_parameters(),
            *_SETTINGS,
            *_since_3(layer_norm_parameters()),
        ),
    ),
    outputs=(
        tensor("scratch_buffer", 2),
        tensor("output_state_out", 2),
        tensor("cell_state_out", 2),
        tensor("output", 2),
    ),
    dimensions=_lstm_dimensions,
    reference=_lstm,
)

UNIDIRECTIONAL_SEQUENCE_LSTM = Declaration(
    OperationType.UNIDIRECTIONAL_SEQUENCE_LSTM,
    FeatureLevel.LEVEL_3,
    floating(FeatureLevel.LEVEL_3),
    forms=(
        (
            tensor("input", 3),
            *cell_parameters(),
            *state_parameters(),
            *_SETTINGS,
            boolean("time_major"),
            *layer_norm_parameters(),
        ),
    ),
    outputs=(tensor("output", 3), state_output("output_state_out", with_next=True), state_output("cell_state_out")),
    dimensions=_unidirectional_dimensions,
    reference=_unidirectional,
)

BIDIRECTIONAL_SEQUENCE_LSTM = Declaration(
    OperationType.BIDIRECTIONAL_SEQUENCE_LSTM,
    FeatureLevel.LEVEL_3,
    floating(FeatureLevel.LEVEL_3),
    forms=(
        (
            tensor("input", 3),
            *cell_parameters("fw_"),
            *cell_parameters("bw_"),
            *state_parameters("fw_"),
            *state_parameters("bw_"),
            tensor("aux_input", omittable=True),
            *_AUX_WEIGHTS,
            *_SETTINGS,
            boolean("merge_outputs"),
            boolean("time_major"),
            *layer_norm_parameters("fw_"),
            *layer_norm_parameters("bw_"),
        ),
    ),
    outputs=(
        tensor("forward output", 3),
        optional(tensor("backward output or state"), default=None, since=FeatureLevel.LEVEL_3),
        state_output("state 1", with_next=True),
        state_output("state 2", with_next=True),
        state_output("state 3"),
        state_output("state 4"),
    ),
    dimensions=_bidirectional_dimensions,
    reference=_bidirectional,
    check=check_merging,
    ranks_at_once=False,
)
