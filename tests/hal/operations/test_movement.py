import numpy as np
import pytest

from hal.model import Lifetime, Operand
from hal.operations.declaration import UnknownValueError
from hal.types import OperandType, OperationType
from tests.hal.operations.calls import FLOAT32, INT8, INT32, UINT8, call, output, refusal, stored

TO = [output(FLOAT32)]
MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)
EMPTY = np.zeros((0, 4), np.float32)
OMITTED = Operand(INT32, (1,), lifetime=Lifetime.NO_VALUE)


def ints(*values):
    return np.array(values, np.int32)


def moved(operation_type, *arguments):
    return call(operation_type, *arguments, to=TO)[0]


@pytest.mark.parametrize("shape", [(2, -1, 3), (-1,), (12, 1), (3, 4)])
def test_reshape_keeps_the_order(shape):
    assert moved(OperationType.RESHAPE, MATRIX, ints(*shape)).tolist() == MATRIX.reshape(shape).tolist()


@pytest.mark.parametrize(("shape", "expected"), [((-1,), (0,)), ((2, -1), (2, 0)), ((0, 7), (0, 7)), ((-1, 4), (0, 4))])
def test_an_empty_input_is_reshaped_to_another_empty_one(shape, expected):
    assert moved(OperationType.RESHAPE, EMPTY, ints(*shape)).shape == expected


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((5, -1), "its input [3, 4] has 12 elements, which do not fill [5, -1]"),
        ((2, 3), "its input [3, 4] has 12 elements, which do not fill [2, 3]"),
        (
            (-1, -1),
            "its shape is [-1, -1]; it must have sizes of at least 1, and in place of one of them it may have -1",
        ),
        ((0, 12), "its shape is [0, 12]; it must have sizes of at least 1, and in place of one of them it may have -1"),
        ((), "its shape is []; it must have sizes of at least 1, and in place of one of them it may have -1"),
        ((2**31 - 1, 2**31 - 1), "its input [3, 4] has 12 elements, which do not fill [2147483647, 2147483647]"),
    ],
)
def test_reshape_refuses_what_it_can_not_fill(shape, sentence):
    assert refusal(OperationType.RESHAPE, MATRIX, ints(*shape), to=TO) == sentence


def test_an_empty_input_leaves_open_what_stands_beside_nothing():
    assert refusal(OperationType.RESHAPE, EMPTY, ints(0, -1), to=TO) == (
        "its input [0, 4] has 0 elements, which do not fill [0, -1]"
    )


def test_a_shape_given_at_execution_is_unknown_before(infer):
    with pytest.raises(UnknownValueError, match="shape"):
        infer(OperationType.RESHAPE, MATRIX, Operand(OperandType.TENSOR_INT32, (2,)))


def test_moved_values_must_stand_for_the_same_numbers():
    values = stored([[1, 2]], UINT8, 0.5, 10)
    (kept,) = call(OperationType.RESHAPE, values, ints(2), to=[output(UINT8, 0.5, 10)])
    assert (kept.dtype, kept.tolist()) == (np.uint8, [1, 2])
    assert refusal(OperationType.RESHAPE, values, ints(2), to=[output(UINT8, 0.5, 11)]) == (
        "its output has scale 0.5 and zero point 11; they must be those of its input, 0.5 and 10"
    )


def test_squeeze_takes_what_is_listed_or_all():
    values = np.zeros((1, 3, 1, 1), np.float32)
    assert moved(OperationType.SQUEEZE, values, ints(0, -2)).shape == (3, 1)
    assert moved(OperationType.SQUEEZE, values).shape == (3,)
    assert moved(OperationType.SQUEEZE, values, OMITTED).shape == (3,)
    assert moved(OperationType.SQUEEZE, values[:, :1]).shape == (1,)
    assert refusal(OperationType.SQUEEZE, values, ints(1), to=TO) == (
        "it squeezes dimension 1 of its input [1, 3, 1, 1]; only one of size 1 can be squeezed"
    )
    assert refusal(OperationType.SQUEEZE, values, ints(4), to=TO) == (
        "its axis 4 is not one of an input of rank 4: -4 to 3"
    )


@pytest.mark.parametrize(("axis", "expected"), [(0, (1, 3, 4)), (2, (3, 4, 1)), (-1, (3, 4, 1)), (-3, (1, 3, 4))])
def test_expand_dims(axis, expected):
    assert moved(OperationType.EXPAND_DIMS, MATRIX, axis).shape == expected


def test_expand_dims_refuses_an_axis_beyond_the_new_last_one():
    assert refusal(OperationType.EXPAND_DIMS, MATRIX, 3, to=TO) == (
        "its axis 3 is not one of an input of rank 3: -3 to 2"
    )


