"""Devices that fail: what runs again on the CPU, what the caller gets, and what the report says."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hal.device import Cost, ExecutionResult, Timing
from hal.errors import (
    BadDataError,
    BadStateError,
    DeadObjectError,
    MissedDeadlineTransientError,
    NnapiError,
    OpFailedError,
    OutOfMemoryError,
    OutputInsufficientSizeError,
    ResourceExhaustedPersistentError,
    ResourceExhaustedTransientError,
)
from hal.reference import run as reference
from hal.types import DeviceType, ResultCode
from hal.types import OperationType as O
from runtime import discovery, worker
from runtime.compilation import Compilation
from runtime.compiled import CompiledModel, compile_model
from runtime.execution import Execution
from runtime.memory import Memory
from runtime.model import Model
from tests.runtime.graphs import Builder

A = np.array([[1, -2, 3], [-4, 5, -6]], np.float32)


@pytest.fixture
def model() -> Model:
    """neg(floor(abs(x) + x)), and abs(x)"""
    build = Builder(Model())
    x = build.tensor()
    positive = build.unary(O.ABS, x)
    return build.done([x], [build.unary(O.NEG, build.unary(O.FLOOR, build.add(positive, x))), positive])


@pytest.fixture
def cpu(new_device: Any) -> Any:
    device = new_device("cpu")
    device.cost = Cost(1, 1)
    return device


@pytest.fixture
def fast(new_device: Any) -> Any:
    """A device that takes ADD only, and does it much faster than the CPU."""
    device = new_device("fast")
    device.type = DeviceType.ACCELERATOR
    device.cost = Cost(1e-6, 1e-6)
    device.takes(O.ADD)
    return device


@pytest.fixture
def all_devices(cpu: Any, fast: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What ``devices=None`` means."""
    monkeypatch.setattr(discovery, "devices", lambda: [fast, cpu])
    return [fast, cpu]


def raising(error: BaseException) -> Callable[[], None]:
    def hook() -> None:
        raise error

    return hook


def check(compiled: CompiledModel, model: Model, x: np.ndarray = A) -> Any:
    """The report of a run whose results were right."""
    outputs, report = compiled.run_reported([x])
    for output, wanted in zip(outputs, reference(model.canonical, [x])):
        np.testing.assert_array_equal(output, wanted)
    return report


FAILURES = [
    DeadObjectError("it has died"),
    OpFailedError("it has failed"),
    ResourceExhaustedTransientError("it is full"),
    ResourceExhaustedPersistentError("it is too small"),
    OutOfMemoryError("it has no memory"),
    BadDataError("it does not understand"),
    BadStateError("it is confused"),
]
NONSENSE = [
    ExecutionResult(()),
    ExecutionResult(((3, 2),)),
    ExecutionResult(((2, 3), (2, 3))),
    ExecutionResult(((2, 30),)),
    ExecutionResult(((),)),
]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: error.code.name)
def test_what_fails_runs_again_on_the_cpu(
    error: NnapiError, model: Model, all_devices: Any, fast: Any, caplog: pytest.LogCaptureFixture
) -> None:
    compiled = compile_model(model)
    assert [step.device for step in check(compiled, model).steps] == ["cpu", "fast", "cpu"]
    fast.on_execute = raising(error)
    with caplog.at_level(logging.WARNING):
        report = check(compiled, model)
    assert f"a step runs again on 'cpu': {error}" in caplog.text
    assert [step.device for step in report.steps] == ["cpu", "cpu", "cpu"]
    (failure,) = report.failures
    assert report.steps[1].failures == (failure,)
    assert (failure.device, failure.code, failure.sentence, failure.again_on) == ("fast", error.code, str(error), "cpu")


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_runs_again_on_the_cpu(answer: ExecutionResult, model: Model, all_devices: Any, fast: Any) -> None:
    compiled = compile_model(model)
    fast.on_result = lambda result: answer
    (failure,) = check(compiled, model).failures
    assert failure.code is ResultCode.OP_FAILED
    assert "'fast' returned" in failure.sentence
    fast.on_result = lambda result: result
    assert check(compiled, model).failures == ()


@pytest.mark.parametrize("dimensions", [(), ((2, 3),), ((9, 9),), ((2, 3), (2, 3))])
def test_room_wanted_for_outputs_that_fit_is_nonsense(
    dimensions: tuple[tuple[int, ...], ...], model: Model, all_devices: Any, fast: Any
) -> None:
    compiled = compile_model(model)
    fast.on_execute = raising(OutputInsufficientSizeError("more", dimensions=dimensions))
    (failure,) = check(compiled, model).failures
    assert failure.code is ResultCode.OP_FAILED
    assert len(fast.requests) == 1


