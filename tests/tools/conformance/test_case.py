"""How results are judged."""

import numpy as np
import pytest

from hal.model import Model, Operand, Operation, Subgraph
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.support import Input, single
from tools.conformance.case import MOVED, Accuracy, Case, Subject, fault, subject

FLOAT_TOLERANCE = 1e-5
HALF = 5 * 2**-10


def case(operand_type, expected, accuracy=None, relaxed=False, **options):
    expected = np.array(expected, operand_type.dtype)
    output = Operand(operand_type, expected.shape, 1.0 if operand_type.has_scale else 0.0)
    model = Model(Subgraph((output,), (), (), (0,)), relaxed=relaxed)
    return Case("case", model, (), (expected,), accuracy=accuracy, **options)


def passes(judged, *actual):
    operand = judged.model.main.operands[0]
    return fault(judged, [np.array(actual, operand.type.dtype)]) is None


@pytest.mark.parametrize(
    ("operand_type", "accuracy", "relaxed", "right", "wrong"),
    [
        (T.TENSOR_FLOAT32, None, False, FLOAT_TOLERANCE, 1.2 * FLOAT_TOLERANCE),
        (T.TENSOR_FLOAT32, None, True, HALF, 1.1 * HALF),
        (T.TENSOR_FLOAT16, None, False, HALF, 1.5 * HALF),
        (T.TENSOR_FLOAT32, Accuracy(), False, FLOAT_TOLERANCE, 1.2 * FLOAT_TOLERANCE),
        (T.TENSOR_FLOAT32, Accuracy(terms=10_000), False, 2 * FLOAT_TOLERANCE, 2.5 * FLOAT_TOLERANCE),
        (T.TENSOR_FLOAT32, MOVED, False, 0, 1e-6),
        (T.TENSOR_QUANT8_ASYMM, None, False, 1, 2),
        (T.TENSOR_QUANT8_ASYMM, Accuracy(), False, 1, 2),
        (T.TENSOR_QUANT8_ASYMM, Accuracy(steps=3), False, 3, 4),
        (T.TENSOR_QUANT8_ASYMM, MOVED, False, 0, 1),
        (T.TENSOR_INT32, None, False, 1, 2),
        (T.TENSOR_INT32, Accuracy(), False, 0, 1),
    ],
)
def test_tolerance(operand_type, accuracy, relaxed, right, wrong):
    judged = case(operand_type, [0, 0.5], accuracy, relaxed)
    assert passes(judged, right, 0.5)
    assert not passes(judged, wrong, 0.5)


def test_what_is_computed_may_be_off_in_proportion_to_the_largest_value():
    judged = case(T.TENSOR_FLOAT32, [0, 1000], Accuracy())
    assert passes(judged, 1000 * FLOAT_TOLERANCE, 1000)
    assert not passes(judged, 1500 * FLOAT_TOLERANCE, 1000)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [(np.inf, 3e38), (np.inf, -np.inf), (np.inf, np.nan), (np.nan, 0), (0, np.nan), (0, np.inf), (3e38, np.inf)],
)
def test_infinities_and_nans_must_be_expected(expected, actual):
    for accuracy in (None, Accuracy()):
        judged = case(T.TENSOR_FLOAT32, [expected], accuracy)
        assert passes(judged, expected)
        assert not passes(judged, actual)


def test_booleans_are_exact_and_ignored_outputs_are_not_compared():
    judged = case(T.TENSOR_BOOL8, [True, False])
    assert passes(judged, True, False)
    assert not passes(judged, True, True)
    assert passes(case(T.TENSOR_BOOL8, [True], ignored=frozenset({0})), False)


def test_a_fault_tells_where_and_what():
    found = fault(case(T.TENSOR_FLOAT32, [[1, 2], [3, 4]]), [np.array([[1, 2], [3, 5]], np.float32)])
    assert found.reason == "output 0: 1 of 4 values differ, first at [1, 1]: 5.0 instead of 4.0"
    (difference,) = found.differences
    assert (difference.where, difference.expected, difference.actual) == ("output 0 [1, 1]", "4.0", "5.0")


def test_dimensions_and_number_of_outputs():
    judged = case(T.TENSOR_FLOAT32, [[1, 2]])
    assert fault(judged, [np.ones((2, 1), np.float32)]).reason == (
        "output 0 has dimensions [2, 1]; they must be [1, 2]"
    )
    assert fault(judged, []).reason == "0 outputs; there must be 1"


def test_random_draws_are_judged_by_their_frequencies():
    logits = np.log(np.array([[0.25, 0.75]], np.float32))
    output = Operand(T.TENSOR_INT32, (1, 8))
    model = Model(Subgraph((output,), (), (), (0,)))
    judged = Case("case", model, (logits,), (np.zeros((1, 8), np.int32),), multinomial_tolerance=0.15)
    assert fault(judged, [np.array([[0, 1, 1, 1, 1, 1, 1, 0]], np.int32)]) is None
    found = fault(judged, [np.array([[0, 0, 0, 0, 1, 1, 1, 1]], np.int32)])
    assert found.reason == "output 0: a class was drawn 0.250 more or less often than its probability"


def test_subject_is_the_one_operation_that_is_no_placeholder():
    assert subject(single(O.TANH, np.ones(3).view(Input))[0]) == Subject(O.TANH, T.TENSOR_FLOAT32)
    assert subject(single(O.ADD, np.ones(3).view(Input), [0.0], 0)[0]) == Subject(O.ADD, T.TENSOR_FLOAT32)
    added, _ = single(O.ADD, np.ones(3).view(Input), [0.0], 0)
    for other, wanted in ((O.TANH, Subject(O.TANH, T.TENSOR_FLOAT32)), (O.ADD, Subject(O.ADD, T.TENSOR_FLOAT32))):
        operations = (*added.main.operations, Operation(other, added.main.operations[0].inputs, ()))
        assert subject(Model(Subgraph(added.main.operands, operations, (), ()))) == wanted
    both = (Operation(O.TANH, (0,), ()), Operation(O.RELU, (0,), ()))
    assert subject(Model(Subgraph(added.main.operands, both, (), ()))) is None
