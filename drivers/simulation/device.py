"""A simulated device: real results by the engine, time and energy from a performance model."""

from __future__ import annotations

import functools
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import grpc
import numpy as np

from drivers import kernels  # noqa: F401 -- registers the lowerings
from drivers.engine import storage
from drivers.engine.executable import Array, Executable, Limits
from drivers.engine.numerics import Numerics
from drivers.engine.program import Compiling, Program
from drivers.engine.support import refusals
from drivers.engine.threads import Threads, count
from drivers.simulation.burst import SimulatedBurst
from drivers.simulation.description import Description, Level
from drivers.simulation.estimate import Graph, PerformanceModel, graph, works
from drivers.simulation.faults import Faults
from drivers.simulation.governor import Governor
from drivers.simulation.recording import Recording
from drivers.simulation.timeline import Timeline, timeline
from drivers.simulation.typical import capabilities
from hal.device import (
    Argument,
    Burst,
    Cache,
    Capabilities,
    Cost,
    Device,
    DeviceInfo,
    ExecutionResult,
    PreparedModel,
    PrepareOptions,
    Progress,
    Request,
    Support,
    Timing,
)
from hal.errors import (
    BadDataError,
    MissedDeadlineTransientError,
    OutputInsufficientSizeError,
    ResourceExhaustedTransientError,
)
from hal.faults import FaultKind
from hal.inference import with_inferred_dimensions
from hal.model import Dimensions, Model, Operand, Operation, is_fully_specified, is_tensor
from hal.operations.control_flow import DEFAULT_LOOP_TIMEOUT
from hal.types import DeviceType, FeatureLevel, OperandType, OperationType, PreferenceCode
from hal.workload import Workload

Rule = Callable[[Model, Operation], str]
"""Why the device does not take an operation of the model's main subgraph, in words; "" when it does.

Dimensions that follow from the inputs' are known; 0 is one that does not, where a model leaves some open.
"""

_IN_EXECUTIONS = tuple(kind for kind in FaultKind if kind is not FaultKind.REFUSE_CACHE)


class SimulatedDevice(Device):
    """Puts a device's parts together.

        class NpuDevice(SimulatedDevice):
            def __init__(self, description: Path | str | None = None, name: str | None = None) -> None:
                text, described = describe("drivers.npu", description, NpuDescription, DEFAULT)
                super().__init__(name or "npu", DeviceType.ACCELERATOR, text, described,
                                 NpuPerformance(described), rules.refusal, numerics=NPU)

    ``text``: the description as TOML. ``rule`` is asked first, then the engine whether it can run the
    operation in the device's ``numerics``; with ``reference_operations`` (the CPU) the engine is not
    asked: what has no kernel runs its reference.
    """

    def __init__(
        self,
        name: str,
        device_type: DeviceType,
        text: str,
        description: Description,
        performance: PerformanceModel,
        rule: Rule,
        *,
        numerics: Numerics,
        reference_operations: bool = False,
    ) -> None:
        self._info = DeviceInfo(name, "1", device_type, FeatureLevel.LEVEL_8, model_cache_files=1)
        self.text = text
        self.description = description
        self.performance = performance
        self.numerics = numerics
        self.faults = Faults(description.faults)
        self.governor = Governor(description.power)
        self.threads = Threads(count())
        self._rule = rule
        self._reference_operations = reference_operations

    @property
    def info(self) -> DeviceInfo:
        """What the device is."""
        return self._info

    def capabilities(self) -> Capabilities:
        """Ratios of the performance model's estimates to the CPU's, over typical operations."""
        return self._capabilities

    @functools.cached_property
    def _capabilities(self) -> Capabilities:
        return capabilities(self.description, self.performance, self._refusals)

    def add_services(self, server: grpc.Server, prepared: Callable[[int], PreparedModel]) -> Sequence[str]:
        """Serve ``nnhal.v1.Simulator`` beside the device (``drivers.sdk.server.OffersServices``)."""
        from drivers.simulation.service import add_simulator  # not on import: it needs this module

        return [add_simulator(self, prepared, server)]

    def supported_operations(
        self, model: Model, preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER
    ) -> list[Support]:
        """Each operation's refusal by the device's rules or its engine, else its cost on the cool device."""
        main, found = works(model.main, [model.main.operands[index].dimensions for index in model.main.inputs])
        reasons = self._refusals(replace(model, main=main))
        taken = [work for work, reason in zip(found, reasons) if work is not None and not reason]

        def estimate(level: Level) -> Cost:
            costs = [self.performance.operation(work, level) for work in taken]
            return Cost(sum(each.seconds for each in costs), sum(each.joules for each in costs))

        level = self.description.power.levels[self.governor.preferred(preference, estimate)]
        return [
            Support(reason, None if reason or work is None else self.performance.operation(work, level))
            for work, reason in zip(found, reasons)
        ]

    def timeline(self, found: Graph, level: Level) -> Timeline:
        """One execution of a model at a level, with the host's part."""
        main = found.subgraph
        return timeline(
            self.description,
            self.performance.schedule(found, level),
            [found.bytes_of(index) for index in main.inputs],
            [found.bytes_of(index) for index in main.outputs],
        )

    def _refusals(self, model: Model) -> list[str]:
        by_rule = self._refusals_by_rule(model)
        return by_rule if self._reference_operations else refusals(model, self.numerics, by_rule)

    def _refusals_by_rule(self, model: Model) -> list[str]:
        return [self._rule(model, operation) for operation in model.main.operations]

    def prepare_model(self, model: Model, options: PrepareOptions, progress: Progress) -> PreparedModel:
        """Lower the model, and estimate what an execution takes, as far as its inputs' dimensions are known."""
        found = _graph(model)
        inferred = replace(model, main=with_inferred_dimensions(model.main) if found is None else found.subgraph)
        _require_taken(model, self._refusals_by_rule(inferred))
        executable = Executable(model, self.threads, self.numerics)
        prepared = SimulatedPreparedModel(self, model, found, executable, options, progress)
        if not executable.is_one_program:  # for the engine to say why, if it can't be
            _require_taken(model, self._refusals(inferred))
        if options.cache is not None:
            storage.save(options.cache, self._identity, model, executable)
        return prepared

    def prepare_from_cache(self, cache: Cache, options: PrepareOptions, progress: Progress) -> PreparedModel:
        """Take the model's programs from the cache; what an execution takes is estimated anew."""
        if self.faults.strike(FaultKind.REFUSE_CACHE).has(FaultKind.REFUSE_CACHE):
            raise BadDataError("the device refuses the cache (a fault that was set)")
        compiling = _compiling(progress)
        model, executable = storage.load(cache, self._identity, self.threads, self.numerics, compiling)
        return SimulatedPreparedModel(self, model, _graph(model), executable, options, progress)

    @property
    def _identity(self) -> storage.Identity:
        return storage.Identity(self.info.name, self.info.version, self.text)