@pytest.mark.parametrize("explicit", [True, False])
def test_without_fallback_the_caller_gets_the_code(
    explicit: bool, model: Model, all_devices: Any, fast: Any, caplog: pytest.LogCaptureFixture
) -> None:
    compilation = Compilation(model, all_devices if explicit else None)
    if not explicit:
        compilation.set_fallback(False)
    compilation.finish()
    fast.on_execute = raising(ResourceExhaustedTransientError("it is full"))
    execution = Execution(compilation)
    execution.set_input(0, A)
    for index in range(2):
        execution.set_output(index, np.zeros((2, 3), np.float32))
    execution.set_reusable(True)
    with pytest.raises(ResourceExhaustedTransientError, match="it is full"):
        execution.compute()
    (failure,) = execution.report.failures
    assert (failure.device, failure.again_on) == ("fast", None)
    assert [step.device for step in execution.report.steps] == ["cpu", ""]
    fast.on_execute = lambda: None
    execution.compute()
    assert execution.report.failures == ()


def test_named_devices_may_fall_back_if_told_so(model: Model, all_devices: Any, fast: Any, cpu: Any) -> None:
    build = Builder(Model())
    x = build.tensor()
    compilation = Compilation(build.done([x], [build.add(x, x)]), [fast])
    compilation.set_fallback(True)
    compilation.finish()
    fast.on_execute = raising(OpFailedError("it has failed"))
    np.testing.assert_array_equal(CompiledModel(compilation).run([A])[0], 2 * A)
    assert len(cpu.requests) == 1


def test_deadlines_are_not_failures_of_the_device(model: Model, all_devices: Any, fast: Any, cpu: Any) -> None:
    compiled = compile_model(model)
    fast.on_execute = raising(MissedDeadlineTransientError("too late"))
    with pytest.raises(MissedDeadlineTransientError):
        compiled.run([A])
    assert len(cpu.requests) == 1


def test_when_the_cpu_fails_too_its_error_is_the_result(model: Model, all_devices: Any, fast: Any, cpu: Any) -> None:
    compiled = compile_model(model)
    fast.on_execute = raising(OpFailedError("the first"))
    cpu.on_execute = raising(ResourceExhaustedPersistentError("the second"))
    with pytest.raises(ResourceExhaustedPersistentError, match="the second"):
        compiled.run([A])