def test_transpose_reverses_or_permutes():
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert moved(OperationType.TRANSPOSE, values, ints(1, 2, 0)).tolist() == values.transpose(1, 2, 0).tolist()
    assert moved(OperationType.TRANSPOSE, values).tolist() == values.T.tolist()
    assert moved(OperationType.TRANSPOSE, values, OMITTED).tolist() == values.T.tolist()
    assert moved(OperationType.TRANSPOSE, EMPTY, ints(1, 0)).shape == (4, 0)
    assert refusal(OperationType.TRANSPOSE, MATRIX, ints(0, 0), to=TO) == (
        "its perm is [0, 0]; for an input of rank 2 it must have each of 0 to 1 once"
    )


def test_reverse_turns_one_axis():
    assert moved(OperationType.REVERSE, MATRIX, ints(1)).tolist() == MATRIX[:, ::-1].tolist()
    assert refusal(OperationType.REVERSE, MATRIX, ints(-1), to=TO) == (
        "its axis is -1; for an input of rank 2 it must be from 0 to 1"
    )
    assert refusal(OperationType.REVERSE, MATRIX, ints(0, 1), to=TO) == "its axis is [2]; it must be [1]"


def test_reverse_keeps_its_dimensions_whatever_the_axis(infer):
    assert infer(OperationType.REVERSE, MATRIX, Operand(INT32, (1,))) == (3, 4)


def test_tile_repeats_along_each_dimension():
    assert moved(OperationType.TILE, np.array([[1, 2]], np.float32), ints(2, 2)).tolist() == [[1, 2, 1, 2]] * 2
    assert refusal(OperationType.TILE, MATRIX, ints(2), to=TO) == (
        "its multiples are [2]; for an input of rank 2 there must be as many"
    )
    assert refusal(OperationType.TILE, MATRIX, ints(1, 0), to=TO) == (
        "its multiples are [1, 0]; each must be at least 1"
    )


def test_concatenation_takes_any_number():
    one, two = MATRIX[:, :1], MATRIX[:, 2:]
    assert moved(OperationType.CONCATENATION, one, two, one, 1).tolist() == [[0, 2, 3, 0], [4, 6, 7, 4], [8, 10, 11, 8]]
    assert moved(OperationType.CONCATENATION, one, 1).tolist() == one.tolist()
    assert moved(OperationType.CONCATENATION, MATRIX, EMPTY, 0).tolist() == MATRIX.tolist()


def test_concatenation_requantises_each_input():
    inputs = stored([0, 255], UINT8, 1.0, 0), stored([100, 110], UINT8, 0.5, 100)
    (result,) = call(OperationType.CONCATENATION, *inputs, 0, to=[output(UINT8, 2.0, 1)])
    assert result.tolist() == [1, 129, 1, 4]  # 0, 255, 0 and 5 by halves, halves away from zero, plus 1


def test_concatenation_refuses_what_does_not_fit():
    assert refusal(OperationType.CONCATENATION, MATRIX, MATRIX[:2], 1, to=TO) == (
        "its input 1 is [2, 4] and its input 0 is [3, 4]; they may differ in dimension 1 only"
    )
    assert refusal(OperationType.CONCATENATION, MATRIX, MATRIX[0], 0, to=TO) == (
        "its input 1 is [4] and its input 0 is [3, 4]; they may differ in dimension 0 only"
    )
    assert refusal(OperationType.CONCATENATION, MATRIX, 2, to=TO) == (
        "its axis is 2; inputs of rank 2 have axes 0 to 1"
    )
    assert refusal(OperationType.CONCATENATION, MATRIX, to=TO) == "it has 1 inputs; it must have at least 2"
    assert refusal(OperationType.CONCATENATION, MATRIX, ints(1), 0, to=TO) == (
        "input 1 ('inputs', operand 1) is TENSOR_INT32; it must be TENSOR_FLOAT32"
    )


def test_concatenation_waits_for_every_input(infer):
    with pytest.raises(UnknownValueError, match="inputs"):
        infer(OperationType.CONCATENATION, MATRIX, Operand(OperandType.TENSOR_FLOAT32, (3, 0)), 1)


def test_pack_gives_its_inputs_a_dimension_of_their_own():
    one, two = MATRIX[0], MATRIX[1]
    assert moved(OperationType.PACK, 0, one, two).tolist() == [one.tolist(), two.tolist()]
    assert moved(OperationType.PACK, 1, one, two).tolist() == [[0, 4], [1, 5], [2, 6], [3, 7]]
    assert moved(OperationType.PACK, 1, one).shape == (4, 1)


def test_pack_refuses_what_does_not_fit():
    assert refusal(OperationType.PACK, 2, MATRIX[0], to=TO) == (
        "its axis is 2; inputs of rank 1 can be packed along 0 to 1"
    )
    assert refusal(OperationType.PACK, 0, MATRIX, MATRIX[:2], to=TO) == (
        "its input 1 is [2, 4]; it must be [3, 4] as its input 0"
    )
    first, second = stored([1], INT8, 0.5, 3), stored([1], INT8, 0.5, 4)
    assert refusal(OperationType.PACK, 0, first, second, to=[output(INT8, 0.5, 3)]) == (
        "its input 1 has scale 0.5 and zero point 4; they must be those of its output, 0.5 and 3"
    )
