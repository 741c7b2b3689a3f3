"""Bursts: answering a client's requests from one ring into another."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from drivers.sdk.client import Client
from drivers.sdk.executing import Executions, Form
from drivers.sdk.prepared import Entry, PreparedModels
from drivers.sdk.queue import Queue
from drivers.sdk.status import as_nnapi
from hal import futex
from hal.device import Burst, Request
from hal.errors import BadDataError, OpFailedError, ResourceExhaustedTransientError
from hal.rings import FORMS, LENGTH, NANOSECONDS, SEQUENCE, SUBJECT, Ring
from hal.types import ResultCode
from hal.wire import error_to_wire, seconds
from protos.nnhal.v1 import device_pb2

BURSTS = 256
"""Bursts that a service holds at once; each keeps a call, and so a thread, open."""

_LOOK = 1.0
"""Seconds that an idle burst sleeps; what ends it wakes it."""


@dataclass(frozen=True, slots=True)
class Line:
    """What who answers requests needs to know.

    ``ended``, ``wanted``: words that are not 0 when the burst has ended, and while others wait for the device.
    """

    requests: Ring
    results: Ring
    ended: NDArray[np.int64]
    wanted: NDArray[np.int64]


@runtime_checkable
class AnswersRequests(Protocol):
    """A device's burst that can answer requests of some forms by itself, faster than by being called."""

    def attach(self, line: Line) -> None:
        """Get to know the rings, before anything else."""

    def arrange(self, form: int, request: Request | None) -> None:
        """Requests of this form are this one, from now on; None: they are to be left alone."""

    def answer(self, served: int) -> int | None:
        """Answer the request after the one of the number ``served``, for which it may wait briefly.

        Returns the request's number; None where none has come, where others want the device, and where
        the request is to be left alone.
        """


class Bursts:
    """The bursts of a service. ``base``: the runtime directory, None for clients on other machines."""

    def __init__(self, base: Path | None, prepared: PreparedModels, executions: Executions, queue: Queue) -> None:
        self._base = base
        self._prepared = prepared
        self._executions = executions
        self._queue = queue
        self._free = threading.Semaphore(BURSTS)
        self._tokens = itertools.count(1)

    def serve(self, request: device_pb2.OpenBurstRequest, client: Client) -> Iterator[device_pb2.OpenBurstUpdate]:
        """Open a burst and serve it until the client ends the call."""
        if self._base is None:
            raise BadDataError("this service shares no memory with clients on the network, so no bursts either")
        if request.request_ring == request.result_ring:
            raise BadDataError("both rings of the burst are in one region; each must have its own")
        entry = self._prepared.get(request.prepared_model)
        rings = Ring.open(self._base, request.request_ring), Ring.open(self._base, request.result_ring)
        with self._counted(), entry.held():
            burst = entry.prepared.open_burst()
            try:
                served = _Served(request.prepared_model, entry, burst, rings, self._executions, self._queue, client)
                yield device_pb2.OpenBurstUpdate(burst=next(self._tokens))
                served.run()
            finally:
                burst.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if not self._free.acquire(blocking=False):
            raise ResourceExhaustedTransientError(f"the service holds {BURSTS} bursts; a client must end one first")
        try:
            yield
        finally:
            self._free.release()


class _Served:
    """One burst, served on the thread that calls ``run``."""

    def __init__(
        self,
        token: int,
        entry: Entry,
        burst: Burst,
        rings: tuple[Ring, Ring],
        executions: Executions,
        queue: Queue,
        client: Client,
    ) -> None:
        self._token = token
        self._entry = entry
        self._burst = burst
        self._requests, self._results = rings
        self._executions = executions
        self._queue = queue
        self._client = client
        self._forms: dict[int, Form] = {}
        self._served = 0
        self._ended = np.zeros(1, np.int64)
        self._fast = burst if isinstance(burst, AnswersRequests) else None
        if self._fast is not None:
            self._fast.attach(Line(*rings, self._ended, queue.wanted))
        client.when_gone(self._end)

    def run(self) -> None:
        """Answer requests until the client has gone."""
        header = self._requests.words
        while not self._ended[0]:
            seen = header[SEQUENCE]
            if seen == self._served:
                self._requests.sleep(seen, _LOOK)
                continue
            if not header[LENGTH] and not header[NANOSECONDS]:
                self._answer_fast()
            if header[SEQUENCE] != self._served and not self._ended[0]:
                self._answer(header[SEQUENCE])
                with self._queue.slot_if_free() as free:  # the next request, if it comes, may have a deadline
                    if free:
                        self._answer_plain()

    def _end(self) -> None:
        self._ended[0] = 1
        futex.wake(self._requests.address)

    def _answer_fast(self) -> None:
        """Have the device's burst answer what it can, once it has the device."""
        if self._fast is not None:
            with self._queue.slot(self._entry.priority, None, self._client):
                self._answer_plain()

    def _answer_plain(self) -> None:
        """The same as long as requests keep coming and nobody else waits for the device."""
        while self._fast is not None and (served := self._fast.answer(self._served)) is not None:
            self._served = served

    def _answer(self, sequence: int) -> None:
        number, length, nanoseconds = (self._requests.words[word] for word in (SUBJECT, LENGTH, NANOSECONDS))
        deadline = time.monotonic() + seconds(nanoseconds) if nanoseconds else None
        computing = 0
        try:
            form = self._form(number, length)
            response = self._executions.execute_form(form, self._client, deadline)
            code, message, computing = 0, response.SerializeToString(), response.computing_ns
            if len(message) > self._results.room:
                raise OpFailedError(f"the result has {len(message)} bytes; the ring has room for {self._results.room}")
        except Exception as raised:  # noqa: BLE001 -- the client hears of it
            error = as_nnapi(raised)
            code, message = error.code, error_to_wire(error).SerializeToString()
            if length:
                self._forms.pop(number, None)
            if len(message) > self._results.room:
                message = b""
        self._served = sequence
        self._results.post(sequence, code, computing, message)
        if length and code == ResultCode.NO_ERROR and self._fast is not None:
            self._fast.arrange(number, None if form.arguments is None else form.arguments[0])

    def _form(self, number: int, length: int) -> Form:
        """The form that a request has, after announcing it if the request does that."""
        if not 0 <= number < FORMS:
            raise BadDataError(f"the request is of form {number}; forms are from 0 to {FORMS - 1}")
        if not length:
            if number not in self._forms:
                raise BadDataError(f"form {number} has not been announced")
            return self._forms[number]
        if self._fast is not None:
            self._fast.arrange(number, None)
        message = device_pb2.ExecuteRequest()
        try:
            message.ParseFromString(self._requests.message(length))
        except DecodeError:
            raise BadDataError(f"what announces form {number} is no ExecuteRequest") from None
        if message.prepared_model != self._token:
            raise BadDataError("a form is for another prepared model than its burst")
        form = Form(self._entry, self._burst.execute, message)
        if form.has_inline:
            raise BadDataError("an argument is inline; in a burst, all are in shared memory, or on the device")
        if message.HasField("timeout_ns"):
            raise BadDataError("a form has a timeout; each of a burst's requests has its own")
        self._forms[number] = form
        return form