def test_a_device_that_can_t_prepare_its_step_leaves_it_to_the_cpu(
    model: Model, all_devices: Any, fast: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fast.on_prepare = raising(ResourceExhaustedPersistentError("it does not fit"))
    with caplog.at_level(logging.WARNING):
        compiled = compile_model(model)
    assert "prepared on 'cpu' instead of 'fast': it does not fit" in caplog.text
    assert compiled.plan.assignment == ("cpu",) * 4
    assert [step.moved for step in compiled.plan.steps] == ["", "it does not fit", ""]
    assert check(compiled, model).failures == ()


def test_a_named_device_that_can_t_prepare_its_step_is_an_error(
    model: Model, all_devices: Any, fast: Any, cpu: Any
) -> None:
    fast.on_prepare = raising(ResourceExhaustedPersistentError("it does not fit"))
    with pytest.raises(ResourceExhaustedPersistentError):
        compile_model(model, all_devices)
    assert cpu.closed == len(cpu.models)


def test_a_dead_driver_is_prepared_again_after_a_pause(
    model: Model, all_devices: Any, fast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_FIRST_PAUSE", 0.3)
    compiled = compile_model(model)
    fast.on_execute = raising(DeadObjectError("it has died"))
    assert check(compiled, model).failures[0].sentence == "it has died"
    fast.on_execute = lambda: None
    report = check(compiled, model)
    assert report.steps[1].device == "cpu"
    assert report.failures[0].sentence == "it has died; it is not tried again yet"
    assert len(fast.models) == 1
    time.sleep(0.35)
    report = check(compiled, model)
    assert (report.steps[1].device, report.failures) == ("fast", ())
    assert len(fast.models) == 2


def test_pauses_grow_while_a_driver_keeps_dying(
    model: Model, all_devices: Any, fast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(worker.time, "monotonic", lambda: now[0])
    compiled = compile_model(model)
    fast.on_execute = raising(DeadObjectError("it has died"))
    tried = []
    for _ in range(400):
        before = len(fast.requests)
        check(compiled, model)
        if len(fast.requests) > before:
            tried.append(now[0] - 1000)
        now[0] += 0.5
    assert tried == [0, 1, 3, 7, 15, 31, 63, 123, 183]


def test_without_fallback_a_dead_driver_stays_dead(model: Model, all_devices: Any, fast: Any) -> None:
    compiled = compile_model(model, all_devices)
    fast.on_execute = raising(DeadObjectError("it has died"))
    for _ in range(2):
        with pytest.raises(DeadObjectError):
            compiled.run([A])
    assert len(fast.models) == 1


def test_a_cpu_whose_driver_dies_is_prepared_again_at_once(
    model: Model, cpu: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "devices", lambda: [cpu])
    compiled = compile_model(model)
    lives = [0]

    def die() -> None:  # whatever was prepared before the driver's last start
        if len(cpu.models) <= lives[0]:
            raise DeadObjectError("it has died")

    cpu.on_execute = die
    for deaths in range(1, 4):
        lives[0] = len(cpu.models)
        report = check(compiled, model)
        assert report.failures, deaths
        assert {failure.again_on for failure in report.failures} == {"cpu"}


@pytest.mark.parametrize(("error", "times"), [(BadDataError, 1), (OpFailedError, 2)])
def test_a_cpu_is_not_asked_again_what_it_has_refused(
    model: Model, cpu: Any, monkeypatch: pytest.MonkeyPatch, error: type[NnapiError], times: int
) -> None:
    monkeypatch.setattr(discovery, "devices", lambda: [cpu])
    compiled = compile_model(model)
    cpu.on_execute = raising(error("not so"))
    with pytest.raises(error, match="not so"):
        compiled.run([A])
    assert len(cpu.requests) == times


@pytest.mark.parametrize("in_memory", [True, False])
def test_who_was_given_up_can_spoil_nothing(in_memory: bool, model: Model, all_devices: Any, fast: Any) -> None:
    """The device writes into every place that it was ever given, after the step has run elsewhere."""
    fast.takes(O.ADD, O.FLOOR, O.NEG)
    compilation = Compilation(model)
    compilation.finish()
    assert compilation.plan.assignment[1:] == ("fast",) * 3
    wanted = reference(model.canonical, [A])

    def spoil() -> None:
        for request in fast.requests:
            for argument in request.outputs:
                argument.data[:] = 99

    def fail() -> None:
        raise OpFailedError("but it goes on")

    for failing in (True, False, True, False):
        fast.on_execute = fail if failing else (lambda: None)
        targets = [Memory.from_array(np.zeros((2, 3), np.float32)) for _ in range(2)]
        outputs = [memory.data.view(np.float32).reshape(2, 3) for memory in targets]
        execution = Execution(compilation)
        execution.set_input(0, A)
        for index in range(2):
            if in_memory:
                execution.set_output_from_memory(index, targets[index], 0, 24)
            else:
                execution.set_output(index, outputs[index])
        execution.compute()
        spoil()
        for output, each in zip(outputs, wanted):
            np.testing.assert_array_equal(output, each)
        if not failing:
            fast.requests.clear()  # who has answered writes no more


def test_memory_that_a_failed_device_was_given_is_not_used_again(
    model: Model, all_devices: Any, fast: Any, cpu: Any
) -> None:
    compiled = compile_model(model)
    fast.on_execute = raising(OpFailedError("but it goes on"))
    check(compiled, model)
    spoilt = {argument.location.region for request in fast.requests for argument in request.outputs}
    fast.on_execute = lambda: None
    cpu.requests.clear()
    fast.requests.clear()
    check(compiled, model)
    used = {
        argument.location.region
        for request in (*cpu.requests, *fast.requests)
        for argument in (*request.inputs, *request.outputs)
    }
    assert spoilt.isdisjoint(used)


def test_timing_is_of_all_steps(model: Model, all_devices: Any, fast: Any) -> None:
    compiled = compile_model(model)
    assert compiled.run_timed([A])[1] == Timing(on_hardware=3000, in_driver=6000)
    fast.on_result = lambda result: ExecutionResult(result.output_dimensions, Timing(None, 5))
    assert compiled.run_timed([A])[1] == Timing(on_hardware=None, in_driver=4005)


def test_a_report_needs_an_execution_that_has_ended(model: Model, all_devices: Any) -> None:
    compilation = Compilation(model)
    compilation.finish()
    with pytest.raises(BadStateError):
        _ = Execution(compilation).report


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "1"])
def test_patience_is_checked(seconds: Any, model: Model, all_devices: Any) -> None:
    with pytest.raises(BadDataError, match="patience"):
        Compilation(model).set_patience(seconds)


@pytest.mark.parametrize("setting", ["0", "-1", "soon", "inf", "nan"])
def test_patience_in_the_environment_is_checked(
    setting: str, model: Model, all_devices: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNHAL_PATIENCE", setting)
    with pytest.raises(BadDataError, match="NNHAL_PATIENCE"):
        Compilation(model)
