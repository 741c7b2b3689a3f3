"""The channel to a driver, and its errors as NNAPI's."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from grpc_status import rpc_status

from hal.errors import (
    DeadObjectError,
    MissedDeadlineTransientError,
    NnapiError,
    OpFailedError,
    ResourceExhaustedPersistentError,
)
from hal.wire import MESSAGE_LIMIT, error_from_wire
from protos.nnhal.v1 import device_pb2, device_pb2_grpc
from runtime.launcher import EmbeddedDriver, RunningService

ANSWER_LIMIT = 30.0
"""Seconds for calls that only look something up."""

_GRACE = 1.0
"""Seconds past a request's own timeout after which a driver that has not even refused it is given up."""


class Connection:
    """A channel to a driver at one address."""

    def __init__(self, driver: EmbeddedDriver | RunningService, address: str) -> None:
        self._driver = driver
        self.name = driver.name
        self.address = address
        self.local = address.startswith("unix:")
        self.channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_receive_message_length", MESSAGE_LIMIT),
                ("grpc.max_send_message_length", MESSAGE_LIMIT),
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )
        self.stub = device_pb2_grpc.DeviceStub(self.channel)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Turn what a call within raises into the NNAPI error that it stands for."""
        try:
            yield
        except grpc.RpcError as error:
            raise self._nnapi_error(error) from None

    def patiently(
        self, call: grpc.CallIterator[device_pb2.PrepareModelUpdate], patience: float
    ) -> Iterator[device_pb2.PrepareModelUpdate]:
        """What ``call`` streams; ends it when it is silent for ``patience`` seconds."""
        silent = threading.Event()

        def end() -> None:
            silent.set()
            call.cancel()  # type: ignore[no-untyped-call]

        updates = iter(call)
        while True:
            watch = threading.Timer(patience, end)
            watch.daemon = True
            watch.start()
            try:
                update = next(updates)
            except StopIteration:
                return
            except grpc.RpcError:
                if silent.is_set():
                    raise self.give_up(patience) from None
                raise
            finally:
                watch.cancel()
            yield update

    def give_up(self, seconds: float) -> DeadObjectError:
        """Give up the driver, which has been silent for so long; returns the error that tells so."""
        self._driver.give_up(self.address)
        return DeadObjectError(f"the driver '{self.name}' has not answered for {seconds:g} s and is given up")

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


class Patience:
    """How long a driver may be silent about a request from now on: its timeout and a moment, or ``patience`` seconds.

    ``limit``: the shorter of these, in seconds.
    """

    def __init__(self, connection: Connection, timeout: float | None, patience: float) -> None:
        self._connection = connection
        self._late = timeout is not None and timeout + _GRACE < patience
        self.limit = timeout + _GRACE if self._late and timeout is not None else patience
        self._end = time.monotonic() + self.limit

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self._end - time.monotonic()

    def check(self) -> None:
        """Give up the driver, and raise the error that tells so, when no time is left."""
        if self.left <= 0:
            raise self.given_up()

    def given_up(self) -> NnapiError:
        """Give up the driver; returns the error that tells so."""
        error = self._connection.give_up(self.limit)
        return MissedDeadlineTransientError(str(error)) if self._late else error


def is_silence(error: grpc.RpcError) -> bool:
    """Whether a call has ended at its deadline without a word of the driver's."""
    assert isinstance(error, grpc.Call)
    return error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and rpc_status.from_call(error) is None


def is_unimplemented(error: grpc.RpcError) -> bool:
    """Whether the driver does not implement the call."""
    assert isinstance(error, grpc.Call)
    return error.code() is grpc.StatusCode.UNIMPLEMENTED
