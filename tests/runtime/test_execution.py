"""Executions: states and their result codes, arguments, outputs, durations, staging."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hal.errors import (
    BadDataError,
    BadStateError,
    DeadObjectError,
    NnapiError,
    OpFailedError,
    OutputInsufficientSizeError,
    UnexpectedNullError,
)
from hal.memory import Region
from hal.types import DurationCode, OperandType, OperationType
from runtime.compilation import Compilation
from runtime.execution import Execution
from runtime.memory import Memory
from runtime.model import Model

T = OperandType
BuildModel = Callable[..., Model]

A = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
B = np.full((2, 3), 10, np.float32)


def compiled(model: Model, device: Any) -> Compilation:
    compilation = Compilation(model, [device])
    compilation.finish()
    return compilation


@pytest.fixture
def compilation(add_model: BuildModel, device: Any) -> Compilation:
    return compiled(add_model(), device)


@pytest.fixture
def open_compilation(add_model: BuildModel, device: Any) -> Compilation:
    """Of a model whose first dimension is unknown."""
    return compiled(add_model((0, 3)), device)


@pytest.fixture
def execution(compilation: Compilation) -> Execution:
    return Execution(compilation)


def ready(compilation: Compilation, reusable: bool = False) -> tuple[Execution, np.ndarray]:
    """An execution with everything set, and its output."""
    execution = Execution(compilation)
    output = np.zeros((2, 3), np.float32)
    execution.set_input(0, A)
    execution.set_input(1, B)
    execution.set_output(0, output)
    execution.set_reusable(reusable)
    return execution, output


def raising(error: NnapiError) -> Callable[[], None]:
    def hook() -> None:
        raise error

    return hook


@contextmanager
def computing(execution: Execution, device: Any) -> Iterator[None]:
    """While the body runs, the execution is on its device."""
    arrived, leave = threading.Event(), threading.Event()

    def block() -> None:
        arrived.set()
        assert leave.wait(10)

    device.on_execute = block
    event = execution.start_compute()
    assert arrived.wait(10)
    try:
        yield
    finally:
        leave.set()
        event.wait()
        device.on_execute = lambda: None


# Creation and states


def test_the_compilation_must_be_finished(add_model: BuildModel, device: Any) -> None:
    with pytest.raises(BadStateError):
        Execution(Compilation(add_model(), [device]))
    with pytest.raises(UnexpectedNullError):
        Execution(None)  # type: ignore[arg-type]


def test_computes(compilation: Compilation) -> None:
    execution, output = ready(compilation)
    execution.compute()
    np.testing.assert_array_equal(output, A + B)


def test_computes_in_the_background(compilation: Compilation) -> None:
    execution, output = ready(compilation)
    event = execution.start_compute()
    event.wait()
    event.wait()
    np.testing.assert_array_equal(output, A + B)


CHANGES: dict[str, Callable[[Execution], object]] = {
    "set_input": lambda execution: execution.set_input(0, A),
    "set_output": lambda execution: execution.set_output(0, A.copy()),
    "set_input_from_memory": lambda execution: execution.set_input_from_memory(0, Memory.from_array(A), 0, 24),
    "set_output_from_memory": lambda execution: execution.set_output_from_memory(0, Memory.from_array(A), 0, 24),
    "set_measure_timing": lambda execution: execution.set_measure_timing(True),
    "set_timeout": lambda execution: execution.set_timeout(1.0),
    "set_loop_timeout": lambda execution: execution.set_loop_timeout(1.0),
    "set_reusable": lambda execution: execution.set_reusable(True),
}
COMPUTATIONS: dict[str, Callable[[Execution], object]] = {
    "compute": lambda execution: execution.compute(),
    "start_compute": lambda execution: execution.start_compute(),
}
QUERIES: dict[str, Callable[[Execution], object]] = {
    "rank": lambda execution: execution.get_output_operand_rank(0),
    "dimensions": lambda execution: execution.get_output_operand_dimensions(0),
    "duration": lambda execution: execution.get_duration(DurationCode.IN_DRIVER),
}


@pytest.mark.parametrize("name", CHANGES | COMPUTATIONS)
def test_too_late_once_computed(compilation: Compilation, name: str) -> None:
    execution, _ = ready(compilation)
    execution.compute()
    with pytest.raises(BadStateError):
        (CHANGES | COMPUTATIONS)[name](execution)


@pytest.mark.parametrize("name", CHANGES)
def test_too_late_once_a_reusable_execution_is_computed(compilation: Compilation, name: str) -> None:
    execution, _ = ready(compilation, reusable=True)
    execution.compute()
    with pytest.raises(BadStateError):
        CHANGES[name](execution)


@pytest.mark.parametrize("reusable", [False, True])
@pytest.mark.parametrize("name", CHANGES | COMPUTATIONS | QUERIES)
def test_not_while_computing(compilation: Compilation, device: Any, name: str, reusable: bool) -> None:
    execution, output = ready(compilation, reusable)
    with computing(execution, device), pytest.raises(BadStateError):
        (CHANGES | COMPUTATIONS | QUERIES)[name](execution)
    np.testing.assert_array_equal(output, A + B)


@pytest.mark.parametrize("name", QUERIES)
def test_too_early_before_computing(compilation: Compilation, name: str) -> None:
    with pytest.raises(BadStateError):
        QUERIES[name](ready(compilation)[0])


def test_not_once_the_compilation_is_closed(compilation: Compilation) -> None:
    execution, _ = ready(compilation)
    compilation.close()
    with pytest.raises(BadStateError, match="closed"):
        execution.compute()


def test_a_reusable_execution_reads_its_inputs_again(compilation: Compilation) -> None:
    execution = Execution(compilation)
    execution.set_reusable(True)
    first, output = A.copy(), np.zeros_like(A)
    execution.set_input(0, first)
    execution.set_input(1, B)
    execution.set_output(0, output)
    for value in (1, 2, 3):
        first[:] = value
        execution.compute()
        np.testing.assert_array_equal(output, B + value)
    execution.start_compute().wait()


@pytest.mark.parametrize("name", COMPUTATIONS)
@pytest.mark.parametrize("missing", ["input 1", "output 0"])
def test_everything_must_be_set(compilation: Compilation, name: str, missing: str) -> None:
    execution = Execution(compilation)
    execution.set_input(0, A)
    if missing != "input 1":
        execution.set_input(1, B)
    if missing != "output 0":
        execution.set_output(0, np.zeros_like(A))
    with pytest.raises(BadDataError, match=f"{missing} has not been set"):
        COMPUTATIONS[name](execution)
    with pytest.raises(BadStateError):  # it has been computed, in vain
        execution.compute()


@pytest.mark.parametrize("name", ["set_input", "set_input_from_memory"])
@pytest.mark.parametrize("again", ["set_input", "set_input_from_memory"])
def test_an_input_is_set_once(execution: Execution, name: str, again: str) -> None:
    CHANGES[name](execution)
    with pytest.raises(BadStateError, match="input 0 has been set already"):
        CHANGES[again](execution)


@pytest.mark.parametrize("name", ["set_output", "set_output_from_memory"])
@pytest.mark.parametrize("again", ["set_output", "set_output_from_memory"])
def test_an_output_is_set_once(execution: Execution, name: str, again: str) -> None:
    CHANGES[name](execution)
    with pytest.raises(BadStateError, match="output 0 has been set already"):
        CHANGES[again](execution)


# Arguments


@pytest.mark.parametrize("index", [-1, 2, 999, None, "0"])
def test_arguments_that_do_not_exist_are_refused(execution: Execution, index: Any) -> None:
    memory = Memory.from_array(A)
    with pytest.raises(BadDataError, match="there is no input"):
        execution.set_input(index, A)
    with pytest.raises(BadDataError, match="there is no output"):
        execution.set_output(index, A.copy())
    with pytest.raises(BadDataError, match="there is no input"):
        execution.set_input_from_memory(index, memory, 0, 24)
    with pytest.raises(BadDataError, match="there is no output"):
        execution.set_output_from_memory(index, memory, 0, 24)


@pytest.mark.parametrize(
    ("value", "dimensions"),
    [
        (A.astype(np.float64), None),
        (A.astype(np.int32), None),
        (A[:, :2].copy(), None),
        (np.zeros(7, np.float32), None),
        (A.repeat(2, axis=0)[::2], None),
        (bytes(23), None),
        (bytes(28), None),
        (memoryview(bytes(48))[::2], None),
        (A.tolist(), None),
        (1.0, None),
        (A, (3, 2)),
        (A, (6,)),
        (A, (2, 0, 3)),
        (A, (2, 4)),
        (A, (2, -3)),
        (A, (2, 3.0)),
        (A, (5, 4, 4, 786433, 5, 3, 16777216, 4, 5)),
    ],
)
def test_arguments_that_do_not_fit_are_refused(execution: Execution, value: Any, dimensions: Any) -> None:
    with pytest.raises(BadDataError, match="input 0"):
        execution.set_input(0, value, dimensions)
    output = bytearray(value) if isinstance(value, bytes) else value
    with pytest.raises(BadDataError, match="output 0"):
        execution.set_output(0, output, dimensions)
    execution.set_input(0, A)
    execution.set_output(0, A.copy())


@pytest.mark.parametrize("value", [A, bytes(24), np.float32(1)])
def test_outputs_must_be_writable(execution: Execution, value: Any) -> None:
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flags.writeable = False
    with pytest.raises(BadDataError, match="output 0"):
        execution.set_output(0, value)


def test_memory_arguments_that_do_not_fit_are_refused(execution: Execution) -> None:
    memory = Memory.from_array(np.zeros(40, np.uint8))
    for setter in (execution.set_input_from_memory, execution.set_output_from_memory):
        for offset, length in ((0, 40), (0, 20), (17, 24), (41, 24), (-1, 24), (0, 0)):
            with pytest.raises(BadDataError):
                setter(0, memory, offset, length)
        with pytest.raises(BadDataError):
            setter(0, memory, 0, 24, (3, 2))
        with pytest.raises(UnexpectedNullError):
            setter(0, None, 0, 24)  # type: ignore[arg-type]


def test_needed_arguments_can_not_be_left_out(execution: Execution) -> None:
    with pytest.raises(BadDataError, match="input 1 is left out: operation 0"):
        execution.set_input(1, None)
    with pytest.raises(BadDataError, match="output 0 is left out: operation 0"):
        execution.set_output(0, None)


def test_optional_inputs_can_be_left_out(device: Any) -> None:
    """LSH_PROJECTION's weight is optional."""
    model = Model()
    hashes, given, weight = (model.add_operand(T.TENSOR_FLOAT32, each) for each in ((2, 2), (2,), (2,)))
    kind, projected = model.add_operand(T.INT32), model.add_operand(T.TENSOR_INT32, (2,))
    model.set_operand_value(kind, np.int32(3))
    model.add_operation(OperationType.LSH_PROJECTION, [hashes, given, weight, kind], [projected])
    model.identify_inputs_and_outputs([hashes, given, weight], [projected])
    model.finish()
    execution = Execution(compiled(model, device))
    execution.set_input(0, np.zeros((2, 2), np.float32))
    execution.set_input(1, np.zeros(2, np.float32))
    execution.set_input(2, None)
    execution.set_output(0, np.zeros(2, np.int32))
    device.on_execute = raising(DeadObjectError("as far as the device"))
    with pytest.raises(DeadObjectError):
        execution.compute()
    assert [argument.data is None for argument in device.requests[0].inputs] == [False, False, True]