class SimulatedPreparedModel(PreparedModel):
    """A model on a simulated device. ``found``: its graph, where its inputs' dimensions tell what there is to do."""

    def __init__(
        self,
        device: SimulatedDevice,
        model: Model,
        found: Graph | None,
        executable: Executable,
        options: PrepareOptions,
        progress: Progress,
    ) -> None:
        self.device = device
        self._model = model
        self._main = model.main
        self._preference = options.preference
        self._inputs = [model.main.operands[index] for index in model.main.inputs]
        self._outputs = [model.main.operands[index] for index in model.main.outputs]
        self._executable = executable
        self._recorded: dict[object, Workload] = {}
        self._graph = found
        if _has_known_inputs(model):
            self._executable.prepare([operand.dimensions for operand in self._inputs], _compiling(progress))
        self._estimate = functools.cache(self._static_estimate)
        self._preferred = None if self._graph is None else device.governor.preferred(self._preference, self._estimate)

    @property
    def model(self) -> Model:
        """What requests are checked against."""
        return self._model

    def _static_estimate(self, level: Level) -> Timeline:
        assert self._graph is not None
        return self.device.timeline(self._graph, level)

    @property
    def expected(self) -> Timeline | None:
        """One execution on the cool device; None where only executing it tells what there is to do."""
        if self._preferred is None:
            return None
        return self._estimate(self.device.description.power.levels[self._preferred])

    @property
    def cost(self) -> Cost | None:
        """What one execution takes on the cool device."""
        return None if self.expected is None else self.expected.cost

    @property
    def commands(self) -> str:
        """The device's command stream for one execution, a command a line; empty for a device without one."""
        return "" if self.expected is None else "".join(f"{each}\n" for each in self.expected.schedule.commands)

    def execute(self, request: Request) -> ExecutionResult:
        """Compute the outputs into the request's own memory, and estimate what that takes on the device."""
        start = time.monotonic()
        strike = self.device.faults.strike(*_IN_EXECUTIONS)
        if strike.has(FaultKind.EXHAUSTED):
            raise ResourceExhaustedTransientError("the device has no resources left (a fault that was set)")
        if strike.has(FaultKind.HANG):
            strike.cleared.wait()
        with self.device.governor.busy():
            deadline = None if request.timeout is None else start + request.timeout
            dimensions, executed = self._computed(request, deadline)
            if strike.has(FaultKind.DIE):
                os._exit(1)
            if strike.has(FaultKind.SLOW):
                executed = executed.slowed(strike.factor)
            if strike.has(FaultKind.SLOW) or self.device.description.device.realtime:
                _hold(start + executed.seconds, deadline)
        if strike.has(FaultKind.WRONG_SIZES):
            dimensions = tuple(tuple(size + 1 for size in each) or (2,) for each in dimensions)
        return ExecutionResult(
            dimensions,
            executed.timing if request.measure else Timing(),
            executed.spans if request.trace else (),
        )

    def _computed(self, request: Request, deadline: float | None) -> tuple[tuple[Dimensions, ...], Timeline]:
        inputs = [_array(argument, operand) for argument, operand in zip(request.inputs, self._inputs)]
        too_small: list[int] = []

        def place(position: int, dimensions: Dimensions, dtype: np.dtype[Any]) -> Array:
            data = request.outputs[position].data
            size = math.prod(dimensions) * dtype.itemsize
            if data is None or data.size < size:
                if data is not None:
                    too_small.append(position)
                return np.empty(dimensions, dtype)
            return data[:size].view(dtype).reshape(dimensions)

        loop = DEFAULT_LOOP_TIMEOUT if request.loop_timeout is None else request.loop_timeout
        recording = None if self._graph is not None else Recording(self._main, self._recorded)
        outputs = self._executable.run(inputs, place, Limits(deadline, loop, observer=recording))
        dimensions = tuple(output.shape for output in outputs)
        if too_small:
            wanted = ", ".join(f"output {position} needs {outputs[position].nbytes}" for position in too_small)
            raise OutputInsufficientSizeError(f"buffers are too small: {wanted} bytes", dimensions=dimensions)
        governor = self.device.governor
        if recording is None:
            assert self._preferred is not None
            return dimensions, governor.run(self._preferred, self._estimate)
        estimate = functools.partial(
            self._recorded_estimate,
            recording,
            [0 if each is None else each.nbytes for each in inputs],
            [each.nbytes for each in outputs],
        )
        return dimensions, governor.run(governor.preferred(self._preference, estimate), estimate)

    def _recorded_estimate(
        self, recording: Recording, input_bytes: list[int], output_bytes: list[int], level: Level
    ) -> Timeline:
        description = self.device.description
        schedule = recording.schedule(self.device.performance, level)
        return timeline(description, schedule, input_bytes, output_bytes)

    def open_burst(self) -> Burst:
        """See ``PreparedModel``."""
        return SimulatedBurst(self)

    def only_program(self, request: Request) -> tuple[Program, list[Array]] | None:
        """The program, and its arguments, that are all of the request; None where there is more to an execution."""
        if self._graph is None or request.measure or request.trace or self.device.description.device.realtime:
            return None
        inputs = [_array(argument, operand) for argument, operand in zip(request.inputs, self._inputs)]
        return self._executable.only_program(inputs, [argument.data for argument in request.outputs])

    def account(self, begin: float, end: float) -> None:
        """Account for an execution that began and ended then (``time.monotonic``) and was all of it a program."""
        assert self._preferred is not None
        self.device.governor.has_run(begin, end, self._preferred, self._estimate)

    def close(self) -> None:
        """Nothing to give back but memory, which goes with the object."""


