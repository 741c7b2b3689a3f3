"""The runtime's side of the wire: a driver, as the ``Device`` and ``PreparedModel`` that it implements."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import numpy as np
from grpc_status import rpc_status

from hal.device import (
    Bytes,
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
)
from hal.errors import (
    BadDataError,
    DeadObjectError,
    MissedDeadlineTransientError,
    NnapiError,
    OpFailedError,
    ResourceExhaustedPersistentError,
)
from hal.memory import Region, aligned
from hal.model import Location, Model
from hal.types import PreferenceCode
from hal.wire import (
    INLINE_LIMIT,
    MESSAGE_LIMIT,
    capabilities_from_wire,
    cost_from_wire,
    error_from_wire,
    info_from_wire,
    model_to_wire,
    nanoseconds,
    request_to_wire,
    result_from_wire,
    support_from_wire,
)
from protos.nnhal.v1 import device_pb2, device_pb2_grpc
from runtime.launcher import EmbeddedDriver, RunningService
from runtime.process import folder

_ANSWER_LIMIT = 30.0
"""Seconds for calls that only look something up."""


class _Connection:
    """A channel to a driver at one address."""

    def __init__(self, driver: EmbeddedDriver | RunningService, address: str) -> None:
        self._driver = driver
        self.name = driver.name
        self.address = address
        self.local = address.startswith("unix:")
        self._channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_receive_message_length", MESSAGE_LIMIT),
                ("grpc.max_send_message_length", MESSAGE_LIMIT),
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )
        self.stub = device_pb2_grpc.DeviceStub(self._channel)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Turn what a call within raises into the NNAPI error that it stands for."""
        try:
            yield
        except grpc.RpcError as error:
            raise self._nnapi_error(error) from None

    def _nnapi_error(self, error: grpc.RpcError) -> NnapiError:
        assert isinstance(error, grpc.Call)
        status = rpc_status.from_call(error)
        for detail in status.details if status is not None else ():
            message = device_pb2.Error()
            if detail.Unpack(message):
                return error_from_wire(message)
        reason = error.details() or ""
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            self._driver.give_up(self.address)
            return DeadObjectError(f"the driver '{self.name}' has died or can't be reached")
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return MissedDeadlineTransientError(f"the driver '{self.name}' did not answer in time")
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return ResourceExhaustedPersistentError(
                f"a message to or from the driver '{self.name}' is over {MESSAGE_LIMIT} bytes: {reason}"
            )
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            return OpFailedError(f"the driver '{self.name}' does not implement this call")
        return OpFailedError(f"the driver '{self.name}' failed: {error.code().name} {reason}")


