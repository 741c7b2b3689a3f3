"""The C functions that build models: what they accept, and the result code of what they refuse."""

from __future__ import annotations

import mmap
import os

import numpy as np
import pytest

from hal.types import OEM_OPERATION, OEM_SCALAR, TENSOR_OEM_BYTE, ResultCode
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.runtime.c_api import clients
from tests.runtime.c_api.clients import add_operand, add_operation, identify, indexes, new_model, ok

OK, NULL, BAD_DATA, BAD_STATE = (
    ResultCode.NO_ERROR,
    ResultCode.UNEXPECTED_NULL,
    ResultCode.BAD_DATA,
    ResultCode.BAD_STATE,
)
LAST_INDEX = -1
"""An index that no operand has; where C takes it as unsigned, the largest."""


@pytest.fixture
def model(nn):
    made = new_model(nn)
    yield made
    nn.lib.ANeuralNetworksModel_free(made)


@pytest.fixture
def shared(nn):
    """A memory of 20 bytes, which hold the numbers from 0 on."""
    fd = os.memfd_create("shared")
    os.write(fd, bytes(range(20)))
    made = clients.new(
        nn,
        "Memory",
        nn.lib.ANeuralNetworksMemory_createFromFd,
        *(20, mmap.PROT_READ | mmap.PROT_WRITE, fd, 0),
    )
    yield made
    nn.lib.ANeuralNetworksMemory_free(made)
    os.close(fd)


def sum_model(nn, model, dimensions=(2,)) -> None:
    """Operands and operation of output 3 = input 0 + input 1, with the activation as input 2."""
    add_operand(nn, model, T.TENSOR_FLOAT32, dimensions)
    add_operand(nn, model, T.TENSOR_FLOAT32, dimensions)
    add_operand(nn, model, T.INT32)
    add_operand(nn, model, T.TENSOR_FLOAT32, dimensions)
    add_operation(nn, model, O.ADD, [0, 1, 2], [3])


def identified(nn, model, inputs, outputs) -> int:
    return nn.lib.ANeuralNetworksModel_identifyInputsAndOutputs(
        model, len(inputs), indexes(nn, inputs), len(outputs), indexes(nn, outputs)
    )


def added(nn, model, type, inputs, outputs) -> int:
    return nn.lib.ANeuralNetworksModel_addOperation(
        model, type, len(inputs), indexes(nn, inputs), len(outputs), indexes(nn, outputs)
    )


class TestCreate:
    def test_makes_models_that_are_apart(self, nn):
        one, other = new_model(nn), new_model(nn)
        assert one != other
        nn.lib.ANeuralNetworksModel_free(one)
        add_operand(nn, other, T.FLOAT32)
        nn.lib.ANeuralNetworksModel_free(other)

    def test_refuses_no_place(self, nn):
        assert nn.lib.ANeuralNetworksModel_create(nn.ffi.NULL) == NULL


class TestFree:
    def test_of_nothing_is_allowed(self, nn):
        nn.lib.ANeuralNetworksModel_free(nn.ffi.NULL)

    def test_ends_the_model(self, nn):
        model = new_model(nn)
        nn.lib.ANeuralNetworksModel_free(model)
        assert nn.lib.ANeuralNetworksModel_finish(model) == BAD_DATA
        nn.lib.ANeuralNetworksModel_free(model)

    def test_leaves_what_was_made_of_the_model(self, nn):
        model = clients.add_model(nn, (2,))
        compilation = clients.new_compilation(nn, model, ["cpu"])
        nn.lib.ANeuralNetworksModel_free(model)
        execution = clients.new_execution(nn, compilation)
        a, result = np.array([1, 2], np.float32), np.zeros(2, np.float32)
        for index in (0, 1):
            clients.set_input(nn, execution, index, a)
        clients.set_output(nn, execution, 0, result)
        ok(nn.lib.ANeuralNetworksExecution_compute(execution))
        np.testing.assert_array_equal(result, [2, 4])
        nn.lib.ANeuralNetworksExecution_free(execution)
        nn.lib.ANeuralNetworksCompilation_free(compilation)