def _has_known_inputs(model: Model) -> bool:
    inputs = [model.main.operands[index] for index in model.main.inputs]
    return all(not is_tensor(operand) or is_fully_specified(operand.dimensions) for operand in inputs)


def _graph(model: Model) -> Graph | None:
    """The model's graph; None where the model does not tell all dimensions."""
    if not _has_known_inputs(model):
        return None
    return graph(model.main, [model.main.operands[index].dimensions for index in model.main.inputs])


def _require_taken(model: Model, refusals: Sequence[str]) -> None:
    """``BadDataError`` for the first operation for which there is a refusal."""
    for index, refusal in enumerate(refusals):
        if refusal:
            name = _operation_name(model.main.operations[index].type)
            raise BadDataError(f"the device does not take operation {index} ({name}): {refusal}", operation=index)


def _compiling(progress: Progress) -> Compiling:
    return lambda done, total: progress("compiling kernels", done, total)


def _hold(until: float, deadline: float | None) -> None:
    """Take time, until then; ``MissedDeadlineTransientError`` at the deadline if that is earlier."""
    end = until if deadline is None else min(until, deadline)
    time.sleep(max(0.0, end - time.monotonic()))
    if end < until:
        raise MissedDeadlineTransientError("the execution did not end in time")


def _operation_name(code: int) -> str:
    try:
        return OperationType(code).name
    except ValueError:
        return f"extension operation {code:#x}"


def _array(argument: Argument, operand: Operand) -> Array | None:
    if argument.data is None:
        return None
    return argument.data.view(OperandType(operand.type).dtype).reshape(argument.dimensions or operand.dimensions)
