"""Making a plan: ask the devices, weigh, assign, group into steps."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from hal.device import Capabilities, Cost, Device, Support, Transfer
from hal.errors import BadDataError, NnapiError, UnavailableDeviceError
from hal.inference import with_inferred_dimensions
from hal.model import Lifetime, Model, Subgraph, is_extension
from hal.operand_rules import described
from hal.operations.control_flow import CONTROL_FLOW
from hal.types import DeviceType, PreferenceCode
from hal.validation import operation_name
from runtime import costs
from runtime.ordering import grouped
from runtime.partitioning import Problem, Task, execution_order, partition
from runtime.plan import RUNTIME, Answer, Movement, Plan, Step
from runtime.sent import keeping
from runtime.submodels import referenced_model, submodel

_log = logging.getLogger(__name__)

_COMPUTED = (Lifetime.SUBGRAPH_INPUT, Lifetime.TEMPORARY_VARIABLE, Lifetime.SUBGRAPH_OUTPUT)


def plan_model(
    model: Model,
    devices: Sequence[Device],
    preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER,
    *,
    required: bool = False,
    supports: list[Support] | None = None,
) -> Plan:
    """The cheapest way to execute a valid ``model`` on ``devices``: in seconds or, with LOW_POWER, in joules.

    ``supports``: what an only device says of the operations, where that is known; it is not asked then. A
    device that does not answer is passed over or, if ``required``, raises its error. Raises ``BadDataError``
    for an operation that no device takes, with the reason of each in its own words;
    ``UnavailableDeviceError`` when there is no device.
    """
    with keeping(model):
        return _Planner(devices, preference, required=required).plan(model, supports)


@dataclass(frozen=True, slots=True)
class _Candidate:
    device: Device
    name: str
    type: DeviceType
    capabilities: Capabilities

    @property
    def transfer(self) -> Transfer:
        return costs.transfer(self.capabilities, self.type)

    @property
    def launch(self) -> Cost:
        return costs.launch(self.capabilities, self.type)


@dataclass(frozen=True, slots=True)
class _Study:
    """What is known of a model before it is assigned.

    ``main``: its main subgraph with what follows of its dimensions. ``supports``: by candidate, each
    with a cost. ``branches``: the two subgraphs of each IF and WHILE, by operation.
    """

    model: Model
    main: Subgraph
    supports: list[list[Support]]
    branches: dict[int, tuple[_Study, _Study]]


class _Planner:
    def __init__(self, devices: Sequence[Device], preference: PreferenceCode, *, required: bool) -> None:
        self._devices = devices
        self._preference = preference
        self._required = required
        self._candidates: list[_Candidate] = []
        self._passed_over: list[NnapiError] = []

    def plan(self, model: Model, known: list[Support] | None) -> Plan:
        supports = []
        with ThreadPoolExecutor(len(self._devices) or 1) as pool:  # drivers start at the same time
            asked = [pool.submit(self._candidate, device, model, known) for device in self._devices]
        for future in asked:
            try:
                candidate, answer = future.result()
            except NnapiError as error:
                if self._required:
                    raise
                _log.warning("a device is passed over: %s", str(error))
                self._passed_over.append(error)
            else:
                self._candidates.append(candidate)
                supports.append(answer)
        if not self._candidates:
            raise self._passed_over[0] if self._passed_over else UnavailableDeviceError("there is no device")
        return self._planned(self._study(model, supports))

    def _candidate(self, device: Device, model: Model, known: list[Support] | None) -> tuple[_Candidate, list[Support]]:
        candidate = _Candidate(device, device.info.name, device.info.type, device.capabilities())
        return candidate, self._asked(candidate, model) if known is None else known

    def _asked(self, candidate: _Candidate, model: Model) -> list[Support]:
        supports = candidate.device.supported_operations(model, self._preference)
        wanted = len(model.main.operations)
        if len(supports) != wanted:
            return [Support(f"it answered for {len(supports)} of {wanted} operations")] * wanted
        return supports

    def _asked_of_branch(self, candidate: _Candidate, model: Model) -> list[Support]:
        """As ``_asked``; a device that does not answer any more takes nothing."""
        try:
            return self._asked(candidate, model)
        except NnapiError as error:
            if self._required:
                raise
            _log.warning("a device takes no part in a subgraph: %s", str(error))
            return [Support(str(error))] * len(model.main.operations)

    def _study(self, model: Model, supports: list[list[Support]]) -> _Study:
        main = with_inferred_dimensions(model.main)
        branches = {}
        for number, operation in enumerate(main.operations):
            if operation.type in CONTROL_FLOW:
                first, second = (
                    referenced_model(model, inner)
                    for index in operation.inputs
                    if (inner := main.operands[index].subgraph) is not None
                )
                branches[number] = self._study_of_branch(first), self._study_of_branch(second)
        priced = [
            [
                support
                if support.refusal
                else Support("", self._cost(model, main, number, device, supports, branches.get(number)))
                for number, support in enumerate(answers)
            ]
            for device, answers in enumerate(supports)
        ]
        return _Study(model, main, priced, branches)

    def _study_of_branch(self, model: Model) -> _Study:
        return self._study(model, [self._asked_of_branch(candidate, model) for candidate in self._candidates])

    def _cost(
        self,
        model: Model,
        main: Subgraph,
        number: int,
        device: int,
        supports: list[list[Support]],
        branches: tuple[_Study, _Study] | None,
    ) -> Cost:
        """What the operation costs on a device that takes it."""
        operation = main.operations[number]
        if branches is not None:
            inner = [branch.supports[device] for branch in branches]
            if all(each.cost is not None for branch in inner for each in branch):
                parts = [costs.total(each.cost for each in branch if each.cost is not None) for branch in inner]
                return costs.control_flow(operation, parts)
        given = supports[device][number].cost
        if given is not None:
            return given
        ratio = costs.advertised(operation, main.operands, self._candidates[device].capabilities, relaxed=model.relaxed)
        return costs.scaled(self._reference(main, number, supports), ratio.exec_time, ratio.power_usage)

    def _reference(self, main: Subgraph, number: int, supports: list[list[Support]]) -> Cost:
        """What ratios are relative to: the CPU's cost where it tells."""
        for candidate, answers in zip(self._candidates, supports):
            given = answers[number].cost
            if candidate.type is DeviceType.CPU and given is not None:
                return given
        return costs.nominal(main.operations[number], main.operands)

    def _planned(self, study: _Study) -> Plan:
        main = study.main
        branches: dict[int, tuple[Plan, ...]] = {}
        refusals: dict[int, str] = {}
        for number, inner in study.branches.items():
            try:
                branches[number] = tuple(map(self._planned, inner))
            except BadDataError as error:
                refusals[number] = str(error)
        options: list[list[Cost | None]] = []
        for number, operation in enumerate(main.operations):
            options.append([each[number].cost for each in study.supports])
            interpreted = None
            if number in branches:
                parts = [costs.total([plan.cost, costs.CALL]) for plan in branches[number]]
                interpreted = costs.control_flow(operation, parts)
            options[-1].append(interpreted)
            if all(each is None for each in options[-1]):
                raise self._refused(study, number, refusals.get(number))
        moves = {
            index: [*(costs.moving(operand, each.transfer) for each in self._candidates), Cost(0.0, 0.0)]
            for index, operand in enumerate(main.operands)
            if operand.lifetime in _COMPUTED
        }
        problem = self._problem(main, options, moves)
        assignment = partition(problem)
        movements = tuple(self._movements(main, assignment, moves))
        chosen = [cost for choices, device in zip(options, assignment) if (cost := choices[device]) is not None]
        order = execution_order(problem.tasks)
        steps = tuple(self._steps(study, assignment, order, chosen, branches))
        return Plan(
            study.model,
            tuple(Answer(each.name, tuple(given)) for each, given in zip(self._candidates, study.supports)),
            tuple(map(self._name, assignment)),
            steps,
            movements,
            costs.total([*(each.cost for each in steps), *(each.cost for each in movements)]),
        )

    def _refused(self, study: _Study, number: int, inner: str | None) -> BadDataError:
        name = operation_name(study.main.operations[number].type)
        reasons = [f"{each.name}: {given[number].refusal}" for each, given in zip(self._candidates, study.supports)]
        if inner is not None:
            reasons.append(f"{RUNTIME}: {inner}")
        reasons.extend(map(str, self._passed_over))
        return BadDataError(f"no device takes operation {number} ({name}): {'; '.join(reasons)}", operation=number)

    def _problem(
        self, main: Subgraph, options: list[list[Cost | None]], moves: Mapping[int, Sequence[Cost]]
    ) -> Problem:
        def price(cost: Cost) -> float:
            return costs.price(cost, self._preference)

        numbers = {index: number for number, index in enumerate(moves)}

        def tensors(indexes: Sequence[int]) -> tuple[int, ...]:
            return tuple(dict.fromkeys(numbers[index] for index in indexes if index in numbers))

        tasks = tuple(
            Task(
                tuple(None if cost is None else price(cost) for cost in choices),
                tensors(operation.inputs),
                tensors(operation.outputs),
            )
            for operation, choices in zip(main.operations, options)
        )
        prices = tuple(tuple(map(price, each)) for each in moves.values())
        launches = tuple(price(each) for each in self._launches())
        return Problem(tasks, prices, frozenset(tensors(main.outputs)), launches)

    def _launches(self) -> list[Cost]:
        """Of each candidate, and of the runtime."""
        return [*(each.launch for each in self._candidates), Cost(0.0, 0.0)]

    def _movements(
        self, main: Subgraph, assignment: Sequence[int], moves: Mapping[int, Sequence[Cost]]
    ) -> list[Movement]:
        producers = {
            index: device for operation, device in zip(main.operations, assignment) for index in operation.outputs
        }
        readers: dict[int, set[int]] = {index: set() for index in moves}
        for operation, device in zip(main.operations, assignment):
            for index in readers.keys() & set(operation.inputs):
                readers[index].add(device)
        movements = []
        for index, prices in moves.items():
            producer = producers.get(index)
            into = sorted(device for device in readers[index] if device != producer)
            out = [] if producer is None or not (into or index in main.outputs) else [producer]
            for device, to_device in [*((each, False) for each in out), *((each, True) for each in into)]:
                if prices[device].seconds:
                    size = costs.operand_bytes(main.operands[index])
                    movements.append(Movement(index, self._name(device), to_device, size, prices[device]))
        return movements

    def _steps(
        self,
        study: _Study,
        assignment: Sequence[int],
        order: Sequence[int],
        chosen: Sequence[Cost],
        branches: Mapping[int, tuple[Plan, ...]],
    ) -> list[Step]:
        main = study.main
        needed = range(len(main.operations)) if len(set(assignment)) == 1 else _needed(main)
        runs = grouped(main.operations, assignment, needed, order, single=len(self._candidates))
        launches = self._launches()
        steps = []
        for device, numbers in runs:
            cost = costs.total([launches[device], *(chosen[number] for number in numbers)])
            inputs, outputs = _crossing(main, numbers, needed)
            if device == len(self._candidates):
                inner = branches[numbers[0]]
                steps.append(Step(None, RUNTIME, tuple(numbers), inputs, outputs, cost, branches=inner))
                continue
            candidate = self._candidates[device]
            model = study.model
            if len(numbers) == len(main.operations):
                inputs, outputs = main.inputs, main.outputs
            else:
                _refuse_extensions(main, inputs, outputs)
                model = submodel(study.model, main, numbers, inputs, outputs)
            steps.append(Step(candidate.device, candidate.name, tuple(numbers), inputs, outputs, cost, model))
        return steps

    def _name(self, device: int) -> str:
        return RUNTIME if device == len(self._candidates) else self._candidates[device].name


