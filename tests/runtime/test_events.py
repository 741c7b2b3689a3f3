"""Events and sync fences, without drivers."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hal.errors import BadDataError, OpFailedError, UnexpectedNullError
from hal.fence import FenceState
from runtime.compilation import Compilation
from runtime.event import Event
from runtime.execution import Execution
from runtime.model import Model

A = np.arange(6, dtype=np.float32).reshape(2, 3)

BuildModel = Callable[..., Model]


@pytest.fixture
def compilation(add_model: BuildModel, device: Any) -> Compilation:
    compilation = Compilation(add_model(), [device])
    compilation.finish()
    return compilation


def ready(compilation: Compilation) -> tuple[Execution, np.ndarray]:
    execution = Execution(compilation)
    output = np.zeros((2, 3), np.float32)
    execution.set_input(0, A)
    execution.set_input(1, A)
    execution.set_output(0, output)
    return execution, output


def polled(fd: int, timeout: float = 5.0) -> int:
    """The events of a descriptor, once there are any."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return dict(poll.poll(timeout * 1000)).get(fd, 0)


def test_an_eventfd_as_an_event() -> None:
    fd = os.eventfd(0)
    event = Event.from_sync_fence_fd(fd)
    threading.Timer(0.1, os.eventfd_write, [fd, 1]).start()
    start = time.monotonic()
    event.wait()
    assert time.monotonic() - start > 0.09
    event.wait()
    assert event.error is None
    event.fence.wait(time.monotonic() + 5)
    os.close(fd)


def test_the_event_has_a_descriptor_of_its_own() -> None:
    fd = os.eventfd(1)
    event = Event.from_sync_fence_fd(fd)
    os.close(fd)
    event.wait()
    copy = event.sync_fence_fd()
    assert polled(copy) & select.POLLIN
    os.close(copy)


def test_a_descriptor_that_hangs_up_has_failed() -> None:
    theirs, ours = os.pipe()
    event = Event.from_sync_fence_fd(theirs)
    assert event.error is None
    os.close(ours)
    with pytest.raises(OpFailedError, match="hung up"):
        event.wait()
    assert isinstance(event.error, OpFailedError)
    with pytest.raises(OpFailedError):
        event.fence.wait(time.monotonic() + 5)
    os.close(theirs)


def test_what_is_no_descriptor() -> None:
    closed = os.eventfd(0)
    os.close(closed)
    for fd in (-1, closed, "3", 1.5, 2**40):
        with pytest.raises(BadDataError, match="not an open file descriptor"):
            Event.from_sync_fence_fd(fd)  # type: ignore[arg-type]
    with pytest.raises(UnexpectedNullError):
        Event.from_sync_fence_fd(None)  # type: ignore[arg-type]


def test_an_execution_without_fences_has_no_descriptor(compilation: Compilation) -> None:
    execution, _ = ready(compilation)
    event = execution.start_compute()
    with pytest.raises(BadDataError, match="without fences"):
        event.sync_fence_fd()
    event.fence.wait(time.monotonic() + 5)
    event.wait()
    assert event.fence.state is FenceState.DONE


def test_a_fenced_execution_s_descriptor_becomes_readable(compilation: Compilation) -> None:
    gate = os.eventfd(0)
    execution, output = ready(compilation)
    event = execution.start_compute_with_dependencies([Event.from_sync_fence_fd(gate)])
    first, second = event.sync_fence_fd(), event.sync_fence_fd()
    assert polled(first, 0.1) == 0
    os.eventfd_write(gate, 1)
    assert polled(first) & select.POLLIN
    np.testing.assert_array_equal(output, A + A)
    os.read(first, 1)  # against the rules, and harms nobody else
    assert polled(second) & select.POLLIN
    Event.from_sync_fence_fd(second).wait()
    late = event.sync_fence_fd()
    assert polled(late) & select.POLLIN
    for fd in (gate, first, second, late):
        os.close(fd)


def test_a_fenced_execution_s_descriptor_tells_of_failure(compilation: Compilation, device: Any) -> None:
    def fail() -> None:
        raise OpFailedError("it broke")

    device.on_execute = fail
    execution, _ = ready(compilation)
    event = execution.start_compute_with_dependencies([])
    fd = event.sync_fence_fd()
    assert polled(fd) & (select.POLLIN | select.POLLHUP) == select.POLLHUP
    with pytest.raises(OpFailedError):
        Event.from_sync_fence_fd(fd).wait()
    with pytest.raises(OpFailedError, match="it broke"):
        event.wait()
    os.close(fd)


DYING = """
import os, socket, sys, time
import numpy as np
from runtime.compilation import Compilation
from runtime.event import Event
from runtime.execution import Execution
from runtime.model import Model
from hal.types import OperandType, OperationType
from tests.runtime.conftest import ReferenceDevice
model = Model()
model.add_operand(OperandType.TENSOR_FLOAT32, [2])
model.add_operand(OperandType.TENSOR_FLOAT32, [2])
model.add_operation(OperationType.RELU, [0], [1])
model.identify_inputs_and_outputs([0], [1])
model.finish()
compilation = Compilation(model, [ReferenceDevice()])
compilation.finish()
execution = Execution(compilation)
execution.set_input(0, np.zeros(2, np.float32))
execution.set_output(0, np.zeros(2, np.float32))
event = execution.start_compute_with_dependencies([Event.from_sync_fence_fd(os.eventfd(0))])
ours = socket.socket(fileno=int(sys.argv[1]))
socket.send_fds(ours, [b"x"], [event.sync_fence_fd()])
time.sleep(60)
"""


def test_a_process_that_dies_leaves_failure_behind() -> None:
    ours, theirs = socket.socketpair()
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", DYING, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    theirs.close()
    _, [fd], _, _ = socket.recv_fds(ours, 1, 1)
    event = Event.from_sync_fence_fd(fd)
    assert event.error is None
    process.kill()
    process.wait()
    with pytest.raises(OpFailedError, match="hung up"):
        event.wait()
    os.close(fd)
    ours.close()
