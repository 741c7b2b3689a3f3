"""Bursts: answering a client's requests from one ring into another."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
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
from hal.types import Priority, ResultCode
from hal.wire import error_to_wire, seconds
from protos.nnhal.v1 import device_pb2

BURSTS = 256
"""Bursts that a service holds at once; each keeps a call, and so a thread, open."""

QUANTUM = 0.008
"""Seconds that a burst may hold the device while others of its priority wait. Another one begins slowly: its client has
to wake up, which takes some tenths of a millisecond."""

_SHORT = 100e-6
"""Seconds of an execution for which its client does not sleep. Such bursts keep two cores busy, and take two slots."""

_LOOK = 1.0
"""Seconds that an idle burst sleeps; what ends it wakes it."""


@dataclass(frozen=True, slots=True)
class Line:
    """What who answers requests needs to know.

    ``ended``, ``wanted``, ``urgent``: words that are not 0 when the burst has ended, while others wait for the
    device, and while some of them have a higher priority. ``holders``: a word, how many hold the device's
    ``slots``.
    """

    requests: Ring
    results: Ring
    ended: NDArray[np.int64]
    wanted: NDArray[np.int64]
    urgent: NDArray[np.int64]
    holders: NDArray[np.int64]
    slots: int


class Next(Enum):
    """What is to be done about a burst's next request: ask for more answers, wait for it, or execute it."""

    MORE = 0
    NONE = 1
    OTHER = 2


@runtime_checkable
class AnswersRequests(Protocol):
    """A device's burst that can answer requests of some forms by itself, faster than by being called."""

    def attach(self, line: Line) -> None:
        """Get to know the rings, before anything else."""

    def arrange(self, form: int, request: Request | None) -> None:
        """Requests of this form are this one, from now on; None: they are to be left alone."""

    def answer(self, served: int, until: float) -> tuple[int, Next]:
        """Answer some of the requests after the one of the number ``served``, for each of which it may wait briefly.

        The device is held meanwhile: until then (``time.monotonic``), unless there are urgent requests, and for
        longer only as long as nobody else waits. Returns the number of the last request that was answered.
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
        self._width = 1
        self._ended = np.zeros(1, np.int64)
        self._fast = burst if isinstance(burst, AnswersRequests) else None
        if self._fast is not None:
            wanted, urgent = (queue.wanted(priority) for priority in (min(Priority), entry.priority + 1))
            self._fast.attach(Line(*rings, self._ended, wanted, urgent, queue.holders, queue.slots))
        client.when_gone(self._end)

    def run(self) -> None:
        """Answer requests until the client has gone."""
        header = self._requests.words
        while not self._ended[0]:
            if header[SEQUENCE] == self._served:
                self._requests.sleep(self._served, _LOOK)
            elif header[LENGTH] or header[NANOSECONDS] or self._answer_fast() is Next.OTHER:
                self._answer(header[SEQUENCE])
                with self._queue.slot_if_free() as free:  # the next request, if it comes, may have a deadline
                    if free:
                        self._answer_held()

    def _end(self) -> None:
        self._ended[0] = 1
        futex.wake(self._requests.address)

    def _answer_fast(self) -> Next:
        """Have the device's burst answer what it can, once it has the device."""
        if self._fast is None:
            return Next.OTHER
        with self._queue.slot(self._entry.priority, None, self._client, self._width):
            return self._answer_held()

    def _answer_held(self) -> Next:
        """The same as long as requests keep coming and the device may be held."""
        if self._fast is None:
            return Next.OTHER
        now = time.monotonic()
        until = now + QUANTUM
        coming = Next.MORE
        while coming is Next.MORE:
            begin, before = now, self._served
            self._served, coming = self._fast.answer(before, until)
            if coming is Next.MORE:
                now = time.monotonic()
                self._width = 2 if now - begin < _SHORT * (self._served - before) else 1
        return coming

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