def test_buffers_of_bytes_serve_too(compilation: Compilation) -> None:
    execution = Execution(compilation)
    execution.set_input(0, A.tobytes())
    execution.set_input(1, memoryview(B.tobytes()))
    output = bytearray(24)
    execution.set_output(0, output)
    execution.compute()
    np.testing.assert_array_equal(np.frombuffer(output, np.float32), (A + B).ravel())


def test_scalar_inputs(device: Any) -> None:
    model = Model()
    first, second, total = (model.add_operand(T.TENSOR_FLOAT32, (2,)) for _ in range(3))
    activation = model.add_operand(T.INT32)
    model.add_operation(OperationType.ADD, [first, second, activation], [total])
    model.identify_inputs_and_outputs([first, second, activation], [total])
    model.finish()
    execution = Execution(compiled(model, device))
    output = np.zeros(2, np.float32)
    execution.set_input(0, np.array([-3, 3], np.float32))
    execution.set_input(1, np.array([1, 1], np.float32))
    with pytest.raises(BadDataError, match="scalar"):
        execution.set_input(2, 1, (1,))
    execution.set_input(2, 1)
    execution.set_output(0, output)
    execution.compute()
    assert output.tolist() == [0, 4]


def test_memories_are_used_in_place(compilation: Compilation, device: Any) -> None:
    inputs, output = Memory.from_array(np.concatenate([A, B])), Memory.from_array(np.zeros(8, np.float32))
    execution = Execution(compilation)
    execution.set_input_from_memory(0, inputs, 0, 24)
    execution.set_input_from_memory(1, inputs, 24, 24)
    execution.set_output_from_memory(0, output, 8, 24)
    execution.compute()
    np.testing.assert_array_equal(output.data.view(np.float32), [0, 0, *(A + B).ravel()])
    request = device.requests[0]
    assert request.inputs[1].location == inputs.part(24, 24)[1]
    assert request.outputs[0].location == output.part(8, 24)[1]


