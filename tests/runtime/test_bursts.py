"""Bursts as an application uses them: results, states, reports, and drivers that fail in the middle."""

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

import nnhal
from hal.errors import (
    BadDataError,
    BadStateError,
    DeadObjectError,
    MissedDeadlineTransientError,
    OpFailedError,
    OutputInsufficientSizeError,
    ResourceExhaustedTransientError,
    UnexpectedNullError,
)
from hal.faults import Fault, FaultKind
from hal.rings import FORMS
from hal.types import DurationCode, OperandType, ResultCode
from hal.types import OperationType as O
from runtime import remote_burst
from runtime.burst import Burst
from runtime.compilation import Compilation
from runtime.compiled import CompiledModel, compile_model
from runtime.discovery import device
from runtime.execution import Execution
from runtime.launcher import RunningService
from runtime.memory import Memory
from runtime.memory_desc import MemoryDesc
from runtime.model import Model
from runtime.remote import RemoteDevice
from runtime.report import ExecutionReport
from runtime.simulator import Simulator
from runtime.telemetry import ExecutionRecord, Mode, set_telemetry
from tests.driver_processes import driver_process, stop
from tests.drivers.sdk.conftest import Service, new_socket
from tests.runtime.graphs import Builder
from tests.runtime.services import patient_service
from tests.runtime.test_report import loop
from tests.runtime.test_surviving_drivers import FAULTS

A = np.arange(-3, 3, dtype=np.float32).reshape(2, 3)
FLOAT = OperandType.TENSOR_FLOAT32


def chain(shape: tuple[int, ...] = (2, 3)) -> Model:
    """x -> floor(|x| + x)"""
    build = Builder(Model(), shape)
    x = build.tensor()
    return build.done([x], [build.unary(O.FLOOR, build.add(build.unary(O.ABS, x), x))])


def result(values: np.ndarray) -> np.ndarray:
    """Of the chain."""
    return np.floor(np.abs(values) + values)


def numbers(seed: int, shape: tuple[int, ...] = (2, 3)) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 9, shape).astype(np.float32)


def finished(model: Model, *devices: str, **settings: object) -> Compilation:
    compilation = Compilation(model, list(devices) or None)
    for name, value in settings.items():
        getattr(compilation, f"set_{name}")(value)
    compilation.finish()
    return compilation


def execution_of(
    compilation: Compilation,
    values: np.ndarray,
    output: np.ndarray,
    dimensions: tuple[int, ...] | None = None,
    *,
    reusable: bool = True,
) -> Execution:
    execution = Execution(compilation)
    execution.set_reusable(reusable)
    execution.set_input(0, values)
    execution.set_output(0, output, dimensions)
    return execution


def activation_for(name: str) -> tuple[Model, np.dtype]:
    """A model of one operation over (1, 4, 4, 3), in a type that the device takes, and the type."""
    model = Model()
    kind = OperandType.TENSOR_QUANT8_ASYMM_SIGNED if name in ("dsp", "npu") else FLOAT
    scale = 0.5 if kind is not FLOAT else 0.0
    x, y = (model.add_operand(kind, (1, 4, 4, 3), scale) for _ in range(2))
    model.add_operation(O.RELU, [x], [y])
    model.identify_inputs_and_outputs([x], [y])
    model.relax_computation_float32_to_float16(True)
    model.finish()
    return model, kind.dtype


@pytest.mark.parametrize("name", ["cpu", "gpu", "dsp", "npu"])
def test_every_device_gives_the_results_that_it_gives_without(name: str) -> None:
    model, dtype = activation_for(name)
    calls = RemoteDevice(device(name)._driver, keeps_bursts=False)
    compiled = compile_model(model, [name])
    with compile_model(model, [calls]) as called, compiled, compiled.burst() as burst:
        for seed in range(6):
            values = numbers(seed, (1, 4, 4, 3)).astype(dtype)
            np.testing.assert_array_equal(burst.run([values])[0], called.run([values])[0])
            assert burst.computing is not None
            assert burst.computing > 0
        timed, timing = burst.run_timed([values])
        np.testing.assert_array_equal(timed[0], called.run([values])[0])
        usual = called.run_timed([values])[1]
        assert (timing.on_hardware, timing.energy) == (usual.on_hardware, usual.energy)  # queues take real time
        _, report = burst.run_reported([values])
        assert [(step.device, step.in_burst) for step in report.steps] == [(name, True)]
        assert 0 < report.steps[0].computing < report.steps[0].seconds


