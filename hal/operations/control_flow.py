"""IF and WHILE: operations that execute other subgraphs of the model.

Their declarations say what they take; whoever executes a model executes the subgraphs. What the
subgraphs must look like spans operands, so that it stands in ``hal.validation``.
"""

from __future__ import annotations

from typing import NoReturn

from hal.model import Dimensions
from hal.operations.declaration import (
    Arguments,
    Declaration,
    Parameter,
    UnknownValueError,
    anything,
    only,
    repeated,
    tensor,
)
from hal.types import FeatureLevel, OperandType, OperationType

CONTROL_FLOW = (OperationType.IF, OperationType.WHILE)
"""The operations that execute subgraphs."""

DEFAULT_LOOP_TIMEOUT = 2.0
"""Seconds that a WHILE may run where nobody says (ANeuralNetworks_getDefaultLoopTimeout)."""

MAXIMUM_LOOP_TIMEOUT = 15.0
"""Seconds that a WHILE may be allowed to run (ANeuralNetworks_getMaximumLoopTimeout)."""


def _model(name: str) -> Parameter:
    return Parameter(name, only(OperandType.MODEL))


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    raise UnknownValueError("the subgraph's outputs")


def _reference(a: Arguments) -> NoReturn:
    raise NotImplementedError("hal.reference executes subgraphs itself")


IF = Declaration(
    OperationType.IF,
    FeatureLevel.LEVEL_4,
    {OperandType.TENSOR_BOOL8: FeatureLevel.LEVEL_4},
    forms=(
        (
            tensor("condition", 1, accepts=only(OperandType.TENSOR_BOOL8)),
            _model("then_model"),
            _model("else_model"),
            repeated(Parameter("inputs", anything, omittable=True), least=0),
        ),
    ),
    outputs=(repeated(Parameter("outputs", anything)),),
    dimensions=_dimensions,
    reference=_reference,
)

WHILE = Declaration(
    OperationType.WHILE,
    FeatureLevel.LEVEL_4,
    {OperandType.MODEL: FeatureLevel.LEVEL_4},
    forms=(
        (
            _model("condition_model"),
            _model("body_model"),
            repeated(Parameter("inputs", anything, omittable=True)),
        ),
    ),
    outputs=(repeated(Parameter("outputs", anything)),),
    dimensions=_dimensions,
    reference=_reference,
)
