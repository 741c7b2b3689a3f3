import numpy as np
import pytest

from hal.errors import BadDataError
from hal.model import Operand
from hal.operations import DECLARATIONS
from hal.types import FuseCode, OperationType
from tests.hal.operations.calls import FLOAT16, FLOAT32, INT8, INT32, UINT8, call, output, refusal, stored

COLUMN = np.array([[1], [-2]], np.float32)
ROW = np.array([3, 4, 5], np.float32)


def test_both_inputs_stretch(compute):
    assert compute(OperationType.ADD, COLUMN, ROW, 0).tolist() == [[4, 5, 6], [1, 2, 3]]
    assert compute(OperationType.SUB, COLUMN, ROW, 0).tolist() == [[-2, -3, -4], [-5, -6, -7]]
    assert compute(OperationType.MUL, COLUMN, ROW, 0).tolist() == [[3, 4, 5], [-6, -8, -10]]
    assert compute(OperationType.DIV, ROW, COLUMN, 0).tolist() == [[3, 4, 5], [-1.5, -2, -2.5]]
    assert compute(OperationType.MAXIMUM, COLUMN, ROW - 4).tolist() == [[1, 1, 1], [-1, 0, 1]]
    assert compute(OperationType.MINIMUM, COLUMN, ROW - 4).tolist() == [[-1, 0, 1], [-2, -2, -2]]
    assert compute(OperationType.POW, COLUMN, ROW).tolist() == [[1, 1, 1], [-8, 16, -32]]


def test_the_activation_comes_last(compute):
    assert compute(OperationType.ADD, COLUMN, 2 * ROW, int(FuseCode.RELU6)).tolist() == [[6, 6, 6], [4, 6, 6]]
    assert compute(OperationType.MUL, COLUMN, ROW, int(FuseCode.RELU1)).tolist() == [[1, 1, 1], [-1, -1, -1]]
    assert compute(OperationType.MUL, COLUMN, ROW, int(FuseCode.RELU)).tolist() == [[3, 4, 5], [0, 0, 0]]


def test_prelu_scales_what_is_negative_by_its_channel(compute):
    image = np.array([[[1, -1, -2]], [[-4, 0, 5]]], np.float32)
    alpha = np.array([0.5, 2, -1], np.float32)
    assert compute(OperationType.PRELU, image, alpha).tolist() == [[[1, -2, 2]], [[-2, 0, 5]]]


def test_prelus_alpha_may_be_the_larger(infer):
    assert infer(OperationType.PRELU, np.zeros((4, 1, 2), np.float32), np.zeros((5, 4, 3, 1), np.float32)) == (
        5,
        4,
        3,
        2,
    )


def test_sizes_that_do_not_broadcast_are_refused(infer):
    with pytest.raises(BadDataError) as refused:
        infer(OperationType.ADD, np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32), 0)
    assert str(refused.value) == (
        "its inputs [2, 3] and [3, 2] do not broadcast: sizes 3 and 2 must be equal, or one of them 1"
    )


def test_a_size_of_one_shrinks_to_nothing():
    declaration = DECLARATIONS[OperationType.MAXIMUM]
    empty, one = (Operand(FLOAT32, dimensions) for dimensions in ((0, 1, 2), (3, 2)))
    assert declaration.infer(declaration.bind([empty, one], concrete=True)) == ((0, 3, 2),)
    two = Operand(FLOAT32, (2, 1, 2))
    with pytest.raises(BadDataError, match="sizes 0 and 2 must be equal, or one of them 1"):
        declaration.infer(declaration.bind([empty, two], concrete=True))


def test_integers_wrap_and_divide_to_the_floor():
    first, second = np.array([2**31 - 1, -5, 5, 7], np.int32), np.array([1, 2, -2, 0], np.int32)
    assert call(OperationType.ADD, first, second, 0, to=[output(INT32)])[0].tolist() == [-(2**31), -3, 3, 7]
    assert call(OperationType.SUB, first, second, 0, to=[output(INT32)])[0].tolist() == [2**31 - 2, -7, 7, 7]
    assert call(OperationType.MUL, first, second, 0, to=[output(INT32)])[0].tolist() == [2**31 - 1, -10, -10, 0]
    assert call(OperationType.DIV, first, second, 0, to=[output(INT32)])[0].tolist() == [2**31 - 1, -3, -3, 0]