def test_outputs_are_the_caller_s_own() -> None:
    with compile_model(chain(), ["cpu"]) as compiled, compiled.burst() as burst:
        kept = [burst.run([numbers(seed)])[0] for seed in range(5)]
    for seed, output in enumerate(kept):
        np.testing.assert_array_equal(output, result(numbers(seed)))
        output[:] = 0


def test_outputs_stay_as_long_as_anything_shows_them() -> None:
    """Views of all kinds, kept while many more runs go through the same memory."""
    kinds: list[Callable[[np.ndarray], object]] = [
        lambda output: output[1:],
        lambda output: output.T,
        lambda output: memoryview(output),
        lambda output: output.reshape(-1).view(np.uint8),
        lambda output: np.frombuffer(output, np.float32),
        lambda output: iter(output.flat),
        lambda output: [output[0], output[1]],
    ]
    with compile_model(chain(), ["cpu"]) as compiled, compiled.burst() as burst:
        burst.run([A])
        for kind in kinds:
            shown = kind(burst.run([A])[0])
            for seed in range(2 * remote_burst.KEPT):
                output = burst.run([numbers(seed)])[0]
                np.testing.assert_array_equal(output, result(numbers(seed)))
            assert _elements(shown) == _elements(kind(result(A)))


def _elements(shown: object) -> object:
    if isinstance(shown, (np.ndarray, memoryview)):
        return shown.tolist()
    return np.ravel(list(shown)).tolist()  # type: ignore[call-overload]


def test_dropped_outputs_are_used_again_and_kept_ones_cost_a_copy() -> None:
    with compile_model(chain(), ["cpu"]) as compiled, compiled.burst() as burst:
        output = burst.run([A])[0]
        places = set()
        for seed in range(50):
            output = burst.run([numbers(seed)])[0]
            places.add(output.ctypes.data)
        assert len(places) == 2, "one that the application holds, one that the driver writes to"
        kept = [burst.run([numbers(seed)])[0] for seed in range(50)]
        assert sum(not each.flags.owndata for each in kept) < remote_burst.KEPT
        for seed, each in enumerate(kept):
            np.testing.assert_array_equal(each, result(numbers(seed)))
        del kept, each
        assert not burst.run([A])[0].flags.owndata
    np.testing.assert_array_equal(output, result(numbers(49)))


def test_a_process_that_was_forked_keeps_its_outputs() -> None:
    with compile_model(chain(), ["cpu"]) as compiled, compiled.burst() as burst:
        for _ in range(2):
            output = burst.run([A])[0]
        assert not output.flags.owndata
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:  # nothing of pytest's may run here
            os.read(reading, 1)
            os._exit(0 if np.array_equal(output, result(A)) else 1)
        del output
        for seed in range(10):
            np.testing.assert_array_equal(burst.run([numbers(seed)])[0], result(numbers(seed)))
        os.write(writing, b"!")
        assert os.waitpid(pid, 0)[1] == 0
        os.close(reading)
        os.close(writing)


def test_inputs_that_need_no_copy() -> None:
    with compile_model(chain(), ["cpu"]) as compiled, compiled.burst() as burst:
        with pytest.raises(BadStateError, match="after a run"):
            _ = burst.inputs
        burst.run([A])
        (place,) = burst.inputs
        for seed in range(3):
            place[...] = numbers(seed)
            np.testing.assert_array_equal(burst.run([place])[0], result(numbers(seed)))
            np.testing.assert_array_equal(burst.run([A])[0], result(A))


