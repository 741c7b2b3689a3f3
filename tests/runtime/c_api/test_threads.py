"""The C functions from several threads at once."""

from __future__ import annotations

import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hal.types import ResultCode
from tests.runtime.c_api import clients
from tests.runtime.c_api.executing import MODES, compute, event_of, new_memory, ready, start_after

R = ResultCode
THREADS = 6

pytestmark = pytest.mark.usefixtures("two_devices")


def at_once(*functions):
    """What each function returns, all called from threads of their own that begin together."""
    barrier = threading.Barrier(len(functions))

    def call(function):
        barrier.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(call, functions))


def whole_life(nn, number):
    """Build, compile, execute, free; the result is right."""
    model = clients.add_model(nn, (number + 1, 3))
    compilation = clients.new_compilation(nn, model, [None, ["cpu"]][number % 2])
    for mode in MODES:
        made = ready(nn, compilation, (number + 1, 3))
        assert compute(nn, mode, made.execution, compilation) == R.NO_ERROR
        made.require_sum()
        nn.lib.ANeuralNetworksExecution_free(made.execution)
    nn.lib.ANeuralNetworksCompilation_free(compilation)
    nn.lib.ANeuralNetworksModel_free(model)


def test_each_thread_has_models_of_its_own(nn):
    at_once(*(lambda number=number: whole_life(nn, number) for number in range(THREADS)))


@pytest.fixture
def compilation(nn):
    return clients.new_compilation(nn, clients.add_model(nn), ["cpu"])


def test_threads_share_a_compilation(nn, compilation):
    def executions(number):
        for mode in MODES:
            made = ready(nn, compilation)
            made.inputs[0][:] = number
            assert compute(nn, mode, made.execution, compilation) == R.NO_ERROR
            made.require_sum()
            nn.lib.ANeuralNetworksExecution_free(made.execution)

    at_once(*(lambda number=number: executions(number) for number in range(THREADS)))


@pytest.mark.parametrize("reusable", [False, True])
@pytest.mark.parametrize(("first", "second"), list(itertools.product(MODES, repeat=2)))
def test_two_threads_compute_one_execution(nn, compilation, first, second, reusable):
    """One at least succeeds; the other may be refused, and must be where the execution is not reusable."""
    made = ready(nn, compilation)
    clients.ok(nn.lib.ANeuralNetworksExecution_setReusable(made.execution, reusable))
    codes = at_once(*(lambda mode=mode: compute(nn, mode, made.execution, compilation) for mode in (first, second)))
    assert set(codes) <= {R.NO_ERROR, R.BAD_STATE}
    assert R.NO_ERROR in codes
    assert reusable or R.BAD_STATE in codes
    made.require_sum()
    nn.lib.ANeuralNetworksExecution_free(made.execution)


def test_threads_add_to_one_model(nn):
    """NNAPI forbids it; here, nothing is lost."""
    lib, model = nn.lib, clients.new_model(nn)

    def add():
        for _ in range(50):
            clients.add_operand(nn, model, lib.ANEURALNETWORKS_TENSOR_FLOAT32, (2,))

    at_once(*[add] * THREADS)
    place = nn.ffi.new("float[]", 2)
    assert lib.ANeuralNetworksModel_setOperandValue(model, 50 * THREADS - 1, place, 8) == R.NO_ERROR
    assert lib.ANeuralNetworksModel_setOperandValue(model, 50 * THREADS, place, 8) == R.BAD_DATA


def test_threads_finish_one_model_and_one_compilation(nn):
    """NNAPI forbids it."""
    model = clients.add_model(nn, finish=False)
    codes = at_once(*[lambda: nn.lib.ANeuralNetworksModel_finish(model)] * THREADS)
    assert R.NO_ERROR in codes
    assert set(codes) <= {R.NO_ERROR, R.BAD_STATE}
    compilation = clients.new_compilation(nn, model, ["cpu"], finish=False)
    codes = at_once(*[lambda: nn.lib.ANeuralNetworksCompilation_finish(compilation)] * THREADS)
    assert R.NO_ERROR in codes
    assert set(codes) <= {R.NO_ERROR, R.BAD_STATE}
    ready(nn, compilation)


