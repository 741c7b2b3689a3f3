"""Recurrent layers of long short-term memory (LSTM) cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import NamedTuple

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
    check_shapes(a, {prefix + name: dimensions for name, dimensions in shapes.items() if hasattr(a, prefix + name)})
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

    coupled = not all_or_none("input_to_input_weights", "recurrent_to_input_weights", "input_bias")
    for weights, others in (
        ("cell_to_input_weights", ("cell_to_forget_weights", "cell_to_output_weights")),
        ("input_layer_norm_weights", tuple(f"{gate}_layer_norm_weights" for gate in GATES if gate != "input")),
    ):
        wanted = all_or_none(*others) and not coupled
        if wanted != (getattr(a, prefix + weights) is not None):
            raise BadDataError(
                f"its {prefix}{weights} {'must have a value' if wanted else 'must have no value'}, as "
                f"{' and '.join(prefix + other for other in others)} {'have one' if wanted else 'have none'} "
                f"{'and' if wanted else 'or'} input_to_input_weights {'has one' if wanted else 'has none'}"
            )
    if getattr(a, f"{prefix}projection_bias") is not None and getattr(a, f"{prefix}projection_weights") is None:
        raise BadDataError(f"it has {prefix}projection_bias and no {prefix}projection_weights")
