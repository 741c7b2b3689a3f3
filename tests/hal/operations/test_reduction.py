import numpy as np
import pytest

from hal.errors import BadDataError
from hal.types import OperationType

CUBE = np.arange(1, 9, dtype=np.float32).reshape(2, 2, 2)


@pytest.mark.parametrize(
    ("axes", "keep_dims", "expected"),
    [
        ([1], 0, [[2, 3], [6, 7]]),
        ([1], 1, [[[2, 3]], [[6, 7]]]),
        ([-1, 0, 2], 0, [3.5, 5.5]),
        ([0, 1, 2], 0, [4.5]),
        ([0, 1, 2], 1, [[[4.5]]]),
        ([1], -1, [[2, 3], [6, 7]]),
    ],
)
def test_mean(compute, axes, keep_dims, expected):
    assert compute(OperationType.MEAN, CUBE, np.array(axes, np.int32), keep_dims).tolist() == expected


@pytest.mark.parametrize("axis", [3, -4, -(2**31)])
def test_an_axis_that_is_not_there_is_refused(infer, axis):
    with pytest.raises(BadDataError, match=f"its axis {axis} is not one of an input of rank 3: -3 to 2"):
        infer(OperationType.MEAN, CUBE, np.array([axis], np.int32), 1)
