"""The runtime's side of the wire: a driver, as the ``Device`` and ``PreparedModel`` that it implements."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np

from hal.device import (
    Burst,
    Bytes,
    Cache,
    Capabilities,
    Cost,
    Device,
    DeviceInfo,
    DeviceMemory,
    ExecutionResult,
    PreparedModel,
    PrepareOptions,
    Progress,
    Request,
    Role,
    Support,
)
from hal.errors import (
    BadDataError,
    DeadObjectError,
    OpFailedError,
)
from hal.fence import Fence, FenceState
from hal.model import Dimensions, Model
from hal.types import PreferenceCode
from hal.wire import (
    attributes_to_wire,
    capabilities_from_wire,
    cost_from_wire,
    info_from_wire,
    nanoseconds,
    request_to_wire,
    result_from_wire,
    support_from_wire,
)
from protos.nnhal.v1 import device_pb2
from runtime.connection import ANSWER_LIMIT, Connection, Patience, is_silence, is_unimplemented
from runtime.launcher import EmbeddedDriver, RunningService
from runtime.process import folder
from runtime.remote_burst import RemoteBurst, is_shared, request_key
from runtime.remote_memory import RemoteMemory, require_memories
from runtime.sent import SentModel
from runtime.sent import sent as sent_model

PATIENCE = 120.0
"""Seconds after which a driver that has not answered is given up, where nobody says otherwise."""

_MESSAGES = 64
"""Messages of a prepared model that are kept for the same request."""


class RemoteDevice(Device):
    """A device behind a driver; connected when first used, and again when its driver has been restarted.

    ``keeps_bursts``: whether ordinary executions go through bursts that are kept for them (``KeptBurst``);
    without, each is a call.
    """

    def __init__(self, driver: EmbeddedDriver | RunningService, *, keeps_bursts: bool = True) -> None:
        self._driver = driver
        self.keeps_bursts = keeps_bursts
        self._connected: Connection | None = None
        self._info: DeviceInfo | None = None
        self._promised: tuple[Connection, Capabilities] | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The device's name, without asking the driver."""
        return self._driver.name

    @property
    def embedded(self) -> bool:
        """Whether its driver is a child of this process, which ends when it is given up."""
        return isinstance(self._driver, EmbeddedDriver)

    def address(self) -> str:
        """Where its driver answers, which is started if need be."""
        return self._driver.address()

    @property
    def info(self) -> DeviceInfo:
        """What the device is; asked once."""
        if self._info is None:
            connection = self.connection()
            with connection.call():
                message = connection.stub.GetInfo(device_pb2.GetInfoRequest(), timeout=ANSWER_LIMIT)
            self._info = info_from_wire(message)
        return self._info

    def capabilities(self) -> Capabilities:
        """What it promises; a driver of this process's own is asked once, any other may be another by now."""
        connection = self.connection()
        if self._promised is not None and self._promised[0] is connection and self.embedded:
            return self._promised[1]
        with connection.call():
            message = connection.stub.GetCapabilities(device_pb2.GetCapabilitiesRequest(), timeout=ANSWER_LIMIT)
        promised = capabilities_from_wire(message)
        self._promised = connection, promised
        return promised

    def supported_operations(
        self, model: Model, preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER
    ) -> list[Support]:
        """Ask the driver which operations of ``model`` it takes."""
        connection = self.connection()
        sent = sent_model(model, local=connection.local)
        with connection.call():
            request = device_pb2.GetSupportedOperationsRequest(
                model=sent.message,
                preference=preference,  # type: ignore[arg-type]
            )
            answer = connection.stub.GetSupportedOperations(request, timeout=ANSWER_LIMIT)
        supports = support_from_wire(answer)
        if len(supports) != len(model.main.operations):
            raise OpFailedError(
                f"the driver '{self.name}' answered for {len(supports)} operations of {len(model.main.operations)}"
            )
        return supports

    def prepare_model(
        self, model: Model, options: PrepareOptions, progress: Progress, patience: float = PATIENCE
    ) -> PreparedModel:
        """Send the model to the driver and wait until it has prepared it.

        A driver that is silent for ``patience`` seconds, now or when it executes, is given up:
        ``DeadObjectError``.
        """
        connection = self.connection()
        sent = sent_model(model, local=connection.local)
        request = device_pb2.PrepareModelRequest(
            model=sent.message,
            preference=options.preference,  # type: ignore[arg-type]
            priority=options.priority,  # type: ignore[arg-type]
            attributes=attributes_to_wire(options.attributes),
        )
        if options.timeout is not None:
            request.timeout_ns = nanoseconds(options.timeout)
        if options.cache is None or not connection.local:
            return self._prepared(connection, connection.stub.PrepareModel, request, sent, progress, patience)
        with _published(options.cache) as cache:
            request.cache.CopyFrom(cache)
            return self._prepared(connection, connection.stub.PrepareModel, request, sent, progress, patience)

    def prepare_from_cache(
        self, cache: Cache, options: PrepareOptions, progress: Progress, patience: float = PATIENCE
    ) -> PreparedModel:
        """Have the driver prepare what it has left in the cache's files; ``patience`` as for ``prepare_model``."""
        connection = self.connection()
        if not connection.local:
            raise BadDataError(f"the device '{self.name}' is on the network; it has no files of this machine")
        request = device_pb2.PrepareModelFromCacheRequest(
            preference=options.preference,  # type: ignore[arg-type]
            priority=options.priority,  # type: ignore[arg-type]
            attributes=attributes_to_wire(options.attributes),
        )
        if options.timeout is not None:
            request.timeout_ns = nanoseconds(options.timeout)
        with _published(cache) as published:
            request.cache.CopyFrom(published)
            return self._prepared(connection, connection.stub.PrepareModelFromCache, request, None, progress, patience)

    def _prepared(
        self,
        connection: Connection,
        method: Callable[..., Any],
        request: device_pb2.PrepareModelRequest | device_pb2.PrepareModelFromCacheRequest,
        sent: SentModel | None,
        progress: Progress,
        patience: float,
    ) -> PreparedModel:
        with connection.call():
            call = method(request)
            for update in connection.patiently(call, patience):
                if update.WhichOneof("update") == "prepared":
                    return RemotePreparedModel(connection, call, update.prepared, sent, patience)
                progress(update.progress.activity, update.progress.done, update.progress.total)
        raise OpFailedError(f"the driver '{self.name}' ended the call without a prepared model")

    def allocate(self, dimensions: Dimensions, inputs: Sequence[Role], outputs: Sequence[Role]) -> DeviceMemory:
        """Have the driver allocate memory; see ``Device``."""
        connection = self.connection()
        roles = []
        for role in (*inputs, *outputs):
            if not isinstance(role.prepared, RemotePreparedModel) or not role.prepared.is_at(connection):
                raise OpFailedError(f"a role of the memory is not one on the device '{self.name}', as it runs now")
            roles.append(device_pb2.Role(prepared_model=role.prepared.token, index=role.index))
        request = device_pb2.AllocateRequest(inputs=roles[: len(inputs)], outputs=roles[len(inputs) :])
        request.dimensions.sizes.extend(dimensions)
        return RemoteMemory.allocated(connection, request)

    def connection(self) -> Connection:
        """The channel to the driver, which is started if need be."""
        with self._lock:
            address = self._driver.address()
            if self._connected is None or self._connected.address != address:
                self._connected = Connection(self._driver, address)
            return self._connected


