import math
import threading
from dataclasses import replace

import numpy as np
import pytest

from drivers.cpu.device import CpuDevice
from drivers.engine import threads
from drivers.engine.lowering import WORTH_SHARING
from hal import reference
from hal.errors import BadDataError
from hal.model import Lifetime, Model, Operation, Subgraph
from hal.types import OperationType
from tests.support import Input, execute, prepare, single


@pytest.fixture(params=["1", "2", "3", "7"])
def device(request, monkeypatch):
    monkeypatch.setenv("NNHAL_CPU_THREADS", request.param)
    return CpuDevice()


def case(seed):
    """Large enough to be worth sharing, with small operations around it that are not."""
    random = np.random.default_rng(seed)
    image = random.standard_normal((1, 19, 18, 5)).astype(np.float32)
    weights = random.standard_normal((6, 3, 3, 5)).astype(np.float32)
    conv, _ = single(OperationType.CONV_2D, image.view(Input), weights, np.zeros(6, np.float32), 1, 1, 1, 0)
    assert math.prod(conv.main.operands[-1].dimensions) * weights[0].size > WORTH_SHARING
    return small_then_large_then_small(conv), [image]


def small_then_large_then_small(conv):
    """RELU6 before the convolution of ``conv``, RELU1 and RELU after it."""
    main = conv.main
    operands = [*main.operands]
    (image,), (result,) = main.inputs, main.outputs
    count = len(operands)
    bounded, limited = count, count + 1
    operands += [replace(operands[image], lifetime=Lifetime.TEMPORARY_VARIABLE)]
    operands += [replace(operands[result], lifetime=Lifetime.TEMPORARY_VARIABLE), operands[result]]
    operands[result] = operands[limited]
    (convolution,) = main.operations
    operations = (
        Operation(OperationType.RELU6, (image,), (bounded,)),
        replace(convolution, inputs=(bounded, *convolution.inputs[1:])),
        Operation(OperationType.RELU1, (result,), (limited,)),
        Operation(OperationType.RELU, (limited,), (count + 2,)),
    )
    return Model(Subgraph(tuple(operands), operations, main.inputs, (count + 2,)))


def test_any_number_of_threads_gives_the_same_answer(device):
    model, inputs = case(0)
    (expected,) = reference.run(model, inputs)
    prepared = prepare(device, model)
    for _ in range(300):
        np.testing.assert_allclose(execute(prepared, inputs, [expected.shape])[0], expected, rtol=1e-4, atol=1e-5)


def test_executions_at_once_do_not_disturb_each_other(device):
    cases = [case(seed) for seed in range(4)]
    wrong = []

    def client(model, inputs):
        prepared = prepare(device, model)
        (expected,) = reference.run(model, inputs)
        for _ in range(50):
            (actual,) = execute(prepared, inputs, [expected.shape])
            if not np.allclose(actual, expected, rtol=1e-4, atol=1e-5):
                wrong.append(actual)

    clients = [threading.Thread(target=client, args=each) for each in cases * 2]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    assert not wrong


@pytest.mark.parametrize("value", ["0", "-1", "many", "", "1.5", "257"])
def test_a_wrong_number_of_threads_is_refused(monkeypatch, value):
    monkeypatch.setenv("NNHAL_CPU_THREADS", value)
    with pytest.raises(BadDataError, match=r"NNHAL_CPU_THREADS is '.*'; it must be a whole number from 1 to 256"):
        threads.count()
