"""Executions: from a request on the wire to the response."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from drivers.sdk.client import Client
from drivers.sdk.memories import DeviceMemories, DeviceMemory, MemoryRole
from drivers.sdk.prepared import Entry, PreparedModels
from drivers.sdk.queue import Queue
from drivers.sdk.regions import Regions
from hal.device import Argument, Bytes, ExecutionResult, Request, Span
from hal.errors import BadDataError, OutputInsufficientSizeError
from hal.fence import Fence, FenceState
from hal.model import Dimensions, Model, Operand, byte_size, is_extension
from hal.operand_rules import value_size
from hal.types import OperandType
from hal.validation import validate_output, validate_request
from hal.wire import MESSAGE_LIMIT, attributes_from_wire, bytes_from_wire, location_from_wire, result_to_wire, seconds
from protos.nnhal.v1 import device_pb2

_WIDEST = 4
"""Bytes of the largest element type."""


@dataclass(frozen=True, slots=True)
class _Output:
    """Where an output goes: to the client's shared memory, into ``memory``, or (both None) into the response."""

    argument: Argument
    memory: DeviceMemory | None = None

    @property
    def grows(self) -> bool:
        """Whether its place can be made larger: it is the driver's own."""
        return self.argument.location is None and self.argument.data is not None

    def grown(self, dimensions: Dimensions) -> _Output:
        """The same with room for ``dimensions``."""
        if self.argument.data is None or not self.grows:
            return self
        size = max(self.argument.data.size, math.prod(dimensions) * _WIDEST)
        data = np.zeros(size, np.uint8) if self.memory is None else self.memory.room(size)
        return replace(self, argument=replace(self.argument, data=data))


_Arguments: TypeAlias = "tuple[Request, list[_Output]]"


class Form:
    """A request that is executed any number of times, by ``run``.

    ``arguments``: once they have been found and checked. They are kept only if all are in shared memory: on
    the device, content may move, and what is inline differs from request to request.
    """

    def __init__(
        self, entry: Entry, run: Callable[[Request], ExecutionResult], message: device_pb2.ExecuteRequest
    ) -> None:
        arguments = (*message.inputs, *message.outputs)
        self.entry = entry
        self.run = run
        self.message = message
        self.has_inline = any(each.location.WhichOneof("place") == "inline" for each in arguments)
        self.is_kept = not self.has_inline and not any(each.memory for each in arguments)
        self.arguments: _Arguments | None = None


class Executions:
    """Executes what clients ask for, in the device's order."""

    def __init__(
        self, base: Path | None, regions: Regions, prepared: PreparedModels, memories: DeviceMemories, queue: Queue
    ) -> None:
        self._base = base
        self._regions = regions
        self._prepared = prepared
        self._memories = memories
        self._queue = queue

    def execute(self, request: device_pb2.ExecuteRequest, client: Client) -> device_pb2.ExecuteResponse:
        """Execute when the device has a slot free.

        The time until then is part of ``Timing.in_driver`` and a span of the track "queue": in real
        time, the only one that passes for a queue, also where the device's own is simulated.
        """
        return self.execute_form(self._form(request), client, _deadline(request))

    def execute_fenced(self, request: device_pb2.ExecuteFencedRequest, client: Client) -> device_pb2.ExecuteResponse:
        """Execute after the fences that the request names; the request's own signals how that ended."""
        if self._base is None:
            raise BadDataError("this service shares no memory with clients on the network, so no fences either")
        fence = Fence.open(self._base, request.fence)
        state = FenceState.FAILED
        try:
            deadline = _deadline(request.request)
            for each in [Fence.open(self._base, name) for name in request.wait_for]:
                each.wait(deadline, client.check)
            if request.HasField("duration_ns"):
                end = time.monotonic() + seconds(request.duration_ns)
                deadline = end if deadline is None else min(deadline, end)
            response = self.execute_form(self._form(request.request), client, deadline)
            state = FenceState.DONE
            return response
        finally:
            fence.signal(state)

    def execute_form(self, form: Form, client: Client, deadline: float | None) -> device_pb2.ExecuteResponse:
        """Execute a form when the device has a slot free; see ``execute``."""
        arrival = time.perf_counter_ns()
        model, message = form.entry.model, form.message
        memories: list[DeviceMemory] = []
        try:
            for index, argument in enumerate(message.outputs):
                if argument.memory:
                    memory = self._memories.get(argument.memory)
                    memory.require(MemoryRole(message.prepared_model, "output", index))
                    memories.append(memory)
            with self._queue.slot(form.entry.priority, deadline, client):
                waited = time.perf_counter_ns() - arrival
                arguments = form.arguments or self._resolved(model, message)
                if form.is_kept:
                    form.arguments = arguments
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                start = time.perf_counter_ns()
                result, outputs = _computed(model, arguments, left, form.run)
                computing = time.perf_counter_ns() - start
            return _response(model, result, outputs, waited, computing, traced=message.trace)
        except BaseException:
            for memory in memories:
                memory.discard()
            raise

    def _form(self, message: device_pb2.ExecuteRequest) -> Form:
        """The form of a request, the same for the same request as a moment ago."""
        entry = self._prepared.get(message.prepared_model)
        key = message.SerializeToString()
        form = entry.forms.get(key)
        if form is None:
            form = Form(entry, entry.prepared.execute, message)
            if form.is_kept:
                entry.keep(key, form)
        return form

    def _resolved(self, model: Model, message: device_pb2.ExecuteRequest) -> _Arguments:
        """The request with its tensors, checked, but for the time that it may take; and its outputs' places."""
        inputs = [self._input(argument, message, index) for index, argument in enumerate(message.inputs)]
        read = {argument.memory for argument in message.inputs}
        outputs = [
            self._output(argument, model, index, apart=argument.memory in read)
            for index, argument in enumerate(message.outputs)
        ]
        request = Request(
            inputs,
            [output.argument for output in outputs],
            message.measure_timing,
            None,
            seconds(message.loop_timeout_ns) if message.HasField("loop_timeout_ns") else None,
            message.trace,
            attributes_from_wire(message.attributes),
        )
        validate_request(model, request)
        return request, outputs

    def _input(self, message: device_pb2.Argument, request: device_pb2.ExecuteRequest, index: int) -> Argument:
        dimensions = tuple(message.dimensions.sizes)
        if message.memory:
            _require_one_place(message)
            memory = self._memories.get(message.memory)
            memory.require(MemoryRole(request.prepared_model, "input", index))
            data, dimensions = memory.read(dimensions)
            return Argument(data, None, dimensions)
        if not message.HasField("location"):
            return Argument(None, None, dimensions)
        data = bytes_from_wire(message.location, self._regions.resolve)
        return Argument(data, location_from_wire(message.location), dimensions)

    def _output(self, message: device_pb2.Argument, model: Model, index: int, *, apart: bool) -> _Output:
        dimensions = tuple(message.dimensions.sizes)
        location = location_from_wire(message.location) if message.HasField("location") else None
        if location is not None:
            _require_one_place(message)
            data = self._regions.resolve(location)
            if not data.flags.writeable:
                raise BadDataError(f"output {index} goes to memory that is open for reading only")
            return _Output(Argument(data, location, dimensions))
        if not message.memory and not message.HasField("location"):
            return _Output(Argument(None, None, dimensions))
        nowhere = Argument(np.zeros(0, np.uint8), None, dimensions)
        if index >= len(model.main.outputs):
            return _Output(nowhere)  # too many outputs: validation says so
        operand = _operand(model, index)
        size = value_size(operand, validate_output(model, index, nowhere)) or 0
        if is_extension(operand.type):
            size = min(message.room, MESSAGE_LIMIT)  # no answer could hold more
        if not message.memory:
            return _Output(replace(nowhere, data=np.zeros(size, np.uint8)))
        memory = self._memories.get(message.memory)
        return _Output(replace(nowhere, data=memory.room(size, apart=apart)), memory)


