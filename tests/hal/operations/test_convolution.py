import numpy as np
import pytest

from hal.errors import BadDataError
from hal.types import FuseCode, OperationType

SAME, VALID = 1, 2
IMAGE = np.arange(1, 10, dtype=np.float32).reshape(1, 3, 3, 1)
ONES = np.ones((1, 2, 2, 1), np.float32)
NO_BIAS = np.zeros(1, np.float32)


def test_conv_2d_sums_each_window(compute):
    result = compute(OperationType.CONV_2D, IMAGE, ONES, np.array([0.5], np.float32), VALID, 1, 1, 0)
    assert result[0, :, :, 0].tolist() == [[12.5, 16.5], [24.5, 28.5]]


def test_same_pads_the_odd_element_after(compute):
    result = compute(OperationType.CONV_2D, IMAGE, ONES, NO_BIAS, SAME, 1, 1, 0)
    assert result[0, :, :, 0].tolist() == [[12, 16, 9], [24, 28, 15], [15, 17, 9]]


def test_explicit_padding_is_left_right_top_bottom(compute):
    result = compute(OperationType.CONV_2D, IMAGE, ONES, NO_BIAS, 1, 0, 0, 1, 1, 1, 0)
    assert result[0, :, :, 0].tolist() == [[5, 12, 16], [11, 24, 28], [7, 15, 17]]


def test_strides_and_dilations_are_width_first(compute):
    result = compute(OperationType.CONV_2D, IMAGE, ONES, NO_BIAS, VALID, 1, 1, 0, False, 2, 1)
    assert result[0, :, :, 0].tolist() == [[1 + 3 + 4 + 6], [4 + 6 + 7 + 9]]
    result = compute(OperationType.CONV_2D, IMAGE, ONES, NO_BIAS, VALID, 2, 1, 0)
    assert result[0, :, :, 0].tolist() == [[12], [24]]


def test_conv_2d_mixes_channels(compute):
    pixel = np.array([[[[1, 10]]]], np.float32)
    weights = np.array([[1, 2], [3, 4], [-5, 0]], np.float32).reshape(3, 1, 1, 2)
    bias = np.array([0, 1, 0], np.float32)
    result = compute(OperationType.CONV_2D, pixel, weights, bias, VALID, 1, 1, int(FuseCode.RELU))
    assert result.ravel().tolist() == [21, 44, 0]


def test_depthwise_keeps_channels_apart(compute):
    pixel = np.array([[[[1, 10]]]], np.float32)
    weights = np.array([1, 2, 3, 4], np.float32).reshape(1, 1, 1, 4)
    result = compute(OperationType.DEPTHWISE_CONV_2D, pixel, weights, np.zeros(4, np.float32), VALID, 1, 1, 2, 0)
    assert result.ravel().tolist() == [1, 2, 30, 40]


@pytest.mark.parametrize("operation_type", [OperationType.CONV_2D, OperationType.DEPTHWISE_CONV_2D])
def test_nchw_is_the_same_laid_out_otherwise(compute, operation_type):
    random = np.random.default_rng(1)
    image = random.normal(size=(2, 5, 4, 3)).astype(np.float32)
    depthwise = operation_type is OperationType.DEPTHWISE_CONV_2D
    weights = random.normal(size=(1, 3, 2, 6) if depthwise else (6, 3, 2, 3)).astype(np.float32)
    arguments = (weights, random.normal(size=6).astype(np.float32), SAME, 2, 1, *((2,) if depthwise else ()), 0)
    expected = compute(operation_type, image, *arguments)
    result = compute(operation_type, image.transpose(0, 3, 1, 2).copy(), *arguments, True)
    np.testing.assert_array_equal(result, expected.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            (IMAGE, np.zeros((1, 2, 2, 3), np.float32), NO_BIAS, 1, 1, 1, 0),
            "its input has 1 channels and its filter takes 3",
        ),
        ((IMAGE, ONES, np.zeros(2, np.float32), 1, 1, 1, 0), "its bias has 2 values; it must have 1, one a channel"),
        (
            (IMAGE, np.zeros((1, 4, 2, 1), np.float32), NO_BIAS, VALID, 1, 1, 0),
            "its window reaches over 4 elements of height, more than the input's 3 with padding 0 and 0",
        ),
        (
            (IMAGE, ONES, NO_BIAS, 0, 2, 0, 0, 1, 1, 0),
            "its padding of width, 0 and 2, must each be less than the 2 that its window reaches over: "
            "no window may lie in padding alone",
        ),
    ],
)
def test_conv_2d_refuses_what_does_not_fit(infer, arguments, sentence):
    with pytest.raises(BadDataError) as refused:
        infer(OperationType.CONV_2D, *arguments)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("weights", "multiplier", "sentence"),
    [
        ((1, 2, 2, 3), 2, "its filter has 3 channels; it must have the input's 1 times the depth multiplier 2"),
        ((2, 2, 2, 1), 1, "its filter's first dimension is 2; it must be 1"),
    ],
)
def test_depthwise_refuses_what_does_not_fit(infer, weights, multiplier, sentence):
    arguments = (IMAGE, np.zeros(weights, np.float32), np.zeros(weights[-1], np.float32), VALID, 1, 1, multiplier, 0)
    with pytest.raises(BadDataError) as refused:
        infer(OperationType.DEPTHWISE_CONV_2D, *arguments)
    assert str(refused.value) == sentence
