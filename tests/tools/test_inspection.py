"""What is said of models whose figures can be told by hand."""

import numpy as np

from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.control_flow import choice
from tests.support import Input, constant, single
from tools.inspection import ConstantKind, MemoryPeak, OperationKind, inspect


def tensor(size, lifetime=Lifetime.TEMPORARY_VARIABLE):
    return Operand(T.TENSOR_FLOAT32, (size,), lifetime=lifetime)


def chain():
    """Operands of 4, 8, 12... bytes would not fit each other; here all have 40, except the last."""
    operands = (
        tensor(10, Lifetime.SUBGRAPH_INPUT),
        tensor(10),
        tensor(10),
        tensor(10),
        constant(0),
        tensor(10, Lifetime.SUBGRAPH_OUTPUT),
    )
    operations = (
        Operation(O.ABS, (0,), (1,)),
        Operation(O.NEG, (1,), (2,)),
        Operation(O.ADD, (1, 2, 4), (3,)),
        Operation(O.ABS, (3,), (5,)),
    )
    return Model(Subgraph(operands, operations, (0,), (5,)))


def test_the_peak_is_where_most_temporaries_are_alive():
    inspected = inspect(chain())
    assert inspected.peak == MemoryPeak(temporaries=120, operation=2, arguments=80)
    assert inspected.peak.total == 200


def test_operations_and_constants_by_kind():
    inspected = inspect(chain())
    assert inspected.operations == (
        OperationKind("ABS", "TENSOR_FLOAT32", 2, 0),
        OperationKind("NEG", "TENSOR_FLOAT32", 1, 0),
        OperationKind("ADD", "TENSOR_FLOAT32", 1, 0),
    )
    assert inspected.constants == (ConstantKind("INT32", 1, 4),)
    assert (inspected.count, inspected.weights, inspected.macs, inspected.unknown) == (4, 4, 0, 0)


def test_multiply_accumulates():
    x = np.zeros((2, 30), np.float32).view(Input)
    model, _ = single(O.FULLY_CONNECTED, x, np.zeros((7, 30), np.float32), np.zeros(7, np.float32), 0)
    inspected = inspect(model)
    assert inspected.macs == 2 * 30 * 7
    assert inspected.peak == MemoryPeak(0, 0, (60 + 14) * 4)
    assert inspected.weights == 4 * (7 * 30 + 7 + 1)


def test_dimensions_that_follow_from_the_inputs_count_as_known():
    main = chain().main
    operands = tuple(
        Operand(T.TENSOR_FLOAT32, (0,)) if each.lifetime is Lifetime.TEMPORARY_VARIABLE else each
        for each in main.operands
    )
    opened = Model(Subgraph(operands, main.operations, main.inputs, main.outputs))
    assert inspect(opened).peak == inspect(chain()).peak


def test_dimensions_that_only_an_execution_decides():
    operands = (Operand(T.TENSOR_FLOAT32, (0,), lifetime=Lifetime.SUBGRAPH_INPUT), tensor(0, Lifetime.SUBGRAPH_OUTPUT))
    inspected = inspect(Model(Subgraph(operands, (Operation(O.ABS, (0,), (1,)),), (0,), (1,))))
    assert inspected.peak is None
    assert inspected.unknown == 1


def test_control_flow_counts_each_subgraph_once():
    inspected = inspect(choice())
    assert {kind.type: kind.count for kind in inspected.operations} == {"ADD": 2, "IF": 1}
    assert inspected.unknown == 1
    # the condition (1), x and the result (8 each); inside, x and its result again
    assert inspected.peak == MemoryPeak(temporaries=16, operation=0, arguments=17)