# Unknown dimensions


def test_dimensions_come_from_the_arrays(open_compilation: Compilation) -> None:
    execution, output = ready(open_compilation)
    execution.compute()
    np.testing.assert_array_equal(output, A + B)
    assert execution.get_output_operand_dimensions(0) == (2, 3)


def test_dimensions_can_be_given_with_bytes(open_compilation: Compilation) -> None:
    execution = Execution(open_compilation)
    for unknown, reason in ((None, "must be known"), ((0, 3), "must be known"), ((2, 0), "all that the model does")):
        with pytest.raises(BadDataError, match=reason):
            execution.set_input(0, A.tobytes(), unknown)
    execution.set_input(0, A.tobytes(), (2, 3))
    execution.set_input(1, B.tobytes(), [2, 3])
    output = bytearray(24)
    execution.set_output(0, output, (0, 3))
    execution.compute()
    assert output == (A + B).tobytes()


@pytest.mark.parametrize("dimensions", [(), (0, 3), (2, 0), (2, 3, 1)])
def test_given_dimensions_must_say_what_the_model_does(compilation: Compilation, dimensions: tuple[int, ...]) -> None:
    execution, memory = Execution(compilation), Memory.from_array(A)
    with pytest.raises(BadDataError, match="all that the model does"):
        execution.set_input(0, A, dimensions)
    with pytest.raises(BadDataError, match="all that the model does"):
        execution.set_input(0, None, dimensions)
    with pytest.raises(BadDataError, match="all that the model does"):
        execution.set_output(0, np.zeros_like(A), dimensions)
    with pytest.raises(BadDataError, match="all that the model does"):
        execution.set_input_from_memory(0, memory, 0, 24, dimensions)
    with pytest.raises(BadDataError, match="all that the model does"):
        execution.set_output_from_memory(0, memory, 0, 24, dimensions)


