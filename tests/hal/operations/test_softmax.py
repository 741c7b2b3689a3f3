import numpy as np
import pytest

from hal.types import OperationType
from tests.hal.operations.calls import FLOAT16, FLOAT32, INT8, UINT8, call, output, refusal, stored

THIRDS = np.log(np.array([[1, 2], [2, 1]], np.float32))
TO = [output(FLOAT32)]


def test_softmax_along_the_last_axis_or_another():
    (result,) = call(OperationType.SOFTMAX, THIRDS, 1.0, to=TO)
    np.testing.assert_allclose(result, [[1 / 3, 2 / 3], [2 / 3, 1 / 3]], rtol=1e-6)
    (result,) = call(OperationType.SOFTMAX, np.stack([THIRDS, 0 * THIRDS]), 1.0, 0, to=TO)
    np.testing.assert_allclose(result[0], [[1 / 2, 2 / 3], [2 / 3, 1 / 2]], rtol=1e-6)


def test_beta_is_the_exponents_factor():
    (result,) = call(OperationType.SOFTMAX, THIRDS, 2.0, to=TO)
    np.testing.assert_allclose(result, [[1 / 5, 4 / 5], [4 / 5, 1 / 5]], rtol=1e-6)
    (result,) = call(OperationType.LOG_SOFTMAX, THIRDS, 2.0, 1, to=TO)
    np.testing.assert_allclose(result, np.log([[1 / 5, 4 / 5], [4 / 5, 1 / 5]]), rtol=1e-6)


def test_large_values_do_not_overflow():
    values = np.array([3e38, 3e38, -3e38], np.float32)
    assert call(OperationType.SOFTMAX, values, 100.0, to=TO)[0].tolist() == [0.5, 0.5, 0]
    halves = np.array([60000, -60000], np.float16)
    (result,) = call(OperationType.LOG_SOFTMAX, halves, np.float16(0.25), 0, to=[output(FLOAT16)])
    assert result.tolist() == [0, -30000]


def test_quantised_softmax_has_nnapis_quantisation():
    unsigned = stored([20, 20, 255], UINT8, 1.0, 3)
    assert call(OperationType.SOFTMAX, unsigned, 1.0, to=[output(UINT8, 1 / 256, 0)])[0].tolist() == [0, 0, 255]
    signed = stored([20, 20], INT8, 1.0, 3)
    assert call(OperationType.SOFTMAX, signed, 1.0, to=[output(INT8, 1 / 256, -128)])[0].tolist() == [0, 0]
    assert refusal(OperationType.SOFTMAX, unsigned, 1.0, to=[output(UINT8, 1 / 128, 0)]) == (
        "its output has scale 0.0078125 and zero point 0; they must be 0.00390625 and 0"
    )


@pytest.mark.parametrize("beta", [0.0, -1.0, float("nan")])
def test_beta_must_be_positive(beta):
    assert refusal(OperationType.SOFTMAX, THIRDS, beta, to=TO) == f"its beta is {beta}; it must be above 0"
    assert refusal(OperationType.LOG_SOFTMAX, THIRDS, beta, 0, to=TO) == f"its beta is {beta}; it must be above 0"


@pytest.mark.parametrize("axis", [2, -3])
def test_the_axis_must_be_there(axis):
    sentence = f"its axis {axis} is not one of an input of rank 2: -2 to 1"
    assert refusal(OperationType.SOFTMAX, THIRDS, 1.0, axis, to=TO) == sentence
    assert refusal(OperationType.LOG_SOFTMAX, THIRDS, 1.0, axis, to=TO) == sentence


def test_nothing_gives_nothing():
    empty = stored(np.zeros((2, 0)), FLOAT32)
    assert call(OperationType.SOFTMAX, empty, 1.0, to=TO)[0].shape == (2, 0)
