"""The queue of a real driver process that computes one execution at a time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from drivers.sdk.queue import Queue
from hal.errors import MissedDeadlineTransientError
from hal.types import Priority, ResultCode
from tests.drivers.sdk.calls import details, error_of, execute, floats, prepared, relu, request


@pytest.fixture
def tokens(patient):
    """The token of a prepared model of each priority."""
    calls = {priority: prepared(patient, relu(1), priority=priority) for priority in (Priority.LOW, Priority.HIGH)}
    yield {priority: token for priority, (_, token) in calls.items()}
    for call, _ in calls.values():
        call.cancel()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(16) as pool:
        yield pool


class Busy:
    """The device, kept busy by an execution for some seconds."""

    def __init__(self, patient, token, seconds):
        self._call = patient.stub.Execute.future(request(token, [seconds]))
        time.sleep(0.1)  # until it surely has the device

    def number(self):
        return floats(self._call.result().outputs[0].inline)[0]


def test_urgent_executions_overtake_waiting_ones(patient, tokens, pool):
    busy = Busy(patient, tokens[Priority.LOW], 1.2)
    low = []
    for _ in range(4):
        low.append(pool.submit(execute, patient, tokens[Priority.LOW], [0]))
        time.sleep(0.03)
    high = pool.submit(execute, patient, tokens[Priority.HIGH], [0])
    first = busy.number()
    assert high.result()[0] == first + 1
    assert [each.result()[0] for each in low] == [first + 2, first + 3, first + 4, first + 5]


def test_a_deadline_ends_the_waiting(patient, tokens):
    busy = Busy(patient, tokens[Priority.LOW], 0.6)
    start = time.monotonic()
    error = error_of(lambda: patient.stub.Execute(request(tokens[Priority.HIGH], [0], timeout_ns=100_000_000)))
    assert error.code == ResultCode.MISSED_DEADLINE_TRANSIENT
    assert "busy with other executions" in error.message
    assert time.monotonic() - start < 0.4
    number = busy.number()
    assert execute(patient, tokens[Priority.LOW], [0])[0] == number + 1, "what had given up was executed"


def test_a_client_that_goes_away_leaves_the_queue(patient, tokens, pool):
    busy = Busy(patient, tokens[Priority.LOW], 0.5)
    gone = patient.stub.Execute.future(request(tokens[Priority.HIGH], [0]))
    time.sleep(0.1)
    gone.cancel()
    time.sleep(0.1)
    next_one = pool.submit(execute, patient, tokens[Priority.LOW], [0])
    assert next_one.result()[0] == busy.number() + 1


def test_the_time_in_the_queue_is_told(patient, tokens):
    response = patient.stub.Execute(request(tokens[Priority.LOW], [0], measure_timing=True, trace=True))
    assert response.timing.in_driver_ns < 50_000_000
    busy = Busy(patient, tokens[Priority.LOW], 0.4)
    response = patient.stub.Execute(request(tokens[Priority.LOW], [0], measure_timing=True, trace=True))
    busy.number()
    queue, computing = response.spans
    assert (queue.track, queue.start_ns) == ("queue", 0)
    assert 100_000_000 < queue.duration_ns < 2_000_000_000
    assert (computing.track, computing.start_ns, computing.duration_ns) == ("compute", queue.duration_ns + 10, 20)
    assert (response.timing.in_driver_ns, response.timing.on_hardware_ns) == (queue.duration_ns + 1000, 1)


def test_a_failed_execution_frees_the_device(patient, tokens):
    error = error_of(lambda: execute(patient, tokens[Priority.LOW], [-0.01]))
    assert error.code == ResultCode.OP_FAILED
    assert execute(patient, tokens[Priority.LOW], [0])[0] > 0


def test_many_that_wait_and_give_up(patient, tokens, pool):
    """Whoever is still there gets its turn, and the device is free in the end."""
    busy = Busy(patient, tokens[Priority.LOW], 0.4)
    calls = [
        patient.stub.Execute.future(
            request(
                tokens[Priority.HIGH if number % 2 else Priority.LOW], [0], timeout_ns=(1 + number % 5) * 100_000_000
            )
        )
        for number in range(30)
    ]
    for call in calls[::7]:
        call.cancel()
    cancelled = [call for call in calls if call.cancelled()]
    failed = [call for call in calls if call not in cancelled and call.exception() is not None]
    assert {details(call).code for call in failed} == {ResultCode.MISSED_DEADLINE_TRANSIENT}
    assert len(cancelled) + len(failed) < len(calls)
    busy.number()
    threading.Event().wait(0.05)
    assert execute(patient, tokens[Priority.LOW], [0])[0] > 0


class There:
    """A client that stays."""

    def when_gone(self, callback):
        pass

    def check(self):
        pass


def held(queue, priority=Priority.MEDIUM, width=1):
    """Ask for slots on a thread of its own; when it has them, ``begun`` is set, and it has them until ``done`` is."""
    begun, done = threading.Event(), threading.Event()

    def hold():
        with queue.slot(priority, None, There(), width):
            begun.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    return begun, lambda: (done.set(), thread.join())


def test_one_who_waits_for_two_slots_is_not_overtaken():
    queue = Queue(2)
    first, end_first = held(queue)
    assert first.wait(5)
    wide, end_wide = held(queue, width=2)
    while not queue.wanted(Priority.LOW)[0]:
        time.sleep(0.001)
    late, end_late = held(queue)
    assert not late.wait(0.05)
    assert not wide.is_set()
    end_first()
    assert wide.wait(5)
    assert not late.wait(0.05)
    assert queue.holders[0] == 1
    end_wide()
    assert late.wait(5)
    end_late()
    assert queue.holders[0] == 0
    more, end_more = held(queue, width=3)
    assert more.wait(5), "there are no more than two"
    end_more()


def test_one_who_gives_up_waiting_for_two_slots_lets_others_pass():
    queue = Queue(2)
    first, end_first = held(queue)
    assert first.wait(5)
    with pytest.raises(MissedDeadlineTransientError), queue.slot(Priority.HIGH, time.monotonic() + 0.1, There(), 2):
        pass
    second, end_second = held(queue)
    assert second.wait(5)
    end_first()
    end_second()


def test_who_holds_a_slot_sees_who_waits():
    queue = Queue(1)
    anybody, urgent = queue.wanted(Priority.LOW), queue.wanted(Priority.MEDIUM + 1)
    begun, end = held(queue)
    assert begun.wait(5)
    ends = [end]
    for priority, expected in ((Priority.LOW, (1, 0)), (Priority.MEDIUM, (2, 0)), (Priority.HIGH, (3, 1))):
        ends.append(held(queue, priority)[1])
        limit = time.monotonic() + 5
        while (anybody[0], urgent[0]) != expected:
            assert time.monotonic() < limit
            time.sleep(0.001)
    for each in (ends[0], ends[3], ends[2], ends[1]):
        each()
    assert (anybody[0], urgent[0]) == (0, 0)
