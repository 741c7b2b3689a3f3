"""Ordinary executions that go through a burst which the compilation keeps: all that calls promise stays."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from hal.errors import DeadObjectError, MissedDeadlineTransientError, OpFailedError, ResourceExhaustedTransientError
from hal.faults import Fault, FaultKind
from hal.types import DurationCode, OperandType, ResultCode
from hal.types import OperationType as O
from runtime import kept_burst
from runtime.compilation import Compilation
from runtime.compiled import CompiledModel, compile_model
from runtime.discovery import device
from runtime.execution import Execution
from runtime.launcher import RunningService
from runtime.memory import Memory
from runtime.memory_desc import MemoryDesc
from runtime.model import Model
from runtime.process import folder
from runtime.remote import RemoteDevice
from runtime.report import ExecutionReport
from runtime.simulator import Simulator
from runtime.telemetry import ExecutionRecord, Mode, set_telemetry
from tests.driver_processes import driver_process
from tests.drivers.sdk.conftest import Service, new_socket
from tests.runtime.services import patient_service
from tests.runtime.test_bursts import OLD_DRIVER, A, activation_for, chain, numbers, result, seconds
from tests.runtime.test_surviving_drivers import FAULTS

FLOAT = OperandType.TENSOR_FLOAT32


def reported(compiled: CompiledModel, values: np.ndarray = A) -> ExecutionReport:
    """The report of a run whose results were right."""
    outputs, report = compiled.run_reported([values])
    np.testing.assert_array_equal(outputs[0], result(values))
    return report


def in_burst(report: ExecutionReport) -> list[bool]:
    return [step.in_burst for step in report.steps]


def kept(compiled: CompiledModel, run: Callable[[CompiledModel], ExecutionReport] = reported) -> CompiledModel:
    """The same once its runs go through a burst."""
    end = time.monotonic() + 10
    while not all(in_burst(run(compiled))):
        assert time.monotonic() < end, "no burst is opened"
    return compiled


@pytest.mark.parametrize("name", ["cpu", "gpu", "dsp", "npu"])
def test_every_device_gives_the_results_that_it_gives_in_calls(name: str) -> None:
    model, dtype = activation_for(name)
    values = numbers(1, (1, 4, 4, 3)).astype(dtype)
    calls = RemoteDevice(device(name)._driver, keeps_bursts=False)
    with compile_model(model, [calls]) as called, compile_model(model, [name]) as compiled:
        kept(compiled, lambda compiled: compiled.run_reported([values])[1])
        for seed in range(6):
            values = numbers(seed, (1, 4, 4, 3)).astype(dtype)
            np.testing.assert_array_equal(compiled.run([values])[0], called.run([values])[0])
            assert in_burst(called.run_reported([values])[1]) == [False]
        timing, usual = (each.run_timed([values])[1] for each in (compiled, called))
        assert (timing.on_hardware, timing.energy) == (usual.on_hardware, usual.energy)


def test_who_executes_once_opens_nothing() -> None:
    with compile_model(chain(), ["cpu"]) as compiled:
        before = regions()
        assert in_burst(reported(compiled)) == [False]
        time.sleep(0.2)
        assert len(regions() - before) <= 1  # where the tensors are
        kept(compiled)
        assert len(regions() - before) <= 3  # and the rings
    gc.collect()
    assert len(regions() - before) <= 1


def regions() -> set[str]:
    return {path.name for path in folder().path.iterdir() if path.is_symlink()}


def test_executions_with_timing_timeouts_and_memories() -> None:
    with kept(compile_model(chain(), ["cpu"])) as compiled:
        compilation = compiled.compilation
        source, target = Memory.from_array(A), Memory.from_array(np.zeros_like(A))
        execution = Execution(compilation)
        execution.set_reusable(True)
        execution.set_measure_timing(True)
        execution.set_timeout(10)
        execution.set_input_from_memory(0, source, 0, A.nbytes)
        execution.set_output_from_memory(0, target, 0, A.nbytes)
        for seed in range(4):
            source.data.view(np.float32)[:] = numbers(seed).reshape(-1)
            execution.compute()
            np.testing.assert_array_equal(target.data.view(np.float32), result(numbers(seed)).reshape(-1))
            assert execution.get_duration(DurationCode.ON_HARDWARE) > 0
            assert in_burst(execution.report) == [True]
        desc = MemoryDesc()
        desc.add_output_role(compilation, 0, 1.0)
        desc.finish()
        with_memory = Execution(compilation)
        with_memory.set_input(0, A)
        with_memory.set_output_from_memory(0, on_device := Memory.from_desc(desc), 0, 0)
        with_memory.compute()
        Memory.copy(on_device, target)
        np.testing.assert_array_equal(target.data.view(np.float32), result(A).reshape(-1))


def test_a_trace_has_the_same_parts() -> None:
    with compile_model(chain(), ["cpu"]) as compiled:
        _, before = compiled.run_reported([A], trace=True)
        kept(compiled)
        _, after = compiled.run_reported([A], trace=True)
        tracks = [[span.track for run in report.steps[0].runs for span in run.spans] for report in (before, after)]
        assert tracks[0] == tracks[1] != []


def test_telemetry_says_that_it_was_no_burst_of_the_application_s() -> None:
    records: list[ExecutionRecord] = []
    with kept(compile_model(chain(), ["cpu"])) as compiled:
        set_telemetry(records.append)  # type: ignore[arg-type]
        try:
            compiled.run([A])
        finally:
            set_telemetry(None)
    assert [(record.mode, in_burst(record.report)) for record in records] == [(Mode.SYNC, [True])]
    assert records[0].report.timing.in_driver is not None


def test_outputs_of_open_dimensions() -> None:
    model = Model()
    x, y = (model.add_operand(FLOAT, (0, 3)) for _ in range(2))
    model.add_operation(O.FLOOR, [x], [y])
    model.identify_inputs_and_outputs([x], [y])
    model.finish()
    with compile_model(model, ["cpu"]) as compiled:
        for rows in (2, 2, 2, 5, 5, 1, 2, 300, 2) * 3:
            values = numbers(rows, (rows, 3))
            np.testing.assert_array_equal(compiled.run([values])[0], np.floor(values))
            time.sleep(0.002)
        assert in_burst(compiled.run_reported([values])[1]) == [True]


def test_several_threads_at_once() -> None:
    """One of them has the burst, the others call."""
    shape = (50, 60)
    wrong: list[int] = []
    ways: set[bool] = set()

    def work(number: int) -> None:
        for seed in range(60):
            values = numbers(100 * number + seed, shape)
            outputs, report = compiled.run_reported([values])
            ways.update(in_burst(report))
            if not np.array_equal(outputs[0], result(values)):
                wrong.append(seed)

    with compile_model(chain(shape), ["cpu"]) as compiled:
        kept(compiled, lambda compiled: compiled.run_reported([numbers(0, shape)])[1])
        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
    assert ways == {True, False}


def single() -> Model:
    """A model of one number."""
    model = Model()
    x, y = (model.add_operand(FLOAT, (1,)) for _ in range(2))
    model.add_operation(O.RELU, [x], [y])
    model.identify_inputs_and_outputs([x], [y])
    model.finish()
    return model


@pytest.fixture
def waiting() -> Iterator[CompiledModel]:
    """Runs that take as many seconds as their input says, one at a time, and tell their number."""
    with patient_service() as (_, remote), compile_model(single(), [remote]) as compiled:
        yield kept(compiled, lambda compiled: compiled.run_reported([seconds(0)])[1])


def limited(compiled: CompiledModel, value: float, timeout: float) -> Execution:
    execution = Execution(compiled.compilation)
    execution.set_timeout(timeout)
    execution.set_input(0, seconds(value))
    execution.set_output(0, np.zeros(1, np.float32))
    return execution


def test_a_failure_is_one_execution(waiting: CompiledModel) -> None:
    (first,) = waiting.run([seconds(0)])
    with pytest.raises(OpFailedError, match="it was told to fail"):
        waiting.run([seconds(-0.01)])
    assert waiting.run([seconds(0)])[0][0] == first[0] + 2


def test_a_deadline_while_another_thread_computes(waiting: CompiledModel) -> None:
    thread = threading.Thread(target=waiting.run, args=([seconds(0.8)],))
    thread.start()
    time.sleep(0.2)
    start = time.monotonic()
    with pytest.raises(MissedDeadlineTransientError, match="busy with other executions"):
        limited(waiting, 0, 0.1).compute()
    assert time.monotonic() - start < 0.5
    thread.join()


def test_a_deadline_right_after_the_device_went_to_another_client(waiting: CompiledModel) -> None:
    """The burst's thread must not wait for the device on its own account: it would not see the next request."""
    with compile_model(single(), waiting.plan.devices) as other:
        first = threading.Thread(target=waiting.run, args=([seconds(0.3)],))
        first.start()
        time.sleep(0.1)
        second = threading.Thread(target=other.run, args=([seconds(2.5)],))
        second.start()
        first.join()
        time.sleep(0.1)
        with pytest.raises(MissedDeadlineTransientError, match="busy with other executions"):
            limited(waiting, 0, 0.2).compute()
        assert second.is_alive()
        second.join()
        assert in_burst(waiting.run_reported([seconds(0)])[1]) == [True]