class RemotePreparedModel(PreparedModel):
    """A prepared model behind a driver. ``token``: what the driver calls it."""

    def __init__(
        self,
        connection: Connection,
        call: grpc.Call,
        prepared: device_pb2.PrepareModelUpdate.Prepared,
        sent: SentModel | None,
        patience: float,
    ) -> None:
        self._connection = connection
        self._call = call
        self._patience = patience
        self.token = prepared.token
        self._cost = cost_from_wire(prepared.cost) if prepared.HasField("cost") else None
        self._messages: dict[tuple[object, ...], device_pb2.ExecuteRequest] = {}
        self._sent = sent  # its memory stays published while the prepared model lives
        self._release = weakref.finalize(self, call.cancel)

    @property
    def cost(self) -> Cost | None:
        """What the driver expects one execution to take."""
        return self._cost

    def is_at(self, connection: Connection) -> bool:
        """Whether it lives at the other end of ``connection``."""
        return self._connection is connection and self._call.is_active()

    def execute(self, request: Request) -> ExecutionResult:
        """Have the driver execute; inputs and outputs are in shared memory where the driver shares it."""
        connection = self._living(request)
        local = connection.local
        message = self._message(request, local=local)
        with connection.call():
            response = self._answer(connection.stub.Execute, message, request.timeout)
        result = result_from_wire(response)
        if not local:
            for output, argument in zip(response.outputs, request.outputs):
                _copy_inline(output, argument.data)
        return result

    def _message(self, request: Request, *, local: bool) -> device_pb2.ExecuteRequest:
        """The message for a request, made once for those that differ in nothing but their tensors' content."""
        if not local or not is_shared(request):
            return request_to_wire(self.token, request, local=local)
        key = request_key(request), request.timeout, request.trace
        message = self._messages.get(key)
        if message is None:
            if len(self._messages) >= _MESSAGES:
                self._messages.clear()
            message = self._messages[key] = request_to_wire(self.token, request, local=True)
        return message

    def execute_fenced(
        self, request: Request, wait_for: Sequence[Fence], fence: Fence, duration: float | None = None
    ) -> ExecutionResult:
        """Have the driver wait for the fences, execute and signal; see ``PreparedModel``.

        Without a timeout the driver has all the time that it takes: one that is silent because what it
        waits for has not come can't be told from one that hangs.
        """
        try:
            connection = self._living(request)
            response = self._fenced(connection, request, wait_for, fence, duration) if connection.local else None
        except BaseException:
            fence.signal(FenceState.FAILED)
            raise
        if response is None:
            return super().execute_fenced(request, wait_for, fence, duration)
        fence.signal(FenceState.DONE)  # which the driver has done already
        return result_from_wire(response)

    def open_burst(self) -> Burst:
        """A burst of the driver's, which ends with this object at the latest; see ``PreparedModel``."""
        connection = self._living()
        burst = RemoteBurst.opened(self, self.token, connection, self._patience) if connection.local else None
        return super().open_burst() if burst is None else burst

    def close(self) -> None:
        """End the call that holds the prepared model on its device."""
        self._release()

    def _living(self, request: Request | None = None) -> Connection:
        """The connection, once it is certain that it still leads to this model and to the request's memories."""
        connection = self._connection
        if not self._release.alive:
            raise BadDataError("the prepared model is closed")
        if not self._call.is_active():
            raise DeadObjectError(f"the driver '{connection.name}' has died or can't be reached")
        if request is not None:
            require_memories(request, connection)
        return connection

    def _fenced(
        self,
        connection: Connection,
        request: Request,
        wait_for: Sequence[Fence],
        fence: Fence,
        duration: float | None,
    ) -> device_pb2.ExecuteResponse | None:
        """The driver's response; None from one that does not implement fences."""
        message = device_pb2.ExecuteFencedRequest(
            request=request_to_wire(self.token, request, local=True),
            wait_for=[each.name for each in wait_for],
            fence=fence.name,
        )
        if duration is not None:
            message.duration_ns = nanoseconds(duration)
        method = connection.stub.ExecuteFenced
        with connection.call():
            try:
                return method(message) if request.timeout is None else self._answer(method, message, request.timeout)
            except grpc.RpcError as error:
                if is_unimplemented(error):
                    return None
                raise

    def _answer(self, method: Callable[..., Any], message: object, timeout: float | None) -> device_pb2.ExecuteResponse:
        """What the driver answers; it is given up when that takes longer than the timeout, and than the patience."""
        patience = Patience(self._connection, timeout, self._patience)
        try:
            response: device_pb2.ExecuteResponse = method(message, timeout=patience.limit)
        except grpc.RpcError as error:
            if not is_silence(error):
                raise
            raise patience.given_up() from None
        return response


@contextmanager
def _published(cache: Cache) -> Iterator[device_pb2.Cache]:
    """The message for a cache, whose files have names as long as the context lasts."""
    names: list[str] = []
    own = folder()
    try:
        for file in (*cache.model_files, *cache.data_files):
            names.append(own.publish(file.fileno()))
        count = len(cache.model_files)
        yield device_pb2.Cache(token=cache.token, model_regions=names[:count], data_regions=names[count:])
    finally:
        for name in names:
            own.withdraw(name)


def _copy_inline(output: device_pb2.Output, data: Bytes | None) -> None:
    if data is not None:
        if len(output.inline) > data.size:
            raise OpFailedError(f"the driver sent {len(output.inline)} bytes for an output of {data.size}")
        data[: len(output.inline)] = np.frombuffer(output.inline, np.uint8)
