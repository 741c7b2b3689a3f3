"""Fenced executions in real driver processes."""

import threading
import time

import pytest

from hal.fence import Fence, FenceState
from hal.types import ResultCode
from protos.nnhal.v1 import device_pb2
from tests.drivers.sdk.calls import error_of, floats, prepared, relu, request


@pytest.fixture
def token(patient):
    call, token = prepared(patient, relu(1))
    yield token
    call.cancel()


def fenced(token, values, fence, wait_for=(), duration=None, **fields):
    message = device_pb2.ExecuteFencedRequest(
        request=request(token, values, **fields), wait_for=[each.name for each in wait_for], fence=fence.name
    )
    if duration is not None:
        message.duration_ns = int(duration * 1e9)
    return message


def test_it_waits_for_every_fence_then_signals_its_own(patient, token, folder):
    first, second, own = (Fence.create(folder) for _ in range(3))
    call = patient.stub.ExecuteFenced.future(fenced(token, [0], own, [first, second]))
    first.signal(FenceState.DONE)
    time.sleep(0.2)
    assert (own.state, call.done()) == (FenceState.WAITING, False)
    second.signal(FenceState.DONE)
    own.wait(time.monotonic() + 5)
    assert floats(call.result().outputs[0].inline)[0] > 0


def test_a_chain_over_two_drivers(patient, service, token, folder):
    """The second driver waits for the first one's fence; no client is between."""
    other_call, other = prepared(service)
    fences = [Fence.create(folder) for _ in range(3)]
    start = time.monotonic()
    calls = [
        service.stub.ExecuteFenced.future(fenced(other, [1, -1, 1, -1], fences[2], [fences[1]])),
        patient.stub.ExecuteFenced.future(fenced(token, [0.2], fences[1], [fences[0]])),
    ]
    fences[0].signal(FenceState.DONE)
    fences[2].wait(time.monotonic() + 5)
    assert time.monotonic() - start > 0.2
    assert floats(calls[0].result().outputs[0].inline).tolist() == [1, 0, 1, 0]
    other_call.cancel()


def test_a_failure_is_passed_on(patient, token, folder):
    failed, own, next_one = (Fence.create(folder) for _ in range(3))
    later = patient.stub.ExecuteFenced.future(fenced(token, [0], next_one, [own]))
    failed.signal(FenceState.FAILED)
    error = error_of(lambda: patient.stub.ExecuteFenced(fenced(token, [0], own, [failed])))
    assert (error.code, "has failed" in error.message) == (ResultCode.OP_FAILED, True)
    assert own.state is FenceState.FAILED
    assert error_of(later.result).code == ResultCode.OP_FAILED
    assert next_one.state is FenceState.FAILED


@pytest.mark.parametrize("values", [[-0.01], [0, 0]])
def test_its_own_failure_is_signalled(patient, token, folder, values):
    own = Fence.create(folder)
    error_of(lambda: patient.stub.ExecuteFenced(fenced(token, values, own)))
    assert own.state is FenceState.FAILED


def test_the_timeout_counts_from_the_call(patient, token, folder):
    never, own = Fence.create(folder), Fence.create(folder)
    message = fenced(token, [0], own, [never], timeout_ns=100_000_000)
    assert error_of(lambda: patient.stub.ExecuteFenced(message)).code == ResultCode.MISSED_DEADLINE_TRANSIENT
    assert own.state is FenceState.FAILED


def test_the_duration_counts_from_when_all_fences_have_signalled(patient, token, folder):
    late, own = Fence.create(folder), Fence.create(folder)
    threading.Timer(0.3, late.signal, [FenceState.DONE]).start()
    response = patient.stub.ExecuteFenced(fenced(token, [0], own, [late], duration=0.2))
    assert floats(response.outputs[0].inline)[0] > 0


def test_a_duration_on_a_busy_device(patient, token, folder):
    busy = patient.stub.Execute.future(request(token, [0.5]))
    time.sleep(0.1)
    own = Fence.create(folder)
    error = error_of(lambda: patient.stub.ExecuteFenced(fenced(token, [0], own, duration=0.1)))
    assert error.code == ResultCode.MISSED_DEADLINE_TRANSIENT
    busy.result()


def test_a_client_that_goes_away_stops_waiting(patient, token, folder):
    never, own = Fence.create(folder), Fence.create(folder)
    call = patient.stub.ExecuteFenced.future(fenced(token, [0], own, [never]))
    time.sleep(0.1)
    call.cancel()
    own_deadline = time.monotonic() + 5
    while own.state is FenceState.WAITING:
        assert time.monotonic() < own_deadline, "the driver waits for nobody"
        time.sleep(0.02)
    assert own.state is FenceState.FAILED


def test_what_is_no_fence_is_refused(patient, token, folder):
    own = Fence.create(folder)
    message = fenced(token, [0], own)
    message.wait_for.append("app-1-0/r0")
    assert error_of(lambda: patient.stub.ExecuteFenced(message)).code == ResultCode.BAD_DATA
    assert own.state is FenceState.FAILED
    message = fenced(token, [0], own)
    message.fence = "nonsense"
    assert error_of(lambda: patient.stub.ExecuteFenced(message)).code == ResultCode.BAD_DATA


def test_the_network_has_no_fences(network_service, folder):
    call, token = prepared(network_service)
    error = error_of(lambda: network_service.stub.ExecuteFenced(fenced(token, [0, 0, 0, 0], Fence.create(folder))))
    assert error.code == ResultCode.BAD_DATA
    call.cancel()


def test_more_than_a_service_holds_are_refused(start, folder):
    """Those that wait don't keep it from answering; those that are too many are told."""
    service = start()
    held, token = prepared(service)
    never = Fence.create(folder)
    own = [Fence.create(folder) for _ in range(300)]
    calls = [service.stub.ExecuteFenced.future(fenced(token, [0, 0, 0, 0], each, [never])) for each in own]
    refused = 0
    deadline = time.monotonic() + 20
    while refused < 300 - 256 and time.monotonic() < deadline:
        refused = sum(call.done() for call in calls)
        time.sleep(0.05)
    assert refused == 300 - 256
    assert service.stub.GetInfo(device_pb2.GetInfoRequest(), timeout=5).name == "cpu"
    never.signal(FenceState.DONE)
    for call in calls:
        if call.exception() is None:
            call.result()
    assert sum(each.state is FenceState.DONE for each in own) == 256
    held.cancel()
