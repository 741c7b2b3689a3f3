"""Executions by calls of C: in which state they take what, and with which result code they refuse it."""

from __future__ import annotations

import os
import struct

import numpy as np
import pytest

from hal.types import DurationCode, ResultCode
from tests.runtime.c_api import clients
from tests.runtime.c_api.executing import MODES, compute, event_of, new_memory, ready, start_after, waited

R = ResultCode
LONGEST = 2**64 - 1
SIZE = 24  # bytes of the model's inputs and outputs

pytestmark = pytest.mark.usefixtures("two_devices")


@pytest.fixture
def model(nn):
    made = clients.add_model(nn)
    yield made
    nn.lib.ANeuralNetworksModel_free(made)


@pytest.fixture(params=[["cpu"]])
def compilation(nn, model, request):
    made = clients.new_compilation(nn, model, request.param)
    yield made
    nn.lib.ANeuralNetworksCompilation_free(made)


@pytest.fixture
def execution(nn, compilation):
    made = clients.new_execution(nn, compilation)
    yield made
    nn.lib.ANeuralNetworksExecution_free(made)


@pytest.fixture
def buffer(nn):
    return nn.ffi.new("char[64]")


def setters(nn, buffer, memory):
    """The four ways to give input or output 0: a function of the execution, the type and the length."""
    lib = nn.lib
    return {
        "setInput": lambda e, type, length: lib.ANeuralNetworksExecution_setInput(e, 0, type, buffer, length),
        "setOutput": lambda e, type, length: lib.ANeuralNetworksExecution_setOutput(e, 0, type, buffer, length),
        "setInputFromMemory": lambda e, type, length: lib.ANeuralNetworksExecution_setInputFromMemory(
            e, 0, type, memory, 0, length
        ),
        "setOutputFromMemory": lambda e, type, length: lib.ANeuralNetworksExecution_setOutputFromMemory(
            e, 0, type, memory, 0, length
        ),
    }


SETTERS = ("setInput", "setOutput", "setInputFromMemory", "setOutputFromMemory")


@pytest.fixture
def setter(nn, buffer, request):
    memory, _ = new_memory(nn, 64)
    yield setters(nn, buffer, memory)[request.param]
    nn.lib.ANeuralNetworksMemory_free(memory)


# Creating and freeing


def test_create_needs_pointers_and_a_finished_compilation(nn, model):
    lib, place = nn.lib, nn.ffi.new("ANeuralNetworksExecution**", nn.ffi.cast("ANeuralNetworksExecution*", 1))
    compilation = clients.new_compilation(nn, model, ["cpu"], finish=False)
    assert lib.ANeuralNetworksExecution_create(nn.ffi.NULL, place) == R.UNEXPECTED_NULL
    assert place[0] == nn.ffi.NULL
    assert lib.ANeuralNetworksExecution_create(compilation, nn.ffi.NULL) == R.UNEXPECTED_NULL
    place[0] = nn.ffi.cast("ANeuralNetworksExecution*", 1)
    assert lib.ANeuralNetworksExecution_create(compilation, place) == R.BAD_STATE
    assert place[0] == nn.ffi.NULL
    lib.ANeuralNetworksCompilation_free(compilation)
    assert lib.ANeuralNetworksExecution_create(compilation, place) == R.BAD_DATA


def test_free_takes_null_and_does_nothing_twice(nn, compilation):
    nn.lib.ANeuralNetworksExecution_free(nn.ffi.NULL)
    execution = clients.new_execution(nn, compilation)
    nn.lib.ANeuralNetworksExecution_free(execution)
    nn.lib.ANeuralNetworksExecution_free(execution)
    assert nn.lib.ANeuralNetworksExecution_compute(execution) == R.BAD_DATA


def test_an_execution_that_computes_is_not_freed(nn, compilation):
    descriptor = os.eventfd(0)
    fence = event_of(nn, descriptor)
    made = ready(nn, compilation)
    code, event = start_after(nn, made.execution, [fence])
    assert code == R.NO_ERROR
    nn.lib.ANeuralNetworksExecution_free(made.execution)
    assert nn.lib.ANeuralNetworksExecution_compute(made.execution) == R.BAD_STATE
    os.eventfd_write(descriptor, 1)
    assert waited(nn, event, code) == R.NO_ERROR
    made.require_sum()
    nn.lib.ANeuralNetworksExecution_free(made.execution)
    assert nn.lib.ANeuralNetworksExecution_compute(made.execution) == R.BAD_DATA
    nn.lib.ANeuralNetworksEvent_free(fence)
    os.close(descriptor)


