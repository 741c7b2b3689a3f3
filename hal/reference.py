"""The oracle: a model executed with the operations' reference results, plain and slow."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from hal.errors import BadDataError, OpFailedError
from hal.model import Dimensions, Lifetime, Model, Operand, Operation, is_tensor
from hal.operand_rules import merge
from hal.operations import DECLARATIONS
from hal.operations.declaration import Array, Declaration, evaluate, type_name
from hal.types import OperandType


def run(model: Model, inputs: Sequence[Array | None]) -> list[Array]:
    """Execute a valid ``model``'s main subgraph; return its outputs in their operands' types.

    ``inputs``: one array of the operand's dtype and dimensions for each input of the subgraph, None
    for one left out; they fill in what the model leaves unknown. Each operation computes in float64,
    and its results are rounded to their operands' types before the next one reads them.

    Raises ``BadDataError`` when the inputs fit neither the model nor its operations, and
    ``OpFailedError`` for an operation or an input's type that has no reference.
    """
    subgraph = model.main
    if len(inputs) != len(subgraph.inputs):
        raise BadDataError(f"{len(inputs)} inputs were given; the model has {len(subgraph.inputs)}")
    values = {index: operand.value for index, operand in enumerate(subgraph.operands) if operand.value is not None}
    for index, value in zip(subgraph.inputs, inputs):
        if value is not None:
            _check_input(index, subgraph.operands[index], value)
            values[index] = value
    for position, operation in enumerate(subgraph.operations):
        declaration = DECLARATIONS.get(operation.type)
        if declaration is None:
            raise OpFailedError(f"operation {position}, of type {operation.type}, has no reference", operation=position)
        try:
            results = _evaluate(declaration, operation, subgraph.operands, values)
        except BadDataError as error:
            raise BadDataError(
                f"operation {position} ({declaration.type.name}): {error}", operation=position
            ) from error
        values.update(zip(operation.outputs, results))
    return [values[index] for index in subgraph.outputs]


def _evaluate(
    declaration: Declaration, operation: Operation, operands: Sequence[Operand], values: dict[int, Array]
) -> list[Array]:
    given = [values.get(index) for index in operation.inputs]
    inputs = [
        operands[index] if value is not None else dataclasses.replace(operands[index], lifetime=Lifetime.NO_VALUE)
        for index, value in zip(operation.inputs, given)
    ]
    results = evaluate(declaration, inputs, given)
    outputs = [operands[index] for index in operation.outputs]
    declaration.check_outputs(outputs, OperandType(inputs[declaration.data_input].type))
    return [_rounded(result, index, operands[index]) for result, index in zip(results, operation.outputs)]


def _check_input(index: int, operand: Operand, value: Array) -> None:
    if not isinstance(operand.type, OperandType):
        raise OpFailedError(f"operand {index} is {type_name(operand.type)}, which has no reference", operand=index)
    dtype = operand.type.dtype
    if value.dtype != dtype:
        raise BadDataError(f"the value of operand {index} is {value.dtype}; it must be {dtype}", operand=index)
    _check_shape(index, operand, value.shape)


def _check_shape(index: int, operand: Operand, shape: Dimensions) -> None:
    fits = is_tensor(operand) == bool(shape) and merge(operand.dimensions, shape) is not None
    if not fits or 0 in shape:
        raise BadDataError(
            f"the value of operand {index} has shape {list(shape)}, "
            f"which does not fit its dimensions {list(operand.dimensions)}",
            operand=index,
        )


def _rounded(result: Array, index: int, operand: Operand) -> Array:
    _check_shape(index, operand, result.shape)
    with np.errstate(over="ignore"):  # beyond the type's range it is infinity, as IEEE has it
        return result.astype(OperandType(operand.type).dtype)
