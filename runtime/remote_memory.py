"""Memory in a driver's process, as this process names it."""

from __future__ import annotations

import weakref

import grpc
import numpy as np

from hal.device import Argument, Bytes, DeviceMemory, Request
from hal.errors import BadDataError, DeadObjectError, OpFailedError
from hal.model import Dimensions
from hal.wire import argument_to_wire
from protos.nnhal.v1 import device_pb2, model_pb2
from runtime.connection import ANSWER_LIMIT, Connection


class RemoteMemory(DeviceMemory):
    """Memory behind a driver, which keeps it for as long as this object lives."""

    def __init__(self, connection: Connection, call: grpc.Call, token: int) -> None:
        self._connection = connection
        self._call = call
        self._token = token
        self._release = weakref.finalize(self, call.cancel)

    @classmethod
    def allocated(cls, connection: Connection, request: device_pb2.AllocateRequest) -> RemoteMemory:
        """New memory; raises what the driver raises."""
        with connection.call():
            call = connection.stub.Allocate(request)
            for update in call:
                return cls(connection, call, update.memory)
        raise OpFailedError(f"the driver '{connection.name}' ended the call without memory")

    @property
    def token(self) -> int:
        """See ``DeviceMemory``."""
        return self._token

    def copy_from(self, source: Argument) -> None:
        """See ``DeviceMemory``."""
        request = device_pb2.CopyRequest(
            memory=self._token, location=self._location(source, output=False), to_device=True
        )
        request.dimensions.sizes.extend(source.dimensions)
        with self._connection.call():
            self._connection.stub.Copy(request, timeout=ANSWER_LIMIT)

    def copy_to(self, target: Argument) -> Dimensions:
        """See ``DeviceMemory``."""
        assert target.data is not None
        if not self._connection.local:
            content, dimensions = self.content()
            if content.size != target.data.size:
                raise BadDataError(f"the memory's content has {content.size} bytes, its place {target.data.size}")
            target.data[:] = content
            return dimensions
        return self._copied(self._location(target, output=True))[1]

    def content(self) -> tuple[Bytes, Dimensions]:
        """See ``DeviceMemory``."""
        return self._copied(model_pb2.Location(inline=b""))

    def _copied(self, location: model_pb2.Location) -> tuple[Bytes, Dimensions]:
        with self._connection.call():
            response = self._connection.stub.Copy(
                device_pb2.CopyRequest(memory=self._token, location=location), timeout=ANSWER_LIMIT
            )
        return np.frombuffer(response.inline, np.uint8), tuple(response.dimensions.sizes)

    def is_at(self, connection: Connection) -> bool:
        """Whether it lives at the other end of ``connection``."""
        return self._connection is connection and self._call.is_active()

    def close(self) -> None:
        """See ``DeviceMemory``."""
        self._release()

    def _location(self, argument: Argument, *, output: bool) -> model_pb2.Location:
        return argument_to_wire(argument, local=self._connection.local, output=output).location


def require_memories(request: Request, connection: Connection) -> None:
    """``DeadObjectError`` unless the request's memories live at the other end: another driver may use their tokens."""
    for argument in (*request.inputs, *request.outputs):
        memory = argument.memory
        if memory is not None and not (isinstance(memory, RemoteMemory) and memory.is_at(connection)):
            raise DeadObjectError(f"an argument's memory is gone from the device '{connection.name}'")
