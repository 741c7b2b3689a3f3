"""The ``nnhal.v1.Device`` service over an implementation of ``hal.device.Device``.

A driver trusts nobody: every model and every request is validated here, so that a ``Device`` sees
only sound ones.
"""

from __future__ import annotations

import itertools
import math
import queue
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import grpc
import numpy as np

from drivers.sdk.regions import Regions
from drivers.sdk.status import reported
from hal.device import Argument, Bytes, Device, ExecutionResult, PreparedModel, PrepareOptions, Request
from hal.errors import (
    BadDataError,
    MissedDeadlinePersistentError,
    OutputInsufficientSizeError,
    ResourceExhaustedTransientError,
)
from hal.model import Model, byte_size
from hal.types import OperandType, PreferenceCode, Priority
from hal.validation import validate_model, validate_output, validate_request
from hal.wire import (
    bytes_from_wire,
    capabilities_to_wire,
    cost_to_wire,
    info_to_wire,
    location_from_wire,
    model_from_wire,
    result_to_wire,
    support_to_wire,
)
from protos.nnhal.v1 import device_pb2, device_pb2_grpc

PREPARED_MODELS = 512
"""Prepared models that a service holds at once; each keeps a call, and so a thread, open."""

CALLS = 64
"""Other calls that a service answers at once."""

_Update: TypeAlias = device_pb2.PrepareModelUpdate


class DeviceService(device_pb2_grpc.DeviceServicer):  # type: ignore[misc]
    """Answers calls with a device. ``base``: the runtime directory, None for clients on other machines."""

    def __init__(self, device: Device, base: Path | None) -> None:
        self._device = device
        self._regions = Regions(base)
        self._prepared: dict[int, tuple[Model, PreparedModel]] = {}
        self._tokens = itertools.count(1)
        self._preparing = ThreadPoolExecutor(CALLS)

    def GetInfo(  # noqa: N802
        self,
        request: device_pb2.GetInfoRequest,
        context: grpc.ServicerContext,
    ) -> device_pb2.DeviceInfo:
        """What the device is."""
        with reported(context):
            return info_to_wire(self._device.info)

    def GetCapabilities(  # noqa: N802
        self,
        request: device_pb2.GetCapabilitiesRequest,
        context: grpc.ServicerContext,
    ) -> device_pb2.Capabilities:
        """What it promises."""
        with reported(context):
            return capabilities_to_wire(self._device.capabilities())

    def GetSupportedOperations(  # noqa: N802
        self, request: device_pb2.GetSupportedOperationsRequest, context: grpc.ServicerContext
    ) -> device_pb2.GetSupportedOperationsResponse:
        """Which operations of a model it takes."""
        with reported(context):
            model = model_from_wire(request.model, self._regions.resolve)
            validate_model(model)
            return support_to_wire(self._device.supported_operations(model, _preference(request.preference)))

    def PrepareModel(  # noqa: N802
        self, request: device_pb2.PrepareModelRequest, context: grpc.ServicerContext
    ) -> Iterator[device_pb2.PrepareModelUpdate]:
        """Prepare a model, and keep it until the client ends the call."""
        ended = threading.Event()
        with reported(context):
            if not context.add_callback(ended.set):
                return
            if len(self._prepared) >= PREPARED_MODELS:
                raise ResourceExhaustedTransientError(
                    f"the service holds {PREPARED_MODELS} prepared models; a client must release one first"
                )
            model = model_from_wire(request.model, self._regions.resolve)
            validate_model(model)
            prepared = yield from self._prepare(model, _options(request))
            token = next(self._tokens)
            self._prepared[token] = (model, prepared)
            try:
                yield _Update(prepared=_Update.Prepared(token=token, cost=cost_to_wire(prepared.cost)))
                ended.wait()
            finally:
                del self._prepared[token]
                prepared.close()

    def _prepare(self, model: Model, options: PrepareOptions) -> Generator[_Update, None, PreparedModel]:
        """Prepare on another thread, and yield the progress meanwhile; returns the prepared model."""
        updates: queue.SimpleQueue[_Update | None] = queue.SimpleQueue()

        def progress(activity: str, done: int, total: int) -> None:
            updates.put(_Update(progress=_Update.Progress(activity=activity, done=done, total=total)))

        deadline = None if options.timeout is None else time.monotonic() + options.timeout
        preparing = self._preparing.submit(self._device.prepare_model, model, options, progress)
        preparing.add_done_callback(lambda done: updates.put(None))
        try:
            while True:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                update = updates.get(timeout=left)
                if update is None:
                    return preparing.result()
                yield update
        except queue.Empty:
            preparing.add_done_callback(_discard)
            raise MissedDeadlinePersistentError(f"the model was not prepared within {options.timeout} s") from None
        except GeneratorExit:
            preparing.add_done_callback(_discard)
            raise

    def Execute(  # noqa: N802
        self, request: device_pb2.ExecuteRequest, context: grpc.ServicerContext
    ) -> device_pb2.ExecuteResponse:
        """Execute a prepared model."""
        with reported(context):
            if request.prepared_model not in self._prepared:
                raise BadDataError(f"{request.prepared_model} is not the token of a prepared model of this service")
            model, prepared = self._prepared[request.prepared_model]
            inputs = [self._input(argument) for argument in request.inputs]
            outputs = [self._output(argument, model, index) for index, argument in enumerate(request.outputs)]
            timeout = request.timeout_ns / 1e9 if request.HasField("timeout_ns") else None
            loop_timeout = request.loop_timeout_ns / 1e9 if request.HasField("loop_timeout_ns") else None
            checked = Request(inputs, outputs, request.measure_timing, timeout, loop_timeout, request.trace)
            validate_request(model, checked)
            result, written = _executed(prepared, checked)
            sizes = [
                math.prod(dimensions) * _dtype_size(model, index)
                for index, dimensions in enumerate(result.output_dimensions)
            ]
            inline = [
                None if argument.location is not None or argument.data is None else argument.data[:size]
                for argument, size in zip(written, sizes)
            ]
            return result_to_wire(result, inline)

    def _input(self, argument: device_pb2.Argument) -> Argument:
        dimensions = tuple(argument.dimensions.sizes)
        if not argument.HasField("location"):
            return Argument(None, None, dimensions)
        data = bytes_from_wire(argument.location, self._regions.resolve)
        return Argument(data, location_from_wire(argument.location), dimensions)

    def _output(self, argument: device_pb2.Argument, model: Model, index: int) -> Argument:
        given = self._input(argument)
        if given.data is None or given.location is not None:
            if given.data is not None and not given.data.flags.writeable:
                raise BadDataError(f"output {index} goes to memory that is open for reading only")
            return given
        if index >= len(model.main.outputs):
            return given  # too many outputs: validation says so
        operand = model.main.operands[model.main.outputs[index]]
        assert isinstance(operand.type, OperandType)
        dimensions = validate_output(model, index, Argument(np.zeros(0, np.uint8), None, given.dimensions))
        return Argument(np.zeros(byte_size(operand.type, dimensions), np.uint8), None, given.dimensions)