class TestAddOperand:
    @pytest.mark.parametrize(
        ("type", "dimensions", "scale", "zero_point"),
        [
            (T.FLOAT32, (), 0, 0),
            (T.UINT32, (), 0, 0),
            (T.MODEL, (), 0, 0),
            (T.TENSOR_FLOAT32, (2, 3), 0, 0),
            (T.TENSOR_FLOAT32, (), 0, 0),
            (T.TENSOR_FLOAT32, (0, 3), 0, 0),
            (T.TENSOR_INT32, (2,), 0.5, 0),
            (T.TENSOR_QUANT8_ASYMM, (2,), 0.5, 255),
            (T.TENSOR_QUANT8_ASYMM_SIGNED, (2,), 0.5, -128),
            (T.TENSOR_QUANT16_ASYMM, (2,), 0.5, 65535),
            (T.TENSOR_QUANT8_SYMM_PER_CHANNEL, (2,), 0, 0),
            (OEM_SCALAR, (), 0, 0),
            (TENSOR_OEM_BYTE, (4,), 0, 0),
        ],
    )
    def test_takes_what_nnapi_has(self, nn, model, type, dimensions, scale, zero_point):
        add_operand(nn, model, type, dimensions, scale, zero_point)

    @pytest.mark.parametrize(
        ("type", "dimensions", "scale", "zero_point"),
        [
            (T.TENSOR_QUANT8_ASYMM, (), -1.0, 0),
            (T.TENSOR_QUANT8_ASYMM, (), 0.0, 0),
            (T.TENSOR_QUANT8_ASYMM, (), float("nan"), 0),
            (T.TENSOR_QUANT8_ASYMM, (), 1.0, -1),
            (T.TENSOR_QUANT8_ASYMM, (), 1.0, 256),
            (T.TENSOR_QUANT8_ASYMM_SIGNED, (), 1.0, 128),
            (T.TENSOR_QUANT16_SYMM, (), 1.0, 1),
            (T.TENSOR_FLOAT32, (2,), 1.0, 0),
            (T.TENSOR_FLOAT32, (2,), 0.0, 1),
            (T.TENSOR_INT32, (2,), -1.0, 0),
            (T.INT32, (2,), 0, 0),
            (T.INT32, (), 1.0, 0),
            (T.TENSOR_FLOAT32, (5, 4, 4, 786433, 5, 3, 16777216, 4, 5), 0, 0),
            (-1, (), 0, 0),
            (16, (), 0, 0),
            (OEM_SCALAR, (1,), 0, 0),
            (TENSOR_OEM_BYTE, (1,), 1.0, 0),
            (10002, (), 0, 0),
        ],
    )
    def test_refuses_types_that_can_not_be(self, nn, model, type, dimensions, scale, zero_point):
        operand = clients.operand_type(nn, type, dimensions, scale, zero_point)
        assert nn.lib.ANeuralNetworksModel_addOperand(model, operand) == BAD_DATA
        add_operand(nn, model, T.FLOAT32)
        assert nn.lib.ANeuralNetworksModel_setOperandValue(model, 0, nn.ffi.new("float*"), 4) == OK

    def test_refuses_a_count_that_contradicts_the_dimensions(self, nn, model):
        operand = clients.operand_type(nn, T.TENSOR_FLOAT32, (1,))
        operand.dimensionCount = 0
        assert nn.lib.ANeuralNetworksModel_addOperand(model, operand) == BAD_DATA
        operand = clients.operand_type(nn, T.TENSOR_FLOAT32, ())
        operand.dimensionCount = 1
        assert nn.lib.ANeuralNetworksModel_addOperand(model, operand) == BAD_DATA

    def test_refuses_null(self, nn, model):
        operand = clients.operand_type(nn, T.FLOAT32)
        assert nn.lib.ANeuralNetworksModel_addOperand(nn.ffi.NULL, operand) == NULL
        assert nn.lib.ANeuralNetworksModel_addOperand(model, nn.ffi.NULL) == NULL

    def test_refuses_a_finished_model_and_one_that_could_not_be(self, nn, model):
        operand = clients.operand_type(nn, T.FLOAT32)
        assert nn.lib.ANeuralNetworksModel_finish(model) == BAD_DATA
        assert nn.lib.ANeuralNetworksModel_addOperand(model, operand) == BAD_STATE
        assert nn.lib.ANeuralNetworksModel_addOperand(clients.add_model(nn), operand) == BAD_STATE


