import numpy as np
import pytest

from hal.errors import BadDataError
from hal.model import Operand
from hal.operations.declaration import UnknownValueError
from hal.types import OperandType, OperationType
from tests.hal.operations.calls import INT8, INT32, UINT8, by_channel, call, output, refusal, stored

SAME, VALID = 1, 2
IMAGE = np.array([[1, 2], [3, 4]], np.float32).reshape(1, 2, 2, 1)
ONES = np.ones((1, 3, 3, 1), np.float32)
NO_BIAS = np.zeros(1, np.float32)


def shape(*sizes):
    return np.array(sizes, np.int32)


def test_each_input_spreads_over_its_window(compute):
    result = compute(OperationType.TRANSPOSE_CONV_2D, IMAGE, ONES, NO_BIAS, 0, 0, 0, 0, 2, 2, 0, False)
    assert result[0, :, :, 0].tolist() == [
        [1, 1, 3, 2, 2],
        [1, 1, 3, 2, 2],
        [4, 4, 10, 6, 6],
        [3, 3, 7, 4, 4],
        [3, 3, 7, 4, 4],
    ]


def test_padding_cuts_the_output_and_negative_padding_extends_it(compute):
    bias = np.array([0.5], np.float32)
    result = compute(OperationType.TRANSPOSE_CONV_2D, IMAGE, ONES, bias, 1, -1, 1, 1, 2, 2, 0, False)
    assert result[0, :, :, 0].tolist() == [
        [1.5, 3.5, 2.5, 2.5, 0.5],
        [4.5, 10.5, 6.5, 6.5, 0.5],
        [3.5, 7.5, 4.5, 4.5, 0.5],
    ]


def test_implicit_padding_follows_from_the_output_shape(compute):
    result = compute(OperationType.TRANSPOSE_CONV_2D, IMAGE, ONES, NO_BIAS, shape(1, 4, 4, 1), SAME, 2, 2, 0, False)
    assert result[0, :, :, 0].tolist() == [[1, 1, 3, 2], [1, 1, 3, 2], [4, 4, 10, 6], [3, 3, 7, 4]]
    result = compute(OperationType.TRANSPOSE_CONV_2D, IMAGE, ONES, NO_BIAS, shape(1, 6, 5, 1), VALID, 2, 2, 0, False)
    assert result[0, 4:, :, 0].tolist() == [[3, 3, 7, 4, 4], [0, 0, 0, 0, 0]]


def test_it_is_the_transpose_of_conv_2d(compute):
    """<conv(x), y> = <x, transpose_conv(y)> for every x and y, with the filter's channels the other way round."""
    random = np.random.default_rng(2)
    x = random.normal(size=(1, 7, 6, 2)).astype(np.float32)
    weights = random.normal(size=(3, 3, 2, 2)).astype(np.float32)
    y = random.normal(size=(1, 4, 2, 3)).astype(np.float32)
    forward = compute(OperationType.CONV_2D, x, weights, np.zeros(3, np.float32), SAME, 3, 2, 0)
    back = compute(
        OperationType.TRANSPOSE_CONV_2D,
        y,
        weights.transpose(3, 1, 2, 0).copy(),
        np.zeros(2, np.float32),
        shape(*x.shape),
        SAME,
        3,
        2,
        0,
        False,
    )
    np.testing.assert_allclose(np.vdot(forward, y), np.vdot(x, back))


def test_nchw_is_the_same_laid_out_otherwise(compute):
    random = np.random.default_rng(3)
    image = random.normal(size=(2, 3, 4, 2)).astype(np.float32)
    operands = random.normal(size=(5, 2, 3, 2)).astype(np.float32), random.normal(size=5).astype(np.float32)
    arguments = (SAME, 1, 2, 0)
    expected = compute(OperationType.TRANSPOSE_CONV_2D, image, *operands, shape(2, 6, 4, 5), *arguments, False)
    image = image.transpose(0, 3, 1, 2).copy()
    result = compute(OperationType.TRANSPOSE_CONV_2D, image, *operands, shape(2, 5, 6, 4), *arguments, True)
    np.testing.assert_array_equal(result, expected.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            (shape(1, 9, 4, 1), SAME, 2, 2, 0, False),
            "an output with a height of 9 needs an input with a height of 5; it is 2",
        ),
        (
            (shape(1, 4, 4, 3), SAME, 2, 2, 0, False),
            "its output shape is [1, 4, 4, 3]; its input's batches and its filter's channels make it [1, 4, 4, 1]",
        ),
        ((shape(4, 4), SAME, 2, 2, 0, False), "its output shape has 2 values; it must have 4"),
        ((shape(1, -4, 4, 1), SAME, 2, 2, 0, False), "its output would have a height of -4; it must be at least 1"),
        ((3, 3, 0, 0, 2, 2, 0, False), "its output would have a width of -1; it must be at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(infer, arguments, sentence):
    with pytest.raises(BadDataError) as refused:
        infer(OperationType.TRANSPOSE_CONV_2D, IMAGE, ONES, NO_BIAS, *arguments)
    assert str(refused.value) == sentence


def test_an_output_shape_given_at_execution_is_unknown_before(infer):
    unknown = Operand(OperandType.TENSOR_INT32, (4,))
    with pytest.raises(UnknownValueError, match="output_shape"):
        infer(OperationType.TRANSPOSE_CONV_2D, IMAGE, ONES, NO_BIAS, unknown, SAME, 2, 2, 0, False)


@pytest.mark.parametrize("data_type", [UINT8, INT8])
def test_quantised_by_channel(data_type):
    image = stored([[[[3], [5]]]], data_type, 0.5, 1)  # 1, 2
    weights = by_channel(np.reshape([1, 2, 1, 2], (2, 1, 2, 1)), 0, (1.0, 0.5))
    bias = stored([2, 4], INT32)  # 1, 1
    to = [output(data_type, 0.5, 10)]
    (result,) = call(OperationType.TRANSPOSE_CONV_2D, image, weights, bias, 0, 0, 0, 0, 1, 1, 0, False, to=to)
    assert (result[0, 0].T - 10.0).tolist() == [[4, 10, 10], [3, 6, 6]]
    weights = by_channel(np.ones((2, 1, 2, 1)), 1, (1.0,))
    assert refusal(OperationType.TRANSPOSE_CONV_2D, image, weights, bias, 0, 0, 0, 0, 1, 1, 0, False, to=to) == (
        "its filter has channel dimension 1; it must be 0"
    )


def test_no_batches_have_no_results(compute):
    result = compute(OperationType.TRANSPOSE_CONV_2D, IMAGE[:0], ONES, NO_BIAS, 0, 0, 0, 0, 2, 2, 0, False)
    assert result.shape == (0, 5, 5, 1)


def test_a_scale_means_nothing_to_a_shape(compute):
    sizes = stored([1, 4, 4, 1], INT32, 0.5)
    assert compute(OperationType.TRANSPOSE_CONV_2D, IMAGE, ONES, NO_BIAS, sizes, SAME, 2, 2, 0, False).shape == (
        1,
        4,
        4,
        1,
    )
