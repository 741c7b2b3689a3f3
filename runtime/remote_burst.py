"""A burst behind a driver: requests through one ring in shared memory, results through another."""

from __future__ import annotations

import resource
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import grpc
from google.protobuf.message import DecodeError

from hal import futex
from hal.device import Burst, ExecutionResult, PreparedModel, Request
from hal.errors import BadDataError, BadStateError, DeadObjectError, NnapiError, OpFailedError
from hal.model import Dimensions
from hal.rings import FORMS, HEADER, LENGTH, NANOSECONDS, SEQUENCE, SUBJECT, Ring
from hal.wire import error_from_wire, nanoseconds, request_to_wire, result_from_wire
from protos.nnhal.v1 import device_pb2
from runtime.connection import ANSWER_LIMIT, Connection, Patience, is_unimplemented
from runtime.process import folder
from runtime.remote_memory import require_memories

_ROOM = 64 * 1024 - HEADER
"""Bytes that a message may have: enough for hundreds of arguments."""

_MARGIN = 150_000
"""Nanoseconds around a result's expected time in which to look for it: waking up takes some 50 microseconds."""

_LONG = 20_000_000
"""Nanoseconds of an execution beside which waking up takes no time."""

KEPT = 5
"""Requests that ``RemoteBurst.keep`` keeps at once; their forms are the last ones."""

_CROWDED = 20_000
"""Nanoseconds: who gets the core back from others only after so long takes it from them, and had better sleep."""

_MOST_ASLEEP = 16
"""Results, at most, that are not looked for after that: the core is wanted, perhaps by the driver itself. One after a
look that was disturbed, and each time twice as many if the next look is disturbed again."""

_LOOK = 0.1
"""Seconds between looks at whether the driver lives."""