@pytest.mark.parametrize("function", ["compute", "setMeasureTiming", "setReusable", "enableInputAndOutputPadding",
                                      "setTimeout", "setLoopTimeout"])  # fmt: skip
def test_no_execution(nn, function):
    call = getattr(nn.lib, f"ANeuralNetworksExecution_{function}")
    assert call(nn.ffi.NULL, *([] if function == "compute" else [1])) == R.UNEXPECTED_NULL


# Inputs and outputs


@pytest.mark.parametrize("kind", ["Input", "Output"])
def test_a_buffer(nn, execution, buffer, kind):
    call, null = getattr(nn.lib, f"ANeuralNetworksExecution_set{kind}"), nn.ffi.NULL
    assert call(null, 0, null, buffer, SIZE) == R.UNEXPECTED_NULL
    assert call(execution, 0, null, null, SIZE) == R.UNEXPECTED_NULL
    for length in (0, 4, SIZE - 1, SIZE + 1, 2**32, 2**63, 2**64 - 1):
        assert call(execution, 0, null, buffer, length) == R.BAD_DATA
    for index in (-1, 2 if kind == "Input" else 1, 999, -(2**31), 2**31 - 1):
        assert call(execution, index, null, buffer, SIZE) == R.BAD_DATA
    assert call(execution, 0, null, null, 0) == R.BAD_DATA  # the operation needs it
    assert call(execution, 0, null, buffer, SIZE) == R.NO_ERROR
    assert call(execution, 0, null, buffer, SIZE) == R.BAD_STATE


@pytest.mark.parametrize("kind", ["Input", "Output"])
def test_a_part_of_a_memory(nn, execution, buffer, kind):
    call, null = getattr(nn.lib, f"ANeuralNetworksExecution_set{kind}FromMemory"), nn.ffi.NULL
    memory, _ = new_memory(nn, 40)
    assert call(null, 0, null, memory, 0, SIZE) == R.UNEXPECTED_NULL
    assert call(execution, 0, null, null, 0, SIZE) == R.UNEXPECTED_NULL
    for index in (-1, 999):
        assert call(execution, index, null, memory, 0, SIZE) == R.BAD_DATA
    for offset, length in ((0, 40), (0, 0), (41, SIZE), (17, SIZE), (0, 41), (0, SIZE - 1), (2**64 - 1, SIZE),
                           (2**64 - SIZE, SIZE), (8, 2**64 - 8)):  # fmt: skip
        assert call(execution, 0, null, memory, offset, length) == R.BAD_DATA
    assert call(execution, 0, null, memory, 16, SIZE) == R.NO_ERROR
    assert call(execution, 0, null, memory, 16, SIZE) == R.BAD_STATE
    other = getattr(nn.lib, f"ANeuralNetworksExecution_set{kind}")
    assert other(execution, 0, null, buffer, SIZE) == R.BAD_STATE
    nn.lib.ANeuralNetworksMemory_free(memory)
    assert call(execution, 0, null, memory, 16, SIZE) == R.BAD_DATA


@pytest.mark.parametrize("setter", SETTERS, indirect=True)
def test_an_operand_type_must_agree_with_its_own_count(nn, execution, setter):
    one = nn.ffi.new("uint32_t*", 1)
    float32 = nn.lib.ANEURALNETWORKS_TENSOR_FLOAT32
    counts_what_is_not_there = nn.ffi.new("ANeuralNetworksOperandType*", [float32, 1, nn.ffi.NULL, 0, 0])
    points_to_none = nn.ffi.new("ANeuralNetworksOperandType*", [float32, 0, one, 0, 0])
    for wrong in (counts_what_is_not_there, points_to_none):
        assert setter(execution, wrong, SIZE) == R.BAD_DATA
    for dimensions in ((2,), (3, 2), (2, 3, 1), (2, 0), (0, 3), (2, 2**32 - 1)):
        assert setter(execution, clients.operand_type(nn, float32, dimensions), SIZE) == R.BAD_DATA
    assert setter(execution, clients.operand_type(nn, float32, (2, 3)), SIZE) == R.NO_ERROR


