"""A plan whose steps are prepared: it executes requests as a prepared model does."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from hal.device import Argument, Cost, Device, ExecutionResult, PreparedModel, PrepareOptions, Progress, Request
from hal.errors import MissedDeadlinePersistentError, OutputInsufficientSizeError
from hal.fence import Fence
from hal.model import Model
from hal.operand_rules import value_size
from runtime import costs, telemetry
from runtime.caching import Caching
from runtime.control_flow import ControlFlowStep
from runtime.plan import Plan, Step
from runtime.rooms import DeviceRoom, Room, Stage
from runtime.running import Running
from runtime.steps import DeviceStep, EmptyValueError, PreparedStep
from runtime.worker import Worker

_log = logging.getLogger(__name__)


class Preparation:
    """How steps are prepared: with ``options``, all within the options' timeout.

    ``patience``: seconds after which a driver that does not answer is given up. ``fallbacks``: devices
    that a step may go to when its own fails: the first that is another one, or its own, prepared again.
    ``caching``: where devices keep what they prepare, if anywhere.
    """

    def __init__(
        self,
        options: PrepareOptions,
        patience: float,
        fallbacks: Sequence[Device],
        caching: Caching | None,
        progress: Progress,
    ) -> None:
        self._options = options
        self._patience = patience
        self._fallbacks = fallbacks
        self._caching = caching
        self._parts = itertools.count()
        self._progress = progress
        self._begin: float | None = None

    def step(self, step: Step) -> DeviceStep:
        """A device's step, prepared."""
        assert step.device is not None
        assert step.model is not None
        others = [device for device in self._fallbacks if device is not step.device]
        fallback = next(iter([*others, *self._fallbacks]), None)
        worker = self._worker(step.device, step.model)
        prepared = DeviceStep(step, worker, None if fallback is None else self._worker(fallback, step.model))
        prepared.prepare(self._progress, self._left())
        return prepared

    def whole(self, model: Model) -> DeviceStep | None:
        """The model as one step where steps go that fail, prepared when it is needed; None where there is no such."""
        if not self._fallbacks:
            return None
        device, main = self._fallbacks[0], model.main
        everything = tuple(range(len(main.operations)))
        step = Step(device, device.info.name, everything, main.inputs, main.outputs, Cost(0.0, 0.0), model)
        return DeviceStep(step, self._worker(device, model), None)

    def _worker(self, device: Device, model: Model) -> Worker:
        # The same plan makes its workers in the same order, in any process.
        caching = None if self._caching is None else replace(self._caching, step=next(self._parts))
        return Worker(device, model, self._options, self._patience, caching, revives=bool(self._fallbacks))

    def _left(self) -> float | None:
        """Seconds for what is to be prepared now; the options' timeout runs from the first time."""
        if self._begin is None or self._options.timeout is None:
            self._begin = time.monotonic()
            return self._options.timeout
        left = self._begin + self._options.timeout - time.monotonic()
        if left <= 0:
            raise MissedDeadlinePersistentError(f"the model was not prepared within {self._options.timeout} s")
        return left