class RemoteDevice(Device):
    """A device behind a driver; connected when first used, and again when its driver has been restarted."""

    def __init__(self, driver: EmbeddedDriver | RunningService) -> None:
        self._driver = driver
        self._connected: _Connection | None = None
        self._info: DeviceInfo | None = None
        self._sent: _SentModel | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The device's name, without asking the driver."""
        return self._driver.name

    def address(self) -> str:
        """Where its driver answers, which is started if need be."""
        return self._driver.address()

    @property
    def info(self) -> DeviceInfo:
        """What the device is; asked once."""
        if self._info is None:
            connection = self._connection()
            with connection.call():
                message = connection.stub.GetInfo(device_pb2.GetInfoRequest(), timeout=_ANSWER_LIMIT)
            self._info = info_from_wire(message)
        return self._info

    def capabilities(self) -> Capabilities:
        """What it promises."""
        connection = self._connection()
        with connection.call():
            message = connection.stub.GetCapabilities(device_pb2.GetCapabilitiesRequest(), timeout=_ANSWER_LIMIT)
        return capabilities_from_wire(message)

    def supported_operations(
        self, model: Model, preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER
    ) -> list[Support]:
        """Ask the driver which operations of ``model`` it takes."""
        connection = self._connection()
        sent = self._model_for(connection, model)
        with connection.call():
            request = device_pb2.GetSupportedOperationsRequest(
                model=sent.message,
                preference=preference,  # type: ignore[arg-type]
            )
            answer = connection.stub.GetSupportedOperations(request, timeout=_ANSWER_LIMIT)
        supports = support_from_wire(answer)
        if len(supports) != len(model.main.operations):
            raise OpFailedError(
                f"the driver '{self.name}' answered for {len(supports)} operations of {len(model.main.operations)}"
            )
        return supports

    def prepare_model(self, model: Model, options: PrepareOptions, progress: Progress) -> PreparedModel:
        """Send the model to the driver and wait until it has prepared it."""
        connection = self._connection()
        sent = self._model_for(connection, model)
        self._sent = None
        request = device_pb2.PrepareModelRequest(
            model=sent.message,
            preference=options.preference,  # type: ignore[arg-type]
            priority=options.priority,  # type: ignore[arg-type]
        )
        if options.timeout is not None:
            request.timeout_ns = nanoseconds(options.timeout)
        with connection.call():
            call = connection.stub.PrepareModel(request)
            for update in call:
                if update.WhichOneof("update") == "prepared":
                    return _RemotePreparedModel(connection, call, update.prepared, sent)
                progress(update.progress.activity, update.progress.done, update.progress.total)
        raise OpFailedError(f"the driver '{self.name}' ended the call without a prepared model")

    def _connection(self) -> _Connection:
        with self._lock:
            address = self._driver.address()
            if self._connected is None or self._connected.address != address:
                self._connected = _Connection(self._driver, address)
                self._sent = None
            return self._connected

    def _model_for(self, connection: _Connection, model: Model) -> _SentModel:
        """The model as this driver gets it; kept from asking what is supported until preparing."""
        sent = self._sent
        if sent is None or sent.model is not model:
            sent = self._sent = _SentModel(model, local=connection.local)
        if sent.message.ByteSize() > MESSAGE_LIMIT:
            raise ResourceExhaustedPersistentError(
                f"the model is {sent.message.ByteSize()} bytes as a message, and a driver takes {MESSAGE_LIMIT}"
            )
        return sent


class _SentModel:
    """A model's message, and the shared memory that holds its large constants."""

    def __init__(self, model: Model, *, local: bool) -> None:
        self.model = model
        self._region: Region | None = None
        self._used = 0
        if local:
            size = sum(
                aligned(operand.value.nbytes)
                for subgraph in (model.main, *model.referenced)
                for operand in subgraph.operands
                if operand.value is not None and operand.location is None and operand.value.nbytes > INLINE_LIMIT
            )
            self._region = Region.create(folder(), size) if size else None
        self._local = local
        self.message = model_to_wire(model, self._place)

    def _place(self, data: Bytes, location: Location | None) -> Location | None:
        if not self._local or location is not None:
            return location if self._local else None
        assert self._region is not None
        offset = self._used
        self._region.slice(offset, data.size)[:] = data
        self._used += aligned(data.size)
        return Location(self._region.name, offset, data.size)


class _RemotePreparedModel(PreparedModel):
    def __init__(
        self,
        connection: _Connection,
        call: grpc.Call,
        prepared: device_pb2.PrepareModelUpdate.Prepared,
        sent: _SentModel,
    ) -> None:
        self._connection = connection
        self._token = prepared.token
        self._cost = cost_from_wire(prepared.cost) if prepared.HasField("cost") else None
        self._sent = sent  # its memory stays published while the prepared model lives
        self._release = weakref.finalize(self, call.cancel)

    @property
    def cost(self) -> Cost | None:
        """What the driver expects one execution to take."""
        return self._cost

    def execute(self, request: Request) -> ExecutionResult:
        """Have the driver execute; inputs and outputs are in shared memory where the driver shares it."""
        if not self._release.alive:
            raise BadDataError("the prepared model is closed")
        local = self._connection.local
        message = request_to_wire(self._token, request, local=local)
        with self._connection.call():
            response = self._connection.stub.Execute(message, timeout=request.timeout)
        result = result_from_wire(response)
        if not local:
            for output, argument in zip(response.outputs, request.outputs):
                _copy_inline(output, argument.data)
        return result

    def close(self) -> None:
        """End the call that holds the prepared model on its device."""
        self._release()


def _copy_inline(output: device_pb2.Output, data: Bytes | None) -> None:
    if data is not None:
        if len(output.inline) > data.size:
            raise OpFailedError(f"the driver sent {len(output.inline)} bytes for an output of {data.size}")
        data[: len(output.inline)] = np.frombuffer(output.inline, np.uint8)
