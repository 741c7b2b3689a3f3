"""Bursts by calls of C."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hal.types import ResultCode
from tests.runtime.c_api import clients
from tests.runtime.c_api.executing import new_memory, ready

R = ResultCode
SIZE = 24

pytestmark = pytest.mark.usefixtures("two_devices")


@pytest.fixture
def model(nn):
    made = clients.add_model(nn)
    yield made
    nn.lib.ANeuralNetworksModel_free(made)


@pytest.fixture(params=[["cpu"], None], ids=["cpu", "all"])
def compilation(nn, model, request):
    made = clients.new_compilation(nn, model, request.param)
    yield made
    nn.lib.ANeuralNetworksCompilation_free(made)


def new_burst(nn, compilation):
    return clients.new(nn, "Burst", nn.lib.ANeuralNetworksBurst_create, compilation)


def test_create_needs_pointers_and_a_finished_compilation(nn, model):
    create, place = nn.lib.ANeuralNetworksBurst_create, nn.ffi.new("ANeuralNetworksBurst**")
    compilation = clients.new_compilation(nn, model, ["cpu"], finish=False)
    for given, code in ((nn.ffi.NULL, R.UNEXPECTED_NULL), (compilation, R.BAD_STATE)):
        place[0] = nn.ffi.cast("ANeuralNetworksBurst*", 1)
        assert create(given, place) == code
        assert place[0] == nn.ffi.NULL
    clients.ok(nn.lib.ANeuralNetworksCompilation_finish(compilation))
    assert create(compilation, nn.ffi.NULL) == R.UNEXPECTED_NULL
    clients.ok(create(compilation, place))
    nn.lib.ANeuralNetworksBurst_free(place[0])
    nn.lib.ANeuralNetworksBurst_free(place[0])
    nn.lib.ANeuralNetworksBurst_free(nn.ffi.NULL)
    nn.lib.ANeuralNetworksCompilation_free(compilation)


def test_compute_needs_an_execution_and_a_living_burst_of_its_compilation(nn, model, compilation):
    compute = nn.lib.ANeuralNetworksExecution_burstCompute
    other = clients.new_compilation(nn, model, ["cpu"])
    burst, made = new_burst(nn, compilation), ready(nn, compilation)
    assert compute(made.execution, nn.ffi.NULL) == R.UNEXPECTED_NULL
    assert compute(nn.ffi.NULL, burst) == R.UNEXPECTED_NULL
    assert compute(ready(nn, other).execution, burst) == R.BAD_DATA
    assert compute(made.execution, burst) == R.NO_ERROR  # refused calls began nothing
    made.require_sum()
    assert compute(made.execution, burst) == R.BAD_STATE
    nn.lib.ANeuralNetworksBurst_free(burst)
    assert compute(ready(nn, compilation).execution, burst) == R.BAD_DATA


def test_many_executions(nn, compilation):
    burst = new_burst(nn, compilation)
    for number in range(20):
        made = ready(nn, compilation)
        made.inputs[0][:] = number
        clients.ok(nn.lib.ANeuralNetworksExecution_burstCompute(made.execution, burst))
        made.require_sum()
        nn.lib.ANeuralNetworksExecution_free(made.execution)
    nn.lib.ANeuralNetworksBurst_free(burst)


def test_one_execution_at_a_time(nn, compilation):
    """As many as succeed have the right result; the others are refused, and at least one succeeds."""
    burst = new_burst(nn, compilation)
    for _ in range(10):
        made = [ready(nn, compilation) for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            codes = list(
                pool.map(lambda each: nn.lib.ANeuralNetworksExecution_burstCompute(each.execution, burst), made)
            )
        assert R.NO_ERROR in codes
        assert set(codes) <= {R.NO_ERROR, R.BAD_STATE}
        for each, code in zip(made, codes):
            if code == R.NO_ERROR:
                each.require_sum()
            else:
                assert (each.output == -1).all()


@pytest.mark.parametrize("burst_first", [False, True])
def test_memories_and_bursts_are_freed_in_any_order(nn, compilation, burst_first):
    burst, made = new_burst(nn, compilation), ready(nn, compilation)
    memory, content = new_memory(nn, SIZE)
    execution = clients.new_execution(nn, compilation)
    for index, array in enumerate(made.inputs):
        clients.set_input(nn, execution, index, array)
    clients.ok(nn.lib.ANeuralNetworksExecution_setOutputFromMemory(execution, 0, nn.ffi.NULL, memory, 0, SIZE))
    clients.ok(nn.lib.ANeuralNetworksExecution_burstCompute(execution, burst))
    nn.lib.ANeuralNetworksExecution_free(execution)
    frees = [
        lambda: nn.lib.ANeuralNetworksMemory_free(memory),
        lambda: nn.lib.ANeuralNetworksBurst_free(burst),
    ]
    for free in reversed(frees) if burst_first else frees:
        free()
    np.testing.assert_array_equal(content.view(np.float32).reshape(2, 3), made.inputs[0] + made.inputs[1])