class TestSetOperandValue:
    def test_copies_small_values_at_once(self, nn):
        model = new_model(nn)
        sum_model(nn, model)
        value = nn.ffi.new("float[]", [10, 20])
        ok(nn.lib.ANeuralNetworksModel_setOperandValue(model, 1, value, 8))
        value[0] = value[1] = 0
        clients.set_scalar(nn, model, 2, 0)
        identify(nn, model, [0], [3])
        ok(nn.lib.ANeuralNetworksModel_finish(model))
        np.testing.assert_array_equal(executed(nn, model, [1, 2]), [11, 22])

    def test_refers_to_large_values(self, nn):
        model = new_model(nn)
        sum_model(nn, model, (100,))
        value = np.arange(100, dtype=np.float32)
        ok(nn.lib.ANeuralNetworksModel_setOperandValue(model, 1, clients.pointer(nn, value), value.nbytes))
        value += 1  # allowed until the model is finished, since nothing has been copied
        clients.set_scalar(nn, model, 2, 0)
        identify(nn, model, [0], [3])
        ok(nn.lib.ANeuralNetworksModel_finish(model))
        np.testing.assert_array_equal(executed(nn, model, [1] * 100), np.arange(100) + 2)

    def test_leaves_an_operand_out(self, nn, model):
        add_operand(nn, model, T.FLOAT32)
        assert nn.lib.ANeuralNetworksModel_setOperandValue(model, 0, nn.ffi.NULL, 0) == OK

    def test_takes_any_bytes_for_types_of_vendors(self, nn, model):
        add_operand(nn, model, OEM_SCALAR)
        add_operand(nn, model, TENSOR_OEM_BYTE, (4,))
        value = nn.ffi.new("char[20]")
        assert nn.lib.ANeuralNetworksModel_setOperandValue(model, 0, value, 20) == OK
        assert nn.lib.ANeuralNetworksModel_setOperandValue(model, 1, value, 4) == OK

    def test_refuses_another_length(self, nn, model):
        add_operand(nn, model, T.FLOAT32)
        value = nn.ffi.new("char[20]")
        for length in (20, 3, 0):
            assert nn.lib.ANeuralNetworksModel_setOperandValue(model, 0, value, length) == BAD_DATA
        assert nn.lib.ANeuralNetworksModel_setOperandValue(model, 0, value, 4) == OK

    def test_refuses_an_operand_that_is_not_there(self, nn, model):
        add_operand(nn, model, T.FLOAT32)
        for index in (1, LAST_INDEX):
            assert nn.lib.ANeuralNetworksModel_setOperandValue(model, index, nn.ffi.new("float*"), 4) == BAD_DATA

    @pytest.mark.parametrize("dimensions", [(), (0, 1)])
    def test_refuses_a_type_that_is_not_fully_known(self, nn, model, dimensions):
        add_operand(nn, model, T.TENSOR_FLOAT32, dimensions)
        assert nn.lib.ANeuralNetworksModel_setOperandValue(model, 0, nn.ffi.new("float*"), 4) == BAD_DATA

    def test_refuses_null(self, nn, model):
        add_operand(nn, model, T.FLOAT32)
        value = nn.ffi.new("char[20]")
        assert nn.lib.ANeuralNetworksModel_setOperandValue(nn.ffi.NULL, 0, value, 20) == NULL
        assert nn.lib.ANeuralNetworksModel_setOperandValue(model, 0, nn.ffi.NULL, 20) == NULL

    def test_refuses_a_model_that_could_not_be_finished(self, nn, model):
        add_operand(nn, model, T.FLOAT32)
        assert nn.lib.ANeuralNetworksModel_finish(model) == BAD_DATA
        assert nn.lib.ANeuralNetworksModel_setOperandValue(model, 0, nn.ffi.new("float*"), 4) == BAD_STATE