@pytest.mark.parametrize("size", [4, 24, 48])
def test_an_output_of_other_dimensions_than_asked_for_fails(add_model: BuildModel, size: int) -> None:
    execution = Execution(compiled(add_model(()), "cpu"))
    execution.set_input(0, A)
    execution.set_input(1, B)
    execution.set_output(0, bytearray(size), (3, 0))
    with pytest.raises(OpFailedError, match="dimensions"):
        execution.compute()


def test_inputs_that_do_not_fit_each_other_fail_when_computed(add_model: BuildModel) -> None:
    execution = Execution(compiled(add_model(()), "cpu"))
    execution.set_input(0, A)
    execution.set_input(1, np.zeros((3, 3), np.float32))
    execution.set_output(0, np.zeros((3, 3), np.float32))
    with pytest.raises(OpFailedError, match="broadcast"):
        execution.compute()


@pytest.mark.parametrize("fence", [False, True])
def test_durations_that_no_clock_can_hold_are_no_limit(add_model: BuildModel, fence: bool) -> None:
    longest = (2**64 - 1) / 1e9
    compilation = Compilation(add_model((2, 3)), ["cpu"])
    compilation.set_timeout(longest)
    compilation.finish()
    execution, output = ready(compilation)
    execution.set_timeout(longest)
    if fence:
        execution.start_compute_with_dependencies([], longest).wait()
    else:
        execution.compute()
    np.testing.assert_array_equal(output, A + B)


@pytest.mark.parametrize("dimensions", [(3, 3), (2, 2), (2, 3, 1)])
def test_given_dimensions_must_fit_the_array(open_compilation: Compilation, dimensions: tuple[int, ...]) -> None:
    with pytest.raises(BadDataError):
        Execution(open_compilation).set_input(0, A, dimensions)


def test_more_room_than_needed_is_left_alone(open_compilation: Compilation) -> None:
    execution = Execution(open_compilation)
    output = bytearray(np.full(8, -1, np.float32))
    execution.set_input(0, A)
    execution.set_input(1, B)
    execution.set_output(0, memoryview(output))
    execution.compute()
    np.testing.assert_array_equal(np.frombuffer(output, np.float32), [*(A + B).ravel(), -1, -1])


