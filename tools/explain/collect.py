"""Asking devices about a model: from the runtime's plans to an explanation."""

from __future__ import annotations

from collections.abc import Sequence

from hal.device import Device, Progress, Support
from hal.errors import BadDataError
from hal.inference import with_inferred_dimensions
from hal.model import Lifetime, Model, Operand, Operation, Subgraph, is_extension
from hal.operations.control_flow import CONTROL_FLOW
from hal.operations.declaration import UnknownValueError, type_name
from hal.types import OperationType, PreferenceCode
from hal.validation import operation_name
from hal.workload import workload
from runtime import plan as runtime_plan
from runtime.planner import plan_model
from tools.explain.explanation import HOST, Answer, Branch, Explanation, Graph, Move, Node, Plan, Step

_VALUES = frozenset({Lifetime.TEMPORARY_VARIABLE, Lifetime.SUBGRAPH_INPUT, Lifetime.SUBGRAPH_OUTPUT})


def explain(
    name: str, model: Model, devices: Sequence[Device], preferences: Sequence[PreferenceCode], progress: Progress
) -> Explanation:
    """What compilations of a valid ``model`` for ``devices`` make of it, one for each of ``preferences``.

    Where a device takes too little, the plan is a ``problem`` in words. Raises what devices raise that
    do not answer.
    """
    plans = {}
    for done, preference in enumerate(preferences):
        progress("asking the devices", done, len(preferences))
        plans[preference] = _plan(model, devices, preference)
    return Explanation(name, model.relaxed, tuple(each.info.name for each in devices), _graph(model), plans)


def _plan(model: Model, devices: Sequence[Device], preference: PreferenceCode) -> Plan:
    try:
        return _made(plan_model(model, devices, preference, required=True))
    except BadDataError as error:
        asked = [device.supported_operations(model, preference) for device in devices]
        return Plan(_by_operation(asked), problem=str(error))


def _made(plan: runtime_plan.Plan) -> Plan:
    main = plan.model.main
    return Plan(
        _by_operation([answer.supports for answer in plan.answers]),
        plan.assignment,
        tuple(Step(each.name, each.operations, each.cost.seconds, each.cost.joules) for each in plan.steps),
        tuple(map(_move, plan.movements)),
        plan.cost.seconds,
        plan.cost.joules,
        tuple(
            Branch(step.operations[0], role, _graph(inner.model), _made(inner))
            for step in plan.steps
            for role, inner in zip(_roles(main.operations[step.operations[0]]), step.branches)
        ),
    )


def _roles(operation: Operation) -> tuple[str, str]:
    return ("then", "else") if operation.type == OperationType.IF else ("condition", "body")


def _move(movement: runtime_plan.Movement) -> Move:
    source, target = (HOST, movement.device) if movement.to_device else (movement.device, HOST)
    return Move(movement.operand, source, target, movement.size, movement.cost.seconds)


def _by_operation(asked: Sequence[Sequence[Support]]) -> tuple[tuple[Answer, ...], ...]:
    return tuple(tuple(map(_answer, supports)) for supports in zip(*asked))


def _answer(support: Support) -> Answer:
    cost = support.cost
    return Answer(support.refusal, None if cost is None else cost.seconds, None if cost is None else cost.joules)


def _graph(model: Model) -> Graph:
    main = with_inferred_dimensions(model.main)
    nodes = tuple(_node(number, operation, main) for number, operation in enumerate(main.operations))
    return Graph(nodes, main.inputs, main.outputs)


def _node(number: int, operation: Operation, main: Subgraph) -> Node:
    def values(indexes: Sequence[int]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(index for index in indexes if main.operands[index].lifetime in _VALUES))

    first = main.operands[operation.outputs[0]] if operation.outputs else None
    return Node(
        number,
        operation_name(operation.type),
        "" if first is None else _type(first),
        () if first is None else first.dimensions,
        macs(operation, main),
        values(operation.inputs),
        values(operation.outputs),
    )


def _type(operand: Operand) -> str:
    return type_name(operand.type)


def macs(operation: Operation, main: Subgraph) -> int | None:
    """The operation's multiply-accumulates; None where they are not known before an execution."""
    tensors = [main.operands[index] for index in operation.outputs]
    if is_extension(operation.type) or operation.type in CONTROL_FLOW or any(0 in each.dimensions for each in tensors):
        return None
    try:
        return workload(operation, main.operands).macs
    except (UnknownValueError, BadDataError):
        return None
