"""Drivers in processes of their own that die, hang and answer nonsense, and what becomes of executions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import pytest

from hal.errors import DeadObjectError, MissedDeadlineTransientError
from hal.faults import Fault, FaultKind
from hal.reference import run as reference
from hal.types import OperationType as O
from hal.types import ResultCode
from runtime.compilation import Compilation
from runtime.compiled import CompiledModel
from runtime.discovery import device
from runtime.execution import Execution
from runtime.model import Model
from runtime.simulator import Simulator
from tests.driver_processes import driver_process, stop
from tests.runtime.graphs import Builder

A = np.arange(-3, 3, dtype=np.float32).reshape(2, 3)

pytestmark = pytest.mark.usefixtures("_chip")


@pytest.fixture
def model() -> Model:
    build = Builder(Model())
    x = build.tensor()
    return build.done([x], [build.unary(O.FLOOR, build.add(build.unary(O.ABS, x), x))])


@pytest.fixture
def compiled(model: Model) -> CompiledModel:
    compilation = Compilation(model)
    compilation.set_patience(1)
    compilation.finish()
    return CompiledModel(compilation)


def check(compiled: CompiledModel, model: Model) -> Any:
    """The report of a run whose results were right."""
    outputs, report = compiled.run_reported([A])
    np.testing.assert_array_equal(outputs[0], reference(model.canonical, [A])[0])
    return report


def kill() -> None:
    driver_process("chip").kill()


def stop_driver() -> None:
    stop(driver_process("chip"))


def fault(kind: FaultKind) -> Callable[[], None]:
    return lambda: Simulator(device("chip")).set_faults([Fault(kind=kind, at=1)])


FAULTS = {
    "killed": (kill, ResultCode.DEAD_OBJECT),
    "stopped": (stop_driver, ResultCode.DEAD_OBJECT),
    "dies": (fault(FaultKind.DIE), ResultCode.DEAD_OBJECT),
    "hangs": (fault(FaultKind.HANG), ResultCode.DEAD_OBJECT),
    "exhausted": (fault(FaultKind.EXHAUSTED), ResultCode.RESOURCE_EXHAUSTED_TRANSIENT),
    "wrong sizes": (fault(FaultKind.WRONG_SIZES), ResultCode.OP_FAILED),
}


@pytest.mark.parametrize(("strike", "code"), FAULTS.values(), ids=FAULTS)
def test_every_result_is_right(
    strike: Callable[[], None], code: ResultCode, compiled: CompiledModel, model: Model
) -> None:
    assert [step.device for step in check(compiled, model).steps] == ["chip"]
    strike()
    start = time.monotonic()
    report = check(compiled, model)
    assert time.monotonic() - start < 10
    assert [(failure.device, failure.code, failure.again_on) for failure in report.failures] == [("chip", code, "cpu")]
    assert report.steps[0].device == "cpu"
    time.sleep(0.25)
    report = check(compiled, model)
    assert (report.steps[0].device, report.failures) == ("chip", ())


def test_a_driver_that_is_given_up_is_ended(compiled: CompiledModel, model: Model) -> None:
    check(compiled, model)
    process = driver_process("chip")
    stop(process)
    assert "has not answered for 1 s and is given up" in check(compiled, model).failures[0].sentence
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def explicit(model: Model, patience: float) -> Execution:
    compilation = Compilation(model, ["chip"])
    compilation.set_patience(patience)
    compilation.finish()
    execution = Execution(compilation)
    execution.set_input(0, A)
    execution.set_output(0, np.zeros((2, 3), np.float32))
    return execution


def test_named_devices_that_hang_are_dead(model: Model) -> None:
    execution = explicit(model, 0.5)
    stop_driver()
    with pytest.raises(DeadObjectError, match=r"has not answered for 0\.5 s"):
        execution.compute()


def test_a_driver_that_ignores_the_caller_s_timeout_is_given_up(model: Model) -> None:
    execution = explicit(model, 100)
    execution.set_timeout(0.3)
    process = driver_process("chip")
    stop(process)
    start = time.monotonic()
    with pytest.raises(MissedDeadlineTransientError):
        execution.compute()
    assert 0.3 < time.monotonic() - start < 5
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    np.testing.assert_array_equal(
        CompiledModel(explicit(model, 100)._compilation).run([A])[0], reference(model.canonical, [A])[0]
    )


def test_a_driver_that_hangs_while_preparing_is_given_up(model: Model) -> None:
    _ = device("chip").info
    compilation = Compilation(model)
    compilation.set_patience(1)
    start = time.monotonic()
    compilation.finish(lambda *progress: stop_driver())
    assert time.monotonic() - start < 60
    np.testing.assert_array_equal(CompiledModel(compilation).run([A])[0], reference(model.canonical, [A])[0])