def _needed(subgraph: Subgraph) -> list[int]:
    """The operations that an output depends on."""
    wanted = set(subgraph.outputs)
    needed = []
    for number in reversed(range(len(subgraph.operations))):
        operation = subgraph.operations[number]
        if not wanted.isdisjoint(operation.outputs):
            wanted.update(operation.inputs)
            needed.append(number)
    return needed[::-1]


def _crossing(
    subgraph: Subgraph, numbers: Sequence[int], needed: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What operations read that others, or the caller, give, and what others, or the caller, read of theirs."""
    inside = [subgraph.operations[number] for number in numbers]
    others = [subgraph.operations[number] for number in sorted(set(needed) - set(numbers))]
    written = {index for operation in inside for index in operation.outputs}
    read = {index for operation in inside for index in operation.inputs} - written
    wanted = {index for operation in others for index in operation.inputs} | set(subgraph.outputs)
    inputs = sorted(index for index in read if subgraph.operands[index].lifetime in _COMPUTED)
    # A model must have an input: where constants alone are read, any serves.
    return tuple(inputs or subgraph.inputs[:1]), tuple(sorted(written & wanted))


def _refuse_extensions(subgraph: Subgraph, inputs: Sequence[int], outputs: Sequence[int]) -> None:
    """Values of an extension's type have a size that only the device knows: they can't go from step to step."""
    for index in {*inputs, *outputs} - {*subgraph.inputs, *subgraph.outputs}:
        operand = subgraph.operands[index]
        if is_extension(operand.type):
            raise BadDataError(
                f"operand {index} is {described(operand.type)}, which only its device understands; "
                "that device must take all operations between those that use such operands",
                operand=index,
            )