def test_memories_serve_as_inputs_and_outputs(nn, compilation):
    memory, content = new_memory(nn, 4 + 3 * SIZE)
    execution = clients.new_execution(nn, compilation)
    first, second, total = (content[4 + SIZE * index :][:SIZE].view(np.float32) for index in range(3))
    first[:], second[:] = range(6), 7
    for index in range(2):
        clients.ok(
            nn.lib.ANeuralNetworksExecution_setInputFromMemory(
                execution, index, nn.ffi.NULL, memory, 4 + SIZE * index, SIZE
            )
        )
    clients.ok(
        nn.lib.ANeuralNetworksExecution_setOutputFromMemory(execution, 0, nn.ffi.NULL, memory, 4 + 2 * SIZE, SIZE)
    )
    nn.lib.ANeuralNetworksMemory_free(memory)  # the execution keeps what it needs
    clients.ok(nn.lib.ANeuralNetworksExecution_compute(execution))
    np.testing.assert_array_equal(total, first + second)


# Padding


@pytest.mark.parametrize("setter", SETTERS, indirect=True)
@pytest.mark.parametrize("padding", [False, True])
def test_padding(nn, execution, setter, padding):
    clients.ok(nn.lib.ANeuralNetworksExecution_enableInputAndOutputPadding(execution, True))
    clients.ok(nn.lib.ANeuralNetworksExecution_enableInputAndOutputPadding(execution, padding))
    for length in (3, SIZE - 1):
        assert setter(execution, nn.ffi.NULL, length) == R.BAD_DATA
    assert setter(execution, nn.ffi.NULL, 64) == (R.NO_ERROR if padding else R.BAD_DATA)


@pytest.mark.parametrize("setter", SETTERS, indirect=True)
def test_padding_is_decided_before_inputs_and_outputs_are_set(nn, execution, setter):
    clients.ok(setter(execution, nn.ffi.NULL, SIZE))
    for enable in (False, True):
        assert nn.lib.ANeuralNetworksExecution_enableInputAndOutputPadding(execution, enable) == R.BAD_STATE


@pytest.mark.parametrize("mode", MODES)
def test_padding_is_neither_read_nor_written(nn, compilation, mode):
    execution = clients.new_execution(nn, compilation)
    clients.ok(nn.lib.ANeuralNetworksExecution_enableInputAndOutputPadding(execution, True))
    inputs, output = np.ones((2, 16), np.float32), np.full(16, -1, np.float32)
    for index, row in enumerate(inputs):
        clients.set_input(nn, execution, index, row)
    clients.set_output(nn, execution, 0, output)
    assert compute(nn, mode, execution, compilation) == R.NO_ERROR
    np.testing.assert_array_equal(output, [2] * 6 + [-1] * 10)


# Computing


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("compilation", [["cpu"], ["gpu", "cpu"], None], indirect=True)
def test_the_four_ways_to_compute(nn, compilation, mode):
    made = ready(nn, compilation)
    assert compute(nn, mode, made.execution, compilation) == R.NO_ERROR
    made.require_sum()
    nn.lib.ANeuralNetworksExecution_free(made.execution)


@pytest.mark.parametrize("mode", MODES)
def test_everything_must_be_set_and_there_is_one_attempt(nn, compilation, mode):
    array = np.zeros(6, np.float32)
    for missing in range(3):
        execution = clients.new_execution(nn, compilation)
        for index in {0, 1} - {missing}:
            clients.set_input(nn, execution, index, array)
        if missing != 2:
            clients.set_output(nn, execution, 0, array)
        assert compute(nn, mode, execution, compilation) == R.BAD_DATA
        assert compute(nn, mode, execution, compilation) == R.BAD_STATE
        nn.lib.ANeuralNetworksExecution_free(execution)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("explicitly", [False, True])
