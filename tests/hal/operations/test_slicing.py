import numpy as np
import pytest

from hal.types import OperationType
from tests.hal.operations.calls import FLOAT32, UINT8, call, output, refusal, stored

TO = [output(FLOAT32)]
MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)


def ints(*values):
    return np.array(values, np.int32)


@pytest.mark.parametrize(
    ("begin", "size", "expected"),
    [((1, 1), (1, 2), [[5, 6]]), ((2, 0), (-1, -1), [[8, 9, 10, 11]]), ((0, 3), (2, 1), [[3], [7]])],
)
def test_slice(begin, size, expected):
    assert call(OperationType.SLICE, MATRIX, ints(*begin), ints(*size), to=TO)[0].tolist() == expected


def test_an_empty_input_has_an_empty_slice():
    empty = np.zeros((0, 4), np.float32)
    assert call(OperationType.SLICE, empty, ints(0, 1), ints(-1, 2), to=TO)[0].shape == (0, 2)


@pytest.mark.parametrize(("begin", "size"), [((0, 2), (1, 3)), ((0, -1), (1, 1)), ((0, 0), (1, -2)), ((0, 5), (1, -1))])
def test_slice_refuses_what_is_not_there(begin, size):
    assert refusal(OperationType.SLICE, MATRIX, ints(*begin), ints(*size), to=TO) == (
        f"it takes {size[1]} elements from {begin[1]} on of dimension 1, which has 4; "
        "begin must be at least 0, and size at least 0 (or -1, all that follow)"
    )


def test_slice_needs_a_value_for_each_dimension():
    assert refusal(OperationType.SLICE, MATRIX, ints(0, 0), ints(1), to=TO) == (
        "its size has 1 values; it must have 2, one a dimension"
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
def test_strided_slice(begin, end, strides, masks, expected):
    (result,) = call(OperationType.STRIDED_SLICE, MATRIX, ints(*begin), ints(*end), ints(*strides), *masks, to=TO)
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
def test_strided_slice_refuses_what_does_not_fit(begin, end, strides, shrink, sentence):
    arguments = (ints(*begin), ints(*end), ints(*strides), 0, 0, shrink)
    assert refusal(OperationType.STRIDED_SLICE, MATRIX, *arguments, to=TO) == sentence


def test_split_cuts_along_an_axis():
    halves = call(OperationType.SPLIT, MATRIX, -1, 2, to=TO * 2)
    assert [half.tolist() for half in halves] == [MATRIX[:, :2].tolist(), MATRIX[:, 2:].tolist()]


def test_split_refuses_what_does_not_fit():
    assert refusal(OperationType.SPLIT, MATRIX, 0, 2, to=TO * 2) == (
        "it splits dimension 0, of size 3, in 2 parts of one size"
    )
    assert refusal(OperationType.SPLIT, MATRIX, 0, 3, to=TO * 2) == (
        "it has 2 outputs; it must have 3, one for each split"
    )
    assert refusal(OperationType.SPLIT, MATRIX, 0, 0, to=TO) == (
        "input 2 ('splits', operand 2) is 0; it must be at least 1"
    )
    assert refusal(
        OperationType.SPLIT, stored([1, 2], UINT8, 1.0, 5), 0, 2, to=[output(UINT8, 1.0, 5), output(UINT8, 2.0, 5)]
    ) == ("its output has scale 2.0 and zero point 5; they must be those of its input, 1.0 and 5")


def test_a_number_of_splits_alone_does_not_fill_the_memory():
    values = np.zeros(1 << 17, np.float32)
    assert refusal(OperationType.SPLIT, values, 0, 1 << 17, to=TO * (1 << 17)) == (
        "it splits in 131072 parts; 65536 is the most"
    )
