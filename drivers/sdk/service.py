"""The ``nnhal.v1.Device`` service over an implementation of ``hal.device.Device``.

A driver trusts nobody: every model and every request is validated here, so that a ``Device`` sees
only sound ones.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import grpc

from drivers.sdk import caching, heap
from drivers.sdk.bursts import BURSTS, Bursts
from drivers.sdk.client import Client
from drivers.sdk.executing import Executions
from drivers.sdk.memories import MEMORIES, DeviceMemories
from drivers.sdk.prepared import PREPARED_MODELS, Entry, PreparedModels
from drivers.sdk.queue import Queue
from drivers.sdk.regions import Regions
from drivers.sdk.status import reported
from hal.device import Device, PreparedModel, PrepareOptions, Progress
from hal.errors import BadDataError, MissedDeadlinePersistentError, OpFailedError, ResourceExhaustedTransientError
from hal.types import PreferenceCode, Priority
from hal.validation import validate_model
from hal.wire import (
    attributes_from_wire,
    bytes_from_wire,
    capabilities_to_wire,
    cost_to_wire,
    info_to_wire,
    model_from_wire,
    seconds,
    support_to_wire,
)
from protos.nnhal.v1 import device_pb2, device_pb2_grpc

_CALLS = 64
"""Calls that a service answers at once, but for those that wait."""

_FENCED = 256
"""Fenced executions that a service holds at once: enough for long chains, and never all of its threads."""

THREADS = PREPARED_MODELS + MEMORIES + BURSTS + _FENCED + _CALLS
"""What a service needs so that calls that stay open never keep others from being answered."""

_Update: TypeAlias = device_pb2.PrepareModelUpdate
_Preparing: TypeAlias = Callable[[PrepareOptions, Progress], PreparedModel]


class DeviceService(device_pb2_grpc.DeviceServicer):  # type: ignore[misc]
    """Answers calls with a device. ``base``: the runtime directory, None for clients on other machines."""

    def __init__(self, device: Device, base: Path | None) -> None:
        self._device = device
        self._base = base
        self._regions = Regions(base)
        self._prepared = PreparedModels()
        self._memories = DeviceMemories(self._prepared)
        waiting = Queue(device.slots)
        self._executions = Executions(base, self._regions, self._prepared, self._memories, waiting)
        self._bursts = Bursts(base, self._prepared, self._executions, waiting)
        self._fenced = threading.Semaphore(_FENCED)
        self._preparing = ThreadPoolExecutor(_CALLS)

    def prepared(self, token: int) -> PreparedModel:
        """The prepared model with this token; ``BadDataError`` when there is none."""
        return self._prepared.get(token).prepared

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
        with reported(context):
            client = Client(context)
            self._prepared.require_room()
            model = model_from_wire(request.model, self._regions.resolve)
            validate_model(model)

            def prepare(options: PrepareOptions, progress: Progress) -> PreparedModel:
                return self._device.prepare_model(model, options, progress)

            cache = request.cache if request.HasField("cache") else None
            prepared = yield from self._prepare(request, cache, prepare)
            yield from self._kept(Entry(model, prepared, _priority(request)), client)

    def PrepareModelFromCache(  # noqa: N802
        self, request: device_pb2.PrepareModelFromCacheRequest, context: grpc.ServicerContext
    ) -> Iterator[device_pb2.PrepareModelUpdate]:
        """Prepare what a cache holds, and keep it until the client ends the call."""
        with reported(context):
            client = Client(context)
            self._prepared.require_room()

            def prepare(options: PrepareOptions, progress: Progress) -> PreparedModel:
                assert options.cache is not None
                return self._device.prepare_from_cache(options.cache, options, progress)

            prepared = yield from self._prepare(request, request.cache, prepare)
            if prepared.model is None:
                prepared.close()
                raise OpFailedError("the driver has prepared a model from its cache and does not say which")
            yield from self._kept(Entry(prepared.model, prepared, _priority(request)), client)

    def _prepare(
        self,
        request: device_pb2.PrepareModelRequest | device_pb2.PrepareModelFromCacheRequest,
        message: device_pb2.Cache | None,
        prepare: _Preparing,
    ) -> Generator[_Update, None, PreparedModel]:
        """Prepare on another thread, and yield the progress meanwhile; returns the prepared model."""
        updates: queue.SimpleQueue[_Update | None] = queue.SimpleQueue()

        def progress(activity: str, done: int, total: int) -> None:
            updates.put(_Update(progress=_Update.Progress(activity=activity, done=done, total=total)))

        timeout = seconds(request.timeout_ns) if request.HasField("timeout_ns") else None
        deadline = None if timeout is None else time.monotonic() + timeout
        with ExitStack() as files:
            cache = None
            if message is not None:
                cache = files.enter_context(caching.opened(self._base, self._device.info, message))
            attributes = attributes_from_wire(request.attributes)
            options = PrepareOptions(_preference(request.preference), _priority(request), timeout, cache, attributes)
            preparing = self._preparing.submit(prepare, options, progress)
            closing = files.pop_all()  # open for as long as the device works, whoever waits for that
        preparing.add_done_callback(lambda done: closing.close())
        preparing.add_done_callback(lambda done: heap.trim())
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
            raise MissedDeadlinePersistentError(f"the model was not prepared within {timeout} s") from None
        except GeneratorExit:
            preparing.add_done_callback(_discard)
            raise

    def _kept(self, entry: Entry, client: Client) -> Iterator[_Update]:
        with self._prepared.kept(entry) as token:
            yield _Update(prepared=_Update.Prepared(token=token, cost=cost_to_wire(entry.prepared.cost)))
            client.wait_until_gone()

    def Allocate(  # noqa: N802
        self, request: device_pb2.AllocateRequest, context: grpc.ServicerContext
    ) -> Iterator[device_pb2.AllocateUpdate]:
        """Allocate device memory, and keep it until the client ends the call."""
        with reported(context):
            client = Client(context)
            with self._memories.allocated(request) as token:
                yield device_pb2.AllocateUpdate(memory=token)
                client.wait_until_gone()

    def Copy(  # noqa: N802
        self, request: device_pb2.CopyRequest, context: grpc.ServicerContext
    ) -> device_pb2.CopyResponse:
        """Copy device memory's content to a place of the client's, or back."""
        with reported(context):
            memory = self._memories.get(request.memory)
            response = device_pb2.CopyResponse()
            if request.to_device:
                try:
                    source = bytes_from_wire(request.location, self._regions.resolve)
                    dimensions = memory.copy_from(source, tuple(request.dimensions.sizes))
                except BaseException:
                    memory.discard()
                    raise
            elif request.location.WhichOneof("place") == "shared":
                target = bytes_from_wire(request.location, self._regions.resolve)
                if not target.flags.writeable:
                    raise BadDataError("the copy goes to memory that is open for reading only")
                _, dimensions = memory.copy_to(target)
            else:
                content, dimensions = memory.copy_to(None)
                response.inline = content.tobytes()
            response.dimensions.sizes.extend(dimensions)
            return response

    def Execute(  # noqa: N802
        self, request: device_pb2.ExecuteRequest, context: grpc.ServicerContext
    ) -> device_pb2.ExecuteResponse:
        """Execute a prepared model."""
        with reported(context):
            return self._executions.execute(request, Client(context))

    def OpenBurst(  # noqa: N802
        self, request: device_pb2.OpenBurstRequest, context: grpc.ServicerContext
    ) -> Iterator[device_pb2.OpenBurstUpdate]:
        """Open a burst, and serve it until the client ends the call."""
        with reported(context):
            yield from self._bursts.serve(request, Client(context))

    def ExecuteFenced(  # noqa: N802
        self, request: device_pb2.ExecuteFencedRequest, context: grpc.ServicerContext
    ) -> device_pb2.ExecuteResponse:
        """Execute a prepared model after other executions."""
        with reported(context):
            if not self._fenced.acquire(blocking=False):
                raise ResourceExhaustedTransientError(f"the service holds {_FENCED} fenced executions, the most it may")
            try:
                return self._executions.execute_fenced(request, Client(context))
            finally:
                self._fenced.release()


def _priority(request: device_pb2.PrepareModelRequest | device_pb2.PrepareModelFromCacheRequest) -> Priority:
    try:
        return Priority(request.priority or Priority.DEFAULT)
    except ValueError as error:
        raise BadDataError(f"{error}; see the enumerators of Priority") from None


def _preference(number: int) -> PreferenceCode:
    try:
        return PreferenceCode(number)
    except ValueError as error:
        raise BadDataError(f"{error}; see the enumerators of Preference") from None


def _discard(preparing: Future[PreparedModel]) -> None:
    """Close the prepared model that nobody waits for any more, if there is one."""
    if not preparing.cancelled() and preparing.exception() is None:
        preparing.result().close()
