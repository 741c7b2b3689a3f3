import numpy as np
import pytest

from hal.types import OperationType
from tests.hal.operations.calls import FLOAT32, INT8, UINT8, call, output, refusal, stored

TO = [output(FLOAT32)]


def test_l2_normalization_along_the_last_axis_or_another():
    values = np.array([[3, 4], [0, -2]], np.float32)
    (result,) = call(OperationType.L2_NORMALIZATION, values, to=TO)
    np.testing.assert_allclose(result, [[0.6, 0.8], [0, -1]], rtol=1e-6)
    (result,) = call(OperationType.L2_NORMALIZATION, values, 0, to=TO)
    np.testing.assert_allclose(result, [[1, 4 / 20**0.5], [0, -2 / 20**0.5]], rtol=1e-6)


def test_l2_normalization_of_zeros_and_of_the_very_small():
    values = np.array([[0, 0], [3e-30, 4e-30]], np.float32)
    (result,) = call(OperationType.L2_NORMALIZATION, values, to=TO)
    np.testing.assert_allclose(result, [[0, 0], [0.6, 0.8]], rtol=1e-6)


def test_l2_normalization_has_nnapis_quantisation():
    unsigned = stored([[13, 14], [10, 10]], UINT8, 0.5, 10)
    (result,) = call(OperationType.L2_NORMALIZATION, unsigned, to=[output(UINT8, 1 / 128, 128)])
    assert result.tolist() == [[128 + 77, 128 + 102], [128, 128]]
    signed = stored([[-5, 0]], INT8, 0.5, 0)
    assert call(OperationType.L2_NORMALIZATION, signed, to=[output(INT8, 1 / 128, 0)])[0].tolist() == [[-128, 0]]
    assert refusal(OperationType.L2_NORMALIZATION, signed, to=[output(INT8, 1 / 128, 1)]) == (
        "its output has scale 0.0078125 and zero point 1; they must be 0.0078125 and 0"
    )


def test_local_response_normalization_sees_as_far_as_its_radius():
    values = np.array([1, 2, 0, 3], np.float32)
    sums = np.array([5, 5, 13, 9])
    (result,) = call(OperationType.LOCAL_RESPONSE_NORMALIZATION, values, 1, 1.0, 2.0, 0.5, to=TO)
    np.testing.assert_allclose(result, values / (1 + 2 * sums) ** 0.5, rtol=1e-6)
    (result,) = call(OperationType.LOCAL_RESPONSE_NORMALIZATION, values, 2**31 - 1, 0.0, 1.0, 1.0, to=TO)
    np.testing.assert_allclose(result, values / 14, rtol=1e-6)
    (result,) = call(OperationType.LOCAL_RESPONSE_NORMALIZATION, values, 0, 0.0, 1.0, 0.0, to=TO)
    assert result.tolist() == values.tolist()


def test_local_response_normalization_along_another_axis():
    values = np.random.default_rng(3).normal(size=(2, 5, 3, 2)).astype(np.float32)
    (expected,) = call(OperationType.LOCAL_RESPONSE_NORMALIZATION, values, 2, 9.0, 4.0, 0.5, to=TO)
    moved = np.ascontiguousarray(np.moveaxis(values, -1, 1))
    (result,) = call(OperationType.LOCAL_RESPONSE_NORMALIZATION, moved, 2, 9.0, 4.0, 0.5, -3, to=TO)
    np.testing.assert_array_equal(np.moveaxis(result, 1, -1), expected)


@pytest.mark.parametrize("nchw", [False, True])
def test_instance_normalization_takes_each_channel_by_itself(nchw):
    image = np.array(
        [[[[1, 5], [3, 5]]], [[[0, 2], [2, 4]]]], np.float32
    )  # NHWC: means 2, 5 and 1, 3; variances 1, 0, 1, 1
    expected = [[[[-1, 1], [3, 1]]], [[[-1, -1], [3, 3]]]]
    given = np.ascontiguousarray(image.transpose(0, 3, 1, 2)) if nchw else image
    (result,) = call(OperationType.INSTANCE_NORMALIZATION, given, 4.0, 1.0, 3.0, nchw, to=TO)
    np.testing.assert_allclose(result.transpose(0, 2, 3, 1) if nchw else result, expected, rtol=1e-6)


def test_what_does_not_fit_is_refused():
    row = np.zeros(3, np.float32)
    assert refusal(OperationType.L2_NORMALIZATION, row, 1, to=TO) == (
        "its axis 1 is not one of an input of rank 1: -1 to 0"
    )
    assert refusal(OperationType.LOCAL_RESPONSE_NORMALIZATION, row, -1, 1.0, 1.0, 1.0, to=TO) == (
        "input 1 ('radius', operand 1) is -1; it must be at least 0"
    )
    assert refusal(OperationType.INSTANCE_NORMALIZATION, row, 1.0, 1.0, 1.0, False, to=TO) == (
        "input 0 ('input', operand 0) has rank 1 [3]; it must have rank 4"
    )
