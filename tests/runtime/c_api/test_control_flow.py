"""IF and WHILE by calls of C: models that models refer to, and the limit of loops."""

from __future__ import annotations

import time

import numpy as np
import pytest

from hal.types import ResultCode
from tests.runtime.c_api import clients
from tests.runtime.c_api.executing import MODES, compute

R = ResultCode
MILLISECOND = 10**6

pytestmark = pytest.mark.usefixtures("two_devices")


def new_operand(nn, model, numbers, type, dimensions=(), value=None):
    """The index of a new operand, perhaps a constant; ``numbers`` has the model's so far."""
    clients.add_operand(nn, model, type, dimensions)
    index = len(numbers)
    numbers.append(type)
    if isinstance(value, np.ndarray):
        clients.ok(nn.lib.ANeuralNetworksModel_setOperandValue(model, index, clients.pointer(nn, value), value.nbytes))
    elif value is not None:
        clients.ok(nn.lib.ANeuralNetworksModel_setOperandValueFromModel(model, index, value))
    return index


def binary(nn, operation, dimensions, out_type):
    """A model of one operation over two TENSOR_FLOAT32."""
    lib, model, numbers = nn.lib, clients.new_model(nn), []
    first, second = (new_operand(nn, model, numbers, lib.ANEURALNETWORKS_TENSOR_FLOAT32, dimensions) for _ in range(2))
    result = new_operand(nn, model, numbers, out_type, dimensions)
    inputs = [first, second]
    if operation in (lib.ANEURALNETWORKS_ADD, lib.ANEURALNETWORKS_SUB):
        inputs.append(new_operand(nn, model, numbers, lib.ANEURALNETWORKS_INT32, (), np.zeros((), np.int32)))
    clients.add_operation(nn, model, operation, inputs, [result])
    clients.identify(nn, model, [first, second], [result])
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    return model


def counting(nn):
    """A model that adds input 1, 1 or more, to 1 as long as that is at least input 0: for ever if it is below 1."""
    lib, model, numbers = nn.lib, clients.new_model(nn), []
    float32 = lib.ANEURALNETWORKS_TENSOR_FLOAT32
    condition = clients.new_model(nn)
    inner = []
    value, limit, step = (new_operand(nn, condition, inner, float32, (1,)) for _ in range(3))
    again = new_operand(nn, condition, inner, lib.ANEURALNETWORKS_TENSOR_BOOL8, (1,))
    clients.add_operation(nn, condition, lib.ANEURALNETWORKS_GREATER_EQUAL, [value, limit], [again])
    clients.identify(nn, condition, [value, limit, step], [again])
    clients.ok(lib.ANeuralNetworksModel_finish(condition))
    body, inner = clients.new_model(nn), []
    value, limit, step, sum_ = (new_operand(nn, body, inner, float32, (1,)) for _ in range(4))
    none = new_operand(nn, body, inner, lib.ANEURALNETWORKS_INT32, (), np.zeros((), np.int32))
    clients.add_operation(nn, body, lib.ANEURALNETWORKS_ADD, [value, step, none], [sum_])
    clients.identify(nn, body, [value, limit, step], [sum_])
    clients.ok(lib.ANeuralNetworksModel_finish(body))
    one = new_operand(nn, model, numbers, float32, (1,), np.ones(1, np.float32))
    limit, step = (new_operand(nn, model, numbers, float32, (1,)) for _ in range(2))
    referred = [new_operand(nn, model, numbers, lib.ANEURALNETWORKS_MODEL, (), each) for each in (condition, body)]
    result = new_operand(nn, model, numbers, float32, (1,))
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_WHILE, [*referred, one, limit, step], [result])
    clients.identify(nn, model, [limit, step], [result])
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    return model


def loop(nn, compilation, limit, step=1.0):
    """An execution of ``counting``, and where its result goes."""
    execution, output = clients.new_execution(nn, compilation), np.full(1, -1, np.float32)
    _kept.append([np.array([value], np.float32) for value in (limit, step)])
    for index, array in enumerate(_kept[-1]):
        clients.set_input(nn, execution, index, array)
    clients.set_output(nn, execution, 0, output)
    return execution, output


_kept = []


@pytest.fixture(params=[["cpu"], ["cpu", "gpu"], None], ids=["cpu", "both", "all"])
def compilation(nn, request):
    return clients.new_compilation(nn, counting(nn), request.param)


