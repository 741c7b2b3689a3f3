"""Models that are no single program: control flow, operations without kernels, shapes known late."""

import time

import numpy as np
import pytest

from drivers.cpu.device import CpuDevice
from hal.device import Argument, Request
from hal.errors import BadDataError, MissedDeadlineTransientError, OutputInsufficientSizeError
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperandType, OperationType
from tests.control_flow import choice, loop, repeated
from tests.support import FLOAT, constant, prepare, raw


@pytest.fixture(scope="module")
def device():
    return CpuDevice()


def run(prepared, inputs, outputs, **limits):
    """Execute into ``outputs``; returns the dimensions that they got."""
    request = Request(
        [Argument(raw(each), None, each.shape) for each in inputs], [Argument(raw(each)) for each in outputs], **limits
    )
    return prepared.execute(request).output_dimensions


@pytest.mark.parametrize(("condition", "expected"), [(True, [2, 3]), (False, [0, 1])])
def test_if(device, condition, expected):
    result = np.zeros(2, np.float32)
    run(prepare(device, choice()), [np.array([condition]), np.array([1, 2], np.float32)], [result])
    assert result.tolist() == expected


@pytest.mark.parametrize(
    ("start", "count", "expected"), [(0, 3, [8, 16]), (2, 3, [2, 4]), (3, 3, [1, 2]), (9, 9, [1, 2])]
)
def test_while(device, start, count, expected):
    counted, result = np.zeros(1, np.float32), np.zeros(2, np.float32)
    run(prepare(device, loop()), [np.array([start], np.float32), np.array([1, 2], np.float32)], [counted, result])
    assert (counted.tolist(), result.tolist()) == ([count], expected)


def test_a_loop_may_change_dimensions(device):
    prepared = prepare(device, loop(body=repeated(), dimensions=(0,)))
    given = [np.array([0], np.float32), np.array([1, 2], np.float32)]
    counted, result = np.zeros(1, np.float32), np.zeros(16, np.float32)
    assert run(prepared, given, [counted, result]) == ((1,), (16,))
    assert result.tolist() == [1, 2] * 8
    with pytest.raises(OutputInsufficientSizeError) as raised:
        run(prepared, given, [counted, np.zeros(15, np.float32)])
    assert raised.value.dimensions == ((1,), (16,))


@pytest.mark.parametrize("limits", [{"loop_timeout": 0.2}, {"timeout": 0.2, "loop_timeout": 60.0}])
def test_an_endless_loop_is_ended(device, limits):
    prepared = prepare(device, loop(limit=np.inf))
    start = time.monotonic()
    with pytest.raises(MissedDeadlineTransientError):
        run(
            prepared,
            [np.zeros(1, np.float32), np.zeros(2, np.float32)],
            [np.zeros(1, np.float32), np.zeros(2, np.float32)],
            **limits,
        )
    assert time.monotonic() - start < 5


def topk_between_additions(declared=0):
    """x + 1, the k largest of it, plus 1 again; k is an input. ``declared``: what the model says that k is."""
    one, none = constant(np.array([1], np.float32)), constant(0)
    inside, outside = Lifetime.SUBGRAPH_INPUT, Lifetime.SUBGRAPH_OUTPUT
    operands = (
        Operand(FLOAT, (6,), lifetime=inside),
        Operand(OperandType.INT32, lifetime=inside),
        one,
        none,
        Operand(FLOAT, (6,)),
        Operand(FLOAT, (declared,)),
        Operand(OperandType.TENSOR_INT32, (0,), lifetime=outside),
        Operand(FLOAT, (0,), lifetime=outside),
    )
    operations = (
        Operation(OperationType.ADD, (0, 2, 3), (4,)),
        Operation(OperationType.TOPK_V2, (4, 1), (5, 6)),
        Operation(OperationType.ADD, (5, 2, 3), (7,)),
    )
    return Model(Subgraph(operands, operations, (0, 1), (7, 6)))


@pytest.mark.parametrize("k", [1, 3, 6])
def test_dimensions_that_values_decide(device, k):
    values = np.array([3, 1, 4, 2, 5, 9], np.float32)
    largest, where = np.zeros(k, np.float32), np.zeros(k, np.int32)
    given = [values, np.array(k, np.int32)]
    assert run(prepare(device, topk_between_additions()), given, [largest, where]) == ((k,), (k,))
    assert largest.tolist() == (np.sort(values)[::-1][:k] + 2).tolist()
    assert where.tolist() == [5, 4, 2, 0, 3, 1][:k]


def test_a_value_that_an_operation_does_not_allow_is_refused_when_it_is_known(device):
    with pytest.raises(BadDataError, match="operation 1 \\(TOPK_V2\\)"):
        run(
            prepare(device, topk_between_additions()),
            [np.zeros(6, np.float32), np.array(7, np.int32)],
            [np.zeros(6, np.float32), np.zeros(6, np.int32)],
        )


def test_dimensions_that_values_decide_must_be_those_of_the_model(device):
    prepared = prepare(device, topk_between_additions(declared=3))
    largest, where = np.zeros(6, np.float32), np.zeros(6, np.int32)
    run(prepared, [np.zeros(6, np.float32), np.array(3, np.int32)], [largest, where])
    with pytest.raises(BadDataError, match=r"operation 1 \(TOPK_V2\): the value of operand 5 has shape \[2\]"):
        run(prepared, [np.zeros(6, np.float32), np.array(2, np.int32)], [largest, where])


def misdeclared(operation, *parameters):
    """The absolute of what ``operation`` makes of an input of 2 columns, of which the model says that it has 3."""
    operands = (
        Operand(FLOAT, (0, 2), lifetime=Lifetime.SUBGRAPH_INPUT),
        *parameters,
        Operand(FLOAT, (0, 3)),
        Operand(FLOAT, (0, 0), lifetime=Lifetime.SUBGRAPH_OUTPUT),
    )
    between, last = len(operands) - 2, len(operands) - 1
    operations = (
        Operation(operation, tuple(range(between)), (between,)),
        Operation(OperationType.ABS, (between,), (last,)),
    )
    return Model(Subgraph(operands, operations, (0,), (last,)))


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(misdeclared(OperationType.NEG), id="in a program"),
        pytest.param(misdeclared(OperationType.TILE, constant(np.array([1, 1], np.int32))), id="with a constant"),
    ],
)
def test_a_tensor_of_other_dimensions_than_the_model_says_is_refused(device, model):
    with pytest.raises(BadDataError, match=r"operation 0 .*: the value of operand \d has shape \[1, 2\]"):
        run(prepare(device, model), [np.zeros((1, 2), np.float32)], [np.zeros((1, 3), np.float32)])


def test_inputs_of_dimensions_known_late(device):
    none = constant(0)
    operands = (
        Operand(FLOAT, (0, 3), lifetime=Lifetime.SUBGRAPH_INPUT),
        Operand(FLOAT, (3,), lifetime=Lifetime.CONSTANT_COPY, value=np.array([1, 2, 3], np.float32)),
        none,
        Operand(FLOAT, (0, 3), lifetime=Lifetime.SUBGRAPH_OUTPUT),
    )
    model = Model(Subgraph(operands, (Operation(OperationType.ADD, (0, 1, 2), (3,)),), (0,), (3,)))
    prepared = prepare(device, model)
    for rows in (1, 4, 2, 1):
        result = np.zeros((rows, 3), np.float32)
        assert run(prepared, [np.ones((rows, 3), np.float32)], [result]) == ((rows, 3),)
        assert (result == [2, 3, 4]).all()
