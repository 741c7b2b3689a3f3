import numpy as np
import pytest

from hal.errors import BadDataError
from hal.types import OperationType


def refusal(infer, operation_type, *arguments):
    with pytest.raises(BadDataError) as refused:
        infer(operation_type, *arguments)
    return str(refused.value)


def test_depth_to_space_lays_channels_out_as_blocks(compute):
    image = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)
    expected = [[1, 2, 5, 6], [3, 4, 7, 8]]
    nhwc = compute(OperationType.DEPTH_TO_SPACE, image.reshape(1, 1, 2, 4), 2)
    assert nhwc[0, :, :, 0].tolist() == expected
    nchw = compute(OperationType.DEPTH_TO_SPACE, image.T.reshape(1, 4, 1, 2).copy(), 2, True)
    assert nchw[0, 0].tolist() == expected


def test_depth_to_space_keeps_the_depth_innermost(compute):
    image = np.arange(8, dtype=np.float32).reshape(1, 1, 1, 8)
    assert compute(OperationType.DEPTH_TO_SPACE, image, 2).tolist() == [[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]]


def test_depth_to_space_refuses_what_does_not_divide(infer):
    assert refusal(infer, OperationType.DEPTH_TO_SPACE, np.zeros((1, 1, 1, 6), np.float32), 2) == (
        "its input has 6 channels; they must be a multiple of the block's 4"
    )