def executed(nn, model, values) -> np.ndarray:
    """What the model makes of its one input, on the CPU."""
    compilation = clients.new_compilation(nn, model, ["cpu"])
    execution = clients.new_execution(nn, compilation)
    given = np.array(values, np.float32)
    result = np.zeros_like(given)
    clients.set_input(nn, execution, 0, given)
    clients.set_output(nn, execution, 0, result)
    ok(nn.lib.ANeuralNetworksExecution_compute(execution))
    nn.lib.ANeuralNetworksExecution_free(execution)
    nn.lib.ANeuralNetworksCompilation_free(compilation)
    nn.lib.ANeuralNetworksModel_free(model)
    return result


class TestSetOperandValueFromMemory:
    def test_takes_a_part_of_the_memory(self, nn, shared):
        model = new_model(nn)
        sum_model(nn, model)
        ok(nn.lib.ANeuralNetworksModel_setOperandValueFromMemory(model, 1, shared, 4, 8))
        clients.set_scalar(nn, model, 2, 0)
        identify(nn, model, [0], [3])
        ok(nn.lib.ANeuralNetworksModel_finish(model))
        expected = np.frombuffer(bytes(range(4, 12)), np.float32) + np.float32(1)
        np.testing.assert_array_equal(executed(nn, model, [1, 1]), expected)

    def test_refuses_what_does_not_fit(self, nn, model, shared):
        add_operand(nn, model, T.TENSOR_FLOAT32, (1,))
        add_operand(nn, model, T.TENSOR_FLOAT32, (0,))
        set_value = nn.lib.ANeuralNetworksModel_setOperandValueFromMemory
        assert set_value(model, LAST_INDEX, shared, 0, 4) == BAD_DATA
        assert set_value(model, 2, shared, 0, 4) == BAD_DATA
        assert set_value(model, 0, shared, 0, 20) == BAD_DATA
        assert set_value(model, 0, shared, 21, 4) == BAD_DATA
        assert set_value(model, 0, shared, 17, 4) == BAD_DATA
        assert set_value(model, 0, shared, 2**64 - 2, 4) == BAD_DATA
        assert set_value(model, 1, shared, 0, 4) == BAD_DATA
        assert set_value(model, 0, shared, 16, 4) == OK

    def test_refuses_null(self, nn, model, shared):
        add_operand(nn, model, T.TENSOR_FLOAT32, (1,))
        assert nn.lib.ANeuralNetworksModel_setOperandValueFromMemory(nn.ffi.NULL, 0, shared, 0, 4) == NULL
        assert nn.lib.ANeuralNetworksModel_setOperandValueFromMemory(model, 0, nn.ffi.NULL, 0, 4) == NULL

    def test_refuses_a_finished_model(self, nn, shared):
        model = clients.add_model(nn, (1,))
        assert nn.lib.ANeuralNetworksModel_setOperandValueFromMemory(model, 0, shared, 0, 4) == BAD_STATE


class TestSetOperandValueFromModel:
    def test_takes_a_finished_model(self, nn, model):
        add_operand(nn, model, T.MODEL)
        assert nn.lib.ANeuralNetworksModel_setOperandValueFromModel(model, 0, clients.add_model(nn)) == OK

    def test_refuses_a_model_that_is_not_finished(self, nn, model):
        add_operand(nn, model, T.MODEL)
        value = clients.add_model(nn, finish=False)
        assert nn.lib.ANeuralNetworksModel_setOperandValueFromModel(model, 0, value) == BAD_STATE

    def test_refuses_operands_that_are_not_there(self, nn, model):
        add_operand(nn, model, T.MODEL)
        for index in (1, LAST_INDEX):
            value = clients.add_model(nn)
            assert nn.lib.ANeuralNetworksModel_setOperandValueFromModel(model, index, value) == BAD_DATA

    def test_refuses_an_operand_that_is_no_model(self, nn, model):
        add_operand(nn, model, T.FLOAT32)
        assert nn.lib.ANeuralNetworksModel_setOperandValueFromModel(model, 0, clients.add_model(nn)) == BAD_DATA

    def test_refuses_null(self, nn, model):
        add_operand(nn, model, T.MODEL)
        value = clients.add_model(nn)
        assert nn.lib.ANeuralNetworksModel_setOperandValueFromModel(nn.ffi.NULL, 0, value) == NULL
        assert nn.lib.ANeuralNetworksModel_setOperandValueFromModel(model, 0, nn.ffi.NULL) == NULL

    def test_refuses_a_model_that_could_not_be_finished(self, nn, model):
        add_operand(nn, model, T.MODEL)
        assert nn.lib.ANeuralNetworksModel_finish(model) == BAD_DATA
        assert nn.lib.ANeuralNetworksModel_setOperandValueFromModel(model, 0, clients.add_model(nn)) == BAD_STATE


