"""Executions that depend on others, over real drivers and devices of this process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from hal.device import PreparedModel
from hal.errors import (
    BadDataError,
    BadStateError,
    DeadObjectError,
    MissedDeadlineTransientError,
    NnapiError,
    OpFailedError,
    UnexpectedNullError,
)
from hal.types import DurationCode, OperandType, OperationType
from runtime import discovery
from runtime.compilation import Compilation
from runtime.event import Event
from runtime.execution import Execution
from runtime.memory import Memory
from runtime.model import Model
from runtime.remote import RemoteDevice
from tests.drivers.sdk.conftest import Service
from tests.runtime.services import patient_service

A = np.array([1, -2, 3], np.float32)

BuildModel = Callable[..., Model]


def chain_model(*types: OperationType, size: int = 3) -> Model:
    """One operation after the other, each of one input."""
    model = Model()
    for _ in range(len(types) + 1):
        model.add_operand(OperandType.TENSOR_FLOAT32, [size])
    for number, operation_type in enumerate(types):
        model.add_operation(operation_type, [number], [number + 1])
    model.identify_inputs_and_outputs([0], [len(types)])
    model.finish()
    return model


def compiled(model: Model, *devices: Any) -> Compilation:
    compilation = Compilation(model, list(devices))
    compilation.finish()
    return compilation


@pytest.fixture(scope="module")
def cpu() -> Any:
    return discovery.device("cpu")


@pytest.fixture
def patient() -> Iterator[tuple[Service, RemoteDevice]]:
    with patient_service() as found:
        yield found


def between(compilation: Compilation, source: Memory, target: Memory) -> Execution:
    """An execution from memory to memory."""
    execution = Execution(compilation)
    execution.set_input_from_memory(0, source, 0, source.data.size)
    execution.set_output_from_memory(0, target, 0, target.data.size)
    return execution


def memory(values: Any = (0, 0, 0)) -> Memory:
    return Memory.from_array(np.array(values, np.float32))


def values(memory: Memory) -> list[float]:
    return memory.data.view(np.float32).tolist()


def test_a_driver_waits_by_itself(cpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would wait in this process fails; yet the chain gets through."""
    monkeypatch.setattr(PreparedModel, "execute_fenced", None)
    relu, negation = compiled(chain_model(OperationType.RELU), cpu), compiled(chain_model(OperationType.NEG), cpu)
    first, second, third, fourth = memory(A), memory(), memory(), memory()
    gate = os.eventfd(0)
    start = Event.from_sync_fence_fd(gate)
    one = between(relu, first, second).start_compute_with_dependencies([start])
    two = between(negation, second, third).start_compute_with_dependencies([one])
    three = between(relu, third, fourth).start_compute_with_dependencies([two, one])
    time.sleep(0.1)
    assert values(second) == [0, 0, 0]
    os.eventfd_write(gate, 1)
    three.wait()
    assert (values(second), values(third), values(fourth)) == ([1, 0, 3], [-1, 0, -3], [0, 0, 0])
    one.wait()
    two.wait()
    os.close(gate)


def test_arrays_are_read_when_their_turn_comes(cpu: Any) -> None:
    relu = compiled(chain_model(OperationType.RELU), cpu)
    between_them, result = np.zeros(3, np.float32), np.zeros(3, np.float32)
    first, second = Execution(relu), Execution(relu)
    first.set_input(0, A)
    first.set_output(0, between_them)
    second.set_input(0, between_them)
    second.set_output(0, result)
    second.start_compute_with_dependencies([first.start_compute_with_dependencies([])]).wait()
    assert result.tolist() == [1, 0, 3]


def test_over_two_drivers(cpu: Any, patient: tuple[Service, RemoteDevice]) -> None:
    slow = compiled(chain_model(OperationType.RELU, size=1), patient[1])
    negation = compiled(chain_model(OperationType.NEG, size=1), cpu)
    seconds, number, result = memory([0.3]), memory([0]), memory([0])
    start = time.monotonic()
    one = between(slow, seconds, number).start_compute_with_dependencies([])
    two = between(negation, number, result).start_compute_with_dependencies([one])
    assert time.monotonic() - start < 0.25
    two.wait()
    assert time.monotonic() - start > 0.3
    assert values(result) == [-1]


def test_an_execution_of_several_steps_and_one_started_without_fences(new_device: Any) -> None:
    near, far = new_device("near"), new_device("far")
    near.takes(OperationType.RELU)
    far.takes(OperationType.NEG)
    both = compiled(chain_model(OperationType.NEG, OperationType.RELU), near, far)
    assert len(both.plan.steps) == 2
    first, second, third = memory(A), memory(), memory()
    one = between(both, first, second).start_compute()
    two = between(both, second, third).start_compute_with_dependencies([one])
    two.wait()
    assert (values(second), values(third)) == ([0, 2, 0], [0, 0, 0])


def test_a_failure_reaches_all_that_depend_on_it(cpu: Any, patient: tuple[Service, RemoteDevice]) -> None:
    slow = compiled(chain_model(OperationType.RELU, size=1), patient[1])
    relu = compiled(chain_model(OperationType.RELU, size=1), cpu)
    one = between(slow, memory([-0.2]), memory([0])).start_compute_with_dependencies([])
    untouched = memory([7])
    two = between(relu, memory([1]), untouched).start_compute_with_dependencies([one])
    array = Execution(relu)
    array.set_input(0, np.zeros(1, np.float32))
    array.set_output(0, np.zeros(1, np.float32))
    three = array.start_compute_with_dependencies([two])
    with pytest.raises(OpFailedError, match="told to fail"):
        one.wait()
    for event in (two, three):
        with pytest.raises(OpFailedError, match="waits for has failed"):
            event.wait()
    assert values(untouched) == [7]
    late = between(relu, memory([1]), untouched)
    with pytest.raises(OpFailedError, match="has failed: it was told to fail"):
        late.start_compute_with_dependencies([one])
    with pytest.raises(BadStateError):
        late.compute()