def test_threads_free_the_same_objects(nn):
    lib = nn.lib
    for _ in range(5):
        model = clients.add_model(nn)
        compilation = clients.new_compilation(nn, model, ["cpu"])
        made, memory = ready(nn, compilation), new_memory(nn, 8)[0]
        burst = clients.new(nn, "Burst", lib.ANeuralNetworksBurst_create, compilation)
        desc = clients.new(nn, "MemoryDesc", lib.ANeuralNetworksMemoryDesc_create)
        code, event = start_after(nn, made.execution, [])
        clients.ok(code)

        def free(model=model, compilation=compilation, made=made, memory=memory, burst=burst, desc=desc, event=event):
            lib.ANeuralNetworksEvent_free(event)
            lib.ANeuralNetworksBurst_free(burst)
            lib.ANeuralNetworksExecution_free(made.execution)
            lib.ANeuralNetworksMemoryDesc_free(desc)
            lib.ANeuralNetworksMemory_free(memory)
            lib.ANeuralNetworksCompilation_free(compilation)
            lib.ANeuralNetworksModel_free(model)

        at_once(*[free] * THREADS)
        made.require_sum()
        assert lib.ANeuralNetworksModel_finish(model) == R.BAD_DATA
        assert lib.ANeuralNetworksCompilation_finish(compilation) == R.BAD_DATA
        assert lib.ANeuralNetworksExecution_compute(made.execution) == R.BAD_DATA
        assert lib.ANeuralNetworksExecution_burstCompute(made.execution, burst) == R.BAD_DATA
        assert lib.ANeuralNetworksMemory_copy(memory, memory) == R.BAD_DATA
        assert lib.ANeuralNetworksMemoryDesc_finish(desc) == R.BAD_DATA
        assert lib.ANeuralNetworksEvent_wait(event) == R.BAD_DATA


def test_what_is_in_use_is_freed(nn):
    """NNAPI forbids it: the executions fail, or succeed; nothing else happens."""
    lib, stop = nn.lib, threading.Event()
    allowed = {R.NO_ERROR, R.BAD_STATE, R.BAD_DATA, R.OP_FAILED, R.DEAD_OBJECT}
    model = clients.add_model(nn)
    shared = [clients.new_compilation(nn, model, ["cpu"])]

    def use():
        seen = set()
        array = [np.ones((2, 3), np.float32) for _ in range(3)]
        while not stop.is_set():
            place, compilation = nn.ffi.new("ANeuralNetworksExecution**"), shared[0]
            code = lib.ANeuralNetworksExecution_create(compilation, place)
            seen.add(code)
            if code == R.NO_ERROR:
                for index in range(2):
                    clients.set_input(nn, place[0], index, array[index])
                clients.set_output(nn, place[0], 0, array[2])
                seen.add(lib.ANeuralNetworksExecution_compute(place[0]))
                lib.ANeuralNetworksExecution_free(place[0])
        return seen

    def replace():
        for _ in range(20):
            old, shared[0] = shared[0], clients.new_compilation(nn, model, ["cpu"])
            lib.ANeuralNetworksCompilation_free(old)
        stop.set()
        return {R.NO_ERROR}

    seen = set().union(*at_once(use, use, replace))
    assert R.NO_ERROR in seen
    assert seen <= allowed


def test_an_event_is_freed_while_threads_wait_for_it(nn, compilation):
    """They get the end of what they wait for."""
    descriptor = os.eventfd(0)
    fence, made = event_of(nn, descriptor), ready(nn, compilation)
    code, event = start_after(nn, made.execution, [fence])
    clients.ok(code)
    codes = []
    waiting = [threading.Thread(target=lambda: codes.append(nn.lib.ANeuralNetworksEvent_wait(event))) for _ in range(3)]
    freeing = threading.Thread(target=lambda: nn.lib.ANeuralNetworksEvent_free(event))
    for thread in (*waiting, freeing):
        thread.start()
    os.eventfd_write(descriptor, 1)
    for thread in (*waiting, freeing):
        thread.join()
    assert set(codes) <= {R.NO_ERROR, R.BAD_DATA}  # the latter from one that came after the freeing
    made.require_sum()
    os.close(descriptor)
