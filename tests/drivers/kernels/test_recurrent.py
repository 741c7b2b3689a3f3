"""Recurrent layers large enough that threads share their work."""

import numpy as np
import pytest

from drivers.cpu.device import CpuDevice
from hal import reference
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.support import Input, constant, execute, prepare

STEPS, BATCHES, SIZE, UNITS, OUTPUT = 12, 5, 40, 48, 24
TANH = 4


@pytest.fixture
def device(monkeypatch):
    monkeypatch.setenv("NNHAL_CPU_THREADS", "3")
    return CpuDevice()


@pytest.fixture
def floats():
    random = np.random.default_rng(7)
    return lambda *shape: (random.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)


def check(device, operation_type, arguments, *outputs):
    operands = []
    for argument in arguments:
        if argument is None:
            operands.append(Operand(T.TENSOR_FLOAT32, (0,), lifetime=Lifetime.NO_VALUE))
        elif isinstance(argument, Input):
            operands.append(Operand(T.TENSOR_FLOAT32, argument.shape, lifetime=Lifetime.SUBGRAPH_INPUT))
        else:
            operands.append(constant(argument))
    given = tuple(range(len(operands)))
    made = tuple(range(len(operands), len(operands) + len(outputs)))
    operands += [Operand(T.TENSOR_FLOAT32, shape, lifetime=Lifetime.SUBGRAPH_OUTPUT) for shape in outputs]
    inputs = tuple(index for index, argument in enumerate(arguments) if isinstance(argument, Input))
    model = Model(Subgraph(tuple(operands), (Operation(operation_type, given, made),), inputs, made))
    values = [np.asarray(arguments[index]) for index in inputs]
    expected = reference.run(model, values)
    for one, other in zip(execute(prepare(device, model), values, outputs), expected):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("time_major", [0, 1])
def test_rnn(device, floats, time_major):
    shape = (STEPS, BATCHES) if time_major else (BATCHES, STEPS)
    cell = [floats(UNITS, SIZE), floats(UNITS, UNITS), floats(UNITS), floats(BATCHES, UNITS)]
    arguments = [floats(*shape, SIZE).view(Input), *cell, 1, time_major]
    check(device, O.UNIDIRECTIONAL_SEQUENCE_RNN, arguments, (*shape, UNITS), (BATCHES, UNITS))


@pytest.mark.parametrize("given", ["constants", "inputs"])
def test_lstm_with_everything(device, floats, given):
    def weights(*shape):
        return floats(*shape).view(Input) if given == "inputs" else floats(*shape)

    arguments = [
        floats(STEPS, BATCHES, SIZE).view(Input),
        *(weights(UNITS, SIZE) for _ in range(4)),
        *(weights(UNITS, OUTPUT) for _ in range(4)),
        *(weights(UNITS) for _ in range(3)),
        *(weights(UNITS) for _ in range(4)),
        weights(OUTPUT, UNITS),
        weights(OUTPUT),
        floats(BATCHES, OUTPUT).view(Input),
        floats(BATCHES, UNITS).view(Input),
        TANH,
        0.9,
        0.8,
        True,
        *(weights(UNITS) for _ in range(4)),
    ]
    states = (BATCHES, OUTPUT), (BATCHES, UNITS)
    check(device, O.UNIDIRECTIONAL_SEQUENCE_LSTM, arguments, (STEPS, BATCHES, OUTPUT), *states)


def test_svdf(device, floats):
    units, rank, memory = 60, 2, 8
    arguments = [
        floats(BATCHES, SIZE).view(Input),
        floats(units * rank, SIZE),
        floats(units * rank, memory),
        None,
        floats(BATCHES, units * rank * memory).view(Input),
        rank,
        1,
    ]
    check(device, O.SVDF, arguments, (BATCHES, units * rank * memory), (BATCHES, units))