def _switches() -> int:
    """How often others got the core of this thread, which still wanted it."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


RequestKey: TypeAlias = tuple[object, ...]


class RemoteBurst(Burst):
    """A burst that a driver serves until this object is closed."""

    def __init__(
        self, prepared: PreparedModel, token: int, connection: Connection, patience: float, rings: tuple[Ring, Ring]
    ) -> None:
        self._prepared = prepared
        self._token = token
        self._connection = connection
        self._patience = patience
        self._requests, self._results = rings
        self._request_words, self._result_words = self._requests.words, self._results.words
        self._sequence = 0
        self._forms: OrderedDict[RequestKey, int] = OrderedDict()
        self._dimensions: dict[int, tuple[Dimensions, ...]] = {}
        self._asked = 0
        self._asleep = 0
        self._next_asleep = 1
        self._expected = 0
        self._ended = threading.Event()
        self._closed = False
        self._release: Callable[[], object] = lambda: None

    @classmethod
    def opened(cls, prepared: PreparedModel, token: int, connection: Connection, patience: float) -> RemoteBurst | None:
        """A new burst of the prepared model that the driver calls ``token``.

        None from a driver that has no bursts. Raises what the driver raises.
        """
        rings = Ring.create(folder(), _ROOM), Ring.create(folder(), _ROOM)
        burst = cls(prepared, token, connection, patience, rings)
        request = device_pb2.OpenBurstRequest(
            prepared_model=token, request_ring=rings[0].name, result_ring=rings[1].name
        )
        with connection.call():
            call = connection.stub.OpenBurst(request)
            try:
                for _ in connection.patiently(call, min(patience, ANSWER_LIMIT)):
                    burst._hold(call)
                    return burst
            except grpc.RpcError as error:
                if is_unimplemented(error):
                    return None
                raise
        raise OpFailedError(f"the driver '{connection.name}' ended the call without a burst")

    @property
    def is_open(self) -> bool:
        """Whether the driver serves it."""
        return not self._closed and not self._ended.is_set()

    @property
    def computing(self) -> int:
        """Nanoseconds that the driver says it has computed for the last request."""
        return self._result_words[NANOSECONDS]

    def execute(self, request: Request) -> ExecutionResult:
        """See ``Burst``. What no ring can carry is an ordinary execution: traces, and requests that are too large."""
        require_memories(request, self._connection)
        key = request_key(request)
        form = self._forms.get(key)
        message = b""
        if form is None:
            message = request_to_wire(self._token, replace(request, timeout=None), local=True).SerializeToString()
        if request.trace or len(message) > self._requests.room or not is_shared(request):
            return self._prepared.execute(request)
        if form is None:
            form = self._form(key)
        else:
            self._forms.move_to_end(key)
        try:
            return self.exchange(form, message, request.timeout)
        except BaseException:
            if message:
                del self._forms[key]
            raise

    def keep(self, request: Request, place: int = 0) -> ExecutionResult:
        """Execute a request, whose arguments are all in shared memory, that ``again`` will repeat.

        ``place``: where to keep it, below ``KEPT``, in place of what is kept there.
        """
        message = request_to_wire(self._token, request, local=True).SerializeToString()
        return self.exchange(FORMS - 1 - place, message)

    def again(self, place: int = 0) -> None:
        """Execute what is kept. Raises what the device raises, also where outputs' dimensions differ."""
        self.ask(place)
        self.finish(place)

    def ask(self, place: int) -> None:
        """Have the driver begin to execute what is kept; ``finish`` must follow."""
        self._asked = time.perf_counter_ns()
        sequence = self._sequence = self._sequence + 1
        self._requests.post(sequence, FORMS - 1 - place, 0)

    def finish(self, place: int, rehearse: Callable[[], object] = lambda: None) -> None:
        """Wait until what ``ask`` began is done. Raises as ``again`` does.

        ``rehearse``: called after a sleep, shortly before the end. It goes through what comes after the end, which
        is faster the second time: during a sleep, the core's caches get others' content.
        """
        self._await(None, rehearse)
        results = self._result_words
        if results[SUBJECT] or results[LENGTH]:
            form = FORMS - 1 - place
            kept = self._dimensions[form]
            if self._result(form).output_dimensions != kept:
                raise self._nonsense()

    def exchange(self, form: int, message: bytes = b"", timeout: float | None = None) -> ExecutionResult:
        """Have the driver execute a request of a form, which ``message`` announces; raises what it raises."""
        self._asked = time.perf_counter_ns()
        sequence = self._sequence = self._sequence + 1
        self._requests.post(sequence, form, 0 if timeout is None else max(nanoseconds(timeout), 1), message)
        self._await(timeout)
        return self._result(form)

    def close(self) -> None:
        """See ``Burst``."""
        self._closed = True
        self._release()

    def _hold(self, call: grpc.Call) -> None:
        ended, ring = self._ended, self._results

        def end() -> None:
            ended.set()
            futex.wake(ring.address)

        if not call.add_callback(end):
            end()
        self._release = weakref.finalize(self, call.cancel)

    def _form(self, key: RequestKey) -> int:
        """A number for a request that has none: a free one, or the one that has not been used for longest."""
        if len(self._forms) == FORMS - KEPT:
            _, number = self._forms.popitem(last=False)
        else:
            number = min(set(range(FORMS - KEPT)) - set(self._forms.values()))
        self._forms[key] = number
        return number

    def _await(self, timeout: float | None, rehearse: Callable[[], object] = lambda: None) -> None:
        """Return when the result is there: look for it when it is expected, sleep else."""
        sequence, results = self._sequence, self._result_words
        try:
            if self._asleep:
                self._asleep -= 1
            elif results[SEQUENCE] != sequence and self._expected < _LONG:
                self._look(sequence, rehearse)
            if results[SEQUENCE] != sequence:
                self._sleep(sequence, timeout)
        except BaseException:
            self.close()  # the driver may still answer, and that would be taken for another request's result
            raise
        took = time.perf_counter_ns() - self._asked
        self._expected = min(took, 2 * self._expected) if self._expected else took

    def _sleep(self, sequence: int, timeout: float | None) -> None:
        patience = Patience(self._connection, timeout, self._patience)
        while (seen := self._result_words[SEQUENCE]) != sequence:
            self._require_open()
            patience.check()
            self._results.sleep(seen, min(_LOOK, patience.left))

    def _look(self, sequence: int, rehearse: Callable[[], object]) -> None:
        """Sleep until shortly before the result is due, then look for it until shortly after."""
        clock, give_way, results = time.perf_counter_ns, futex.give_way, self._result_words
        margin = _MARGIN + self._expected // 16
        due = self._asked + self._expected
        ahead = due - margin - clock()
        if ahead > margin and (seen := results[SEQUENCE]) != sequence:
            self._results.sleep(seen, ahead / 1e9)
            rehearse()
        now = clock()
        end = min(due, now + margin) + margin
        others = _switches() if self._expected > _CROWDED else 0
        while results[SEQUENCE] != sequence and now < end:
            give_way()
            last, now = now, clock()
            if now - last > _CROWDED and _switches() != others:
                self._asleep = self._next_asleep
                self._next_asleep = min(2 * self._asleep, _MOST_ASLEEP)
                return
        self._next_asleep = 1

    def _require_open(self) -> None:
        if self._closed:
            raise BadStateError("the burst is closed")
        if self._ended.is_set():
            raise DeadObjectError(f"the driver '{self._connection.name}' has ended the burst, or has died")

    def _result(self, form: int) -> ExecutionResult:
        """What the ring of results says of a request of this form."""
        code, length, computing = (self._result_words[word] for word in (SUBJECT, LENGTH, NANOSECONDS))
        if not code and not length and form in self._dimensions:
            return ExecutionResult(self._dimensions[form], computing=computing, in_burst=True)
        try:
            data = self._results.message(length)
            error = device_pb2.Error.FromString(data) if code else None
            result = result_from_wire(device_pb2.ExecuteResponse.FromString(b"" if code else data))
        except (DecodeError, BadDataError, ValueError):
            raise self._nonsense() from None
        if error is not None:
            raise error_from_wire(error)
        self._dimensions[form] = result.output_dimensions
        return replace(result, in_burst=True)

    def _nonsense(self) -> NnapiError:
        return OpFailedError(f"the driver '{self._connection.name}' has put nonsense into a burst's ring")


def request_key(request: Request) -> RequestKey:
    """What a request is but for its tensors' content and the time that it may take."""
    arguments = [*request.inputs, *request.outputs]
    places = tuple(
        (argument.location, argument.dimensions, None if argument.memory is None else argument.memory.token)
        for argument in arguments
    )
    return places, request.measure, request.loop_timeout, request.attributes


def is_shared(request: Request) -> bool:
    """Whether all of a request's tensors are in shared memory, or on the device."""
    return all(
        argument.data is None or argument.location is not None for argument in (*request.inputs, *request.outputs)
    )