@pytest.mark.parametrize("mode", MODES)
def test_a_loop_that_never_ends(nn, compilation, mode):
    execution, _ = loop(nn, compilation, 0)
    clients.ok(nn.lib.ANeuralNetworksExecution_setLoopTimeout(execution, MILLISECOND))
    begin = time.monotonic()
    assert compute(nn, mode, execution, compilation) in (R.MISSED_DEADLINE_TRANSIENT, R.MISSED_DEADLINE_PERSISTENT)
    assert time.monotonic() - begin < 15  # not the longest time that a loop may have
    nn.lib.ANeuralNetworksExecution_free(execution)


@pytest.mark.parametrize("mode", MODES)
def test_a_loop_that_ends(nn, compilation, mode):
    execution, output = loop(nn, compilation, 2)
    clients.ok(nn.lib.ANeuralNetworksExecution_setLoopTimeout(execution, 2**64 - 1))  # cut to the longest
    assert compute(nn, mode, execution, compilation) == R.NO_ERROR
    assert list(output) == [1]  # not once
    nn.lib.ANeuralNetworksExecution_free(execution)
    execution, output = loop(nn, compilation, 1, -3)
    assert compute(nn, mode, execution, compilation) == R.NO_ERROR
    assert list(output) == [-2]


def test_the_limit_of_loops(nn, compilation):
    lib = nn.lib
    execution, output = loop(nn, compilation, 2)
    assert lib.ANeuralNetworksExecution_setLoopTimeout(nn.ffi.NULL, MILLISECOND) == R.UNEXPECTED_NULL
    assert lib.ANeuralNetworksExecution_setLoopTimeout(execution, lib.ANeuralNetworks_getDefaultLoopTimeout()) == 0
    clients.ok(lib.ANeuralNetworksExecution_compute(execution))
    assert lib.ANeuralNetworksExecution_setLoopTimeout(execution, MILLISECOND) == R.BAD_STATE
    assert list(output) == [1]


def chosen(nn):
    """IF input 0, a TENSOR_BOOL8: input 1 + input 2, otherwise their difference."""
    lib, model, numbers = nn.lib, clients.new_model(nn), []
    float32 = lib.ANEURALNETWORKS_TENSOR_FLOAT32
    branches = [
        binary(nn, operation, (2,), float32) for operation in (lib.ANEURALNETWORKS_ADD, lib.ANEURALNETWORKS_SUB)
    ]
    condition = new_operand(nn, model, numbers, lib.ANEURALNETWORKS_TENSOR_BOOL8, (1,))
    referred = [new_operand(nn, model, numbers, lib.ANEURALNETWORKS_MODEL, (), each) for each in branches]
    first, second, result = (new_operand(nn, model, numbers, float32, (2,)) for _ in range(3))
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_IF, [condition, *referred, first, second], [result])
    clients.identify(nn, model, [condition, first, second], [result])
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    return model


@pytest.mark.parametrize("names", [["cpu"], ["gpu", "cpu"], None])
def test_if(nn, names):
    compilation = clients.new_compilation(nn, chosen(nn), names)
    for mode in MODES:
        for condition, wanted in ((1, [5, 7]), (0, [-3, -3]), (255, [5, 7])):
            execution, output = clients.new_execution(nn, compilation), np.zeros(2, np.float32)
            arrays = np.array([condition], np.uint8), np.array([1, 2], np.float32), np.array([4, 5], np.float32)
            for index, array in enumerate(arrays):
                clients.set_input(nn, execution, index, array)
            clients.set_output(nn, execution, 0, output)
            assert compute(nn, mode, execution, compilation) == R.NO_ERROR
            assert list(output) == wanted
            nn.lib.ANeuralNetworksExecution_free(execution)


def test_models_are_referred_to_once_they_are_finished(nn):
    lib, model, place = nn.lib, clients.new_model(nn), clients.new_model(nn)
    call = lib.ANeuralNetworksModel_setOperandValueFromModel
    finished = clients.add_model(nn)
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_MODEL)
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_TENSOR_FLOAT32, (2,))
    assert call(nn.ffi.NULL, 0, finished) == R.UNEXPECTED_NULL
    assert call(model, 0, nn.ffi.NULL) == R.UNEXPECTED_NULL
    assert call(model, 0, place) == R.BAD_STATE
    for index in (-1, 1, 2):
        assert call(model, index, finished) == R.BAD_DATA
    assert call(model, 0, finished) == R.NO_ERROR
