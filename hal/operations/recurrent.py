"""Recurrent layers of basic cells, and what all recurrent layers share."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import IntEnum

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.activation import activated
from hal.operations.declaration import (
    ACTIVATION,
    Arguments,
    Array,
    Declaration,
    Parameter,
    TensorSpec,
    UnknownValueError,
    boolean,
    int32,
    optional,
    tensor,
)
from hal.types import FeatureLevel, FuseCode, OperandType, OperationType

OMITTABLE_ACTIVATION = dataclasses.replace(ACTIVATION, omittable=True)
"""A fused activation, ``FuseCode.NONE`` where it has no value."""


class TimeMajor(IntEnum):
    """UNIDIRECTIONAL_SEQUENCE_RNN's flag, an INT32: whether time comes before the batches."""

    NO = 0
    YES = 1


def floating(since: FeatureLevel) -> Mapping[OperandType, FeatureLevel]:
    """The data types of recurrent layers, where TENSOR_FLOAT32 came with ``since``."""
    return {OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3, OperandType.TENSOR_FLOAT32: since}


def state_output(name: str, with_next: bool = False) -> Parameter:
    """A state after the last step, which a sequence layer may give since level 4."""
    return optional(tensor(name), default=None, since=FeatureLevel.LEVEL_4, with_next=with_next)


def check_shapes(a: Arguments, wanted: Mapping[str, Dimensions]) -> None:
    """Refuse tensors of other dimensions than those wanted with ``BadDataError``; omitted ones pass."""
    for name, dimensions in wanted.items():
        given = getattr(a, name)
        if given is not None and given.shape != dimensions:
            raise BadDataError(f"its {name} is {list(given.shape)}; it must be {list(dimensions)}")


def settle(a: Arguments, *names: str) -> None:
    """Raise ``UnknownValueError`` where only an execution tells whether one of these tensors is omitted."""
    for name in names:
        given = getattr(a, name)
        if given is not None and not given.concrete:
            raise UnknownValueError(name)


def check_all_or_none(a: Arguments, *names: str) -> bool:
    """Whether these tensors are given; raises ``BadDataError`` where some are and others not."""
    given = [name for name in names if getattr(a, name) is not None]
    missing = [name for name in names if name not in given]
    if given and missing:
        raise BadDataError(f"it has {', '.join(given)} and no {', '.join(missing)}; it must have all of them or none")
    return bool(given)


def steps_and_batches(a: Arguments) -> tuple[int, int]:
    """How many steps and batches the sequence that is the input has."""
    first, second, _ = a.input.shape
    return (first, second) if a.time_major else (second, first)


def time_first(a: Arguments, sequence: Array) -> Array:
    """A sequence in the layout that the operation asks for as [time, batches, ...], or the other way round."""
    return sequence if a.time_major else sequence.swapaxes(0, 1)


def in_order(steps: int, backward: bool) -> range:
    """The steps of a sequence as a cell takes them."""
    return range(steps - 1, -1, -1) if backward else range(steps)


def is_cross_linked(a: Arguments, *weights: str) -> bool:
    """Whether the auxiliary input goes into both cells of a bidirectional layer, through auxiliary ``weights``.

    Raises ``BadDataError`` where those and the input do not go together, and ``UnknownValueError`` where
    only an execution tells.
    """
    settle(a, "aux_input", *weights)
    crossed = check_all_or_none(a, *weights)
    if crossed and a.aux_input is None:
        raise BadDataError(f"it has {', '.join(weights)}; then it must have an aux_input as well")
    if a.aux_input is not None:
        check_shapes(a, {"aux_input": (*a.input.shape[:2], a.aux_input.shape[-1])})
    return crossed


def both_dimensions(a: Arguments, forward: int, backward: int) -> tuple[Dimensions, ...]:
    """The dimensions of a bidirectional layer's outputs, of these sizes a step: two, or one where it merges them."""
    time = a.input.shape[:2]
    if a.merge_outputs:
        return ((*time, forward + backward),)
    return (*time, forward), (*time, backward)


def both_outputs(a: Arguments, forward: Array, backward: Array) -> tuple[Array, ...]:
    """The outputs of a bidirectional layer for the two cells', [time, batches, size]."""
    check_merging(a.specs, a.results)
    if a.merge_outputs:
        return (time_first(a, np.concatenate([forward, backward], axis=2)),)
    return time_first(a, forward), time_first(a, backward)


