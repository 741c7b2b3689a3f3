"""Bursts of a real service, as a bare client on the wire and in shared memory sees them, also a hostile one."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from drivers.sdk.bursts import BURSTS
from hal.memory import Region
from hal.rings import LENGTH, NANOSECONDS, SEQUENCE, SUBJECT, Ring
from hal.types import ResultCode
from protos.nnhal.v1 import device_pb2
from tests.drivers.sdk.calls import error_of, execute, inline, prepared, relu, request, shared

VALUES = np.array([-1, 2, -3, 4], np.float32)
RESULT = [0, 2, 0, 4]


class Client:
    """A burst with its rings, and memory for an input and an output of 16 bytes each."""

    def __init__(self, service, folder, token, room=4096):
        self.token = token
        self.requests, self.results = Ring.create(folder, room), Ring.create(folder, room)
        self.memory = Region.create(folder, 128)
        self.input, self.output = (self.memory.slice(at, 16).view(np.float32) for at in (0, 64))
        message = device_pb2.OpenBurstRequest(
            prepared_model=token, request_ring=self.requests.name, result_ring=self.results.name
        )
        self.call = service.stub.OpenBurst(message)
        next(iter(self.call))
        self._number = 0

    def form(self, **fields):
        """The request that reads the input and writes the output."""
        return device_pb2.ExecuteRequest(
            prepared_model=self.token,
            inputs=[device_pb2.Argument(location=shared(self.memory, 16))],
            outputs=[device_pb2.Argument(location=shared(self.memory, 16, 64))],
            **fields,
        )

    def ask(self, form=0, message=None, nanoseconds=0):
        """The code and the message of the answer."""
        self._number += 1
        data = b"" if message is None else message.SerializeToString()
        self.requests.post(self._number, form, nanoseconds, data)
        return self.answer(self._number)

    def answer(self, number, patience=20):
        end = time.monotonic() + patience
        while (seen := self.results.words[SEQUENCE]) != number:
            assert time.monotonic() < end, "no answer"
            self.results.sleep(seen, 0.05)
        return self.results.words[SUBJECT], self.results.message(self.results.words[LENGTH])

    def error(self, *arguments, **fields):
        code, data = self.ask(*arguments, **fields)
        error = device_pb2.Error.FromString(data)
        assert code == error.code != 0
        return error

    def computes(self, form=0):
        """Whether a form gives the right result."""
        self.input[:] = VALUES
        self.output[:] = -1
        code, _ = self.ask(form)
        return code == 0 and self.output.tolist() == RESULT


@pytest.fixture
def model(service):
    call, token = prepared(service)
    yield token
    call.cancel()


@pytest.fixture
def client(service, folder, model):
    client = Client(service, folder, model)
    yield client
    client.call.cancel()


def test_a_form_is_announced_once(client):
    client.input[:] = VALUES
    code, data = client.ask(0, client.form())
    response = device_pb2.ExecuteResponse.FromString(data)
    assert (code, client.output.tolist()) == (0, RESULT)
    assert list(response.outputs[0].dimensions.sizes) == [4]
    assert response.computing_ns == client.results.words[NANOSECONDS] > 0
    for scale in range(20):
        client.input[:] = scale * VALUES
        assert client.ask(0) == (0, b"")
        assert client.output.tolist() == (scale * np.array(RESULT)).tolist()
        assert client.results.words[NANOSECONDS] > 0


def test_it_wakes_up_after_a_pause(client):
    assert client.ask(0, client.form())[0] == 0
    for pause in (0.0005, 0.005, 0.3):
        time.sleep(pause)
        assert client.computes()


def test_forms_are_apart_and_can_be_replaced(client, folder):
    other = Region.create(folder, 32)
    there = client.form()
    there.outputs[0].location.CopyFrom(shared(other, 16, 16))
    assert client.ask(0, client.form())[0] == 0
    assert client.ask(15, there)[0] == 0
    assert client.computes(0)
    client.output[:] = 0
    client.ask(15)
    assert other.data[16:].view(np.float32).tolist() == RESULT
    assert client.output.tolist() == [0, 0, 0, 0]
    assert client.ask(0, there)[0] == 0
    client.ask(0)
    assert client.output.tolist() == [0, 0, 0, 0]


def test_timing_is_told_each_time(client):
    for message in (client.form(measure_timing=True), None, None):
        code, data = client.ask(3, message)
        assert code == 0
        assert device_pb2.ExecuteResponse.FromString(data).timing.HasField("in_driver_ns")


def test_a_deadline_that_cannot_be_met(client):
    assert client.ask(0, client.form())[0] == 0
    assert client.error(0, None, 1).code == ResultCode.MISSED_DEADLINE_TRANSIENT
    assert client.ask(0, None, 10**12)[0] == 0
    assert client.computes()


def too_long(client):
    client._number += 1
    client.requests.post(client._number - 1, 0, 0)
    client.answer(client._number - 1)
    client.requests.words[LENGTH] = 2**62
    client.requests.words[SEQUENCE] = client._number
    return device_pb2.Error.FromString(client.answer(client._number)[1])


class Raw:
    def __init__(self, data):
        self.SerializeToString = lambda: data


def changed(client, **fields):
    form = client.form()
    for name, value in fields.items():
        getattr(form, name)[0].CopyFrom(value)
    return form


def outside(client):
    return device_pb2.Argument(location=shared(client.memory, 16, 120))


NONSENSE = {
    "a form that was not announced": (lambda client: client.error(5), "form 5 has not been announced"),
    "a form beyond the last": (lambda client: client.error(16, client.form()), "forms are from 0 to 15"),
    "a negative form": (lambda client: client.error(-1), "forms are from 0 to 15"),
    "bytes that are no request": (lambda client: client.error(0, Raw(b"\xff" * 9)), "is no ExecuteRequest"),
    "more bytes than the ring has": (too_long, "room for 4096"),
    "another prepared model": (
        lambda client: client.error(0, request(client.token + 1, VALUES)),
        "in a burst, all are in shared memory|another prepared model",
    ),
    "an inline tensor": (
        lambda client: client.error(0, changed(client, inputs=inline(VALUES))),
        "an argument is inline",
    ),
    "a timeout in a form": (lambda client: client.error(0, client.form(timeout_ns=9)), "a form has a timeout"),
    "a tensor outside its region": (
        lambda client: client.error(0, changed(client, inputs=outside(client))),
        "reach beyond the 128 bytes",
    ),
    "too few arguments": (
        lambda client: client.error(0, device_pb2.ExecuteRequest(prepared_model=client.token)),
        "the request has 0 inputs",
    ),
}


@pytest.mark.parametrize(("ask", "reason"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_and_survived(client, ask, reason):
    for _ in range(2):
        error = ask(client)
        assert error.code == ResultCode.BAD_DATA
        assert re.search(reason, error.message), error.message
    assert client.ask(0, client.form())[0] == 0
    assert client.computes()


def test_a_form_whose_announcement_failed_is_none(client):
    assert client.ask(0, client.form())[0] == 0
    client.error(0, changed(client, inputs=outside(client)))
    assert "has not been announced" in client.error(0).message


def test_a_client_that_writes_into_the_header_at_any_time(client):
    """The driver lives, and serves the next request."""
    assert client.ask(0, client.form())[0] == 0
    random = np.random.default_rng(0)
    for _ in range(3000):
        word = random.integers(4)
        client.requests.words[int(word)] = int(random.choice([-(2**63), -1, 0, 1, 15, 16, 2**31, 2**63 - 1]))
    client.requests.words[LENGTH] = client.requests.words[NANOSECONDS] = client.requests.words[SUBJECT] = 0
    client._number = 10**6
    assert client.ask(0, client.form())[0] == 0
    assert client.computes()


def opened(service, **fields):
    return error_of(lambda: next(iter(service.stub.OpenBurst(device_pb2.OpenBurstRequest(**fields)))))


def test_what_is_no_burst(service, network_service, folder, model):
    ring = Ring.create(folder, 100)
    small = Region.create(folder, 8)
    names = {"request_ring": ring.name, "result_ring": small.name}
    assert "is not the token" in opened(service, **names, prepared_model=2**40).message
    assert "is no ring" in opened(service, **names, prepared_model=model).message
    assert (
        "there is no" in opened(service, request_ring="app-1-a/r0", result_ring=ring.name, prepared_model=model).message
    )
    same = opened(service, request_ring=ring.name, result_ring=ring.name, prepared_model=model)
    assert "in one region" in same.message
    assert "clients on the network" in opened(network_service, **names, prepared_model=1).message


def test_many_bursts_of_one_prepared_model(service, folder, model):
    clients = [Client(service, folder, model) for _ in range(5)]
    for client in clients:
        assert client.ask(0, client.form())[0] == 0

    def work(client):
        return all(client.computes() for _ in range(200))

    with ThreadPoolExecutor(5) as pool:
        assert all(pool.map(work, clients))
    for client in clients:
        client.call.cancel()


def test_a_burst_outlives_its_prepared_model(service, folder):
    call, token = prepared(service)
    client = Client(service, folder, token)
    assert client.ask(0, client.form())[0] == 0
    call.cancel()
    time.sleep(0.2)
    assert client.computes()
    client.call.cancel()


def test_what_a_burst_holds_goes_with_its_call(start, folder):
    service = start()
    call, token = prepared(service)
    process = psutil.Process(service.process.pid)

    def several():
        clients = [Client(service, folder, token) for _ in range(20)]
        for client in clients:
            client.ask(0, client.form())
            client.call.cancel()

    def settled(threads, files):
        """Whether the process comes down to so many threads and files."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if process.num_threads() <= threads and process.num_fds() <= files:
                return True
            time.sleep(0.1)
        return False

    several()
    time.sleep(1)
    threads, files = process.num_threads(), process.num_fds()
    for _ in range(2 + BURSTS // 20):  # more than the service holds at once
        several()
        time.sleep(0.2)
    assert settled(threads + 10, files + 5)
    call.cancel()


def test_an_idle_burst_takes_no_time(client, service):
    assert client.ask(0, client.form())[0] == 0
    process = psutil.Process(service.process.pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(1)
    assert sum(process.cpu_times()[:2]) - before < 0.3


def test_a_busy_burst_lets_others_have_their_turn(patient, folder):
    """A device with one slot: a burst whose requests never end does not keep it."""
    call, token = prepared(patient, relu(1))
    client = Client(patient, folder, token)
    client.input[:] = 0.01
    form = device_pb2.ExecuteRequest(
        prepared_model=token,
        inputs=[device_pb2.Argument(location=shared(client.memory, 4))],
        outputs=[device_pb2.Argument(location=shared(client.memory, 4, 64))],
    )
    assert client.ask(0, form)[0] == 0
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(lambda: [client.ask(0)[0] for _ in range(100)])
        numbers = [float(execute(patient, token, [0.01])[0]) for _ in range(20)]
        assert not going.done(), "the burst had the device for itself first"
        assert not any(going.result())
    assert numbers == sorted(numbers)
    client.call.cancel()
    call.cancel()
