import numpy as np
import pytest

from hal.errors import BadDataError
from hal.types import FuseCode, OperationType
from tests.hal.operations.calls import INT8, INT32, UINT8, call, output, refusal, stored

WEIGHTS = np.array([[1, 0, -1], [2, 2, 2]], np.float32)
BIAS = np.array([0.5, -10], np.float32)


def test_each_unit_weighs_each_row(compute):
    rows = np.array([[1, 2, 3], [4, 5, 1]], np.float32)
    assert compute(OperationType.FULLY_CONNECTED, rows, WEIGHTS, BIAS, 0).tolist() == [[-1.5, 2], [3.5, 10]]
    activation = int(FuseCode.RELU6)
    assert compute(OperationType.FULLY_CONNECTED, rows, WEIGHTS, BIAS, activation).tolist() == [[0, 2], [3.5, 6]]


def test_an_input_of_higher_rank_is_flattened_to_the_weights_size(compute):
    cube = np.array([1, 2, 3, 4, 5, 1], np.float32).reshape(1, 2, 1, 3)
    assert compute(OperationType.FULLY_CONNECTED, cube, WEIGHTS, BIAS, 0).tolist() == [[-1.5, 2], [3.5, 10]]
    wide = np.array([1, 2, 3, 4, 5, 1], np.float32).reshape(3, 2)
    assert compute(OperationType.FULLY_CONNECTED, wide, WEIGHTS, BIAS, 0).tolist() == [[-1.5, 2], [3.5, 10]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            (np.zeros((2, 4), np.float32), WEIGHTS, BIAS, 0),
            "its input [2, 4] has 8 elements; its weights need a multiple of 3",
        ),
        (
            (np.zeros((2, 3), np.float32), WEIGHTS, np.zeros(3, np.float32), 0),
            "its bias has 3 values; it must have 2, one a unit",
        ),
        ((np.zeros(3, np.float32), WEIGHTS, BIAS, 0), "input 0 ('input') has rank 1 [3]; it must have rank 2, 3 or 4"),
    ],
)
def test_what_does_not_fit_is_refused(infer, arguments, sentence):
    with pytest.raises(BadDataError) as refused:
        infer(OperationType.FULLY_CONNECTED, *arguments)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("data_type", [UINT8, INT8])
def test_quantised_values_are_computed_as_the_numbers_they_stand_for(data_type):
    rows = stored([[3, 5]], data_type, 0.5, 1)  # 1, 2
    weights = stored([[10, 12], [8, 10]], data_type, 0.25, 10)  # 0, 0.5 and -0.5, 0
    to = [output(data_type, 0.5, 4)]
    (result,) = call(OperationType.FULLY_CONNECTED, rows, weights, stored([8, 0], INT32, 0.125), 0, to=to)
    assert result.tolist() == [[8, 3]]
    assert refusal(OperationType.FULLY_CONNECTED, rows, weights, stored([8, 0], INT32), 0, to=to) == (
        "its bias has scale 0.0; it must be 0.125, its input's times its weights'"
    )


def test_no_batches_have_no_results(compute):
    assert compute(OperationType.FULLY_CONNECTED, np.zeros((0, 3), np.float32), WEIGHTS, BIAS, 0).shape == (0, 2)
    assert compute(OperationType.FULLY_CONNECTED, np.zeros((0, 2, 3), np.float32), WEIGHTS, BIAS, 0).shape == (0, 2)