class PreparedSteps:
    """The steps of ``plan``. ``plan`` is afterwards as it has become: steps may have moved."""

    def __init__(self, plan: Plan, preparation: Preparation) -> None:
        self._steps: list[PreparedStep] = []
        try:
            for step in plan.steps:
                self._steps.append(self._prepared(plan, step, preparation))
        except BaseException:
            self.close()
            raise
        self.plan = _with_steps(plan, [each.step for each in self._steps])
        main = plan.model.main
        read = {index for step in plan.steps for index in step.inputs}
        written = [index for step in plan.steps for index in step.outputs]
        self._between = [index for index in written if index in read and index not in main.outputs]
        known = [value_size(main.operands[index], main.operands[index].dimensions) for index in self._between]
        self._sizes = [size or 0 for size in known]
        self._read = read
        self._idle: list[Stage] = []

    @property
    def cost(self) -> Cost | None:
        """All steps' together; None where one does not know."""
        known = [step.cost for step in self._steps]
        found = [cost for cost in known if cost is not None]
        return costs.total(found) if len(found) == len(known) else None

    @property
    def stops_writing(self) -> bool:
        """See ``PreparedStep``."""
        return all(step.stops_writing for step in self._steps)

    def walk(
        self, running: Running, inputs: Sequence[Argument], rooms: Sequence[Room | None], *, final: bool = False
    ) -> list[Argument]:
        """Run the steps; returns the outputs, in ``rooms``, each renewed where it is too small.

        ``inputs`` are in shared memory, or left out; a room is None for an output that nobody wants.
        ``final``: what the last step finds too small is not renewed but raises
        ``OutputInsufficientSizeError``.
        """
        main = self.plan.model.main
        values = dict(zip(main.inputs, inputs))
        wanted = dict(zip(main.outputs, rooms))
        stage = self._stage()
        between = dict(zip(self._between, stage.rooms(self._sizes))) if self._between else {}
        for step in self._steps:
            outputs = step.step.outputs
            places = [self._place(index, wanted, between) for index in outputs]
            last = final and step is self._steps[-1]
            try:
                values.update(zip(outputs, step.run(running, values, places, final=last)))
            except OutputInsufficientSizeError as error:
                found = {index: value.dimensions for index, value in values.items()}
                found.update(zip(outputs, error.dimensions))
                raise OutputInsufficientSizeError(
                    str(error), dimensions=tuple(found[index] for index in main.outputs)
                ) from error
        if not running.tainted:
            self._sizes = [between[index].data.size for index in self._between]
            self._idle.append(stage)
        return [values[index] for index in main.outputs]

    @property
    def sole(self) -> DeviceStep | None:
        """The step that is all of the model, on one device, if it is so."""
        first = self._steps[0]
        main = self.plan.model.main
        whole = (first.step.inputs, first.step.outputs) == (main.inputs, main.outputs)
        return first if len(self._steps) == 1 and isinstance(first, DeviceStep) and whole else None

    def close(self) -> None:
        """Give back what the steps hold on their devices."""
        for step in self._steps:
            step.close()

    def _prepared(self, plan: Plan, step: Step, preparation: Preparation) -> PreparedStep:
        if step.device is not None:
            return preparation.step(step)
        branches: list[PreparedSteps] = []
        try:
            for branch in step.branches:
                branches.append(PreparedSteps(branch, preparation))
        except BaseException:
            for prepared in branches:
                prepared.close()
            raise
        moved = replace(step, branches=tuple(branch.plan for branch in branches))
        return ControlFlowStep(moved, plan.model.main, branches)

    def _stage(self) -> Stage:
        try:
            return self._idle.pop()
        except IndexError:
            return Stage()

    def _place(self, index: int, wanted: dict[int, Room | None], between: dict[int, Room]) -> Room | None:
        room = wanted.get(index) or between.get(index)
        if room is None and index in self._read:  # an output that the caller does without, and another step does not
            operand = self.plan.model.main.operands[index]
            room = Room.new(value_size(operand, operand.dimensions) or 0)
        return room


def _with_steps(plan: Plan, steps: Sequence[Step]) -> Plan:
    """The plan with its steps as they have become."""
    assignment = list(plan.assignment)
    for step in steps:
        for number in step.operations:
            assignment[number] = step.name
    return replace(plan, steps=tuple(steps), assignment=tuple(assignment))