def test_integers_have_no_activation_and_ignore_a_scale():
    numbers = stored([5], INT32, 0.5)
    assert call(OperationType.ADD, numbers, numbers, 0, to=[output(INT32)])[0].tolist() == [10]
    assert refusal(OperationType.ADD, numbers, numbers, 1, to=[output(INT32)]) == (
        "its activation is 1; for TENSOR_INT32 it must be 0 (NONE)"
    )


def test_quantised_inputs_and_output_may_differ_in_scale():
    first, second = (
        stored([0, 12, 255], UINT8, 0.5, 10),
        stored([3, 5, 255], UINT8, 2.0, 4),
    )  # -5, 1, ... and -2, 2, ...
    to = [output(UINT8, 0.25, 30)]
    assert call(OperationType.ADD, first, second, 0, to=to)[0].tolist() == [30 - 28, 30 + 12, 255]
    assert call(OperationType.SUB, first, second, 0, to=to)[0].tolist() == [30 - 12, 30 - 4, 0]
    assert call(OperationType.MAXIMUM, first, second, to=to)[0].tolist() == [30 - 8, 30 + 8, 255]
    assert call(OperationType.MINIMUM, first, second, to=to)[0].tolist() == [30 - 20, 30 + 4, 255]
    assert call(OperationType.PRELU, first, second, to=to)[0].tolist() == [30 + 40, 30 + 4, 255]


def test_the_quantised_activation_bounds_what_the_output_stands_for():
    numbers = stored([-128, 0, 127], INT8, 1.0, 0)
    (result,) = call(OperationType.ADD, numbers, numbers, int(FuseCode.RELU6), to=[output(INT8, 0.5, 1)])
    assert result.tolist() == [1, 1, 13]


def test_results_are_rounded_to_the_nearest_halves_away_from_zero():
    numbers = stored([-3, -1, 1, 3], INT8, 1.0, 0)
    (result,) = call(OperationType.ADD, numbers, stored([0], INT8, 1.0, 0), 0, to=[output(INT8, 2.0, 0)])
    assert result.tolist() == [-2, -1, 1, 2]


def test_a_quantised_product_needs_a_coarser_output():
    numbers = stored([4, 6], UINT8, 0.5, 0)
    assert call(OperationType.MUL, numbers, numbers, 0, to=[output(UINT8, 0.5, 0)])[0].tolist() == [8, 18]
    assert refusal(OperationType.MUL, numbers, numbers, 0, to=[output(UINT8, 0.25, 0)]) == (
        "its output has scale 0.25; it must be above 0.25, its inputs' scales multiplied"
    )


def test_both_inputs_have_the_same_type():
    assert refusal(OperationType.POW, ROW, ROW.astype(np.float16), to=[output(FLOAT32)]) == (
        "input 1 ('exponent', operand 1) is TENSOR_FLOAT16; it must be TENSOR_FLOAT32"
    )
    unsigned = stored([1], UINT8, 1.0)
    assert refusal(OperationType.DIV, unsigned, unsigned, 0, to=[output(UINT8, 1.0)]) == (
        "input 0 (operand 0) is TENSOR_QUANT8_ASYMM; it must be TENSOR_FLOAT16, TENSOR_FLOAT32 or TENSOR_INT32"
    )


def test_float16_is_rounded_once():
    """65504 + 16 lies exactly between float16's greatest number and what would be next, and overflows to infinity."""
    numbers = np.array([65504, 1], np.float16)
    (result,) = call(OperationType.ADD, numbers, np.array([16, 2**-12], np.float16), 0, to=[output(FLOAT16)])
    assert result.tolist() == [np.inf, 1]