class TestAddOperation:
    def test_adds_one_of_a_vendor(self, nn, model):
        add_operand(nn, model, TENSOR_OEM_BYTE, (1,))
        add_operand(nn, model, TENSOR_OEM_BYTE, (1,))
        assert added(nn, model, OEM_OPERATION, [0], [1]) == OK

    def test_leaves_values_to_executions(self, nn, model):
        for dimensions in ((2,), (3,), (), (2,)):
            add_operand(nn, model, T.TENSOR_FLOAT32 if dimensions else T.INT32, dimensions)
        clients.set_scalar(nn, model, 2, 999)
        assert added(nn, model, O.ADD, [0, 1, 2], [3]) == OK

    @pytest.mark.parametrize("type", [-1, 102, 9999, 10001, 0x7FFF << 16])  # of the last vendor's extension
    def test_refuses_an_operation_that_nnapi_does_not_have(self, nn, model, type):
        add_operand(nn, model, T.TENSOR_FLOAT32, (2,))
        add_operand(nn, model, T.TENSOR_FLOAT32, (2,))
        assert added(nn, model, type, [0], [1]) == BAD_DATA

    def test_refuses_operands_that_are_not_there(self, nn, model):
        add_operand(nn, model, T.TENSOR_FLOAT32, (2,))
        add_operand(nn, model, T.TENSOR_FLOAT32, (2,))
        assert added(nn, model, O.ABS, [2], [1]) == BAD_DATA
        assert added(nn, model, O.ABS, [0], [2**32 - 1]) == BAD_DATA
        assert added(nn, model, O.ABS, [0], [1]) == OK

    def test_refuses_null(self, nn, model):
        one, null = indexes(nn, [0]), nn.ffi.NULL
        add = nn.lib.ANeuralNetworksModel_addOperation
        assert add(null, O.AVERAGE_POOL_2D, 1, one, 1, one) == NULL
        assert add(model, O.AVERAGE_POOL_2D, 0, null, 1, one) == NULL
        assert add(model, O.AVERAGE_POOL_2D, 1, one, 0, null) == NULL

    def test_refuses_empty_lists(self, nn, model):
        add_operand(nn, model, T.TENSOR_FLOAT32, (2,))
        assert added(nn, model, O.ABS, [], [0]) == BAD_DATA
        assert added(nn, model, O.ABS, [0], []) == BAD_DATA

    def test_refuses_a_finished_model_and_one_that_could_not_be(self, nn, model):
        assert nn.lib.ANeuralNetworksModel_finish(model) == BAD_DATA
        assert added(nn, model, O.AVERAGE_POOL_2D, [0], [0]) == BAD_STATE
        assert added(nn, clients.add_model(nn), O.ADD, [0, 1, 2], [3]) == BAD_STATE


