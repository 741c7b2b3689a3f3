"""The C functions that compile models: what they accept, and the result code of what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from hal.types import OEM_OPERATION, TENSOR_OEM_BYTE, PreferenceCode, Priority, ResultCode
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.runtime.c_api import clients
from tests.runtime.c_api.clients import ok

OK, NULL, BAD_DATA, BAD_STATE, FAILED = (
    ResultCode.NO_ERROR,
    ResultCode.UNEXPECTED_NULL,
    ResultCode.BAD_DATA,
    ResultCode.BAD_STATE,
    ResultCode.OP_FAILED,
)
SECOND = 1_000_000_000
LONGEST = 2**64 - 1
MEMORY_PREFERENCES = [
    f"ANeuralNetworksCompilation_getPreferredMemory{what}For{which}"
    for what in ("Alignment", "Padding")
    for which in ("Input", "Output")
]


@pytest.fixture
def model(nn):
    made = clients.add_model(nn, (2,))
    yield made
    nn.lib.ANeuralNetworksModel_free(made)


@pytest.fixture(params=[None, ["cpu"], ["cpu", "gpu"]], ids=["all devices", "one device", "two devices"])
def compilation(request, nn, model):
    """Not finished, for each way of choosing devices."""
    made = clients.new_compilation(nn, model, request.param, finish=False)
    yield made
    nn.lib.ANeuralNetworksCompilation_free(made)


@pytest.fixture
def one_device(nn, model):
    """Not finished, for the CPU alone."""
    made = clients.new_compilation(nn, model, ["cpu"], finish=False)
    yield made
    nn.lib.ANeuralNetworksCompilation_free(made)


def place(nn, kind="Compilation"):
    return nn.ffi.new(f"ANeuralNetworks{kind}**")


class TestCreate:
    def test_makes_compilations_that_are_apart(self, nn, model):
        one, other = (clients.new_compilation(nn, model, finish=False) for _ in range(2))
        assert one != other
        ok(nn.lib.ANeuralNetworksCompilation_setPreference(one, PreferenceCode.LOW_POWER))
        nn.lib.ANeuralNetworksCompilation_free(one)
        assert nn.lib.ANeuralNetworksCompilation_finish(other) == OK
        nn.lib.ANeuralNetworksCompilation_free(other)

    def test_refuses_null(self, nn, model):
        assert nn.lib.ANeuralNetworksCompilation_create(nn.ffi.NULL, place(nn)) == NULL
        assert nn.lib.ANeuralNetworksCompilation_create(model, nn.ffi.NULL) == NULL

    def test_refuses_a_model_that_is_not_finished(self, nn):
        made = place(nn)
        for model in (clients.new_model(nn), clients.add_model(nn, finish=False)):
            assert nn.lib.ANeuralNetworksCompilation_create(model, made) == BAD_STATE
            assert made[0] == nn.ffi.NULL

    def test_refuses_a_model_that_could_not_be_finished(self, nn):
        model = clients.new_model(nn)
        assert nn.lib.ANeuralNetworksModel_finish(model) == BAD_DATA
        assert nn.lib.ANeuralNetworksCompilation_create(model, place(nn)) == BAD_STATE


class TestCreateForDevices:
    def created(self, nn, model, devices, count):
        chosen = nn.ffi.new("ANeuralNetworksDevice*[]", devices)
        return nn.lib.ANeuralNetworksCompilation_createForDevices(model, chosen, count, place(nn))

    def test_takes_every_device(self, nn, model):
        devices = list(clients.devices(nn).values())
        assert self.created(nn, model, devices, len(devices)) == OK

    def test_refuses_lists_that_can_not_be(self, nn, model):
        device = clients.devices(nn)["cpu"]
        assert self.created(nn, model, [device], 0) == BAD_DATA
        assert self.created(nn, model, [device, device], 2) == BAD_DATA
        assert self.created(nn, model, [device, nn.ffi.NULL], 2) == NULL

    def test_refuses_null(self, nn, model):
        create, null = nn.lib.ANeuralNetworksCompilation_createForDevices, nn.ffi.NULL
        chosen = nn.ffi.new("ANeuralNetworksDevice*[]", [clients.devices(nn)["cpu"]])
        assert create(null, chosen, 1, place(nn)) == NULL
        assert create(model, null, 1, place(nn)) == NULL
        assert create(model, chosen, 1, null) == NULL
        assert create(null, null, 1, place(nn)) == NULL
        assert create(model, null, 1, null) == NULL

    def test_refuses_a_model_that_is_not_finished(self, nn):
        assert self.created(nn, clients.add_model(nn, finish=False), [clients.devices(nn)["cpu"]], 1) == BAD_STATE


class TestFree:
    def test_of_nothing_is_allowed(self, nn):
        nn.lib.ANeuralNetworksCompilation_free(nn.ffi.NULL)

    def test_ends_the_compilation(self, nn, model):
        compilation = clients.new_compilation(nn, model, ["cpu"])
        nn.lib.ANeuralNetworksCompilation_free(compilation)
        assert nn.lib.ANeuralNetworksCompilation_finish(compilation) == BAD_DATA
        assert nn.lib.ANeuralNetworksExecution_create(compilation, place(nn, "Execution")) == BAD_DATA
        nn.lib.ANeuralNetworksCompilation_free(compilation)


class TestSetters:
    @pytest.mark.parametrize("preference", list(PreferenceCode))
    def test_set_preference(self, nn, compilation, preference):
        assert nn.lib.ANeuralNetworksCompilation_setPreference(compilation, preference) == OK

    @pytest.mark.parametrize("preference", [3, 40, -1])
    def test_set_preference_refuses_others(self, nn, compilation, preference):
        assert nn.lib.ANeuralNetworksCompilation_setPreference(compilation, preference) == BAD_DATA

    @pytest.mark.parametrize("priority", [Priority.LOW, Priority.MEDIUM, Priority.HIGH])
    def test_set_priority(self, nn, compilation, priority):
        assert nn.lib.ANeuralNetworksCompilation_setPriority(compilation, priority) == OK

    @pytest.mark.parametrize("priority", [0, 89, 91, 99, 101, 109, 111, -1])
    def test_set_priority_refuses_others(self, nn, compilation, priority):
        assert nn.lib.ANeuralNetworksCompilation_setPriority(compilation, priority) == BAD_DATA

    def test_set_caching(self, nn, compilation, tmp_path):
        token = nn.ffi.new("uint8_t[32]")
        assert nn.lib.ANeuralNetworksCompilation_setCaching(compilation, str(tmp_path).encode(), token) == OK
        assert nn.lib.ANeuralNetworksCompilation_finish(compilation) == OK
        assert list(tmp_path.iterdir())

    def test_set_caching_refuses_what_is_no_folder(self, nn, compilation, tmp_path):
        token = nn.ffi.new("uint8_t[32]")
        (tmp_path / "file").touch()
        for path in ("file", "missing"):
            folder = str(tmp_path / path).encode()
            assert nn.lib.ANeuralNetworksCompilation_setCaching(compilation, folder, token) == BAD_DATA

    def test_set_timeout(self, nn, one_device):
        assert nn.lib.ANeuralNetworksCompilation_setTimeout(one_device, 60 * SECOND) == OK
        assert nn.lib.ANeuralNetworksCompilation_finish(one_device) == OK

    @pytest.mark.parametrize("duration", [LONGEST, 0])
    def test_set_timeout_may_be_endless(self, nn, one_device, duration):
        assert nn.lib.ANeuralNetworksCompilation_setTimeout(one_device, duration) == OK
        assert nn.lib.ANeuralNetworksCompilation_finish(one_device) == OK

    def test_set_timeout_is_kept(self, nn, one_device):
        assert nn.lib.ANeuralNetworksCompilation_setTimeout(one_device, 1) == OK
        code = nn.lib.ANeuralNetworksCompilation_finish(one_device)
        assert code in (ResultCode.MISSED_DEADLINE_TRANSIENT, ResultCode.MISSED_DEADLINE_PERSISTENT)

    @pytest.mark.parametrize("names", [None, ["cpu", "gpu"]], ids=str)
    def test_set_timeout_needs_one_device(self, nn, model, names):
        compilation = clients.new_compilation(nn, model, names, finish=False)
        assert nn.lib.ANeuralNetworksCompilation_setTimeout(compilation, SECOND) == BAD_DATA

    def test_all_refuse_null(self, nn, one_device, tmp_path):
        null, token, folder = nn.ffi.NULL, nn.ffi.new("uint8_t[32]"), str(tmp_path).encode()
        assert nn.lib.ANeuralNetworksCompilation_setPreference(null, PreferenceCode.LOW_POWER) == NULL
        assert nn.lib.ANeuralNetworksCompilation_setPriority(null, Priority.DEFAULT) == NULL
        assert nn.lib.ANeuralNetworksCompilation_setTimeout(null, SECOND) == NULL
        assert nn.lib.ANeuralNetworksCompilation_setCaching(null, folder, token) == NULL
        assert nn.lib.ANeuralNetworksCompilation_setCaching(one_device, null, token) == NULL
        assert nn.lib.ANeuralNetworksCompilation_setCaching(one_device, folder, null) == NULL

    def test_all_refuse_a_finished_compilation(self, nn, compilation, tmp_path):
        ok(nn.lib.ANeuralNetworksCompilation_finish(compilation))
        token, folder = nn.ffi.new("uint8_t[32]"), str(tmp_path).encode()
        for preference in (PreferenceCode.FAST_SINGLE_ANSWER, 40):
            assert nn.lib.ANeuralNetworksCompilation_setPreference(compilation, preference) == BAD_STATE
        assert nn.lib.ANeuralNetworksCompilation_setPriority(compilation, Priority.DEFAULT) == BAD_STATE
        assert nn.lib.ANeuralNetworksCompilation_setTimeout(compilation, SECOND) == BAD_STATE
        assert nn.lib.ANeuralNetworksCompilation_setCaching(compilation, folder, token) == BAD_STATE
        assert nn.lib.ANeuralNetworksCompilation_finish(compilation) == BAD_STATE


class TestFinish:
    def test_succeeds_once(self, nn, compilation):
        assert nn.lib.ANeuralNetworksCompilation_finish(compilation) == OK
        assert nn.lib.ANeuralNetworksCompilation_finish(compilation) == BAD_STATE

    def test_refuses_null(self, nn):
        assert nn.lib.ANeuralNetworksCompilation_finish(nn.ffi.NULL) == NULL

    def test_executions_need_it(self, nn, compilation):
        made = place(nn, "Execution")
        assert nn.lib.ANeuralNetworksExecution_create(compilation, made) == BAD_STATE
        assert made[0] == nn.ffi.NULL


class TestPreferredMemory:
    @pytest.mark.parametrize("function", MEMORY_PREFERENCES)
    def test_is_a_power_of_two(self, nn, compilation, function):
        ok(nn.lib.ANeuralNetworksCompilation_finish(compilation))
        result = nn.ffi.new("uint32_t*")
        for index in range(2 if "Input" in function else 1):
            assert getattr(nn.lib, function)(compilation, index, result) == OK
            assert result[0] > 0
            assert result[0] & (result[0] - 1) == 0

    @pytest.mark.parametrize("function", MEMORY_PREFERENCES)
    def test_refuses_what_is_not_there(self, nn, compilation, function):
        ask, result, null = getattr(nn.lib, function), nn.ffi.new("uint32_t*"), nn.ffi.NULL
        assert ask(compilation, 0, result) == BAD_STATE
        assert ask(compilation, 1000, result) == BAD_STATE
        ok(nn.lib.ANeuralNetworksCompilation_finish(compilation))
        assert ask(null, 0, result) == NULL
        assert ask(compilation, 0, null) == NULL
        for index in (2, 1000, 2**32 - 1):
            assert ask(compilation, index, result) == BAD_DATA


class TestAnOperationThatNoDeviceTakes:
    @pytest.fixture(params=[None, ["cpu"]], ids=str)
    def refused(self, request, nn):
        """A compilation whose finish has failed."""
        model = clients.new_model(nn)
        clients.add_operand(nn, model, TENSOR_OEM_BYTE, (1,))
        clients.add_operand(nn, model, TENSOR_OEM_BYTE, (1,))
        clients.add_operation(nn, model, OEM_OPERATION, [0], [1])
        clients.identify(nn, model, [0], [1])
        ok(nn.lib.ANeuralNetworksModel_finish(model))
        compilation = clients.new_compilation(nn, model, request.param, finish=False)
        assert nn.lib.ANeuralNetworksCompilation_finish(compilation) == BAD_DATA
        yield compilation
        nn.lib.ANeuralNetworksCompilation_free(compilation)

    def test_leaves_a_compilation_of_no_use(self, nn, refused):
        result, made = nn.ffi.new("uint32_t*"), place(nn, "Execution")
        for function in MEMORY_PREFERENCES:
            assert getattr(nn.lib, function)(refused, 0, result) == BAD_STATE
        assert nn.lib.ANeuralNetworksExecution_create(refused, made) == BAD_STATE
        assert nn.lib.ANeuralNetworksBurst_create(refused, place(nn, "Burst")) == BAD_STATE
        assert nn.lib.ANeuralNetworksCompilation_finish(refused) == BAD_STATE

    def test_gives_memory_no_role(self, nn, refused):
        desc = clients.new(nn, "MemoryDesc", nn.lib.ANeuralNetworksMemoryDesc_create)
        assert nn.lib.ANeuralNetworksMemoryDesc_addInputRole(desc, refused, 0, 1.0) == BAD_DATA
        assert nn.lib.ANeuralNetworksMemoryDesc_addOutputRole(desc, refused, 0, 1.0) == BAD_DATA
        nn.lib.ANeuralNetworksMemoryDesc_free(desc)


def sum_of(nn, activation: int, first, second) -> object:
    """A finished model: the sum of an input of the dimensions ``first`` and of constant zeros, of ``second``."""
    model = clients.new_model(nn)
    for dimensions in (first, second, None, first):
        clients.add_operand(nn, model, *((T.INT32,) if dimensions is None else (T.TENSOR_FLOAT32, dimensions)))
    zeros = np.zeros(second, np.float32)
    ok(nn.lib.ANeuralNetworksModel_setOperandValue(model, 1, clients.pointer(nn, zeros), zeros.nbytes))
    clients.set_scalar(nn, model, 2, activation)
    clients.add_operation(nn, model, O.ADD, [0, 1, 2], [3])
    clients.identify(nn, model, [0], [3])
    ok(nn.lib.ANeuralNetworksModel_finish(model))
    return model


class TestAModelThatNoExecutionCanSucceedOf:
    @pytest.fixture(params=["value", "dimensions"])
    def model(self, request, nn):
        return sum_of(nn, 999, (2,), (2,)) if request.param == "value" else sum_of(nn, 0, (2,), (3,))

    @pytest.fixture
    def execution(self, nn, compilation):
        """Of each way of choosing devices."""
        ok(nn.lib.ANeuralNetworksCompilation_finish(compilation))
        made = clients.new_execution(nn, compilation)
        arrays = [np.zeros(2, np.float32) for _ in range(2)]
        clients.set_input(nn, made, 0, arrays[0])
        clients.set_output(nn, made, 0, arrays[1])
        yield made
        nn.lib.ANeuralNetworksExecution_free(made)

    def test_fails_when_it_is_computed(self, nn, execution):
        assert nn.lib.ANeuralNetworksExecution_compute(execution) == FAILED

    def test_fails_in_a_burst(self, nn, compilation, execution):
        burst = clients.new(nn, "Burst", nn.lib.ANeuralNetworksBurst_create, compilation)
        assert nn.lib.ANeuralNetworksExecution_burstCompute(execution, burst) == FAILED
        nn.lib.ANeuralNetworksBurst_free(burst)

    def test_fails_when_its_event_is_waited_for(self, nn, execution):
        event = clients.new(nn, "Event", nn.lib.ANeuralNetworksExecution_startCompute, execution)
        assert nn.lib.ANeuralNetworksEvent_wait(event) == FAILED
        nn.lib.ANeuralNetworksEvent_free(event)

    def test_fails_with_fences(self, nn, execution):
        begin = nn.lib.ANeuralNetworksExecution_startComputeWithDependencies
        event = clients.new(nn, "Event", begin, execution, nn.ffi.NULL, 0, 0)
        assert nn.lib.ANeuralNetworksEvent_wait(event) == FAILED
        nn.lib.ANeuralNetworksEvent_free(event)

    @pytest.mark.parametrize("function", MEMORY_PREFERENCES)
    def test_prefers_some_memory(self, nn, compilation, function):
        ok(nn.lib.ANeuralNetworksCompilation_finish(compilation))
        assert getattr(nn.lib, function)(compilation, 0, nn.ffi.new("uint32_t*")) == OK


def test_a_failed_execution_leaves_memory_without_content(nn):
    good, bad = (clients.new_compilation(nn, sum_of(nn, activation, (1,), (1,)), None) for activation in (0, 999))
    desc = clients.new(nn, "MemoryDesc", nn.lib.ANeuralNetworksMemoryDesc_create)
    ok(nn.lib.ANeuralNetworksMemoryDesc_addInputRole(desc, good, 0, 1.0))
    ok(nn.lib.ANeuralNetworksMemoryDesc_addOutputRole(desc, good, 0, 1.0))
    ok(nn.lib.ANeuralNetworksMemoryDesc_addOutputRole(desc, bad, 0, 1.0))
    ok(nn.lib.ANeuralNetworksMemoryDesc_finish(desc))
    memory = clients.new(nn, "Memory", nn.lib.ANeuralNetworksMemory_createFromDesc, desc)
    number = np.ones(1, np.float32)

    def written(compilation) -> int:
        execution = clients.new_execution(nn, compilation)
        clients.set_input(nn, execution, 0, number)
        ok(nn.lib.ANeuralNetworksExecution_setOutputFromMemory(execution, 0, nn.ffi.NULL, memory, 0, 0))
        return nn.lib.ANeuralNetworksExecution_compute(execution)

    def reading():
        execution = clients.new_execution(nn, good)
        ok(nn.lib.ANeuralNetworksExecution_setInputFromMemory(execution, 0, nn.ffi.NULL, memory, 0, 0))
        clients.set_output(nn, execution, 0, number)
        return execution

    assert nn.lib.ANeuralNetworksExecution_compute(reading()) == FAILED
    assert written(good) == OK
    assert nn.lib.ANeuralNetworksExecution_compute(reading()) == OK
    prepared = reading()
    assert written(bad) == FAILED
    assert nn.lib.ANeuralNetworksExecution_compute(prepared) == FAILED
    assert nn.lib.ANeuralNetworksExecution_compute(reading()) == FAILED


def compiled(nn, operands, operation, inputs, outputs, names=None, scales=()) -> object:
    """A finished compilation of one operation over ``operands``, all of which are inputs or outputs of the model.

    ``scales``: those of operand 1 along its first dimension.
    """
    model = clients.new_model(nn)
    for operand in operands:
        clients.add_operand(nn, model, *operand)
    if scales:
        params = nn.ffi.new("ANeuralNetworksSymmPerChannelQuantParams*")
        array = nn.ffi.new("float[]", scales)
        params.scaleCount, params.scales = len(scales), array
        ok(nn.lib.ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(model, 1, params))
    clients.add_operation(nn, model, operation, inputs, outputs)
    clients.identify(nn, model, inputs, outputs)
    ok(nn.lib.ANeuralNetworksModel_finish(model))
    made = clients.new_compilation(nn, model, names)
    nn.lib.ANeuralNetworksModel_free(model)
    return made


class TestEverythingIsAnInput:
    @pytest.mark.parametrize("names", [None, ["cpu"], ["cpu", "dsp"], ["npu", "cpu"]], ids=str)
    @pytest.mark.parametrize(
        "operand",
        [
            (T.TENSOR_FLOAT32, (2,)),
            (T.TENSOR_FLOAT16, (2,)),
            (T.TENSOR_QUANT8_ASYMM, (2,), 1.0, 0),
            (T.TENSOR_QUANT8_ASYMM, (2,), 0.5, 0),
            (T.TENSOR_QUANT8_ASYMM, (2, 1), 1.0, 128),
            (T.TENSOR_FLOAT32, (0,)),
        ],
        ids=str,
    )
    def test_activations_too(self, nn, operand, names):
        operands = [operand, operand, (T.INT32,), operand]
        nn.lib.ANeuralNetworksCompilation_free(compiled(nn, operands, O.ADD, [0, 1, 2], [3], names))

    def test_filters_paddings_and_strides_too(self, nn):
        image = (T.TENSOR_QUANT8_ASYMM, (1, 16, 16, 2), 1.0, 0)
        weights, bias = (T.TENSOR_QUANT8_SYMM_PER_CHANNEL, (2, 3, 3, 2)), (T.TENSOR_INT32, (2,))
        operands = [image, weights, bias, *[(T.INT32,)] * 4, image]
        made = compiled(nn, operands, O.CONV_2D, list(range(7)), [7], scales=(0.5, 1.0))
        desc = clients.new(nn, "MemoryDesc", nn.lib.ANeuralNetworksMemoryDesc_create)
        assert nn.lib.ANeuralNetworksMemoryDesc_addInputRole(desc, made, 1, 1.0) == OK
        nn.lib.ANeuralNetworksMemoryDesc_free(desc)
        nn.lib.ANeuralNetworksCompilation_free(made)