def _response(
    model: Model, result: ExecutionResult, outputs: Sequence[_Output], waited: int, computing: int, *, traced: bool
) -> device_pb2.ExecuteResponse:
    inline: list[Bytes | None] = []
    if any(output.grows for output in outputs):
        for output, dimensions, size in zip(outputs, result.output_dimensions, _sizes(model, result.output_dimensions)):
            data = output.argument.data if output.grows else None
            if data is not None and output.memory is not None:
                output.memory.hold(data[:size], dimensions)
                data = None
            inline.append(None if data is None else data[:size])
    timing = result.timing
    if timing.in_driver is not None:
        timing = replace(timing, in_driver=timing.in_driver + waited)
    spans = result.spans
    if traced:
        spans = (Span("queue", "waiting", 0, waited), *(replace(span, start=span.start + waited) for span in spans))
    told = ExecutionResult(result.output_dimensions, timing, spans, computing)
    return result_to_wire(told, inline or [None] * len(outputs))


def _computed(
    model: Model, arguments: _Arguments, timeout: float | None, execute: Callable[[Request], ExecutionResult]
) -> tuple[ExecutionResult, list[_Output]]:
    request, outputs = arguments
    if timeout is not None:
        request = replace(request, timeout=timeout)
    try:
        return execute(request), outputs
    except OutputInsufficientSizeError as error:
        if not any(
            output.grows and output.argument.data is not None and output.argument.data.size < (size or 0)
            for output, size in zip(outputs, _sizes(model, error.dimensions))
        ):
            raise
        outputs = [output.grown(needed) for output, needed in zip(outputs, error.dimensions)]
        return execute(replace(request, outputs=[output.argument for output in outputs])), outputs


def _deadline(request: device_pb2.ExecuteRequest) -> float | None:
    """When the request must be done, by ``time.monotonic``."""
    return time.monotonic() + seconds(request.timeout_ns) if request.HasField("timeout_ns") else None


def _require_one_place(message: device_pb2.Argument) -> None:
    if message.memory and message.HasField("location"):
        raise BadDataError("an argument has a location and device memory; it must have one of them")


def _operand(model: Model, output: int) -> Operand:
    return model.main.operands[model.main.outputs[output]]


def _sizes(model: Model, dimensions: Sequence[Dimensions]) -> list[int | None]:
    """Bytes of outputs of these dimensions, of which a 0 is no elements; None where only an extension knows."""
    types = [_operand(model, index).type for index in range(len(model.main.outputs))]
    return [
        byte_size(operand_type, each) if isinstance(operand_type, OperandType) else None
        for operand_type, each in zip(types, dimensions)
    ]
