"""Priorities and deadlines on a real driver that computes one execution at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from hal.errors import MissedDeadlinePersistentError, MissedDeadlineTransientError
from hal.types import DurationCode, OperandType, OperationType, Priority
from runtime import discovery
from runtime.compilation import Compilation
from runtime.execution import Execution
from runtime.model import Model
from runtime.remote import RemoteDevice
from tests.control_flow import loop
from tests.runtime.services import patient_service
from tools.conformance.building import build


@pytest.fixture(scope="module")
def patient() -> Iterator[RemoteDevice]:
    with patient_service() as (_, device):
        yield device


def compiled(device: RemoteDevice, priority: Priority = Priority.DEFAULT) -> Compilation:
    model = Model()
    for _ in range(2):
        model.add_operand(OperandType.TENSOR_FLOAT32, [1])
    model.add_operation(OperationType.RELU, [0], [1])
    model.identify_inputs_and_outputs([0], [1])
    model.finish()
    compilation = Compilation(model, [device])
    compilation.set_priority(priority)
    compilation.finish()
    return compilation


def execution(compilation: Compilation, seconds: float) -> tuple[Execution, np.ndarray]:
    """An execution of so many seconds, and where its number comes."""
    made, number = Execution(compilation), np.zeros(1, np.float32)
    made.set_input(0, np.array([seconds], np.float32))
    made.set_output(0, number)
    return made, number


def test_priorities_reach_the_driver_s_queue(patient: RemoteDevice) -> None:
    low, medium, high = (compiled(patient, priority) for priority in (Priority.LOW, Priority.MEDIUM, Priority.HIGH))
    started = [execution(low, 1.5)]
    events = [started[0][0].start_compute()]
    time.sleep(0.1)
    for compilation in (low, low, medium, low, high, medium):
        started.append(execution(compilation, 0))
        events.append(started[-1][0].start_compute())
        time.sleep(0.03)
    for event in events:
        event.wait()
    first = started[0][1][0]
    assert [number[0] - first for _, number in started] == [0, 4, 5, 2, 6, 1, 3]


def test_a_timeout_on_a_busy_device(patient: RemoteDevice) -> None:
    compilation = compiled(patient)
    busy, _ = execution(compilation, 0.8)
    running = busy.start_compute()
    time.sleep(0.1)
    waiting, _ = execution(compilation, 0)
    waiting.set_timeout(0.2)
    start = time.monotonic()
    with pytest.raises(MissedDeadlineTransientError, match="busy"):
        waiting.compute()
    assert 0.1 < time.monotonic() - start < 0.6
    running.wait()


def test_waiting_counts_as_time_in_the_driver(patient: RemoteDevice) -> None:
    compilation = compiled(patient)
    busy, _ = execution(compilation, 0.4)
    running = busy.start_compute()
    time.sleep(0.1)
    waiting, _ = execution(compilation, 0)
    waiting.set_measure_timing(True)
    waiting.set_trace(True)
    waiting.compute()
    running.wait()
    in_driver = waiting.get_duration(DurationCode.IN_DRIVER)
    assert in_driver is not None
    assert in_driver > 100_000_000
    assert waiting.get_duration(DurationCode.ON_HARDWARE) == 1
    (run,) = waiting.report.steps[0].runs
    assert [span.track for span in run.spans] == ["queue", "compute"]


@pytest.mark.parametrize(("setting", "seconds"), [("loop_timeout", 0.3), ("timeout", 0.3)])
def test_an_endless_loop_is_ended_by_either_limit(setting: str, seconds: float) -> None:
    compilation = Compilation(build(loop(limit=float("inf"))), [discovery.device("cpu")])
    compilation.finish()
    endless = Execution(compilation)
    for index, size in ((0, 1), (1, 2)):
        endless.set_input(index, np.zeros(size, np.float32))
        endless.set_output(index, np.zeros(size, np.float32))
    endless.set_loop_timeout(10)
    getattr(endless, f"set_{setting}")(seconds)
    start = time.monotonic()
    with pytest.raises(MissedDeadlineTransientError):
        endless.compute()
    assert 0.25 < time.monotonic() - start < 8


def test_a_compilation_s_timeout() -> None:
    compilation = Compilation(build(loop()), [discovery.device("cpu")])
    compilation.set_timeout(1e-6)
    with pytest.raises(MissedDeadlinePersistentError):
        compilation.finish()