def test_an_output_that_does_not_fit_tells_what_it_needs(open_compilation: Compilation) -> None:
    execution = Execution(open_compilation)
    execution.set_input(0, A)
    execution.set_input(1, B)
    execution.set_output(0, bytearray(20))
    with pytest.raises(OutputInsufficientSizeError) as caught:
        execution.compute()
    assert caught.value.dimensions == ((2, 3),)
    assert execution.get_output_operand_dimensions(0) == (2, 3)
    assert execution.get_output_operand_rank(0) == 2
    with pytest.raises(BadStateError):
        execution.get_duration(DurationCode.IN_DRIVER)


# What came of it


def test_rank_and_dimensions(compilation: Compilation) -> None:
    execution, _ = ready(compilation)
    execution.compute()
    assert execution.get_output_operand_rank(0) == 2
    assert execution.get_output_operand_dimensions(0) == (2, 3)
    for index in (-1, 1, 999):
        with pytest.raises(BadDataError):
            execution.get_output_operand_rank(index)
        with pytest.raises(BadDataError):
            execution.get_output_operand_dimensions(index)


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize(
    "run", [lambda execution: execution.compute(), lambda execution: execution.start_compute().wait()]
)
def test_a_failed_execution_has_no_results(compilation: Compilation, device: Any, name: str, run: Any) -> None:
    device.on_execute = raising(DeadObjectError("the driver has died"))
    execution, output = ready(compilation)
    execution.set_measure_timing(True)
    with pytest.raises(DeadObjectError):
        run(execution)
    with pytest.raises(BadStateError):
        QUERIES[name](execution)
    assert not output.any()


def test_the_event_raises_each_time(compilation: Compilation, device: Any) -> None:
    device.on_execute = raising(DeadObjectError("the driver has died"))
    event = ready(compilation)[0].start_compute()
    for _ in range(2):
        with pytest.raises(DeadObjectError):
            event.wait()


def test_a_reusable_execution_recovers_from_failure(compilation: Compilation, device: Any) -> None:
    execution, output = ready(compilation, reusable=True)
    device.on_execute = raising(DeadObjectError("the driver has died"))
    with pytest.raises(DeadObjectError):
        execution.compute()
    device.on_execute = lambda: None
    execution.compute()
    np.testing.assert_array_equal(output, A + B)


@pytest.mark.parametrize("dimensions", [(), ((2, 3), (2, 3)), ((3, 2),), ((2,),), ((),), ((2, 300),), ((-2, -3),)])
@pytest.mark.parametrize("unknown", [False, True])
def test_nonsense_from_the_device_is_an_error(
    add_model: BuildModel, device: Any, dimensions: tuple[tuple[int, ...], ...], unknown: bool
) -> None:
    device.on_result = lambda result: replace(result, output_dimensions=dimensions)
    execution, _ = ready(compiled(add_model((0, 3) if unknown else (2, 3)), device))
    with pytest.raises(OpFailedError, match="the device 'reference' returned"):
        execution.compute()


def test_insufficient_size_without_dimensions_is_nonsense(compilation: Compilation, device: Any) -> None:
    device.on_execute = raising(OutputInsufficientSizeError("too small"))
    with pytest.raises(OpFailedError, match="the device 'reference' returned"):
        ready(compilation)[0].compute()


def test_durations(compilation: Compilation) -> None:
    execution, _ = ready(compilation)
    execution.set_measure_timing(True)
    execution.compute()
    assert [execution.get_duration(code) for code in DurationCode] == [1000, 2000, 1000, 2000]
    for code in (4, -1, None):
        with pytest.raises(BadDataError):
            execution.get_duration(code)  # type: ignore[arg-type]


def test_durations_must_be_asked_for(compilation: Compilation) -> None:
    execution, _ = ready(compilation)
    execution.compute()
    with pytest.raises(BadStateError):
        execution.get_duration(DurationCode.ON_HARDWARE)


def test_a_device_need_not_know_durations(compilation: Compilation, device: Any) -> None:
    device.on_result = lambda result: replace(result, timing=replace(result.timing, on_hardware=None))
    execution, _ = ready(compilation)
    execution.set_measure_timing(True)
    execution.compute()
    assert execution.get_duration(DurationCode.ON_HARDWARE) is None