def test_inputs_of_any_layout_and_other_shapes() -> None:
    model = Model()
    x, y = (model.add_operand(FLOAT, (0, 3)) for _ in range(2))
    model.add_operation(O.FLOOR, [x], [y])
    model.identify_inputs_and_outputs([x], [y])
    model.finish()
    with compile_model(chain(), ["cpu"]) as compiled, compiled.burst() as burst:
        for _ in range(3):
            transposed = np.asfortranarray(A)
            np.testing.assert_array_equal(burst.run([transposed])[0], result(A))
            for wrong in (A.astype(np.float64), A[:1], [A], None):
                with pytest.raises(BadDataError):
                    burst.run([wrong])
            with pytest.raises(BadDataError, match="0 inputs are given"):
                burst.run([])
    with compile_model(model, ["cpu"]) as compiled, compiled.burst() as burst:
        for rows in (2, 2, 2, 5, 5, 1, 2, 300, 2):
            np.testing.assert_array_equal(burst.run([numbers(rows, (rows, 3))])[0], np.floor(numbers(rows, (rows, 3))))


def test_more_kinds_of_requests_than_a_burst_has_numbers_for() -> None:
    compilation = finished(chain(), "cpu")
    with Burst(compilation) as burst:
        values = [numbers(seed) for seed in range(FORMS + 5)]
        memories = [(Memory.from_array(each), Memory.from_array(np.zeros_like(each))) for each in values]
        for _ in range(3):
            for given, (source, target) in zip(values, memories):
                target.data[:] = 0
                execution = Execution(compilation)
                execution.set_input_from_memory(0, source, 0, given.nbytes)
                execution.set_output_from_memory(0, target, 0, given.nbytes)
                execution.burst_compute(burst)
                np.testing.assert_array_equal(target.data.view(np.float32), result(given).reshape(-1))
                assert execution.report.steps[0].in_burst


def test_memories_that_are_gone_are_given_back() -> None:
    compilation = finished(chain(), "cpu")
    with Burst(compilation) as burst:
        source = Memory.from_array(A)
        target = Memory.from_array(np.zeros_like(A))
        execution = Execution(compilation)
        execution.set_input_from_memory(0, source, 0, A.nbytes)
        execution.set_output_from_memory(0, target, 0, A.nbytes)
        execution.burst_compute(burst)
        gone = weakref.ref(source)
        del source, target, execution
        gc.collect()
        assert gone() is None
        with compile_model(chain(), ["cpu"]) as compiled:
            np.testing.assert_array_equal(compiled.run([A])[0], result(A))


def test_device_memory() -> None:
    compilation = finished(chain(), "cpu")
    described = []
    for role in ("add_input_role", "add_output_role"):
        desc = MemoryDesc()
        getattr(desc, role)(compilation, 0, 1.0)
        desc.finish()
        described.append(Memory.from_desc(desc))
    with Burst(compilation) as burst:
        for seed in range(4):
            Memory.copy(Memory.from_array(numbers(seed)), described[0])
            execution = Execution(compilation)
            execution.set_input_from_memory(0, described[0], 0, 0)
            execution.set_output_from_memory(0, described[1], 0, 0)
            execution.burst_compute(burst)
            back = Memory.from_array(np.zeros_like(A))
            Memory.copy(described[1], back)
            np.testing.assert_array_equal(back.data.view(np.float32), result(numbers(seed)).reshape(-1))


def test_a_reusable_execution_with_timing() -> None:
    compilation = finished(chain(), "cpu")
    output = np.zeros_like(A)
    values = A.copy()
    execution = Execution(compilation)
    execution.set_reusable(True)
    execution.set_measure_timing(True)
    execution.set_input(0, values)
    execution.set_output(0, output)
    with Burst(compilation) as burst:
        for seed in range(5):
            values[:] = numbers(seed)
            execution.burst_compute(burst)
            np.testing.assert_array_equal(output, result(values))
            assert execution.get_duration(DurationCode.ON_HARDWARE) > 0
            assert execution.get_output_operand_dimensions(0) == (2, 3)
    execution.compute()
    assert not execution.report.steps[0].in_burst