def test_the_death_of_a_driver_reaches_all_that_depend_on_it(cpu: Any, patient: tuple[Service, RemoteDevice]) -> None:
    service, device = patient
    slow, relu = (
        compiled(chain_model(OperationType.RELU, size=1), device),
        compiled(chain_model(OperationType.RELU, size=1), cpu),
    )
    one = between(slow, memory([30]), memory([0])).start_compute_with_dependencies([])
    two = between(relu, memory([1]), memory([0])).start_compute_with_dependencies([one])
    fd = one.sync_fence_fd()
    time.sleep(0.2)
    service.process.kill()
    with pytest.raises(DeadObjectError):
        one.wait()
    with pytest.raises(OpFailedError):
        two.wait()
    with pytest.raises(OpFailedError):
        Event.from_sync_fence_fd(fd).wait()
    os.close(fd)


def waiting(execution: Execution, duration: float = 0.0) -> tuple[Event, int]:
    """An execution that waits for an eventfd."""
    gate = os.eventfd(0)
    return execution.start_compute_with_dependencies([Event.from_sync_fence_fd(gate)], duration), gate


@pytest.mark.parametrize("kind", ["memory", "array"])
def test_the_timeout_counts_from_the_call_and_the_duration_does_not(cpu: Any, kind: str) -> None:
    relu = compiled(chain_model(OperationType.RELU), cpu)

    def execution(timeout: float = 0.0) -> Execution:
        made = between(relu, memory(A), memory())
        if kind == "array":
            made = Execution(relu)
            made.set_input(0, A)
            made.set_output(0, np.zeros(3, np.float32))
        made.set_timeout(timeout)
        return made

    event, gate = waiting(execution(timeout=0.2))
    with pytest.raises(MissedDeadlineTransientError):
        event.wait()
    event, other = waiting(execution(), duration=0.3)
    time.sleep(0.5)
    os.eventfd_write(other, 1)
    event.wait()
    os.close(gate)
    os.close(other)


def test_a_duration_that_is_over(patient: tuple[Service, RemoteDevice]) -> None:
    slow = compiled(chain_model(OperationType.RELU, size=1), patient[1])
    busy = between(slow, memory([1]), memory([0])).start_compute_with_dependencies([])
    time.sleep(0.1)
    event = between(slow, memory([0]), memory([0])).start_compute_with_dependencies([], 0.1)
    with pytest.raises(MissedDeadlineTransientError):
        event.wait()
    busy.wait()


def test_what_cannot_be_started(add_model: BuildModel, device: Any, new_device: Any, cpu: Any) -> None:
    relu = compiled(chain_model(OperationType.RELU), cpu)
    execution = between(relu, memory(A), memory())
    for dependencies in (None, [None]):
        with pytest.raises(UnexpectedNullError):
            execution.start_compute_with_dependencies(dependencies)  # type: ignore[arg-type]
    with pytest.raises(BadDataError, match="not an event"):
        execution.start_compute_with_dependencies([3])  # type: ignore[list-item]
    with pytest.raises(BadDataError, match="duration"):
        execution.start_compute_with_dependencies([], -1)
    execution.start_compute_with_dependencies([]).wait()
    with pytest.raises(BadStateError):
        execution.start_compute_with_dependencies([])

    several = compiled(chain_model(OperationType.RELU), device, new_device("another"))
    with pytest.raises(BadDataError, match="exactly one named device"):
        between(several, memory(A), memory()).start_compute_with_dependencies([], 1)

    open_output = Execution(compiled(add_model((0, 3)), device))
    for index in range(2):
        open_output.set_input(index, np.zeros((2, 3), np.float32))
    open_output.set_output(0, np.zeros(24, np.uint8).data)
    with pytest.raises(BadDataError, match="all dimensions of outputs must be known"):
        open_output.start_compute_with_dependencies([])

    unset = Execution(relu)
    with pytest.raises(BadDataError, match="has not been set"):
        unset.start_compute_with_dependencies([])


def test_a_reusable_execution(cpu: Any) -> None:
    execution = between(compiled(chain_model(OperationType.NEG), cpu), memory(A), target := memory())
    execution.set_reusable(True)
    execution.set_measure_timing(True)
    for _ in range(3):
        event, gate = waiting(execution)
        with pytest.raises(BadStateError):
            execution.start_compute_with_dependencies([event])
        os.eventfd_write(gate, 1)
        event.wait()
        os.close(gate)
        assert values(target) == [-1, 2, -3]
        assert execution.get_duration(DurationCode.FENCED_IN_DRIVER) is not None
        assert execution.report.steps[0].device == "cpu"


def test_long_chains(cpu: Any) -> None:
    negation = compiled(chain_model(OperationType.NEG), cpu)
    memories = [memory(A), *(memory() for _ in range(100))]
    events: list[Event] = []
    for source, target in pairwise(memories):
        events.append(between(negation, source, target).start_compute_with_dependencies(events[-1:]))
    events[-1].wait()
    assert values(memories[-1]) == A.tolist()


def test_a_compilation_that_is_closed_meanwhile(cpu: Any) -> None:
    """Whether the driver has let go of it already or not: the execution ends, and what it raises is NNAPI's."""
    relu = compiled(chain_model(OperationType.RELU), cpu)
    event, gate = waiting(between(relu, memory(A), memory()))
    relu.close()
    os.eventfd_write(gate, 1)
    with suppress(NnapiError):
        event.wait()
    os.close(gate)
