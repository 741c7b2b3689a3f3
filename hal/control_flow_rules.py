"""NNAPI's rules for IF and WHILE: what the subgraphs they execute must look like."""

from __future__ import annotations

from collections.abc import Sequence

from hal.errors import BadDataError
from hal.model import Lifetime, Operand, Operation, Subgraph
from hal.operand_rules import described, merge
from hal.types import OperandType, OperationType


def check_control_flow(operation: Operation, operands: Sequence[Operand], referenced: Sequence[Subgraph]) -> None:
    """Refuse an IF or WHILE whose subgraphs do not fit its inputs and outputs with ``BadDataError``."""
    inputs = [operands[index] for index in operation.inputs]
    outputs = [operands[index] for index in operation.outputs]
    if operation.type == OperationType.IF:
        for position in (1, 2):
            name, subgraph = ("then_model", "else_model")[position - 1], _subgraph(inputs[position], referenced)
            _check_lists(f"its {name}'s inputs", _inputs(subgraph), "its own after the models", inputs[3:])
            _check_lists(f"its {name}'s outputs", _outputs(subgraph), "its own", outputs)
    elif operation.type == OperationType.WHILE:
        condition, body = (_subgraph(operand, referenced) for operand in inputs[:2])
        given = inputs[2:]
        _check_lists("its condition_model's inputs", _inputs(condition), "its own after the models", given)
        _check_lists("its body_model's inputs", _inputs(body), "its own after the models", given)
        _check_condition(_outputs(condition))
        carried = _outputs(body)
        if not len(outputs) <= len(carried) <= len(given):
            raise BadDataError(
                f"its body_model has {len(carried)} outputs; it must have at least its own {len(outputs)} "
                f"and at most as many as inputs, {len(given)}"
            )
        _check_lists("its body_model's outputs", carried, "the inputs that they become", given[: len(carried)])
        _check_lists("its outputs", outputs, "its body_model's", carried[: len(outputs)])


def _check_condition(outputs: Sequence[Operand]) -> None:
    if len(outputs) != 1 or outputs[0].type is not OperandType.TENSOR_BOOL8:
        given = ", ".join(described(operand.type, operand.dimensions) for operand in outputs)
        raise BadDataError(f"its condition_model's outputs are {given}; there must be one, TENSOR_BOOL8 [1]")
    if merge(outputs[0].dimensions, (1,)) is None:
        raise BadDataError(f"its condition_model's output is {list(outputs[0].dimensions)}; it must be [1]")


def _check_lists(what: str, given: Sequence[Operand], others: str, wanted: Sequence[Operand]) -> None:
    if len(given) != len(wanted):
        raise BadDataError(f"{what} are {len(given)}; they must be as many as {others}, {len(wanted)}")
    for position, (one, other) in enumerate(zip(given, wanted)):
        if Lifetime.NO_VALUE in (one.lifetime, other.lifetime):
            continue
        same_quantization = (one.scale, one.zero_point) == (other.scale, other.zero_point)
        if one.type != other.type or not same_quantization or merge(one.dimensions, other.dimensions) is None:
            raise BadDataError(
                f"{what} and {others} differ at {position}: {_told(one)} and {_told(other)}; they must be the same"
            )


def _told(operand: Operand) -> str:
    text = described(operand.type, operand.dimensions)
    return f"{text} of scale {operand.scale} and zero point {operand.zero_point}" if operand.scale else text


def _subgraph(operand: Operand, referenced: Sequence[Subgraph]) -> Subgraph:
    assert operand.subgraph is not None  # the signature asks for a MODEL, and a MODEL has one
    return referenced[operand.subgraph]


def _inputs(subgraph: Subgraph) -> list[Operand]:
    return [subgraph.operands[index] for index in subgraph.inputs]


def _outputs(subgraph: Subgraph) -> list[Operand]:
    return [subgraph.operands[index] for index in subgraph.outputs]
