import numpy as np
import pytest

from hal.types import OperationType
from tests.hal.operations.calls import FLOAT32, INT8, INT32, by_channel, call, output, refusal, stored

SAME, VALID = 1, 2
TO = [output(FLOAT32)]


def random(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_each_filter_sees_its_group():
    pixel = np.array([[[[1, 2, 3, 4]]]], np.float32)
    weights = np.array([[1, 10], [100, 1000], [1, 10], [100, 1000]], np.float32).reshape(4, 1, 1, 2)
    bias = np.array([0, 0, 0, 0.5], np.float32)
    (result,) = call(OperationType.GROUPED_CONV_2D, pixel, weights, bias, VALID, 1, 1, 2, 0, False, to=TO)
    assert result.ravel().tolist() == [21, 2100, 43, 4300.5]


@pytest.mark.parametrize("padding", [(SAME,), (1, 0, 0, 2)])
def test_one_group_is_conv_2d_and_one_for_each_channel_is_depthwise(padding):
    image, bias = random(2, 5, 4, 3), random(6)
    walk = (*padding, 2, 1)
    weights = random(6, 3, 2, 3)
    (expected,) = call(OperationType.CONV_2D, image, weights, bias, *walk, 1, to=TO)
    (result,) = call(OperationType.GROUPED_CONV_2D, image, weights, bias, *walk, 1, 1, False, to=TO)
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    weights = random(6, 3, 2, 1)
    depthwise = weights.transpose(3, 1, 2, 0).copy()
    (expected,) = call(OperationType.DEPTHWISE_CONV_2D, image, depthwise, bias, *walk, 2, 0, to=TO)
    (result,) = call(OperationType.GROUPED_CONV_2D, image, weights, bias, *walk, 3, 0, False, to=TO)
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_nchw_is_the_same_laid_out_otherwise():
    image, operands = random(2, 5, 4, 6), (random(4, 3, 2, 3), random(4))
    (expected,) = call(OperationType.GROUPED_CONV_2D, image, *operands, SAME, 1, 2, 2, 0, False, to=TO)
    image = image.transpose(0, 3, 1, 2).copy()
    (result,) = call(OperationType.GROUPED_CONV_2D, image, *operands, SAME, 1, 2, 2, 0, True, to=TO)
    np.testing.assert_array_equal(result, expected.transpose(0, 3, 1, 2))


def test_quantised_by_channel():
    image = stored([[[[3, 5]]]], INT8, 0.5, 1)  # 1, 2
    weights = by_channel(np.reshape([4, 4], (2, 1, 1, 1)), 0, (1.0, 0.5))  # 4, 2
    to = [output(INT8, 0.5, -3)]
    bias = stored([2, 4], INT32)  # 1, 1
    (result,) = call(OperationType.GROUPED_CONV_2D, image, weights, bias, VALID, 1, 1, 2, 0, False, to=to)
    assert result.ravel().tolist() == [-3 + 2 * 5, -3 + 2 * 5]


def test_no_batches_have_no_results():
    operands = np.zeros((0, 3, 3, 2), np.float32), random(2, 2, 2, 1), random(2)
    (result,) = call(OperationType.GROUPED_CONV_2D, *operands, VALID, 1, 1, 2, 0, False, to=TO)
    assert result.shape == (0, 2, 2, 2)


def test_groups_that_do_not_fit_are_refused():
    image = random(1, 3, 3, 4)
    rest = (VALID, 1, 1, 2, 0, False)
    assert refusal(OperationType.GROUPED_CONV_2D, image, random(3, 2, 2, 2), random(3), *rest, to=TO) == (
        "its filter has 3 output channels; they must be a multiple of 2 groups"
    )
    assert refusal(OperationType.GROUPED_CONV_2D, image, random(4, 2, 2, 4), random(4), *rest, to=TO) == (
        "its input has 4 channels and its filter takes 4 in each of 2 groups"
    )