class TestIdentifyInputsAndOutputs:
    def test_takes_each_once(self, nn, model):
        sum_model(nn, model)
        assert identified(nn, model, [0, 1, 2], [3]) == OK
        assert nn.lib.ANeuralNetworksModel_finish(model) == OK

    @pytest.mark.parametrize(
        ("inputs", "outputs"),
        [
            ([0, 1, 2], [3, 0]),
            ([0, 1, 2, 3], [3]),
            ([0, 1, 2, 0], [3]),
            ([0, 1, 2], [3, 3]),
            ([0, 1, 4], [3]),
            ([0, 1, 2], [2**32 - 1]),
        ],
    )
    def test_refuses_others(self, nn, model, inputs, outputs):
        sum_model(nn, model)
        assert identified(nn, model, inputs, outputs) == BAD_DATA

    def test_refuses_constants(self, nn, model):
        sum_model(nn, model)
        clients.set_scalar(nn, model, 2, 0)
        assert identified(nn, model, [0, 1, 2], [3]) == BAD_DATA

    def test_refuses_null(self, nn, model):
        one, null = indexes(nn, [0]), nn.ffi.NULL
        identify_them = nn.lib.ANeuralNetworksModel_identifyInputsAndOutputs
        assert identify_them(null, 1, one, 1, one) == NULL
        assert identify_them(model, 0, null, 1, one) == NULL
        assert identify_them(model, 1, one, 0, null) == NULL

    def test_refuses_a_finished_model(self, nn):
        assert identified(nn, clients.add_model(nn), [0], [3]) == BAD_STATE


class TestRelaxComputation:
    def test_is_allowed_until_the_model_is_finished(self, nn):
        model = clients.add_model(nn, finish=False)
        for allow in (True, False):
            assert nn.lib.ANeuralNetworksModel_relaxComputationFloat32toFloat16(model, allow) == OK
        assert nn.lib.ANeuralNetworksModel_finish(model) == OK
        for allow in (True, False):
            assert nn.lib.ANeuralNetworksModel_relaxComputationFloat32toFloat16(model, allow) == BAD_STATE

    def test_refuses_null(self, nn):
        assert nn.lib.ANeuralNetworksModel_relaxComputationFloat32toFloat16(nn.ffi.NULL, True) == NULL


class TestFinish:
    def test_succeeds_once(self, nn, model):
        sum_model(nn, model)
        identify(nn, model, [0, 1, 2], [3])
        assert nn.lib.ANeuralNetworksModel_finish(model) == OK
        assert nn.lib.ANeuralNetworksModel_finish(model) == BAD_STATE

    def test_refuses_null(self, nn):
        assert nn.lib.ANeuralNetworksModel_finish(nn.ffi.NULL) == NULL

    def test_refuses_an_empty_model(self, nn, model):
        assert nn.lib.ANeuralNetworksModel_finish(model) == BAD_DATA
        assert nn.lib.ANeuralNetworksModel_finish(model) == BAD_STATE

    def test_refuses_a_model_without_inputs_and_outputs(self, nn, model):
        sum_model(nn, model)
        assert nn.lib.ANeuralNetworksModel_finish(model) == BAD_DATA

    def test_takes_operations_in_any_order(self, nn):
        model = new_model(nn)
        for _ in range(3):
            add_operand(nn, model, T.TENSOR_FLOAT32, (1,))
        add_operation(nn, model, O.NEG, [2], [1])
        add_operation(nn, model, O.ABS, [0], [2])
        identify(nn, model, [0], [1])
        ok(nn.lib.ANeuralNetworksModel_finish(model))
        assert executed(nn, model, [-3]) == [-3]

    @pytest.mark.parametrize(
        ("operations", "inputs", "outputs"),
        [
            pytest.param([(0, 4, 3), (1, 3, 4), (4, 0, 5)], [0, 1], [5], id="in a circle"),
            pytest.param([(1, 1, 3), (0, 0, 4)], [0], [3, 4], id="reads what nothing writes"),
            pytest.param([(0, 0, 4)], [0], [4], id="an operand that nothing writes"),
            pytest.param([(0, 0, 3), (0, 0, 3)], [0], [3], id="writes twice"),
            pytest.param([(0, 0, 1), (0, 0, 3)], [0, 1], [3], id="writes an input"),
        ],
    )
    def test_refuses_operations_that_can_not_run(self, nn, model, operations, inputs, outputs):
        """``operations``: each the sum of its first two operands, into the third; operand 2 is the activation."""
        used = {operand for operation in operations for operand in operation}
        for index in range(max(used) + 1):
            add_operand(nn, model, *((T.INT32,) if index == 2 else (T.TENSOR_FLOAT32, (1,))))
        clients.set_scalar(nn, model, 2, 0)
        for one, other, to in operations:
            assert added(nn, model, O.ADD, [one, other, 2], [to]) == OK
        assert identified(nn, model, inputs, outputs) == OK
        assert nn.lib.ANeuralNetworksModel_finish(model) == BAD_DATA

    def test_refuses_scales_by_channel_that_are_missing(self, nn, model):
        add_operand(nn, model, T.TENSOR_QUANT8_SYMM_PER_CHANNEL, (2, 2))
        add_operand(nn, model, T.TENSOR_FLOAT32, (2, 2))
        assert added(nn, model, O.DEQUANTIZE, [0], [1]) == OK
        identify(nn, model, [0], [1])
        assert nn.lib.ANeuralNetworksModel_finish(model) == BAD_DATA