def test_timing_and_timeouts_need_one_named_device(add_model: BuildModel, device: Any, new_device: Any) -> None:
    compilation = Compilation(add_model(), [device, new_device("other")])
    compilation.finish()
    execution = Execution(compilation)
    with pytest.raises(BadDataError, match="exactly one named device"):
        execution.set_measure_timing(False)
    with pytest.raises(BadDataError, match="exactly one named device"):
        execution.set_timeout(1.0)
    execution.set_loop_timeout(1.0)


def test_timeouts_reach_the_device(compilation: Compilation, device: Any) -> None:
    execution, _ = ready(compilation)
    execution.set_timeout(3)
    execution.set_loop_timeout(0.5)
    execution.compute()
    assert (device.requests[0].timeout, device.requests[0].loop_timeout) == (3.0, 0.5)


def test_timeouts_have_nnapi_s_defaults(compilation: Compilation, device: Any) -> None:
    execution, _ = ready(compilation)
    execution.set_timeout(0)
    execution.compute()
    assert (device.requests[0].timeout, device.requests[0].loop_timeout) == (None, 2.0)


def test_a_loop_timeout_is_cut_to_the_maximum(
    compilation: Compilation, device: Any, caplog: pytest.LogCaptureFixture
) -> None:
    execution, _ = ready(compilation)
    with caplog.at_level(logging.WARNING):
        execution.set_loop_timeout(16)
    assert "cut to 15" in caplog.text
    execution.compute()
    assert device.requests[0].loop_timeout == 15.0


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "1"])
def test_wrong_timeouts_are_refused(execution: Execution, seconds: Any) -> None:
    for setter in (execution.set_timeout, execution.set_loop_timeout):
        with pytest.raises(BadDataError):
            setter(seconds)
        with pytest.raises(UnexpectedNullError):
            setter(None)  # type: ignore[arg-type]


# Shared memory


@pytest.fixture
def regions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the regions that are allocated from here on."""
    sizes: list[int] = []
    create = Region.create

    def counted(folder: Any, size: int) -> Region:
        sizes.append(size)
        return create(folder, size)

    monkeypatch.setattr(Region, "create", counted)
    return sizes


def test_arguments_are_aligned_in_one_region(compilation: Compilation, device: Any, regions: list[int]) -> None:
    execution, _ = ready(compilation)
    execution.compute()
    request = device.requests[0]
    locations = [argument.location for argument in (*request.inputs, *request.outputs)]
    assert [location.offset for location in locations] == [0, 64, 128]
    assert len({location.region for location in locations}) == 1
    assert regions == [192]


def test_shared_memory_is_used_again(compilation: Compilation, device: Any, regions: list[int]) -> None:
    for _ in range(5):
        execution, output = ready(compilation, reusable=True)
        for _ in range(3):
            execution.compute()
        np.testing.assert_array_equal(output, A + B)
    assert len(regions) == 1


def test_shared_memory_grows_with_the_inputs(open_compilation: Compilation, regions: list[int]) -> None:
    for rows in (1, 100, 10, 100):
        first, output = np.ones((rows, 3), np.float32), np.zeros((rows, 3), np.float32)
        execution = Execution(open_compilation)
        execution.set_input(0, first)
        execution.set_input(1, first)
        execution.set_output(0, output)
        execution.compute()
        assert (output == 2).all()
    assert regions == [3 * 64, 3 * 1216]


def test_executions_at_the_same_time_have_their_own_memory(
    compilation: Compilation, device: Any, regions: list[int]
) -> None:
    first, second = ready(compilation)[0], ready(compilation)
    with computing(first, device):
        device.on_execute = lambda: None
        second[0].compute()
    np.testing.assert_array_equal(second[1], A + B)
    locations = [request.inputs[0].location.region for request in device.requests]
    assert len(set(locations)) == 2
    assert len(regions) == 2


def test_memory_that_a_failed_driver_may_still_write_is_not_used_again(
    compilation: Compilation, device: Any, regions: list[int]
) -> None:
    device.on_execute = raising(DeadObjectError("the driver does not answer"))
    with pytest.raises(DeadObjectError):
        ready(compilation)[0].compute()
    device.on_execute = lambda: None
    ready(compilation)[0].compute()
    used = [request.inputs[0].location.region for request in device.requests]
    assert used[0] != used[1]
