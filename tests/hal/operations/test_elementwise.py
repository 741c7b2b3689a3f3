import numpy as np
import pytest

from hal.errors import BadDataError
from hal.types import FuseCode, OperationType

COLUMN = np.array([[1], [-2]], np.float32)
ROW = np.array([3, 4, 5], np.float32)


def test_both_inputs_stretch(compute):
    assert compute(OperationType.ADD, COLUMN, ROW, 0).tolist() == [[4, 5, 6], [1, 2, 3]]
    assert compute(OperationType.MUL, COLUMN, ROW, 0).tolist() == [[3, 4, 5], [-6, -8, -10]]


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
