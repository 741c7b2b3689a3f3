import numpy as np
import pytest

from hal.types import OperationType

VALUES = np.array([-8, -3, -1, -0.5, 0, 0.5, 1, 3, 8], np.float32)


@pytest.mark.parametrize(
    ("operation_type", "expected"),
    [
        (OperationType.RELU, [0, 0, 0, 0, 0, 0.5, 1, 3, 8]),
        (OperationType.RELU1, [-1, -1, -1, -0.5, 0, 0.5, 1, 1, 1]),
        (OperationType.RELU6, [0, 0, 0, 0, 0, 0.5, 1, 3, 6]),
        (OperationType.HARD_SWISH, [0, 0, -1 / 3, -1.25 / 6, 0, 1.75 / 6, 4 / 6, 3, 8]),
    ],
)
def test_values(compute, operation_type, expected):
    assert compute(operation_type, VALUES).tolist() == np.float32(expected).tolist()


def test_logistic_saturates_without_warning(compute):
    values = np.array([-1e30, 0, np.log(3), 1e30], np.float32)
    np.testing.assert_allclose(compute(OperationType.LOGISTIC, values), [0, 0.5, 0.75, 1], rtol=1e-7)


def test_nan_stays_nan(compute):
    assert np.isnan(compute(OperationType.RELU6, np.array([np.nan], np.float32)))


def test_the_output_has_the_inputs_dimensions(infer):
    assert infer(OperationType.HARD_SWISH, np.zeros((1, 2, 1, 2, 1, 2), np.float32)) == (1, 2, 1, 2, 1, 2)
