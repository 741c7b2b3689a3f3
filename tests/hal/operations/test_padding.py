import numpy as np
import pytest

from hal.types import OperationType
from tests.hal.operations.calls import FLOAT16, FLOAT32, INT8, INT32, UINT8, call, output, refusal, stored

TO = [output(FLOAT32)]
MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)
REFLECT, SYMMETRIC = 0, 1


def ints(*values):
    return np.array(values, np.int32)


def test_pad_puts_zeros_around():
    (result,) = call(OperationType.PAD, np.array([[1, 2]], np.float32), ints([1, 0], [0, 2]), to=TO)
    assert result.tolist() == [[0, 0, 0, 0], [1, 2, 0, 0]]


def test_a_quantised_pad_puts_what_stands_for_zero():
    (result,) = call(OperationType.PAD, stored([7], INT8, 0.5, -3), ints([1, 1]), to=[output(INT8, 0.5, -3)])
    assert result.tolist() == [-3, 7, -3]


def test_pad_v2_puts_a_value_as_it_is_stored():
    (result,) = call(OperationType.PAD_V2, stored([7], UINT8, 0.5, 3), ints([1, 1]), 9, to=[output(UINT8, 0.5, 3)])
    assert result.tolist() == [9, 7, 9]
    (result,) = call(OperationType.PAD_V2, stored([7], FLOAT16), ints([0, 1]), np.float16(0.5), to=[output(FLOAT16)])
    assert (result.dtype, result.tolist()) == (np.float16, [7, 0.5])


def test_pad_v2_refuses_a_value_that_can_not_be_stored():
    values = stored([7], UINT8, 0.5, 3)
    assert refusal(OperationType.PAD_V2, values, ints([1, 1]), 256, to=[output(UINT8, 0.5, 3)]) == (
        "its pad value is 256; for TENSOR_QUANT8_ASYMM it must be from 0 to 255"
    )
    assert refusal(OperationType.PAD_V2, values, ints([1, 1]), 1.0, to=[output(UINT8, 0.5, 3)]) == (
        "input 2 ('pad_value', operand 2) is FLOAT32; it must be INT32"
    )


def test_paddings_that_do_not_fit_are_refused():
    assert refusal(OperationType.PAD, MATRIX, ints([0, -1], [0, 0]), to=TO) == (
        "its paddings are [0, -1, 0, 0]; none may be negative"
    )
    assert refusal(OperationType.PAD, MATRIX, ints([0, 1]), to=TO) == (
        "its paddings are [1, 2]; for an input of rank 2 they must be [2, 2]"
    )


@pytest.mark.parametrize(("mode", "expected"), [(REFLECT, [3, 2, 1, 2, 3, 2, 1]), (SYMMETRIC, [2, 1, 1, 2, 3, 3, 2])])
def test_mirror_pad_with_and_without_the_edge(mode, expected):
    (result,) = call(OperationType.MIRROR_PAD, ints(1, 2, 3), ints([2, 2]), mode, to=[output(INT32)])
    assert result.tolist() == expected


@pytest.mark.parametrize(("mode", "name", "most"), [(REFLECT, "REFLECT", 2), (SYMMETRIC, "SYMMETRIC", 3)])
def test_mirror_pad_refuses_more_than_there_is(mode, name, most):
    assert refusal(OperationType.MIRROR_PAD, ints(1, 2, 3), ints([0, most + 1]), mode, to=[output(INT32)]) == (
        f"its paddings of dimension 0 are [0, {most + 1}]; from a size of 3, {name} can mirror {most}"
    )


def test_mirror_pad_refuses_another_mode():
    assert refusal(OperationType.MIRROR_PAD, ints(1), ints([0, 0]), 2, to=[output(INT32)]) == (
        "input 2 ('mode', operand 2) is 2; it must be 0 (REFLECT) or 1 (SYMMETRIC)"
    )