def test_too_late(nn, compilation, buffer, mode, explicitly):
    """What may not be done any more once an execution has begun, while it computes and after."""
    lib, null = nn.lib, nn.ffi.NULL
    memory, _ = new_memory(nn, 64)
    made = ready(nn, compilation)
    execution = made.execution
    if explicitly:
        clients.ok(lib.ANeuralNetworksExecution_setReusable(execution, False))

    def is_too_late() -> None:
        for set_one in setters(nn, buffer, memory).values():
            assert set_one(execution, null, SIZE) == R.BAD_STATE
        for value in (False, True):
            assert lib.ANeuralNetworksExecution_enableInputAndOutputPadding(execution, value) == R.BAD_STATE
            assert lib.ANeuralNetworksExecution_setReusable(execution, value) == R.BAD_STATE
            assert lib.ANeuralNetworksExecution_setMeasureTiming(execution, value) == R.BAD_STATE
        for duration in (0, 10**9):
            assert lib.ANeuralNetworksExecution_setLoopTimeout(execution, duration) == R.BAD_STATE
            assert lib.ANeuralNetworksExecution_setTimeout(execution, duration) == R.BAD_STATE
        for again in MODES:
            assert compute(nn, again, execution, compilation) == R.BAD_STATE

    if mode.startswith("start"):
        event = nn.ffi.new("ANeuralNetworksEvent**")
        if mode == "startCompute":
            code = lib.ANeuralNetworksExecution_startCompute(execution, event)
        else:
            code = lib.ANeuralNetworksExecution_startComputeWithDependencies(execution, null, 0, 0, event)
        is_too_late()
        assert waited(nn, event[0], code) == R.NO_ERROR
    else:
        assert compute(nn, mode, execution, compilation) == R.NO_ERROR
    is_too_late()
    made.require_sum()
    lib.ANeuralNetworksExecution_free(execution)
    lib.ANeuralNetworksMemory_free(memory)


def test_a_reusable_execution_computes_as_often_as_wanted(nn, compilation):
    made = ready(nn, compilation)
    clients.ok(nn.lib.ANeuralNetworksExecution_setReusable(made.execution, True))
    for round_, mode in enumerate(2 * MODES):
        made.inputs[0][:] = round_
        assert compute(nn, mode, made.execution, compilation) == R.NO_ERROR
        made.require_sum()
        assert nn.lib.ANeuralNetworksExecution_setReusable(made.execution, True) == R.BAD_STATE


# Timing and limits


@pytest.mark.parametrize("compilation", [["cpu", "gpu"], None], indirect=True)
def test_timing_and_timeouts_need_one_chosen_device(nn, execution):
    for measure in (False, True):
        assert nn.lib.ANeuralNetworksExecution_setMeasureTiming(execution, measure) == R.BAD_DATA
    for duration in (0, 10**9, LONGEST):
        assert nn.lib.ANeuralNetworksExecution_setTimeout(execution, duration) == R.BAD_DATA


@pytest.mark.parametrize("mode", MODES)
def test_durations(nn, compilation, mode):
    lib, duration = nn.lib, nn.ffi.new("uint64_t*")
    made = ready(nn, compilation)
    execution = made.execution
    for measure in (False, True):
        clients.ok(lib.ANeuralNetworksExecution_setMeasureTiming(execution, measure))
    for code in DurationCode:
        duration[0] = 5
        assert lib.ANeuralNetworksExecution_getDuration(execution, code, duration) == R.BAD_STATE
        assert duration[0] == LONGEST
    assert compute(nn, mode, execution, compilation) == R.NO_ERROR
    for code in (-1, *DurationCode, 4, 2**31 - 1):
        is_known = code in list(DurationCode)
        assert lib.ANeuralNetworksExecution_getDuration(nn.ffi.NULL, code, duration) == R.UNEXPECTED_NULL
        assert lib.ANeuralNetworksExecution_getDuration(execution, code, nn.ffi.NULL) == R.UNEXPECTED_NULL
        duration[0] = LONGEST - 1
        found = lib.ANeuralNetworksExecution_getDuration(execution, code, duration)
        assert found == (R.NO_ERROR if is_known else R.BAD_DATA)
        assert 0 < duration[0] < 10**12 if is_known else duration[0] == LONGEST


