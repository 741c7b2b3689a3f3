import numpy as np
import pytest

from hal.errors import BadDataError
from hal.types import FuseCode, OperationType
from tests.hal.operations.calls import FLOAT16, INT8, UINT8, call, output, refusal, stored

SAME, VALID = 1, 2
IMAGE = np.array([[1, 2, 3], [4, 5, 6], [7, 8, -9]], np.float32).reshape(1, 3, 3, 1)


def test_windows_without_padding(compute):
    result = compute(OperationType.AVERAGE_POOL_2D, IMAGE, VALID, 1, 1, 2, 2, 0)
    assert result[0, :, :, 0].tolist() == [[3, 4], [6, 2.5]]
    result = compute(OperationType.MAX_POOL_2D, IMAGE, VALID, 1, 1, 2, 2, 0)
    assert result[0, :, :, 0].tolist() == [[5, 6], [8, 8]]


def test_padding_counts_for_nothing(compute):
    result = compute(OperationType.AVERAGE_POOL_2D, IMAGE, SAME, 2, 2, 2, 2, 0)
    assert result[0, :, :, 0].tolist() == [[3, 4.5], [7.5, -9]]
    result = compute(OperationType.MAX_POOL_2D, IMAGE, SAME, 2, 2, 2, 2, 0)
    assert result[0, :, :, 0].tolist() == [[5, 6], [8, -9]]


def test_the_window_is_width_first(compute):
    """Padding left, right, top, bottom; stride and filter by width, then height."""
    result = compute(OperationType.MAX_POOL_2D, IMAGE, 1, 0, 0, 0, 2, 1, 2, 1, 0)
    assert result[0, :, :, 0].tolist() == [[1, 3], [4, 6], [7, 8]]


def test_the_activation_comes_last(compute):
    result = compute(OperationType.AVERAGE_POOL_2D, IMAGE, VALID, 1, 1, 1, 1, int(FuseCode.RELU6))
    assert result[0, :, :, 0].tolist() == [[1, 2, 3], [4, 5, 6], [6, 6, 0]]


def test_l2_is_the_root_of_the_mean_of_squares(compute):
    result = compute(OperationType.L2_POOL_2D, IMAGE, SAME, 2, 2, 2, 2, 0)
    expected = np.sqrt([[(1 + 4 + 16 + 25) / 4, (9 + 36) / 2], [(49 + 64) / 2, 81]])
    np.testing.assert_allclose(result[0, :, :, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("data_type", [UINT8, INT8])
def test_quantised_averages_are_rounded_and_bounded_as_numbers(data_type):
    image = stored([[[[3], [6], [20], [20]]]], data_type, 0.5, 10)  # -3.5, -2, 5, 5
    to = [output(data_type, 0.5, 10)]
    (result,) = call(OperationType.AVERAGE_POOL_2D, image, VALID, 2, 1, 2, 1, 0, to=to)
    assert result.ravel().tolist() == [10 - 6, 20]  # -2.75 is 5.5 steps below 0, and halves go away from it
    (result,) = call(OperationType.AVERAGE_POOL_2D, image, VALID, 2, 1, 2, 1, int(FuseCode.RELU1), to=to)
    assert result.ravel().tolist() == [8, 12]
    (result,) = call(OperationType.MAX_POOL_2D, image, VALID, 2, 1, 2, 1, 0, to=to)
    assert result.ravel().tolist() == [6, 20]


def test_float16_is_rounded_once():
    image = np.array([60000, 60000, 60000, 3], np.float16).reshape(1, 2, 2, 1)
    (result,) = call(OperationType.AVERAGE_POOL_2D, image, VALID, 1, 1, 2, 2, 0, to=[output(FLOAT16)])
    assert result.item() == np.float16(45000.75)


@pytest.mark.parametrize("operation_type", [OperationType.AVERAGE_POOL_2D, OperationType.MAX_POOL_2D])
def test_no_batches_have_no_results(compute, operation_type):
    assert compute(operation_type, IMAGE[:0], VALID, 1, 1, 2, 2, 0).shape == (0, 2, 2, 1)


def test_the_output_is_quantised_as_the_input():
    image = stored(np.zeros((1, 2, 2, 1)), UINT8, 0.5, 10)
    assert refusal(OperationType.MAX_POOL_2D, image, VALID, 1, 1, 1, 1, 0, to=[output(UINT8, 0.5, 9)]) == (
        "its output has scale 0.5 and zero point 9; they must be those of its input, 0.5 and 10"
    )
    assert refusal(OperationType.L2_POOL_2D, image, VALID, 1, 1, 1, 1, 0, to=[output(UINT8, 0.5, 10)]) == (
        "input 0 (operand 0) is TENSOR_QUANT8_ASYMM; it must be TENSOR_FLOAT16 or TENSOR_FLOAT32"
    )


@pytest.mark.parametrize(
    "operation_type", [OperationType.AVERAGE_POOL_2D, OperationType.MAX_POOL_2D, OperationType.L2_POOL_2D]
)
def test_nchw_is_the_same_laid_out_otherwise(compute, operation_type):
    image = np.random.default_rng(4).normal(size=(2, 5, 4, 3)).astype(np.float32)
    expected = compute(operation_type, image, SAME, 1, 2, 3, 2, 0)
    result = compute(operation_type, image.transpose(0, 3, 1, 2).copy(), SAME, 1, 2, 3, 2, 0, True)
    np.testing.assert_array_equal(result, expected.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((VALID, 1, 1, 4, 1, 0), "its window reaches over 4 elements of width, more than the input's 3"),
        ((2, 0, 0, 0, 1, 1, 2, 2, 0), "its padding of width, 2 and 0, must each be less than the 2"),
        ((VALID, 1, 1, 0, 1, 0), "input 4 ('filter_width') is 0; it must be at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(infer, arguments, sentence):
    with pytest.raises(BadDataError) as refused:
        infer(OperationType.AVERAGE_POOL_2D, IMAGE, *arguments)
    assert str(refused.value).startswith(sentence)