def test_states() -> None:
    compilation = Compilation(chain(), ["cpu"])
    with pytest.raises(UnexpectedNullError):
        Burst(None)
    with pytest.raises(BadStateError):
        Burst(compilation)
    compilation.finish()
    burst = Burst(compilation)
    output = np.zeros_like(A)
    execution = execution_of(compilation, A, output, reusable=False)
    with pytest.raises(UnexpectedNullError):
        execution.burst_compute(None)
    with Burst(finished(chain(), "cpu")) as other, pytest.raises(BadDataError, match="another compilation"):
        execution.burst_compute(other)
    execution.burst_compute(burst)
    np.testing.assert_array_equal(output, result(A))
    with pytest.raises(BadStateError, match="has been computed"):
        execution.burst_compute(burst)
    with pytest.raises(BadDataError, match="input 0 has not been set"):
        Execution(compilation).burst_compute(burst)
    burst.close()
    burst.close()
    with pytest.raises(BadStateError, match="the burst is closed"):
        execution_of(compilation, A, output).burst_compute(burst)
    compilation.close()
    with pytest.raises(BadStateError):
        Burst(compilation)


def test_a_closed_burst_and_a_closed_model_of_compiled_models() -> None:
    compiled = compile_model(chain(), ["cpu"])
    burst = compiled.burst()
    for _ in range(3):
        burst.run([A])
    burst.close()
    with pytest.raises(BadStateError, match="the burst is closed"):
        burst.run([A])
    other = compiled.burst()
    for _ in range(3):
        other.run([A])
    compiled.close()
    with pytest.raises(BadStateError, match="closed"):
        other.run([A])


def test_an_output_that_does_not_fit() -> None:
    model = Model()
    x, y = (model.add_operand(FLOAT, (0, 3)) for _ in range(2))
    model.add_operation(O.FLOOR, [x], [y])
    model.identify_inputs_and_outputs([x], [y])
    model.finish()
    compilation = finished(model, "cpu")
    with Burst(compilation) as burst:
        for _ in range(3):
            small = execution_of(compilation, A, np.zeros((1, 3), np.float32), (0, 3))
            with pytest.raises(OutputInsufficientSizeError):
                small.burst_compute(burst)
            assert small.get_output_operand_dimensions(0) == (2, 3)
            output = np.zeros((4, 3), np.float32)
            execution = execution_of(compilation, A, output, (0, 3))
            execution.burst_compute(burst)
            np.testing.assert_array_equal(output[:2], np.floor(A))


@pytest.fixture
def patient() -> Iterator[RemoteDevice]:
    """Computes one execution at a time, each as many seconds as its input says; not an engine's device."""
    with patient_service() as (_, remote):
        yield remote


@pytest.fixture
def waiting(patient: RemoteDevice) -> Compilation:
    build = Builder(Model(), (1,))
    x = build.tensor()
    compilation = Compilation(build.done([x], [build.unary(O.RELU, x)]), [patient])
    compilation.finish()
    return compilation


def seconds(value: float) -> np.ndarray:
    return np.array([value], np.float32)


def test_a_driver_that_is_not_an_engine_s(waiting: Compilation) -> None:
    compiled = CompiledModel(waiting)
    with compiled.burst() as burst:
        assert [float(burst.run([seconds(0)])[0][0]) for _ in range(5)] == [1, 2, 3, 4, 5]
        with pytest.raises(OpFailedError, match="it was told to fail"):
            burst.run([seconds(-0.01)])
        assert float(burst.run([seconds(0)])[0][0]) == 7  # the failure was one execution, not two
        start = time.monotonic()
        burst.run([seconds(0.3)])
        assert time.monotonic() - start >= 0.3
        assert burst.computing >= 0.3
        _, report = burst.run_reported([seconds(0)])
        assert report.steps[0].in_burst


def test_one_execution_at_a_time(waiting: Compilation) -> None:
    with Burst(waiting) as burst:
        long = execution_of(waiting, seconds(0.5), np.zeros(1, np.float32))
        thread = threading.Thread(target=long.burst_compute, args=(burst,))
        thread.start()
        time.sleep(0.2)
        short = execution_of(waiting, seconds(0), np.zeros(1, np.float32))
        with pytest.raises(BadStateError, match="one at a time"):
            short.burst_compute(burst)
        thread.join()
        short.burst_compute(burst)