def check_merging(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    """Refuse a bidirectional layer with ``BadDataError`` if its outputs are not as many as ``merge_outputs`` asks for.

    Both cells give as many states, so there is an odd number of outputs where two are merged, and an even
    one where they are not.
    """
    if a.merge_outputs == (len(outputs) % 2 == 0):
        raise BadDataError(
            f"it has {len(outputs)} outputs and merge_outputs is {'true' if a.merge_outputs else 'false'}; "
            "it must have an output for the backward cell where it does not merge them, and only there"
        )


def _check_cell(a: Arguments, prefix: str, batches: int, input_size: int) -> int:
    """How many units a cell has; raises ``BadDataError`` where its tensors do not fit each other."""
    units = int(getattr(a, f"{prefix}weights").shape[0])
    check_shapes(
        a,
        {
            f"{prefix}weights": (units, input_size),
            f"{prefix}recurrent_weights": (units, units),
            f"{prefix}bias": (units,),
            f"{prefix}hidden_state": (batches, units),
        },
    )
    return units


def _unrolled(a: Arguments, prefix: str, sequence: Array, aux: Array | None = None, *, backward: bool = False) -> Array:
    """The states of a cell at each step of a sequence, [time, batches, units].

    state = activation(input * weights' + aux input * aux weights' + state * recurrent weights' + bias)
    """
    weights, recurrent_weights, bias, state = (
        getattr(a, f"{prefix}{name}") for name in ("weights", "recurrent_weights", "bias", "hidden_state")
    )
    activation = FuseCode.NONE if a.activation is None else a.activation
    states: Array = sequence @ weights.T + bias
    if aux is not None:
        states += aux @ getattr(a, f"{prefix}aux_weights").T
    for step in in_order(len(states), backward):
        state = activated(states[step] + state @ recurrent_weights.T, activation)
        states[step] = state
    return states


def _rnn_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    batches, size = a.input.shape
    return ((batches, _check_cell(a, "", batches, size)),) * 2


def _rnn(a: Arguments) -> tuple[Array, ...]:
    """RNN: out = state = activation(input * weights' + state * recurrent weights' + bias)."""
    (state,) = _unrolled(a, "", a.input[np.newaxis])
    return state, state


def _unidirectional_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    _, batches = steps_and_batches(a)
    units = _check_cell(a, "", batches, a.input.shape[2])
    return (*a.input.shape[:2], units), (batches, units)


def _last(states: Array, before: Array, step: int) -> Array:
    """A cell's state after the ``step``, that before the first one where there is none."""
    return states[step] if len(states) else before


def _unidirectional(a: Arguments) -> tuple[Array, ...]:
    """UNIDIRECTIONAL_SEQUENCE_RNN: an RNN at each step of the input, and the state after the last."""
    states = _unrolled(a, "", time_first(a, a.input))
    return time_first(a, states), _last(states, a.hidden_state, -1)


def _bidirectional_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    _, batches = steps_and_batches(a)
    forward = _check_cell(a, "fw_", batches, a.input.shape[2])
    crossed = is_cross_linked(a, "fw_aux_weights", "bw_aux_weights")
    parallel = a.aux_input is not None and not crossed
    backward = _check_cell(a, "bw_", batches, (a.aux_input if parallel else a.input).shape[2])
    if crossed:
        size = a.aux_input.shape[2]
        check_shapes(a, {"fw_aux_weights": (forward, size), "bw_aux_weights": (backward, size)})
    return (*both_dimensions(a, forward, backward), (batches, forward), (batches, backward))


def _bidirectional(a: Arguments) -> tuple[Array, ...]:
    """BIDIRECTIONAL_SEQUENCE_RNN: one RNN from the first step to the last, another one from the last to the first.

    An auxiliary input goes into both cells where they have weights for it, and else into the backward
    one instead of the input.
    """
    sequence = time_first(a, a.input)
    aux = None if a.aux_input is None else time_first(a, a.aux_input)
    crossed = a.fw_aux_weights is not None
    forward = _unrolled(a, "fw_", sequence, aux if crossed else None)
    if aux is None or crossed:
        backward = _unrolled(a, "bw_", sequence, aux, backward=True)
    else:
        backward = _unrolled(a, "bw_", aux, backward=True)
    states = _last(forward, a.fw_hidden_state, -1), _last(backward, a.bw_hidden_state, 0)
    return (*both_outputs(a, forward, backward), *states)


def _cell(prefix: str) -> tuple[Parameter, ...]:
    return (
        tensor(f"{prefix}weights", 2),
        tensor(f"{prefix}recurrent_weights", 2),
        tensor(f"{prefix}bias", 1),
        tensor(f"{prefix}hidden_state", 2),
    )


RNN = Declaration(
    OperationType.RNN,
    FeatureLevel.LEVEL_1,
    floating(FeatureLevel.LEVEL_1),
    forms=((tensor("input", 2), *_cell(""), OMITTABLE_ACTIVATION),),
    outputs=(tensor("hidden_state_out", 2), tensor("output", 2)),
    dimensions=_rnn_dimensions,
    reference=_rnn,
)

UNIDIRECTIONAL_SEQUENCE_RNN = Declaration(
    OperationType.UNIDIRECTIONAL_SEQUENCE_RNN,
    FeatureLevel.LEVEL_3,
    floating(FeatureLevel.LEVEL_3),
    forms=((tensor("input", 3), *_cell(""), ACTIVATION, int32("time_major", choices=TimeMajor)),),
    outputs=(tensor("output", 3), state_output("hidden_state_out")),
    dimensions=_unidirectional_dimensions,
    reference=_unidirectional,
)

BIDIRECTIONAL_SEQUENCE_RNN = Declaration(
    OperationType.BIDIRECTIONAL_SEQUENCE_RNN,
    FeatureLevel.LEVEL_3,
    floating(FeatureLevel.LEVEL_3),
    forms=(
        (
            tensor("input", 3),
            *_cell("fw_"),
            *_cell("bw_"),
            tensor("aux_input", omittable=True),
            tensor("fw_aux_weights", omittable=True),
            tensor("bw_aux_weights", omittable=True),
            ACTIVATION,
            boolean("time_major"),
            boolean("merge_outputs"),
        ),
    ),
    outputs=(
        tensor("forward output", 3),
        optional(tensor("backward output or state"), default=None, since=FeatureLevel.LEVEL_3),
        state_output("state 1"),
        state_output("state 2"),
    ),
    dimensions=_bidirectional_dimensions,
    reference=_bidirectional,
    check=check_merging,
)