def test_closing_while_it_computes_lets_it_end(waiting: CompiledModel) -> None:
    results: list[np.ndarray] = []
    (before,) = waiting.run([seconds(0)])
    thread = threading.Thread(target=lambda: results.extend(waiting.run([seconds(0.6)])))
    thread.start()
    time.sleep(0.2)
    waiting.close()
    thread.join()
    assert [float(each[0]) for each in results] == [before[0] + 1]


def test_a_driver_without_bursts(tmp_path: Path) -> None:
    program = tmp_path / "old.py"
    program.write_text(OLD_DRIVER)
    service = Service(new_socket(), program)
    try:
        with compile_model(chain(), [RemoteDevice(RunningService("old", service.address))]) as compiled:
            for seed in range(10):
                assert in_burst(reported(compiled, numbers(seed))) == [False]
                time.sleep(0.01)
    finally:
        service.end()


def test_a_process_keeps_few_bursts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models that are in use keep theirs; one that is idle loses it to another one, and gets it back."""
    monkeypatch.setattr(kept_burst, "_all", weakref.WeakSet())  # other tests' end when they like
    monkeypatch.setattr(kept_burst, "MOST", 2)
    monkeypatch.setattr(kept_burst, "_IDLE", 60)
    models = [compile_model(chain(), ["cpu"]) for _ in range(3)]
    kept(models[0])
    kept(models[1])
    for _ in range(20):
        assert [in_burst(reported(each)) for each in models] == [[True], [True], [False]]
    monkeypatch.setattr(kept_burst, "_IDLE", 0.5)
    end = time.monotonic() + 5
    while not all(in_burst(reported(models[2]))) and time.monotonic() < end:
        reported(models[0])
    assert [in_burst(reported(each)) for each in models] == [[True], [False], [True]]
    time.sleep(0.6)
    kept(models[1])
    for each in models:
        each.close()


@pytest.mark.usefixtures("_chip")
@pytest.mark.parametrize(("strike", "code"), FAULTS.values(), ids=FAULTS)
def test_every_result_is_right_when_drivers_fail(strike: Callable[[], None], code: ResultCode) -> None:
    compilation = Compilation(chain())
    compilation.set_patience(2)
    compilation.finish()
    with kept(CompiledModel(compilation)) as compiled:
        strike()
        time.sleep(0.1)  # until all of its threads have stopped, if that strikes
        start = time.monotonic()
        report = reported(compiled)
        assert time.monotonic() - start < 10
        assert [(each.device, each.code, each.again_on) for each in report.failures] == [("chip", code, "cpu")]
        assert report.steps[0].device == "cpu"
        time.sleep(0.25)
        report = reported(kept(compiled))
        assert (report.steps[0].device, report.failures) == ("chip", ())


@pytest.mark.usefixtures("_chip")
def test_a_driver_that_dies_or_hangs_while_it_computes() -> None:
    with kept(compile_model(chain(), ["chip"])) as compiled:
        Simulator(device("chip")).set_faults([Fault(kind=FaultKind.HANG, every=1)])
        process = driver_process("chip")
        threading.Timer(0.5, process.kill).start()
        start = time.monotonic()
        with pytest.raises(DeadObjectError):
            compiled.run([A])
        assert 0.4 < time.monotonic() - start < 2
        with pytest.raises(DeadObjectError):
            compiled.run([A])
    process.wait(20)  # what it still holds open while it ends looks like a driver that lives
    with kept(compile_model(chain(), ["chip"])) as compiled:
        process = driver_process("chip")
        Simulator(device("chip")).set_faults([Fault(kind=FaultKind.HANG, every=1)])
        execution = Execution(compiled.compilation)
        execution.set_timeout(0.2)
        execution.set_input(0, A)
        execution.set_output(0, np.zeros_like(A))
        start = time.monotonic()
        with pytest.raises(MissedDeadlineTransientError):
            execution.compute()
        assert time.monotonic() - start < 5
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.usefixtures("_chip")
def test_faults_are_counted_in_executions() -> None:
    with kept(compile_model(chain(), ["chip"])) as compiled:
        Simulator(device("chip")).set_faults([Fault(kind=FaultKind.EXHAUSTED, every=3)])
        answers = []
        for seed in range(9):
            try:
                answers.append(np.array_equal(compiled.run([numbers(seed)])[0], result(numbers(seed))))
            except ResourceExhaustedTransientError:
                answers.append(None)
        assert answers == [True, True, None] * 3


@pytest.mark.usefixtures("_chip")
def test_memory_of_a_driver_that_has_died_is_not_another_one_s() -> None:
    """Its token may be that of other memory in the driver's successor."""

    def allocated() -> Memory:
        desc = MemoryDesc()
        desc.add_input_role(compilation, 0, 1.0)
        desc.finish()
        memory = Memory.from_desc(desc)
        Memory.copy(Memory.from_array(A), memory)
        return memory

    compilation = Compilation(chain())
    compilation.finish()
    with kept(CompiledModel(compilation)) as compiled:
        old = allocated()
        driver_process("chip").kill()
        assert reported(compiled).steps[0].device == "cpu"
        time.sleep(0.25)
        assert reported(kept(compiled)).steps[0].device == "chip"
        new = allocated()
        assert new._memory.token == old._memory.token
        execution = Execution(compilation)
        execution.set_input_from_memory(0, old, 0, 0)
        execution.set_output(0, np.zeros_like(A))
        with pytest.raises(DeadObjectError, match="memory is gone"):
            execution.compute()


FORKED = """
import os, sys, time
import numpy as np
import nnhal
model = nnhal.Model()
x, y = (model.add_operand(nnhal.OperandType.TENSOR_FLOAT32, (2,)) for _ in range(2))
model.add_operation(nnhal.OperationType.RELU, [x], [y])
model.identify_inputs_and_outputs([x], [y])
model.finish()
compiled = nnhal.compile(model, ["cpu"])
while not compiled.run_reported([np.ones(2, np.float32)])[1].steps[0].in_burst:
    pass
child = os.fork()
if not child:
    own = nnhal.compile(model, ["cpu"])
    for count in range(200):
        assert own.run([np.full(2, -count, np.float32)])[0].tolist() == [0, 0]
    assert own.run_reported([np.ones(2, np.float32)])[1].steps[0].in_burst
    os._exit(0)
for count in range(2000):
    assert compiled.run([np.full(2, count, np.float32)])[0].tolist() == [count, count]
print(os.waitpid(child, 0)[1], compiled.run_reported([np.ones(2, np.float32)])[1].steps[0].in_burst)
"""


def test_a_forked_child_has_bursts_of_its_own() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", FORKED], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == "0 True\n", done.stderr