def _executed(prepared: PreparedModel, request: Request) -> tuple[ExecutionResult, list[Argument]]:
    """The result, and the outputs as executed: inline ones of unknown size grow to what they need."""
    outputs = list(request.outputs)
    try:
        return prepared.execute(request), outputs
    except OutputInsufficientSizeError as error:
        if not error.dimensions or any(output.location is not None for output in outputs):
            raise
        grown = [
            Argument(_grown(output.data, needed), None, output.dimensions)
            for output, needed in zip(outputs, error.dimensions)
        ]
        return prepared.execute(replace(request, outputs=grown)), grown


def _grown(data: Bytes | None, dimensions: tuple[int, ...]) -> Bytes | None:
    widest = 4  # bytes of the largest element type
    return None if data is None else np.zeros(math.prod(dimensions) * widest, np.uint8)


def _dtype_size(model: Model, output: int) -> int:
    operand_type = model.main.operands[model.main.outputs[output]].type
    return operand_type.dtype.itemsize if isinstance(operand_type, OperandType) else 1


def _options(request: device_pb2.PrepareModelRequest) -> PrepareOptions:
    try:
        priority = Priority(request.priority or Priority.DEFAULT)
    except ValueError as error:
        raise BadDataError(f"{error}; see the enumerators of Priority") from None
    timeout = request.timeout_ns / 1e9 if request.HasField("timeout_ns") else None
    return PrepareOptions(_preference(request.preference), priority, timeout)


def _preference(number: int) -> PreferenceCode:
    try:
        return PreferenceCode(number)
    except ValueError as error:
        raise BadDataError(f"{error}; see the enumerators of Preference") from None


def _discard(preparing: Future[PreparedModel]) -> None:
    """Close the prepared model that nobody waits for any more, if there is one."""
    if not preparing.cancelled() and preparing.exception() is None:
        preparing.result().close()
