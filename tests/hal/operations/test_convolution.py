import numpy as np
import pytest

from hal.errors import BadDataError
from hal.types import FuseCode, OperationType
from tests.hal.operations.calls import FLOAT16, FLOAT32, INT8, INT32, UINT8, by_channel, call, output, refusal, stored

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


def test_quantised_values_are_computed_as_the_numbers_they_stand_for():
    image = stored([[[[130, 118]]]], UINT8, 0.5, 128)  # 1, -5
    weights = stored(np.reshape([12, 10, 8, 10], (2, 1, 1, 2)), UINT8, 0.25, 10)  # 0.5, 0 and -0.5, 0
    bias = stored([8, 0], INT32, 0.125)  # 1, 0
    to = [output(UINT8, 0.5, 100)]
    (result,) = call(OperationType.CONV_2D, image, weights, bias, VALID, 1, 1, 0, to=to)
    assert result.ravel().tolist() == [103, 99]
    (result,) = call(OperationType.CONV_2D, image, weights, bias, VALID, 1, 1, int(FuseCode.RELU1), to=to)
    assert result.ravel().tolist() == [102, 99]


def test_results_saturate_and_halves_go_away_from_zero():
    image = stored([[[[100, -100, 1, -1]]]], INT8, 1.0)
    weights = stored(np.full((1, 1, 1, 4), 2), INT8, 0.75)
    (result,) = call(
        OperationType.DEPTHWISE_CONV_2D, image, weights, stored([0] * 4, INT32, 0.75), VALID, 1, 1, 1, 0,
        to=[output(INT8, 1.0)],
    )  # fmt: skip
    assert result.ravel().tolist() == [127, -128, 2, -2]


@pytest.mark.parametrize("data_type", [UINT8, INT8])
def test_a_filter_quantised_by_channel_scales_the_bias_too(data_type):
    image = stored([[[[3]]]], data_type, 0.5, 1)  # 1
    bias = stored([10, 10], INT32)  # 5 and 0.5
    to = [output(data_type, 0.25, 2)]
    weights = by_channel(np.reshape([4, 4], (2, 1, 1, 1)), 0, (1.0, 0.1))
    (result,) = call(OperationType.CONV_2D, image, weights, bias, VALID, 1, 1, 0, to=to)
    assert result.ravel().tolist() == [2 + 4 * 9, 2 + 4]
    weights = by_channel(np.reshape([4, 4], (1, 1, 1, 2)), 3, (1.0, 0.1))
    (result,) = call(OperationType.DEPTHWISE_CONV_2D, image, weights, bias, VALID, 1, 1, 2, 0, to=to)
    assert result.ravel().tolist() == [2 + 4 * 9, 2 + 4]


def test_float16_is_rounded_once():
    ones = np.ones((1, 1, 1, 3), np.float16)
    image = np.array([[[[2048, 1, 1]]]], np.float16)
    (result,) = call(OperationType.CONV_2D, image, ones, np.zeros(1, np.float16), VALID, 1, 1, 0, to=[output(FLOAT16)])
    assert result.item() == 2050


def test_padding_is_no_zero_to_multiply_with():
    weights = np.array([[np.inf], [1]], np.float32).reshape(1, 2, 1, 1)
    (result,) = call(
        OperationType.CONV_2D, np.ones((1, 1, 1, 1), np.float32), weights, NO_BIAS, 0, 0, 1, 0, 1, 1, 0,
        to=[output(FLOAT32)],
    )  # fmt: skip
    assert result.item() == 1


def test_no_batches_have_no_results(compute):
    assert compute(OperationType.CONV_2D, IMAGE[:0], ONES, NO_BIAS, VALID, 1, 1, 0).shape == (0, 2, 2, 1)
    assert compute(OperationType.DEPTHWISE_CONV_2D, IMAGE[:0], ONES, NO_BIAS, SAME, 1, 1, 1, 0).shape == (0, 3, 3, 1)


def test_scales_that_do_not_fit_each_other_are_refused():
    image, weights = stored([[[[3]]]], UINT8, 0.5), stored([[[[3]]]], UINT8, 0.5)
    rest = (VALID, 1, 1, 0)
    to = [output(UINT8, 1.0)]
    assert refusal(OperationType.CONV_2D, image, weights, stored([0], INT32, 0.5), *rest, to=to) == (
        "its bias has scale 0.5; it must be 0.25, its input's times its weights'"
    )
    weights = by_channel([[[[3]]]], 0, (0.5,))
    assert refusal(OperationType.CONV_2D, image, weights, stored([0], INT32, 0.25), *rest, to=to) == (
        "its bias has scale 0.25; it must be 0.0, as its weights are quantised by channel"
    )
    assert refusal(OperationType.DEPTHWISE_CONV_2D, image, weights, stored([0], INT32), VALID, 1, 1, 1, 0, to=to) == (
        "its filter has channel dimension 0; it must be 3"
    )


def test_types_that_do_not_belong_together_are_refused():
    image, bias = stored([[[[3]]]], UINT8, 0.5), stored([0], INT32, 0.25)
    weights = stored([[[[3]]]], INT8, 0.5)
    assert refusal(OperationType.CONV_2D, image, weights, bias, VALID, 1, 1, 0, to=[output(UINT8, 1.0)]) == (
        "input 1 ('filter', operand 1) is TENSOR_QUANT8_ASYMM_SIGNED; "
        "it must be TENSOR_QUANT8_ASYMM or TENSOR_QUANT8_SYMM_PER_CHANNEL"
    )
    weights = stored([[[[3]]]], UINT8, 0.5)
    assert refusal(OperationType.CONV_2D, image, weights, bias, VALID, 1, 1, 0, to=[output(INT8, 1.0)]) == (
        "output 0 ('output', operand 7) is TENSOR_QUANT8_ASYMM_SIGNED; it must be TENSOR_QUANT8_ASYMM"
    )


@pytest.mark.parametrize("shape", [(1, 0, 3, 1), (1, 3, 0, 1)])
def test_only_batches_may_be_none(compute, shape):
    with pytest.raises(BadDataError, match=r"its input is .*; dimension [12] can't be 0"):
        compute(OperationType.CONV_2D, np.zeros(shape, np.float32), ONES, NO_BIAS, 1, 1, 1, 1, 1, 1, 0)