@pytest.mark.parametrize("hot", [False, True])
def test_closing_while_it_computes(waiting: Compilation, hot: bool) -> None:
    compiled = CompiledModel(waiting)
    burst = compiled.burst()
    for _ in range(3 if hot else 0):
        burst.run([seconds(0)])
    errors: list[BaseException] = []

    def run() -> None:
        try:
            burst.run([seconds(1.5)])
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.3)
    start = time.monotonic()
    burst.close()
    thread.join()
    assert time.monotonic() - start < 1
    assert [type(error) for error in errors] == [BadStateError]
    with compiled.burst() as other:
        other.run([seconds(0)])


def test_deadlines(waiting: Compilation) -> None:
    with Burst(waiting) as burst:
        other = execution_of(waiting, seconds(0.8), np.zeros(1, np.float32))
        event = other.start_compute()
        time.sleep(0.2)
        execution = Execution(waiting)
        execution.set_timeout(0.1)
        execution.set_input(0, seconds(0))
        execution.set_output(0, np.zeros(1, np.float32))
        start = time.monotonic()
        with pytest.raises(MissedDeadlineTransientError, match="busy with other executions"):
            execution.burst_compute(burst)
        assert time.monotonic() - start < 0.5
        event.wait()
        execution_of(waiting, seconds(0), np.zeros(1, np.float32)).burst_compute(burst)


def test_several_bursts_of_one_compilation() -> None:
    compiled = compile_model(chain((50, 60)), ["cpu"])
    wrong: list[int] = []

    def work(number: int) -> None:
        with compiled.burst() as burst:
            for seed in range(60):
                values = numbers(100 * number + seed, (50, 60))
                if not np.array_equal(burst.run([values])[0], result(values)):
                    wrong.append(seed)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_telemetry() -> None:
    records: list[ExecutionRecord] = []
    with compile_model(chain(), ["cpu"]) as compiled, compiled.burst() as burst:
        for _ in range(3):
            burst.run([A])
        set_telemetry(lambda record: records.append(record))  # type: ignore[arg-type]
        try:
            np.testing.assert_array_equal(burst.run([A])[0], result(A))
            with Burst(compiled.compilation) as other:
                execution_of(compiled.compilation, A, np.zeros_like(A)).burst_compute(other)
        finally:
            set_telemetry(None)
        burst.run([A])
    assert [(record.mode, record.result) for record in records] == [(Mode.BURST, ResultCode.NO_ERROR)] * 2
    for record in records:
        assert record.report.steps[0].in_burst
        assert record.report.timing.in_driver is not None


OLD_DRIVER = """
import sys
from drivers.sdk import serve, service
from drivers.sdk.registry import load_device
del service.DeviceService.OpenBurst
serve(load_device("cpu"), sys.argv[1], ready=lambda address: print(address, flush=True))
"""


def test_a_driver_without_bursts(tmp_path: Path) -> None:
    program = tmp_path / "old.py"
    program.write_text(OLD_DRIVER)
    service = Service(new_socket(), program)
    try:
        compiled = compile_model(chain(), [RemoteDevice(RunningService("old", service.address))])
        with compiled.burst() as burst:
            for seed in range(4):
                np.testing.assert_array_equal(burst.run([numbers(seed)])[0], result(numbers(seed)))
            _, report = burst.run_reported([A])
            assert [(step.device, step.in_burst) for step in report.steps] == [("cpu", False)]
        compiled.close()
    finally:
        service.end()


def reported(burst: nnhal.CompiledBurst, seed: int) -> ExecutionReport:
    """The report of a run whose results were right."""
    outputs, report = burst.run_reported([numbers(seed)])
    np.testing.assert_array_equal(outputs[0], result(numbers(seed)))
    return report


