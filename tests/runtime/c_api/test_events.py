"""Events and sync fences by calls of C."""

from __future__ import annotations

import os
import select
import threading

import numpy as np
import pytest

from hal.types import ResultCode
from tests.runtime.c_api import clients
from tests.runtime.c_api.executing import event_of, ready, start_after, waited

R = ResultCode

pytestmark = pytest.mark.usefixtures("two_devices")


@pytest.fixture
def compilation(nn, request):
    model = clients.add_model(nn)
    made = clients.new_compilation(nn, model, ["cpu"])
    yield made
    nn.lib.ANeuralNetworksCompilation_free(made)
    nn.lib.ANeuralNetworksModel_free(model)


@pytest.fixture
def eventfd():
    descriptor = os.eventfd(0)
    yield descriptor
    os.close(descriptor)


def one(nn):
    """Where an event goes, with something in it."""
    return nn.ffi.new("ANeuralNetworksEvent**", nn.ffi.cast("ANeuralNetworksEvent*", 1))


def sync_fence(nn, event) -> tuple[int, int]:
    """The result code and the descriptor."""
    descriptor = nn.ffi.new("int*", -100)
    return nn.lib.ANeuralNetworksEvent_getSyncFenceFd(event, descriptor), descriptor[0]


def readable(descriptor: int, timeout: float = 0) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(timeout * 1e3))


def test_start_needs_an_execution_and_a_place_for_the_event(nn, compilation):
    place, made = one(nn), ready(nn, compilation)
    assert nn.lib.ANeuralNetworksExecution_startCompute(nn.ffi.NULL, place) == R.UNEXPECTED_NULL
    assert place[0] == nn.ffi.NULL
    assert nn.lib.ANeuralNetworksExecution_startCompute(made.execution, nn.ffi.NULL) == R.UNEXPECTED_NULL
    clients.ok(nn.lib.ANeuralNetworksExecution_startCompute(made.execution, place))  # refused calls began nothing
    assert waited(nn, place[0], 0) == R.NO_ERROR
    made.require_sum()


def test_wait(nn, compilation):
    assert nn.lib.ANeuralNetworksEvent_wait(nn.ffi.NULL) == R.UNEXPECTED_NULL
    made, place = ready(nn, compilation), one(nn)
    clients.ok(nn.lib.ANeuralNetworksExecution_startCompute(made.execution, place))
    for _ in range(3):
        assert nn.lib.ANeuralNetworksEvent_wait(place[0]) == R.NO_ERROR
    made.require_sum()
    nn.lib.ANeuralNetworksEvent_free(place[0])
    assert nn.lib.ANeuralNetworksEvent_wait(place[0]) == R.BAD_DATA


