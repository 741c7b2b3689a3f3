"""The oracle: a model executed with the operations' reference results, plain and slow."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from hal.errors import BadDataError, MissedDeadlineTransientError, OpFailedError
from hal.model import Dimensions, Lifetime, Model, Operand, Operation, Subgraph, is_tensor
from hal.operations import DECLARATIONS
from hal.operations.control_flow import DEFAULT_LOOP_TIMEOUT
from hal.operations.declaration import Array, evaluate, type_name
from hal.types import OperandType, OperationType

Values = Sequence["Array | None"]


def run(model: Model, inputs: Values, loop_timeout: float = DEFAULT_LOOP_TIMEOUT) -> list[Array]:
    """Execute a valid ``model``'s main subgraph; return its outputs in their operands' types.

    ``inputs``: one array of the operand's dtype and dimensions for each input of the subgraph, None
    for one left out; they fill in what the model leaves unknown. Each operation computes in float64,
    and its results are rounded to their operands' types before the next one reads them.

    Raises ``BadDataError`` when the inputs fit neither the model nor its operations,
    ``OpFailedError`` for an operation or an input's type that has no reference, and
    ``MissedDeadlineTransientError`` when a WHILE takes longer than ``loop_timeout`` seconds.
    """
    return _run(model, model.main, inputs, loop_timeout)


def _run(model: Model, subgraph: Subgraph, inputs: Values, loop_timeout: float) -> list[Array]:
    if len(inputs) != len(subgraph.inputs):
        raise BadDataError(f"{len(inputs)} inputs were given; the subgraph has {len(subgraph.inputs)}")
    values = {index: operand.value for index, operand in enumerate(subgraph.operands) if operand.value is not None}
    for index, value in zip(subgraph.inputs, inputs):
        if value is not None:
            _check_input(index, subgraph.operands[index], value)
            values[index] = value
    for position, operation in enumerate(subgraph.operations):
        try:
            given = [values.get(index) for index in operation.inputs]
            if operation.type == OperationType.IF:
                results = _if(model, subgraph, operation, given, loop_timeout)
            elif operation.type == OperationType.WHILE:
                results = _while(model, subgraph, operation, given, loop_timeout)
            else:
                results = evaluate_operation(subgraph, operation, given)
            for index, result in zip(operation.outputs, results):
                check_shape(index, subgraph.operands[index], result.shape)
                values[index] = result
        except BadDataError as error:
            name = OperationType(operation.type).name
            raise BadDataError(f"operation {position} ({name}): {error}", operation=position) from error
    return [values[index] for index in subgraph.outputs]


def evaluate_operation(subgraph: Subgraph, operation: Operation, given: Values) -> list[Array]:
    """The reference results of one operation for the values of its inputs, None for one left out."""
    declaration = DECLARATIONS.get(operation.type)
    if declaration is None:
        raise OpFailedError(f"operation type {operation.type} has no reference")
    inputs = [
        subgraph.operands[index]
        if value is not None
        else dataclasses.replace(subgraph.operands[index], lifetime=Lifetime.NO_VALUE)
        for index, value in zip(operation.inputs, given)
    ]
    outputs = [subgraph.operands[index] for index in operation.outputs]
    declaration.check_outputs(outputs, declaration.data_type(inputs))
    return evaluate(declaration, inputs, given, outputs)


def _if(model: Model, subgraph: Subgraph, operation: Operation, given: Values, loop_timeout: float) -> list[Array]:
    condition = given[0]
    if condition is None:
        raise BadDataError("its condition has no value")
    chosen = subgraph.operands[operation.inputs[1 if condition.item() else 2]].subgraph
    assert chosen is not None
    return _run(model, model.referenced[chosen], given[3:], loop_timeout)


def _while(model: Model, subgraph: Subgraph, operation: Operation, given: Values, loop_timeout: float) -> list[Array]:
    condition, body = (subgraph.operands[index].subgraph for index in operation.inputs[:2])
    assert condition is not None
    assert body is not None
    deadline = time.monotonic() + loop_timeout
    state = list(given[2:])
    carried = len(model.referenced[body].outputs)
    while _run(model, model.referenced[condition], state, loop_timeout)[0].item():
        if time.monotonic() > deadline:
            raise MissedDeadlineTransientError(f"the loop took longer than {loop_timeout} s")
        state[:carried] = _run(model, model.referenced[body], state, loop_timeout)
    outputs = state[: len(operation.outputs)]
    if any(output is None for output in outputs):
        raise BadDataError("an output of it is an input that was left out")
    return [output for output in outputs if output is not None]


def _check_input(index: int, operand: Operand, value: Array) -> None:
    if not isinstance(operand.type, OperandType):
        raise OpFailedError(f"operand {index} is {type_name(operand.type)}, which has no reference", operand=index)
    dtype = operand.type.dtype
    if value.dtype != dtype:
        raise BadDataError(f"the value of operand {index} is {value.dtype}; it must be {dtype}", operand=index)
    check_shape(index, operand, value.shape)


def check_shape(index: int, operand: Operand, shape: Dimensions) -> None:
    """Refuse a value of another shape than the operand's dimensions allow with ``BadDataError``."""
    dimensions = operand.dimensions or (0,) * len(shape)  # a 0 is unknown here, and empty in a value's shape
    fits = len(dimensions) == len(shape) and all(known in (0, size) for known, size in zip(dimensions, shape))
    if is_tensor(operand) != bool(shape) or not fits:
        raise BadDataError(
            f"the value of operand {index} has shape {list(shape)}, "
            f"which does not fit its dimensions {list(operand.dimensions)}",
            operand=index,
        )