@pytest.mark.usefixtures("_chip")
@pytest.mark.parametrize("hot", [False, True])
@pytest.mark.parametrize(("strike", "code"), FAULTS.values(), ids=FAULTS)
def test_every_result_is_right_when_drivers_fail(strike: Callable[[], None], code: ResultCode, hot: bool) -> None:
    compiled = CompiledModel(finished(chain(), patience=2))
    with compiled.burst() as burst:
        assert [(step.device, step.in_burst) for step in reported(burst, 0).steps] == [("chip", True)]
        for seed in range(3):
            np.testing.assert_array_equal(burst.run([numbers(seed)])[0], result(numbers(seed)))
        strike()
        time.sleep(0.1)  # until all of its threads have stopped, if that strikes
        start = time.monotonic()
        if hot:
            np.testing.assert_array_equal(burst.run([numbers(7)])[0], result(numbers(7)))
            report = burst._running.report()
        else:
            report = reported(burst, 7)
        assert time.monotonic() - start < 10
        assert [(each.device, each.code, each.again_on) for each in report.failures] == [("chip", code, "cpu")]
        assert report.steps[0].device == "cpu"
        time.sleep(0.25)
        for seed in range(3):
            np.testing.assert_array_equal(burst.run([numbers(seed)])[0], result(numbers(seed)))
        report = reported(burst, 9)
        assert (report.steps[0].device, report.steps[0].in_burst, report.failures) == ("chip", True, ())


def stopped_driver() -> psutil.Process:
    process = driver_process("chip")
    stop(process)
    return process


@pytest.mark.usefixtures("_chip")
@pytest.mark.parametrize("hot", [False, True])
def test_a_driver_that_dies_while_a_burst_waits(hot: bool) -> None:
    compiled = CompiledModel(finished(chain(), "chip"))
    with compiled.burst() as burst:
        for seed in range(3):
            burst.run([numbers(seed)])
        Simulator(device("chip")).set_faults([Fault(kind=FaultKind.HANG, every=1)])
        process = driver_process("chip")
        threading.Timer(0.5, process.kill).start()
        start = time.monotonic()
        with pytest.raises(DeadObjectError):
            burst.run([A]) if hot else burst.run_timed([A])
        assert 0.4 < time.monotonic() - start < 2


@pytest.mark.usefixtures("_chip")
def test_a_driver_that_hangs_is_given_up_at_the_patience_and_the_timeout() -> None:
    compilation = finished(chain(), "chip", patience=2)
    with CompiledModel(compilation).burst() as burst:
        for seed in range(3):
            burst.run([numbers(seed)])
        process = stopped_driver()
        with pytest.raises(DeadObjectError, match=r"has not answered for 2 s"):
            burst.run([A])
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    compilation = finished(chain(), "chip")
    execution = Execution(compilation)
    execution.set_reusable(True)
    execution.set_timeout(0.2)
    execution.set_input(0, A)
    execution.set_output(0, np.zeros_like(A))
    with Burst(compilation) as once_more:
        execution.burst_compute(once_more)
        stopped_driver()
        start = time.monotonic()
        with pytest.raises(MissedDeadlineTransientError):
            execution.burst_compute(once_more)
        assert time.monotonic() - start < 5


@pytest.mark.usefixtures("_chip")
def test_faults_are_counted_in_a_burst_s_executions() -> None:
    with compile_model(chain(), ["chip"]) as compiled, compiled.burst() as burst:
        for seed in range(3):
            burst.run([numbers(seed)])
        Simulator(device("chip")).set_faults([Fault(kind=FaultKind.EXHAUSTED, every=3)])
        answers = []
        for seed in range(9):
            try:
                answers.append(np.array_equal(burst.run([numbers(seed)])[0], result(numbers(seed))))
            except ResourceExhaustedTransientError:
                answers.append(None)
        assert answers == [True, True, None] * 3


