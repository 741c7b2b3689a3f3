"""Executions that are ready, the four ways to compute them, and memory from descriptors, by calls of C."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hal.types import ResultCode
from tests.runtime.c_api import clients

MODES = ("compute", "startCompute", "burstCompute", "startComputeWithDependencies")


_kept: list[Ready] = []
"""C points to their arrays, whatever becomes of the test."""


@dataclass
class Ready:
    """An execution of ``clients.add_model`` with all inputs and outputs set, and the arrays that they are in."""

    execution: Any
    inputs: list[np.ndarray] = field(default_factory=list)
    output: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def require_sum(self) -> None:
        """Fail unless the output is the sum of the inputs."""
        np.testing.assert_array_equal(self.output, self.inputs[0] + self.inputs[1])


def ready(nn, compilation, shape=(2, 3)) -> Ready:
    """A new execution, ready to be computed."""
    count = int(np.prod(shape))
    made = Ready(clients.new_execution(nn, compilation))
    made.inputs = [np.arange(count, dtype=np.float32).reshape(shape) * factor for factor in (1, 10)]
    made.output = np.full(shape, -1, np.float32)
    for index, array in enumerate(made.inputs):
        clients.set_input(nn, made.execution, index, array)
    clients.set_output(nn, made.execution, 0, made.output)
    _kept.append(made)
    return made


def waited(nn, event, code: int) -> int:
    """Wait for what has begun with ``code``, and free the event; it must be NULL where nothing has begun."""
    assert (code == ResultCode.NO_ERROR) == (event != nn.ffi.NULL)
    if code == ResultCode.NO_ERROR:
        code = nn.lib.ANeuralNetworksEvent_wait(event)
    nn.lib.ANeuralNetworksEvent_free(event)
    return code


def compute(nn, mode: str, execution, compilation) -> int:
    """Compute in one of ``MODES`` and wait for the end; returns the result code of what fails first."""
    lib, event = nn.lib, nn.ffi.new("ANeuralNetworksEvent**")
    event[0] = nn.ffi.cast("ANeuralNetworksEvent*", 1)  # what a call that fails must overwrite
    if mode == "compute":
        return lib.ANeuralNetworksExecution_compute(execution)
    if mode == "burstCompute":
        burst = clients.new(nn, "Burst", lib.ANeuralNetworksBurst_create, compilation)
        code = lib.ANeuralNetworksExecution_burstCompute(execution, burst)
        lib.ANeuralNetworksBurst_free(burst)
        return code
    if mode == "startCompute":
        code = lib.ANeuralNetworksExecution_startCompute(execution, event)
    else:
        code = lib.ANeuralNetworksExecution_startComputeWithDependencies(execution, nn.ffi.NULL, 0, 0, event)
    return waited(nn, event[0], code)


def start_after(nn, execution, events, duration=0):
    """Begin to compute after ``events``; returns the result code and the event."""
    event = nn.ffi.new("ANeuralNetworksEvent**", nn.ffi.cast("ANeuralNetworksEvent*", 1))
    code = nn.lib.ANeuralNetworksExecution_startComputeWithDependencies(
        execution, nn.ffi.new("ANeuralNetworksEvent*[]", list(events) or 1), len(events), duration, event
    )
    return code, event[0]


def event_of(nn, descriptor: int):
    """The event that a sync fence stands for."""
    return clients.new(nn, "Event", nn.lib.ANeuralNetworksEvent_createFromSyncFenceFd, descriptor)


def new_memory(nn, size: int, protection=mmap.PROT_READ | mmap.PROT_WRITE):
    """``size`` bytes of shared memory, as C has it and as an array of bytes."""
    descriptor = os.memfd_create("test")
    try:
        os.ftruncate(descriptor, size)
        array = np.frombuffer(mmap.mmap(descriptor, size), np.uint8)
        made = clients.new(nn, "Memory", nn.lib.ANeuralNetworksMemory_createFromFd, size, protection, descriptor, 0)
    finally:
        os.close(descriptor)
    return made, array