def test_durations_that_were_not_asked_for(nn, compilation):
    made, duration = ready(nn, compilation), nn.ffi.new("uint64_t*")
    clients.ok(nn.lib.ANeuralNetworksExecution_compute(made.execution))
    assert nn.lib.ANeuralNetworksExecution_getDuration(made.execution, 0, duration) == R.BAD_STATE
    assert duration[0] == LONGEST


@pytest.mark.parametrize("mode", MODES)
def test_timeouts(nn, compilation, mode):
    for duration in (0, LONGEST, 10**18):
        made = ready(nn, compilation)
        clients.ok(nn.lib.ANeuralNetworksExecution_setTimeout(made.execution, 1))
        clients.ok(nn.lib.ANeuralNetworksExecution_setTimeout(made.execution, duration))
        assert compute(nn, mode, made.execution, compilation) == R.NO_ERROR
        made.require_sum()
    made = ready(nn, compilation)
    clients.ok(nn.lib.ANeuralNetworksExecution_setTimeout(made.execution, 1))
    assert compute(nn, mode, made.execution, compilation) in (
        R.MISSED_DEADLINE_TRANSIENT, R.MISSED_DEADLINE_PERSISTENT
    )  # fmt: skip


# What came of it


def rank_and_dimensions(nn, execution, index):
    """Two result codes, the rank, and the first two dimensions."""
    rank, sizes = nn.ffi.new("uint32_t*", 99), nn.ffi.new("uint32_t[4]", [99] * 4)
    codes = (
        nn.lib.ANeuralNetworksExecution_getOutputOperandRank(execution, index, rank),
        nn.lib.ANeuralNetworksExecution_getOutputOperandDimensions(execution, index, sizes),
    )
    return codes, rank[0], list(sizes[0:2])


@pytest.mark.parametrize("mode", MODES)
def test_rank_and_dimensions(nn, compilation, mode):
    lib, null, made = nn.lib, nn.ffi.NULL, ready(nn, compilation)
    execution = made.execution
    assert rank_and_dimensions(nn, execution, 0)[0] == (R.BAD_STATE, R.BAD_STATE)
    assert compute(nn, mode, execution, compilation) == R.NO_ERROR
    assert rank_and_dimensions(nn, execution, 0) == ((R.NO_ERROR, R.NO_ERROR), 2, [2, 3])
    assert rank_and_dimensions(nn, null, 0)[0] == (R.UNEXPECTED_NULL, R.UNEXPECTED_NULL)
    assert lib.ANeuralNetworksExecution_getOutputOperandRank(execution, 0, null) == R.UNEXPECTED_NULL
    assert lib.ANeuralNetworksExecution_getOutputOperandDimensions(execution, 0, null) == R.UNEXPECTED_NULL
    for index in (-1, 1, 999):
        assert rank_and_dimensions(nn, execution, index)[0] == (R.BAD_DATA, R.BAD_DATA)


def test_a_scalar_has_no_dimensions(nn):
    lib = nn.lib
    model = clients.new_model(nn)
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_TENSOR_FLOAT32, (2, 3))
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_INT32)
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_RANK, [0], [1])
    clients.identify(nn, model, [0], [1])
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    execution = clients.new_execution(nn, clients.new_compilation(nn, model, ["cpu"]))
    given, rank = np.zeros((2, 3), np.float32), np.zeros((), np.int32)
    clients.set_input(nn, execution, 0, given)
    clients.set_output(nn, execution, 0, rank, clients.operand_type(nn, lib.ANEURALNETWORKS_INT32))
    clients.ok(lib.ANeuralNetworksExecution_compute(execution))
    assert rank == 2
    assert rank_and_dimensions(nn, execution, 0)[:2] == ((R.NO_ERROR, R.BAD_DATA), 0)


def two_sums(nn):
    """Two outputs whose dimensions nobody knows: input 0 + input 1, and that + input 1."""
    lib, model = nn.lib, clients.new_model(nn)
    for _ in range(4):
        clients.add_operand(nn, model, lib.ANEURALNETWORKS_TENSOR_FLOAT32)
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_INT32)
    clients.set_scalar(nn, model, 4, 0)
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_ADD, [0, 1, 4], [2])
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_ADD, [2, 1, 4], [3])
    clients.identify(nn, model, [0, 1], [2, 3])
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    return model


