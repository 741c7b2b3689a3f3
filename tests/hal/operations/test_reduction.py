import numpy as np
import pytest

from hal.types import OperandType, OperationType
from tests.hal.operations.calls import FLOAT32, INT8, INT32, UINT8, call, output, refusal, stored

CUBE = np.arange(1, 9, dtype=np.float32).reshape(2, 2, 2)
BOOL8 = OperandType.TENSOR_BOOL8
TO = [output(FLOAT32)]


def axes(*numbers):
    return np.array(numbers, np.int32)


@pytest.mark.parametrize(
    ("numbers", "keep_dims", "expected"),
    [
        ([1], 0, [[2, 3], [6, 7]]),
        ([1], 1, [[[2, 3]], [[6, 7]]]),
        ([-1, 0, 2], 0, [3.5, 5.5]),
        ([0, 1, 2], 0, [4.5]),
        ([0, 1, 2], 1, [[[4.5]]]),
        ([1], -1, [[2, 3], [6, 7]]),
    ],
)
def test_mean(numbers, keep_dims, expected):
    assert call(OperationType.MEAN, CUBE, axes(*numbers), keep_dims, to=TO)[0].tolist() == expected


@pytest.mark.parametrize(
    ("operation_type", "expected"),
    [
        (OperationType.REDUCE_SUM, [10, 26]),
        (OperationType.REDUCE_PROD, [24, 1680]),
        (OperationType.REDUCE_MAX, [4, 8]),
        (OperationType.REDUCE_MIN, [1, 5]),
    ],
)
def test_reductions_of_numbers(operation_type, expected):
    assert call(operation_type, CUBE, axes(1, -1), False, to=TO)[0].tolist() == expected
    assert call(operation_type, CUBE, axes(2, 1, 2), True, to=TO)[0].ravel().tolist() == expected
    assert call(operation_type, CUBE, axes(1, 2), True, to=TO)[0].shape == (2, 1, 1)
    assert call(operation_type, CUBE[0, 0], axes(0), False, to=TO)[0].shape == (1,)


def test_reductions_of_truth_values():
    truths = stored([[0, 0], [0, 1], [1, 1]], BOOL8)
    to = [output(BOOL8)]
    assert call(OperationType.REDUCE_ALL, truths, axes(1), False, to=to)[0].tolist() == [False, False, True]
    assert call(OperationType.REDUCE_ANY, truths, axes(1), False, to=to)[0].tolist() == [False, True, True]


def test_quantised_reductions_keep_scale_and_zero_point():
    numbers = stored([[-128, 0], [5, 6]], INT8, 0.5, 3)
    assert call(OperationType.REDUCE_MAX, numbers, axes(1), False, to=[numbers])[0].tolist() == [0, 6]
    assert call(OperationType.REDUCE_MIN, numbers, axes(0), False, to=[numbers])[0].tolist() == [-128, 0]
    assert call(OperationType.MEAN, numbers, axes(1), 0, to=[numbers])[0].tolist() == [-64, 6]
    assert refusal(OperationType.REDUCE_MAX, numbers, axes(1), False, to=[output(INT8, 0.5, 0)]) == (
        "its output has scale 0.5 and zero point 0; they must be those of its input, 0.5 and 3"
    )


def test_the_first_of_the_greatest_and_of_the_least():
    numbers = np.array([[3, 9, 9], [7, 2, 2]], np.int32)
    to = [output(INT32)]
    assert call(OperationType.ARGMAX, numbers, 1, to=to)[0].tolist() == [1, 0]
    assert call(OperationType.ARGMIN, numbers, -1, to=to)[0].tolist() == [0, 1]
    assert call(OperationType.ARGMAX, numbers, -2, to=to)[0].tolist() == [1, 0, 0]
    assert call(OperationType.ARGMIN, stored([200, 1, 3], UINT8, 0.5, 100), 0, to=to)[0].tolist() == [1]


@pytest.mark.parametrize("axis", [3, -4, -(2**31)])
def test_an_axis_that_is_not_there_is_refused(axis):
    sentence = f"its axis {axis} is not one of an input of rank 3: -3 to 2"
    assert refusal(OperationType.MEAN, CUBE, axes(axis), 1, to=TO) == sentence
    assert refusal(OperationType.REDUCE_SUM, CUBE, axes(0, axis), True, to=TO) == sentence
    assert refusal(OperationType.ARGMAX, CUBE, axis, to=[output(INT32)]) == sentence


def test_nothing_can_be_kept_but_not_reduced():
    empty = stored(np.zeros((0, 3)), FLOAT32)
    assert call(OperationType.REDUCE_MAX, empty, axes(1), False, to=TO)[0].shape == (0,)
    sentence = "its input [0, 3] has nothing to reduce along dimension 0"
    assert refusal(OperationType.MEAN, empty, axes(0), 0, to=TO) == sentence
    assert refusal(OperationType.ARGMIN, empty, 0, to=[output(INT32)]) == sentence


def test_keep_dims_is_a_truth_value_but_for_mean():
    assert refusal(OperationType.REDUCE_SUM, CUBE, axes(0), 1, to=TO) == (
        "input 2 ('keep_dims', operand 2) is INT32; it must be BOOL"
    )
    assert refusal(OperationType.MEAN, CUBE, axes(0), True, to=TO) == (
        "input 2 ('keep_dims', operand 2) is BOOL; it must be INT32"
    )