def test_several_threads_wait(nn, compilation, eventfd):
    fence, made = event_of(nn, eventfd), ready(nn, compilation)
    code, event = start_after(nn, made.execution, [fence])
    clients.ok(code)
    codes = []
    threads = [threading.Thread(target=lambda: codes.append(nn.lib.ANeuralNetworksEvent_wait(event))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert codes == []
    os.eventfd_write(eventfd, 1)
    for thread in threads:
        thread.join()
    assert codes == [R.NO_ERROR] * 4
    made.require_sum()


def test_every_wait_tells_of_the_failure(nn):
    """Inputs that do not fit each other, which only the execution finds."""
    compilation = clients.new_compilation(nn, clients.add_model(nn, ()), ["cpu"])
    execution, place = clients.new_execution(nn, compilation), one(nn)
    arrays = [np.zeros(size, np.float32) for size in (2, 3, 3)]
    for index in range(2):
        type = clients.operand_type(nn, nn.lib.ANEURALNETWORKS_TENSOR_FLOAT32, arrays[index].shape)
        clients.set_input(nn, execution, index, arrays[index], type)
    clients.set_output(nn, execution, 0, arrays[2])
    clients.ok(nn.lib.ANeuralNetworksExecution_startCompute(execution, place))
    for _ in range(2):
        assert nn.lib.ANeuralNetworksEvent_wait(place[0]) == R.OP_FAILED
    nn.lib.ANeuralNetworksEvent_free(place[0])


def test_free_waits_for_the_execution_and_takes_null(nn, compilation):
    nn.lib.ANeuralNetworksEvent_free(nn.ffi.NULL)
    made, place = ready(nn, compilation), one(nn)
    clients.ok(nn.lib.ANeuralNetworksExecution_startCompute(made.execution, place))
    nn.lib.ANeuralNetworksEvent_free(place[0])
    made.require_sum()
    nn.lib.ANeuralNetworksEvent_free(place[0])  # again: noticed


def test_free_does_not_wait_for_what_others_signal(nn, eventfd):
    nn.lib.ANeuralNetworksEvent_free(event_of(nn, eventfd))


# Sync fences


def test_an_event_is_made_of_an_open_descriptor(nn, eventfd):
    create, place = nn.lib.ANeuralNetworksEvent_createFromSyncFenceFd, one(nn)
    for descriptor in (-1, -(2**31), 10**6, 2**31 - 1):
        place[0] = nn.ffi.cast("ANeuralNetworksEvent*", 1)
        assert create(descriptor, place) == R.BAD_DATA
        assert place[0] == nn.ffi.NULL
    assert create(eventfd, nn.ffi.NULL) == R.UNEXPECTED_NULL
    clients.ok(create(eventfd, place))
    os.eventfd_write(eventfd, 1)
    assert waited(nn, place[0], 0) == R.NO_ERROR


def test_an_event_has_a_descriptor_of_its_own(nn):
    mine = os.eventfd(0)
    event = event_of(nn, mine)
    os.eventfd_write(mine, 1)
    os.close(mine)
    assert nn.lib.ANeuralNetworksEvent_wait(event) == R.NO_ERROR
    first, second = sync_fence(nn, event), sync_fence(nn, event)
    assert first[0] == second[0] == R.NO_ERROR
    assert 0 <= first[1] != second[1] >= 0
    os.close(first[1])
    nn.lib.ANeuralNetworksEvent_free(event)
    assert readable(second[1])  # the program's own
    os.close(second[1])


def test_get_sync_fence_fd_needs_an_event_with_a_fence(nn, compilation):
    assert sync_fence(nn, nn.ffi.NULL) == (R.UNEXPECTED_NULL, -1)
    made, place = ready(nn, compilation), one(nn)
    clients.ok(nn.lib.ANeuralNetworksExecution_startCompute(made.execution, place))
    assert sync_fence(nn, place[0]) == (R.BAD_DATA, -1)
    assert nn.lib.ANeuralNetworksEvent_getSyncFenceFd(place[0], nn.ffi.NULL) == R.UNEXPECTED_NULL
    assert waited(nn, place[0], 0) == R.NO_ERROR
    assert sync_fence(nn, place[0]) == (R.BAD_DATA, -1)  # freed


def test_the_fence_of_an_execution_signals_its_end(nn, compilation, eventfd):
    fence, made = event_of(nn, eventfd), ready(nn, compilation)
    code, event = start_after(nn, made.execution, [fence])
    clients.ok(code)
    code, descriptor = sync_fence(nn, event)
    clients.ok(code)
    assert not readable(descriptor)
    os.eventfd_write(eventfd, 1)
    assert readable(descriptor, 30)
    made.require_sum()
    assert waited(nn, event, code) == R.NO_ERROR
    assert readable(descriptor)
    os.close(descriptor)


# Dependencies


def test_start_with_dependencies_needs_them_and_a_place_for_the_event(nn, compilation):
    start, null = nn.lib.ANeuralNetworksExecution_startComputeWithDependencies, nn.ffi.NULL
    first, second = ready(nn, compilation), ready(nn, compilation)
    code, event = start_after(nn, first.execution, [])
    clients.ok(code)
    assert nn.lib.ANeuralNetworksEvent_getSyncFenceFd(event, null) == R.UNEXPECTED_NULL
    for dependencies, count, execution in (
        ([event], 1, null),
        (null, 1, second.execution),
        ([event, null], 2, second.execution),
        ([null, event], 2, second.execution),
        ([null], 1, second.execution),
    ):
        given = dependencies if dependencies == null else nn.ffi.new("ANeuralNetworksEvent*[]", dependencies)
        place = one(nn)
        assert start(execution, given, count, 0, place) == R.UNEXPECTED_NULL
        assert place[0] == null
    given = nn.ffi.new("ANeuralNetworksEvent*[]", [event])
    assert start(second.execution, given, 1, 0, null) == R.UNEXPECTED_NULL
    assert start(second.execution, null, 0, 0, null) == R.UNEXPECTED_NULL
    code, last = start_after(nn, second.execution, [event])  # refused calls began nothing
    assert waited(nn, last, code) == R.NO_ERROR
    first.require_sum()
    second.require_sum()
    assert waited(nn, event, 0) == R.NO_ERROR


def test_what_is_not_an_event_is_no_dependency(nn, compilation):
    made = ready(nn, compilation)
    for wrong in (compilation, made.execution, 1, 0xDEAD0000):
        code, event = start_after(nn, made.execution, [nn.ffi.cast("ANeuralNetworksEvent*", wrong)])
        assert (code, event) == (R.BAD_DATA, nn.ffi.NULL)


def test_a_chain_of_executions(nn, compilation):
    """Each adds to what the one before has computed; waiting for the last is enough."""
    zero, step = np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)
    value = zero
    events, executions = [], []
    for _ in range(5):
        execution = clients.new_execution(nn, compilation)
        clients.set_input(nn, execution, 0, value)
        clients.set_input(nn, execution, 1, step)
        value = np.full((2, 3), -1, np.float32)
        clients.set_output(nn, execution, 0, value)
        executions.append((execution, value))
        code, event = start_after(nn, execution, events[-1:])
        clients.ok(code)
        events.append(event)
    assert nn.lib.ANeuralNetworksEvent_wait(events[-1]) == R.NO_ERROR
    for number, (_, array) in enumerate(executions):
        assert (array == number + 1).all()
    for event in events:
        nn.lib.ANeuralNetworksEvent_free(event)


def test_the_same_dependency_twice_and_events_of_all_kinds(nn, compilation, eventfd):
    fence, place = event_of(nn, eventfd), one(nn)
    asynchronous, made = ready(nn, compilation), ready(nn, compilation)
    clients.ok(nn.lib.ANeuralNetworksExecution_startCompute(asynchronous.execution, place))
    code, event = start_after(nn, made.execution, [fence, place[0], fence])
    os.eventfd_write(eventfd, 1)
    assert waited(nn, event, code) == R.NO_ERROR
    made.require_sum()
    assert waited(nn, place[0], 0) == R.NO_ERROR


def failing_fence(nn):
    """The event of a pipe that hangs up, and the descriptor whose closing makes it."""
    theirs, ours = os.pipe()
    event = event_of(nn, theirs)
    os.close(theirs)
    return event, ours


def test_a_dependency_that_has_failed_is_refused(nn, compilation):
    fence, ours = failing_fence(nn)
    os.close(ours)
    made = ready(nn, compilation)
    assert nn.lib.ANeuralNetworksEvent_wait(fence) == R.OP_FAILED
    assert start_after(nn, made.execution, [fence]) == (R.OP_FAILED, nn.ffi.NULL)


def test_a_dependency_that_fails_later_fails_the_execution_and_those_after_it(nn, compilation):
    fence, ours = failing_fence(nn)
    first, second = ready(nn, compilation), ready(nn, compilation)
    code, event = start_after(nn, first.execution, [fence])
    clients.ok(code)
    code, last = start_after(nn, second.execution, [event])
    clients.ok(code)
    descriptor = sync_fence(nn, last)[1]
    os.close(ours)
    for each in (event, last):
        assert waited(nn, each, 0) == R.OP_FAILED
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    assert poll.poll(30000)[0][1] == select.POLLHUP
    os.close(descriptor)
    assert (first.output == -1).all()


def test_with_dependencies_all_dimensions_of_outputs_must_be_known(nn):
    compilation = clients.new_compilation(nn, clients.add_model(nn, (0, 3)), ["cpu"])
    type = clients.operand_type(nn, nn.lib.ANEURALNETWORKS_TENSOR_FLOAT32, (2, 3))
    for given in (None, clients.operand_type(nn, nn.lib.ANEURALNETWORKS_TENSOR_FLOAT32, (0, 3)), type):
        execution = clients.new_execution(nn, compilation)
        arrays = [np.ones((2, 3), np.float32) for _ in range(3)]
        for index in range(2):
            clients.set_input(nn, execution, index, arrays[index], type)
        clients.set_output(nn, execution, 0, arrays[2], given)
        code, event = start_after(nn, execution, [])
        if given is type:
            assert waited(nn, event, code) == R.NO_ERROR
            assert (arrays[2] == 2).all()
        else:
            assert (code, event) == (R.BAD_DATA, nn.ffi.NULL)
            assert start_after(nn, execution, [])[0] == R.BAD_STATE


def test_a_duration_needs_one_chosen_device(nn):
    model = clients.add_model(nn)
    for names in (None, ["cpu", "gpu"], ["cpu"]):
        compilation = clients.new_compilation(nn, model, names)
        for duration in (0, 10**10, 2**64 - 1):
            code, event = start_after(nn, ready(nn, compilation).execution, [], duration)
            if duration and names != ["cpu"]:
                assert (code, event) == (R.BAD_DATA, nn.ffi.NULL)
            else:
                assert waited(nn, event, code) == R.NO_ERROR
