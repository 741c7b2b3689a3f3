"""Calls of a driver's service past everything that would stop a wrong one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
from grpc_status import rpc_status

from hal.device import Device
from hal.errors import OpFailedError
from hal.types import ResultCode
from protos.nnhal.v1 import device_pb2, device_pb2_grpc, model_pb2
from runtime.remote import RemoteDevice

_LIMIT = 60.0
"""Seconds for a call."""

_lock = threading.Lock()
_probes: dict[str, Probe] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended: not at all refused, or with which NNAPI code (None without one), status and words."""

    accepted: bool
    code: ResultCode | None = None
    status: grpc.StatusCode = grpc.StatusCode.OK
    words: str = ""

    @property
    def died(self) -> bool:
        """Whether the driver was not there to answer."""
        return self.status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED) and self.code is None

    def fault(self, codes: frozenset[ResultCode]) -> str | None:
        """What is wrong with the answer where a refusal with one of ``codes`` is due."""
        wanted = " or ".join(sorted(code.name for code in codes))
        if self.accepted:
            return f"was accepted; it must be refused with {wanted}"
        if self.code in codes:
            return None
        given = self.status.name if self.code is None else self.code.name
        return f"was refused with {given} ({self.words}); it must be {wanted}"


class Probe:
    """A driver's service at an address."""

    def __init__(self, address: str) -> None:
        self.is_local = address.startswith("unix:")
        options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(address, options=options)
        self.stub = device_pb2_grpc.DeviceStub(self._channel)

    def supported(self, model: model_pb2.Model) -> bool:
        """Whether the driver takes every operation of a valid model."""
        request = device_pb2.GetSupportedOperationsRequest(model=model)
        answer = self.stub.GetSupportedOperations(request, timeout=_LIMIT)
        return not any(operation.refusal for operation in answer.operations)

    def is_alive(self) -> bool:
        """Whether it still answers."""
        return attempt(lambda: self.stub.GetInfo(device_pb2.GetInfoRequest(), timeout=_LIMIT)).accepted

    def ask(self, model: model_pb2.Model) -> Answer:
        """Ask which operations of the model it takes."""
        request = device_pb2.GetSupportedOperationsRequest(model=model)
        return attempt(lambda: self.stub.GetSupportedOperations(request, timeout=_LIMIT))

    def prepare(self, request: device_pb2.PrepareModelRequest) -> Answer:
        """Have it prepare a model, and let go of it at once."""

        def call() -> None:
            with self._preparing(request):
                pass

        return attempt(call)

    def execute(self, request: device_pb2.ExecuteRequest) -> Answer:
        """Have it execute."""
        return attempt(lambda: self.stub.Execute(request, timeout=_LIMIT))

    def send(self, method: str, data: bytes) -> None:
        """Send bytes as they are, and read all that comes back."""
        call = self._channel.unary_stream(f"/nnhal.v1.Device/{method}", _as_it_is, _as_it_is)
        for _ in call(data, timeout=_LIMIT):
            pass

    @contextlib.contextmanager
    def prepared(self, model: model_pb2.Model) -> Iterator[int]:
        """A valid model, prepared: its token."""
        with self._preparing(device_pb2.PrepareModelRequest(model=model)) as token:
            yield token

    @contextlib.contextmanager
    def _preparing(self, request: device_pb2.PrepareModelRequest) -> Iterator[int]:
        call = self.stub.PrepareModel(request, timeout=_LIMIT)
        try:
            yield next(update.prepared.token for update in call if update.WhichOneof("update") == "prepared")
        finally:
            call.cancel()


def _as_it_is(data: bytes) -> bytes:
    return data


def probe_of(device: Device) -> Probe:
    """The probe for a device's driver, which is started if need be."""
    if not isinstance(device, RemoteDevice):
        raise OpFailedError("invalid messages can be sent to a driver's service only")
    address = device.address()
    with _lock:
        if address not in _probes:
            _probes[address] = Probe(address)
        return _probes[address]


def attempt(call: Callable[[], object]) -> Answer:
    """How ``call`` ends."""
    try:
        call()
    except grpc.RpcError as error:
        return _refusal(error)
    return Answer(True)


def _refusal(error: grpc.RpcError) -> Answer:
    assert isinstance(error, grpc.Call)
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        message = device_pb2.Error()
        if detail.Unpack(message):
            known = message.code in ResultCode.__members__.values()
            return Answer(False, ResultCode(message.code) if known else None, error.code(), message.message)
    return Answer(False, None, error.code(), error.details() or "")