class TestGetSupportedOperationsForDevices:
    def asked(self, nn, model, devices, count, places=5):
        answers = nn.ffi.new("bool[]", places)
        chosen = nn.ffi.new("ANeuralNetworksDevice*[]", devices)
        code = nn.lib.ANeuralNetworksModel_getSupportedOperationsForDevices(model, chosen, count, answers)
        return code, list(answers)

    def test_answers_in_the_order_of_adding(self, nn, model):
        devices = clients.devices(nn)
        add_operand(nn, model, T.TENSOR_FLOAT32, (2,))
        add_operand(nn, model, T.TENSOR_FLOAT32, (2,))
        add_operand(nn, model, TENSOR_OEM_BYTE, (2,))
        add_operand(nn, model, T.TENSOR_FLOAT32, (2,))
        add_operation(nn, model, OEM_OPERATION, [1], [2])
        add_operation(nn, model, O.ABS, [3], [1])
        add_operation(nn, model, O.ABS, [0], [3])
        identify(nn, model, [0], [2])
        ok(nn.lib.ANeuralNetworksModel_finish(model))
        assert self.asked(nn, model, [devices["cpu"]], 1) == (OK, [False, True, True, False, False])

    def test_one_of_the_devices_is_enough(self, nn, model):
        devices = clients.devices(nn)
        a = nn.ffi.NULL
        sum_model(nn, model)
        identify(nn, model, [0, 1, 2], [3])
        ok(nn.lib.ANeuralNetworksModel_finish(model))
        others = [device for name, device in devices.items() if name != "cpu"]
        assert self.asked(nn, model, [*others, devices["cpu"]], len(devices)) == (OK, [True, *[False] * 4])
        assert a == nn.ffi.NULL

    def test_nobody_takes_what_can_not_be_executed(self, nn, model):
        devices = clients.devices(nn)
        sum_model(nn, model)
        clients.set_scalar(nn, model, 2, 999)
        identify(nn, model, [0, 1], [3])
        ok(nn.lib.ANeuralNetworksModel_finish(model))
        assert self.asked(nn, model, [devices["cpu"]], 1) == (OK, [False] * 5)

    def test_refuses_lists_that_can_not_be(self, nn):
        model, device = clients.add_model(nn), clients.devices(nn)["cpu"]
        assert self.asked(nn, model, [device], 0)[0] == BAD_DATA
        assert self.asked(nn, model, [device, device], 2)[0] == BAD_DATA
        assert self.asked(nn, model, [device, nn.ffi.NULL], 2)[0] == NULL

    def test_refuses_a_model_that_is_not_finished(self, nn, model):
        assert self.asked(nn, model, [clients.devices(nn)["cpu"]], 1)[0] == BAD_STATE

    def test_refuses_null(self, nn):
        ask, null = nn.lib.ANeuralNetworksModel_getSupportedOperationsForDevices, nn.ffi.NULL
        model, answers = clients.add_model(nn), nn.ffi.new("bool[1]")
        chosen = nn.ffi.new("ANeuralNetworksDevice*[]", [clients.devices(nn)["cpu"]])
        assert ask(null, chosen, 1, answers) == NULL
        assert ask(model, null, 1, answers) == NULL
        assert ask(model, chosen, 1, null) == NULL
        assert ask(null, null, 1, null) == NULL
