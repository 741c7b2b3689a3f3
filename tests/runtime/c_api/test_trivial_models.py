"""Whole lives of small models, from their first operand to their results, through the C functions."""

from __future__ import annotations

import numpy as np
import pytest

from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.runtime.c_api import clients
from tests.runtime.c_api.clients import ok

FIRST = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
SECOND = FIRST * 100
CONSTANT = np.array([[20, 30, 40, 50], [21, 22, 23, 24], [31, 32, 33, 34]], np.float32)


@pytest.fixture(params=[None, ["cpu"]], ids=["all devices", "cpu"])
def names(request):
    return request.param


def two_inputs(nn, operation, dimensions, others) -> object:
    """A finished model of one operation over two inputs, the second of the dimensions ``others``."""
    model = clients.new_model(nn)
    for operand in ((T.TENSOR_FLOAT32, dimensions), (T.TENSOR_FLOAT32, others), (T.INT32,)):
        clients.add_operand(nn, model, *operand)
    clients.add_operand(nn, model, T.TENSOR_FLOAT32, dimensions)
    clients.set_scalar(nn, model, 2, 0)
    clients.add_operation(nn, model, operation, [0, 1, 2], [3])
    clients.identify(nn, model, [0, 1], [3])
    ok(nn.lib.ANeuralNetworksModel_finish(model))
    return model


def three_terms(nn) -> object:
    """A finished model of output = (input 1 + input 0) + ``CONSTANT``: operands 2 and 0 are its inputs."""
    model = clients.new_model(nn)
    for _ in range(5):
        clients.add_operand(nn, model, T.TENSOR_FLOAT32, (3, 4))
    clients.add_operand(nn, model, T.INT32)
    clients.set_scalar(nn, model, 5, 0)
    ok(nn.lib.ANeuralNetworksModel_setOperandValue(model, 4, clients.pointer(nn, CONSTANT), CONSTANT.nbytes))
    clients.add_operation(nn, model, O.ADD, [0, 2, 5], [1])
    clients.add_operation(nn, model, O.ADD, [1, 4, 5], [3])
    clients.identify(nn, model, [2, 0], [3])
    ok(nn.lib.ANeuralNetworksModel_finish(model))
    return model


def ready(nn, compilation, inputs, output) -> object:
    """An execution with these inputs and output."""
    execution = clients.new_execution(nn, compilation)
    for index, value in enumerate(inputs):
        clients.set_input(nn, execution, index, value)
    clients.set_output(nn, execution, 0, output)
    return execution


def computed(nn, model, names, first, second) -> np.ndarray:
    compilation = clients.new_compilation(nn, model, names)
    result = np.zeros_like(first)
    execution = ready(nn, compilation, [first, second], result)
    ok(nn.lib.ANeuralNetworksExecution_compute(execution))
    nn.lib.ANeuralNetworksExecution_free(execution)
    nn.lib.ANeuralNetworksCompilation_free(compilation)
    return result


def test_adds_two(nn, names):
    model = two_inputs(nn, O.ADD, (3, 4), (3, 4))
    np.testing.assert_array_equal(computed(nn, model, names, FIRST, SECOND), FIRST + SECOND)
    nn.lib.ANeuralNetworksModel_free(model)


def test_adds_three_and_is_compiled_again(nn, names):
    model = three_terms(nn)
    np.testing.assert_array_equal(computed(nn, model, names, FIRST, SECOND), FIRST + SECOND + CONSTANT)
    np.testing.assert_array_equal(computed(nn, model, names, FIRST, FIRST), FIRST + FIRST + CONSTANT)
    nn.lib.ANeuralNetworksModel_free(model)


@pytest.mark.parametrize(("operation", "function"), [(O.ADD, np.add), (O.MUL, np.multiply)])
def test_stretches_the_smaller_input(nn, names, operation, function):
    model = two_inputs(nn, operation, (1, 1, 3, 4), (4,))
    result = computed(nn, model, names, FIRST, SECOND[0])
    np.testing.assert_array_equal(result, function(FIRST, SECOND[0]))
    nn.lib.ANeuralNetworksModel_free(model)


def test_one_execution_waits_for_another(nn, names):
    model = three_terms(nn)
    compilation = clients.new_compilation(nn, model, names)
    results = [np.zeros_like(FIRST) for _ in range(2)]
    executions = [
        ready(nn, compilation, inputs, result) for inputs, result in zip(([FIRST, SECOND], [FIRST, FIRST]), results)
    ]
    begin = nn.lib.ANeuralNetworksExecution_startComputeWithDependencies
    first = clients.new(nn, "Event", begin, executions[0], nn.ffi.NULL, 0, 0)
    dependencies = nn.ffi.new("ANeuralNetworksEvent*[]", [first])
    second = clients.new(nn, "Event", begin, executions[1], dependencies, 1, 0)
    ok(nn.lib.ANeuralNetworksEvent_wait(second))
    np.testing.assert_array_equal(results[0], FIRST + SECOND + CONSTANT)
    np.testing.assert_array_equal(results[1], FIRST + FIRST + CONSTANT)
    for event in (first, second):
        nn.lib.ANeuralNetworksEvent_free(event)
