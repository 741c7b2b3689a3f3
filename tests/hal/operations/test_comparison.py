import numpy as np
import pytest

from hal.types import OperandType, OperationType
from tests.hal.operations.calls import FLOAT32, INT32, UINT8, call, output, refusal, stored

BOOL8 = OperandType.TENSOR_BOOL8
TO = [output(BOOL8)]


@pytest.mark.parametrize(
    ("operation_type", "less", "equal", "greater"),
    [
        (OperationType.EQUAL, False, True, False),
        (OperationType.NOT_EQUAL, True, False, True),
        (OperationType.GREATER, False, False, True),
        (OperationType.GREATER_EQUAL, False, True, True),
        (OperationType.LESS, True, False, False),
        (OperationType.LESS_EQUAL, True, True, False),
    ],
)
def test_comparisons(operation_type, less, equal, greater):
    floats = call(operation_type, np.array([-1, 0, 0.5], np.float32), np.array([0], np.float32), to=TO)
    integers = call(operation_type, np.array([[-(2**31)], [3], [2**31 - 1]], np.int32), np.array([3], np.int32), to=TO)
    truths = call(operation_type, stored([0, 1, 1], BOOL8), stored([1, 1, 0], BOOL8), to=TO)
    quantised = call(operation_type, stored([10, 11, 12], UINT8, 0.5, 9), stored([6], UINT8, 1.0, 5), to=TO)
    for (result,) in (floats, integers, truths, quantised):
        assert result.dtype == np.bool_
        assert result.ravel().tolist() == [less, equal, greater]


def test_nan_equals_nothing():
    nan = np.array([np.nan], np.float32)
    assert call(OperationType.EQUAL, nan, nan, to=TO)[0].tolist() == [False]
    assert call(OperationType.NOT_EQUAL, nan, nan, to=TO)[0].tolist() == [True]


def test_logic():
    first, second = stored([[0], [1]], BOOL8), stored([0, 1], BOOL8)
    assert call(OperationType.LOGICAL_AND, first, second, to=TO)[0].tolist() == [[False, False], [False, True]]
    assert call(OperationType.LOGICAL_OR, first, second, to=TO)[0].tolist() == [[False, True], [True, True]]
    assert call(OperationType.LOGICAL_NOT, first, to=TO)[0].tolist() == [[True], [False]]


def test_types_that_do_not_fit_are_refused():
    numbers = np.zeros(1, np.int32)
    assert refusal(OperationType.LOGICAL_OR, numbers, numbers, to=TO) == (
        "input 0 (operand 0) is TENSOR_INT32; it must be TENSOR_BOOL8"
    )
    assert refusal(OperationType.LESS, numbers, numbers, to=[output(INT32)]) == (
        "output 0 ('output', operand 2) is TENSOR_INT32; it must be TENSOR_BOOL8"
    )
    assert refusal(OperationType.LESS, numbers, stored([0], FLOAT32), to=TO) == (
        "input 1 ('input1', operand 1) is TENSOR_FLOAT32; it must be TENSOR_INT32"
    )