class PreparedPlan(PreparedModel):
    """Executes a plan on arguments from anywhere in this process.

    Those without a location are copied through shared memory, which is kept for the next execution. So
    are outputs with one, where a driver that was given up might still write while another computes.
    """

    def __init__(self, plan: Plan, preparation: Preparation) -> None:
        self._steps = PreparedSteps(plan, preparation)
        self._whole = preparation.whole(plan.model) if len(plan.steps) > 1 else None
        self._in_place = self._steps.stops_writing
        self._summarized: telemetry.ModelSummary | None = None
        self._idle: list[Stage] = []

    @property
    def plan(self) -> Plan:
        """What is executed."""
        return self._steps.plan

    @property
    def cost(self) -> Cost | None:
        """See ``PreparedModel``."""
        return self._steps.cost

    def execute(self, request: Request) -> ExecutionResult:
        """See ``PreparedModel``."""
        return self.run(Running(request), request)

    def run(self, running: Running, request: Request) -> ExecutionResult:
        """Execute ``request``; ``running`` then has the report, also when that fails."""
        with telemetry.executing(self._summary, running):
            return self._run(running, request)

    def _summary(self) -> telemetry.ModelSummary:
        if self._summarized is None:
            self._summarized = telemetry.summary(self.plan.model)
        return self._summarized

    def _run(self, running: Running, request: Request) -> ExecutionResult:
        try:
            stage = self._idle.pop()
        except IndexError:
            stage = Stage()
        inputs, rooms = self._staged(request, stage)
        try:
            values = self._computed(running, inputs, rooms)
        except OutputInsufficientSizeError:
            self._give_back(stage, running)
            raise
        finally:
            running.end()
        dimensions = tuple(value.dimensions for value in values)
        for index, (argument, room, value) in enumerate(zip(request.outputs, rooms, values)):
            if argument.data is None or value.data is None or room is None or room.location is argument.location:
                continue
            if value.data.size > argument.data.size:
                raise OutputInsufficientSizeError(
                    f"output {index} has {argument.data.size} bytes; it needs {value.data.size}", dimensions=dimensions
                )
            argument.data[: value.data.size] = value.data
        self._give_back(stage, running)
        return ExecutionResult(dimensions, running.timing, running.spans)

    def _give_back(self, stage: Stage, running: Running) -> None:
        """Keep the stage for another execution, unless a driver has failed that may still be writing there."""
        if not running.tainted:
            self._idle.append(stage)

    @property
    def sole_step(self) -> DeviceStep | None:
        """The step that is all of the model, on one device; None where there are several, or control flow here."""
        return self._steps.sole

    @property
    def has_fences(self) -> bool:
        """Whether a driver can wait and signal: it has all of the model, which runs nowhere else after a failure."""
        step = self._steps.sole
        return step is not None and step.runs_nowhere_else

    def run_fenced(
        self, running: Running, request: Request, wait_for: Sequence[Fence], fence: Fence, duration: float | None
    ) -> ExecutionResult:
        """The same as ``run`` for arguments in memories, where ``has_fences``; see ``PreparedModel.execute_fenced``."""
        step = self._steps.sole
        assert step is not None
        with telemetry.executing(self._summary, running):
            try:
                result = step.run_fenced(running, request, wait_for, fence, duration)
            finally:
                running.end()
        return ExecutionResult(result.output_dimensions, running.timing, running.spans)

    def close(self) -> None:
        """See ``PreparedModel``."""
        self._idle.clear()
        self._steps.close()
        if self._whole is not None:
            self._whole.close()

    def _staged(self, request: Request, stage: Stage) -> tuple[list[Argument], list[Room | None]]:
        """The request's inputs and the rooms of its outputs, all in shared memory."""
        to_copy = [each for each in request.inputs if each.data is not None and each.location is None]
        to_place = [each for each in request.outputs if each.data is not None and not self._stays(each)]
        places = iter(stage.rooms([each.data.size for each in (*to_copy, *to_place) if each.data is not None]))
        inputs = []
        for argument in request.inputs:
            if argument.data is not None and argument.location is None:
                room = next(places)
                room.data[:] = argument.data
                argument = Argument(room.data, room.location, argument.dimensions)
            inputs.append(argument)
        rooms: list[Room | None] = []
        for argument in request.outputs:
            if argument.memory is not None:
                rooms.append(DeviceRoom(argument.memory, argument.dimensions))
            elif argument.data is None:
                rooms.append(None)
            elif argument.location is not None and self._stays(argument):
                rooms.append(Room(argument.data, argument.location, argument.dimensions))
            else:
                room = next(places)
                room.dimensions = argument.dimensions
                rooms.append(room)
        return inputs, rooms

    def _stays(self, output: Argument) -> bool:
        return output.location is not None and self._in_place

    def _computed(self, running: Running, inputs: list[Argument], rooms: list[Room | None]) -> list[Argument]:
        try:
            return self._steps.walk(running, inputs, rooms, final=True)
        except EmptyValueError as error:
            if self._whole is None:
                raise
            _log.info("the whole model runs on '%s': %s", self._whole.step.name, str(error))
            values = dict(zip(self._whole.step.inputs, inputs))
            return self._whole.run(running, values, rooms, final=True)