@pytest.mark.usefixtures("_chip")
def test_a_plan_of_several_steps(new_device: Callable[..., nnhal.Model]) -> None:
    """Through two drivers in processes of their own, and one device of this process between them."""
    middle = new_device("middle")
    middle.takes(O.ADD)
    build = Builder(Model())
    x = build.tensor()
    model = build.done([x], [build.unary(O.FLOOR, build.add(build.unary(O.ABS, x), x))])
    compilation = Compilation(model, ["chip", middle, "cpu"])
    compilation.finish()
    assert len(compilation.plan.steps) >= 1
    compiled = CompiledModel(compilation)
    with compiled.burst() as burst:
        for seed in range(4):
            report = reported(burst, seed)
            np.testing.assert_array_equal(burst.run([numbers(seed)])[0], result(numbers(seed)))
        assert {step.device: step.in_burst for step in report.steps} == {
            step.device: step.device != "middle" for step in report.steps
        }
    compiled.close()


def test_a_loop_that_the_runtime_executes(new_device: Callable[..., nnhal.Model]) -> None:
    device = new_device("straight")
    device.refuses(O.WHILE)
    with compile_model(loop(), [device, "cpu"]) as compiled, compiled.burst() as burst:
        for _ in range(3):
            outputs = burst.run([np.zeros(1, np.float32), A])
            np.testing.assert_array_equal(outputs[1], 8 * np.maximum(A, 0))


CLIENT = """
import sys
import numpy as np
import nnhal
from runtime.launcher import RunningService
from runtime.remote import RemoteDevice

model = nnhal.Model()
x, y = (model.add_operand(nnhal.OperandType.TENSOR_FLOAT32, (8,)) for _ in range(2))
model.add_operation(nnhal.OperationType.RELU, [x], [y])
model.identify_inputs_and_outputs([x], [y])
model.finish()
compiled = nnhal.compile(model, [RemoteDevice(RunningService("cpu", sys.argv[1]))])
burst = compiled.burst()
values = np.ones(8, np.float32)
for _ in range(3):
    burst.run([values])
print("going", flush=True)
while True:
    burst.run([values])
"""

SERVER = """
import sys
from drivers.sdk import serve
from drivers.sdk.registry import load_device
serve(load_device("cpu"), sys.argv[1], ready=lambda address: print(address, flush=True))
"""


def test_clients_that_are_killed_leave_nothing_behind(tmp_path: Path) -> None:
    program, client = tmp_path / "server.py", tmp_path / "client.py"
    program.write_text(SERVER)
    client.write_text(CLIENT)
    service = Service(new_socket(), program)
    try:
        process = psutil.Process(service.process.pid)
        counts = []
        for _ in range(4):
            with subprocess.Popen(
                [sys.executable, client, service.address],
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            ) as killed:
                assert killed.stdout is not None
                assert killed.stdout.readline() == b"going\n"
                killed.kill()
            time.sleep(0.5)
            counts.append((process.num_threads(), process.num_fds()))
        assert counts[-1] <= (counts[0][0] + 2, counts[0][1] + 2)
        before = sum(process.cpu_times()[:2])
        time.sleep(0.5)
        assert sum(process.cpu_times()[:2]) - before < 0.2, "a burst without a client goes on"
    finally:
        service.end()


def test_a_driver_that_writes_nonsense_into_the_ring() -> None:
    """An own ring is written to as a broken driver might."""
    with compile_model(chain(), ["cpu"]) as compiled, compiled.burst() as burst:
        for seed in range(3):
            burst.run([numbers(seed)])
        remote = burst._standing.burst
        post = remote._requests.post

        def wrong(code: int, length: int, data: bytes = b"") -> Callable[..., None]:
            def answer(sequence: int, subject: int, nanoseconds: int, message: bytes = b"") -> None:
                remote._results.post(sequence, code, 0, data)
                remote._results.words[2] = length

            return answer

        for code, length, data in ((0, 2**62, b""), (0, 5, b"\xff" * 5), (99, 0, b""), (-1, 3, b"abc"), (4, -7, b"")):
            remote._requests.post = wrong(code, length, data)
            with pytest.raises(OpFailedError):
                remote.again()
        remote._requests.post = post
        remote._requests.post(remote._sequence, FORMS - 1, 0)
        np.testing.assert_array_equal(burst.run([A])[0], result(A))
