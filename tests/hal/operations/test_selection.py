import numpy as np

from hal.types import OperandType, OperationType
from tests.hal.operations.calls import FLOAT32, INT8, INT32, call, output, refusal, stored

CONDITION = stored([[0, 1], [1, 0]], OperandType.TENSOR_BOOL8)


def test_each_element_comes_from_where_the_condition_says():
    first, second = np.array([[1, 2], [3, 4]], np.int32), np.array([[5, 6], [7, 8]], np.int32)
    assert call(OperationType.SELECT, CONDITION, first, second, to=[output(INT32)])[0].tolist() == [[5, 2], [3, 8]]


def test_quantised_elements_keep_what_they_stand_for():
    first, second = stored([[0, 10], [20, 0]], INT8, 0.5, 0), stored([[8, 0], [0, 127]], INT8, 1.0, 4)
    (result,) = call(OperationType.SELECT, CONDITION, first, second, to=[output(INT8, 0.25, 1)])
    assert result.tolist() == [[17, 21], [41, 127]]


def test_what_does_not_fit_is_refused():
    square, row = np.zeros((2, 2), np.float32), np.zeros(2, np.float32)
    assert refusal(OperationType.SELECT, CONDITION, square, row, to=[output(FLOAT32)]) == (
        "its condition is [2, 2] and its inputs are [2, 2] and [2]; all three must have the same dimensions"
    )
    assert refusal(OperationType.SELECT, square, square, square, to=[output(FLOAT32)]) == (
        "input 0 ('condition', operand 0) is TENSOR_FLOAT32; it must be TENSOR_BOOL8"
    )
