import numpy as np
import pytest

from hal.errors import BadDataError
from hal.model import Operand
from hal.operations.declaration import UnknownValueError
from hal.types import OperandType, OperationType

MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)


def ints(*values):
    return np.array(values, np.int32)


def refusal(infer, operation_type, *arguments):
    with pytest.raises(BadDataError) as refused:
        infer(operation_type, *arguments)
    return str(refused.value)


def test_reshape_keeps_the_order(compute):
    assert compute(OperationType.RESHAPE, MATRIX, ints(2, -1, 3)).tolist() == MATRIX.reshape(2, 2, 3).tolist()
    assert compute(OperationType.RESHAPE, MATRIX, ints(-1)).tolist() == list(range(12))


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((5, -1), "its input [3, 4] has 12 elements, which do not fill [5, -1]"),
        ((2, 3), "its input [3, 4] has 12 elements, which do not fill [2, 3]"),
        ((-1, -1), "its shape is [-1, -1]; each size must be at least 1, and one at most may be -1"),
        ((0, 12), "its shape is [0, 12]; each size must be at least 1, and one at most may be -1"),
        ((2**31 - 1, 2**31 - 1), "its input [3, 4] has 12 elements, which do not fill [2147483647, 2147483647]"),
    ],
)
def test_reshape_refuses_what_it_can_not_fill(infer, shape, sentence):
    assert refusal(infer, OperationType.RESHAPE, MATRIX, ints(*shape)) == sentence


def test_a_shape_given_at_execution_is_unknown_before(infer):
    with pytest.raises(UnknownValueError, match="shape"):
        infer(OperationType.RESHAPE, MATRIX, Operand(OperandType.TENSOR_INT32, (2,)))


def test_concatenation_takes_any_number(compute):
    one, two = MATRIX[:, :1], MATRIX[:, 2:]
    assert compute(OperationType.CONCATENATION, one, two, one, 1).tolist() == [
        [0, 2, 3, 0],
        [4, 6, 7, 4],
        [8, 10, 11, 8],
    ]
    assert compute(OperationType.CONCATENATION, one, 1).tolist() == one.tolist()


def test_concatenation_refuses_what_does_not_fit(infer):
    assert refusal(infer, OperationType.CONCATENATION, MATRIX, MATRIX[:2], 1) == (
        "its input 1 is [2, 4] and its input 0 is [3, 4]; they may differ in dimension 1 only"
    )
    assert refusal(infer, OperationType.CONCATENATION, MATRIX, MATRIX[0], 0) == (
        "its input 1 is [4] and its input 0 is [3, 4]; they may differ in dimension 0 only"
    )
    assert refusal(infer, OperationType.CONCATENATION, MATRIX, 2) == "its axis is 2; inputs of rank 2 have axes 0 to 1"
    assert refusal(infer, OperationType.CONCATENATION, MATRIX) == "it has 1 inputs; it must have at least 2"
    assert refusal(infer, OperationType.CONCATENATION, MATRIX, ints(1), 0) == (
        "input 1 ('inputs') is TENSOR_INT32; it must be TENSOR_FLOAT32"
    )


def test_concatenation_waits_for_every_input(infer):
    with pytest.raises(UnknownValueError, match="inputs"):
        infer(OperationType.CONCATENATION, MATRIX, Operand(OperandType.TENSOR_FLOAT32, (3, 0)), 1)


def test_pad_puts_zeros_around(compute):
    result = compute(OperationType.PAD, np.array([[1, 2]], np.float32), ints([1, 0], [0, 2]))
    assert result.tolist() == [[0, 0, 0, 0], [1, 2, 0, 0]]


def test_pad_refuses_what_does_not_fit(infer):
    assert refusal(infer, OperationType.PAD, MATRIX, ints([0, -1], [0, 0])) == (
        "its paddings are [0, -1, 0, 0]; none may be negative"
    )
    assert refusal(infer, OperationType.PAD, MATRIX, ints([0, 1])) == (
        "its paddings are [1, 2]; for an input of rank 2 they must be [2, 2]"
    )


@pytest.mark.parametrize(
    ("begin", "end", "strides", "masks", "expected"),
    [
        ((0, 1), (2, 3), (1, 1), (0, 0, 0), [[1, 2], [5, 6]]),
        ((-1, -9), (3, 9), (1, 3), (0, 0, 0), [[8, 11]]),
        ((2, 3), (0, 0), (-1, -2), (0, 0, 0), [[11, 9], [7, 5]]),
        ((2, 3), (0, 0), (-1, -2), (0, 1, 0), [[11, 9], [7, 5], [3, 1]]),
        ((1, 2), (2, 3), (1, 1), (2, 2, 1), [4, 5, 6, 7]),
        ((1, 2), (2, 3), (1, 1), (0, 0, 3), [6]),
    ],
)
def test_strided_slice(compute, begin, end, strides, masks, expected):
    result = compute(OperationType.STRIDED_SLICE, MATRIX, ints(*begin), ints(*end), ints(*strides), *masks)
    assert result.tolist() == expected


@pytest.mark.parametrize(
    ("begin", "end", "strides", "shrink", "sentence"),
    [
        ((0, 0), (1, 1), (1, 0), 0, "its stride in dimension 1 is 0; it can't be"),
        ((0, 0, 0), (1, 1), (1, 1), 0, "its begin has 3 values; it must have 2, one a dimension"),
        ((2, 0), (1, 1), (1, 1), 0, "it takes nothing from dimension 0, of size 3: 2 to 1 by 1"),
        (
            (0, 0),
            (2, 1),
            (1, 1),
            1,
            "it shrinks dimension 0, so it must take one element with a stride above 0; 0 to 2 by 1 takes 2",
        ),
        (
            (1, 0),
            (0, 1),
            (-1, 1),
            1,
            "it shrinks dimension 0, so it must take one element with a stride above 0; 1 to 0 by -1 takes 1",
        ),
    ],
)
def test_strided_slice_refuses_what_does_not_fit(infer, begin, end, strides, shrink, sentence):
    arguments = (ints(*begin), ints(*end), ints(*strides), 0, 0, shrink)
    assert refusal(infer, OperationType.STRIDED_SLICE, MATRIX, *arguments) == sentence
