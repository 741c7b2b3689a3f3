"""What is freed goes away at once: nothing else holds it, and no cycle waits for the garbage collector."""

import gc
import weakref

import numpy as np
import pytest

from runtime.c_api import handles
from tests.runtime.c_api import clients


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def referred(nn, kind, pointer):
    """A weak reference to what a pointer stands for."""
    return weakref.ref(handles.objects[kind][int(nn.ffi.cast("uintptr_t", pointer))])


@pytest.mark.parametrize("compute", ["compute", "burstCompute", "startCompute"])
def test_what_is_freed_is_gone(nn, no_collector, compute):
    lib = nn.lib
    before = {kind: set(living) for kind, living in handles.objects.items()}
    model = clients.add_model(nn)
    compilation = clients.new_compilation(nn, model, ["cpu"])
    execution = clients.new_execution(nn, compilation)
    burst = clients.new(nn, "Burst", lib.ANeuralNetworksBurst_create, compilation)
    arrays = [np.zeros((2, 3), np.float32) for _ in range(3)]
    clients.set_input(nn, execution, 0, arrays[0])
    clients.set_input(nn, execution, 1, arrays[1])
    clients.set_output(nn, execution, 0, arrays[2])
    made = [("Model", model), ("Compilation", compilation), ("Execution", execution), ("Burst", burst)]
    if compute == "startCompute":
        event = clients.new(nn, "Event", lib.ANeuralNetworksExecution_startCompute, execution)
        clients.ok(lib.ANeuralNetworksEvent_wait(event))
        made.append(("Event", event))
    else:
        more = [burst] if compute == "burstCompute" else []
        clients.ok(getattr(lib, f"ANeuralNetworksExecution_{compute}")(execution, *more))
    weak = {kind: referred(nn, kind, pointer) for kind, pointer in made}
    for kind, pointer in reversed(made):
        getattr(lib, f"ANeuralNetworks{kind}_free")(pointer)
    assert {kind: reference() for kind, reference in weak.items()} == dict.fromkeys(weak)
    assert {kind: set(living) for kind, living in handles.objects.items() if kind != "Device"} == {
        kind: living for kind, living in before.items() if kind != "Device"
    }


def test_pointers_are_not_given_again(nn):
    seen = set()
    for _ in range(100):
        model = clients.new_model(nn)
        seen.add(int(nn.ffi.cast("uintptr_t", model)))
        nn.lib.ANeuralNetworksModel_free(model)
    assert len(seen) == 100


def test_a_device_is_always_the_same(nn):
    assert clients.devices(nn) == clients.devices(nn)