@pytest.mark.parametrize("mode", MODES[:3])
@pytest.mark.parametrize("sizes", [(4, 6), (6, 4), (4, 4), (6, 6)])
def test_which_outputs_did_not_fit_and_what_they_need(nn, mode, sizes):
    model = two_sums(nn)
    compilation = clients.new_compilation(nn, model, ["cpu"])
    execution = clients.new_execution(nn, compilation)
    arrays = [np.ones((2, 3), np.float32) for _ in range(2)]
    float32 = nn.lib.ANEURALNETWORKS_TENSOR_FLOAT32
    for index, array in enumerate(arrays):
        clients.set_input(nn, execution, index, array, clients.operand_type(nn, float32, (2, 3)))
    outputs = [np.zeros(size, np.float32) for size in sizes]
    for index, output in enumerate(outputs):
        clients.set_output(nn, execution, index, output)
    fits = [size == 6 for size in sizes]
    assert compute(nn, mode, execution, compilation) == (R.NO_ERROR if all(fits) else R.OUTPUT_INSUFFICIENT_SIZE)
    for index, fit in enumerate(fits):
        code = R.NO_ERROR if fit else R.OUTPUT_INSUFFICIENT_SIZE
        assert rank_and_dimensions(nn, execution, index) == ((code, code), 2, [2, 3])
    if all(fits):
        assert [set(output) for output in outputs] == [{2}, {3}]


def test_a_failed_execution_has_no_dimensions(nn):
    execution = clients.new_execution(nn, clients.new_compilation(nn, two_sums(nn), ["cpu"]))
    float32 = nn.lib.ANEURALNETWORKS_TENSOR_FLOAT32
    first, second = np.ones(3, np.float32), np.ones(2, np.float32)
    outputs = np.zeros((2, 9), np.float32)
    clients.set_input(nn, execution, 0, first, clients.operand_type(nn, float32, (3,)))
    clients.set_input(nn, execution, 1, second, clients.operand_type(nn, float32, (2,)))
    for index, output in enumerate(outputs):
        clients.set_output(nn, execution, index, output)
    assert nn.lib.ANeuralNetworksExecution_compute(execution) == R.OP_FAILED
    assert rank_and_dimensions(nn, execution, 0)[0] == (R.BAD_STATE, R.BAD_STATE)


def test_what_a_compilation_leaves_when_it_is_freed(nn, model):
    """NNAPI forbids it, and it is noticed."""
    compilation = clients.new_compilation(nn, model, ["cpu"])
    made = ready(nn, compilation)
    nn.lib.ANeuralNetworksCompilation_free(compilation)
    assert nn.lib.ANeuralNetworksExecution_compute(made.execution) == R.BAD_STATE


def test_scalars_are_given_as_their_bytes(nn):
    """An activation that only the execution knows."""
    lib, model = nn.lib, clients.new_model(nn)
    for _ in range(2):
        clients.add_operand(nn, model, lib.ANEURALNETWORKS_TENSOR_FLOAT32, (2,))
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_INT32)
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_TENSOR_FLOAT32, (2,))
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_ADD, [0, 1, 2], [3])
    clients.identify(nn, model, [0, 1, 2], [3])
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    compilation = clients.new_compilation(nn, model, ["cpu"])
    for activation, wanted in ((0, [-3, 4]), (1, [0, 4]), (2, [-1, 1]), (999, None)):
        execution = clients.new_execution(nn, compilation)
        first, second, output = (np.array(each, np.float32) for each in ([-4, 3], [1, 1], [9, 9]))
        clients.set_input(nn, execution, 0, first)
        clients.set_input(nn, execution, 1, second)
        raw = nn.ffi.new("char[]", struct.pack("i", activation))
        assert lib.ANeuralNetworksExecution_setInput(execution, 2, nn.ffi.NULL, raw, 3) == R.BAD_DATA
        clients.ok(lib.ANeuralNetworksExecution_setInput(execution, 2, nn.ffi.NULL, raw, 4))
        clients.set_output(nn, execution, 0, output)
        assert lib.ANeuralNetworksExecution_compute(execution) == (R.OP_FAILED if wanted is None else R.NO_ERROR)
        assert wanted is None or list(output) == wanted
