import numpy as np
import pytest

from hal.types import OperationType
from tests.hal.operations.calls import FLOAT32, INT8, UINT8, call, output, refusal, stored

TO = [output(FLOAT32)]


def ints(*values):
    return np.array(values, np.int32)


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


def test_depth_to_space_refuses_what_does_not_divide():
    assert refusal(OperationType.DEPTH_TO_SPACE, np.zeros((1, 1, 1, 6), np.float32), 2, to=TO) == (
        "its input has 6 channels; they must be a multiple of the block's 4"
    )


def test_space_to_depth_is_depth_to_space_turned_around():
    image = np.arange(48, dtype=np.float32).reshape(2, 3, 2, 4)
    (deep,) = call(OperationType.SPACE_TO_DEPTH, image, 1, to=TO)
    assert deep.tolist() == image.tolist()
    blocks = image.reshape(2, 1, 1, 24)[:, :, :, :12]
    (wide,) = call(OperationType.DEPTH_TO_SPACE, np.ascontiguousarray(blocks), 2, to=TO)
    (deep,) = call(OperationType.SPACE_TO_DEPTH, wide, 2, to=TO)
    assert deep.tolist() == blocks.tolist()
    (nchw,) = call(OperationType.SPACE_TO_DEPTH, wide.transpose(0, 3, 1, 2).copy(), 2, True, to=TO)
    assert nchw.tolist() == blocks.transpose(0, 3, 1, 2).tolist()


def test_batch_to_space_spreads_batches_over_blocks():
    batches = np.arange(1, 7, dtype=np.float32).reshape(6, 1, 1, 1)
    expected = [[1, 2, 3], [4, 5, 6]]
    (result,) = call(OperationType.BATCH_TO_SPACE_ND, batches, ints(2, 3), to=TO)
    assert result[0, :, :, 0].tolist() == expected
    (result,) = call(OperationType.BATCH_TO_SPACE_ND, batches, ints(2, 3), True, to=TO)
    assert result[0, 0].tolist() == expected


def test_batches_stay_innermost():
    batches = np.arange(4, dtype=np.float32).reshape(4, 1, 1, 1)
    (result,) = call(OperationType.BATCH_TO_SPACE_ND, batches, ints(1, 2), to=TO)
    assert result[..., 0].tolist() == [[[0, 2]], [[1, 3]]]
    (back,) = call(OperationType.SPACE_TO_BATCH_ND, result, ints(1, 2), ints([0, 0], [0, 0]), to=TO)
    assert back.tolist() == batches.tolist()


@pytest.mark.parametrize("nchw", [False, True])
def test_space_to_batch_pads_with_what_stands_for_zero(nchw):
    image = stored(np.reshape([1, 2], (1, 1, 1, 2) if nchw else (1, 1, 2, 1)), UINT8, 0.5, 9)
    to = [output(UINT8, 0.5, 9)]
    (result,) = call(OperationType.SPACE_TO_BATCH_ND, image, ints(2, 2), ints([1, 0], [0, 2]), nchw, to=to)
    assert result.reshape(4, 2).tolist() == [[9, 9], [9, 9], [1, 9], [2, 9]]


@pytest.mark.parametrize("axis", [1, -2])
def test_channel_shuffle_takes_from_each_group_in_turn(axis):
    image = np.arange(12, dtype=np.float32).reshape(1, 6, 2)
    (result,) = call(OperationType.CHANNEL_SHUFFLE, image, 3, axis, to=TO)
    assert result[0, :, 0].tolist() == [0, 4, 8, 2, 6, 10]


@pytest.mark.parametrize(
    ("operation_type", "arguments", "sentence"),
    [
        (
            OperationType.SPACE_TO_DEPTH,
            (2,),
            "2 x 3 pixels do not divide into blocks of 2 x 2; height and width must be multiples of the block's",
        ),
        (
            OperationType.BATCH_TO_SPACE_ND,
            (ints(2, 2),),
            "its input has 1 batches; they must be a multiple of the 4 pixels of a block",
        ),
        (
            OperationType.BATCH_TO_SPACE_ND,
            (ints(2, 0),),
            "its block shape is [2, 0]; it must be 2 sizes, of height and width, each at least 1",
        ),
        (
            OperationType.SPACE_TO_BATCH_ND,
            (ints(2, 2), ints([0, 0], [0, 2])),
            "2 x 5 pixels do not divide into blocks of 2 x 2; height and width must be multiples of the block's",
        ),
        (
            OperationType.SPACE_TO_BATCH_ND,
            (ints(2, 2), ints([0, 0], [-1, 0])),
            "its paddings are [0, 0, -1, 0]; none may be negative",
        ),
        (
            OperationType.SPACE_TO_BATCH_ND,
            (ints(2, 2), ints([0, 0])),
            "its paddings are [1, 2]; they must be [2, 2]",
        ),
        (
            OperationType.CHANNEL_SHUFFLE,
            (2, 4),
            "its axis is 4; for an input of rank 4 it must be from -4 to 3",
        ),
        (
            OperationType.CHANNEL_SHUFFLE,
            (3, 3),
            "its input has 4 channels; they must be a multiple of 3 groups",
        ),
    ],
)
def test_what_does_not_divide_is_refused(operation_type, arguments, sentence):
    assert refusal(operation_type, np.zeros((1, 2, 3, 4), np.float32), *arguments, to=TO) == sentence


def test_the_output_is_quantised_as_the_input():
    image = stored(np.zeros((1, 1, 1, 4)), INT8, 0.5, 1)
    assert refusal(OperationType.DEPTH_TO_SPACE, image, 2, to=[output(INT8, 0.5, 2)]) == (
        "its output has scale 0.5 and zero point 2; they must be those of its input, 0.5 and 1"
    )
    (result,) = call(OperationType.DEPTH_TO_SPACE, image, 2, to=[output(INT8, 0.5, 1)])
    assert result.dtype == np.int8


def test_empty_images_stay_empty():
    empty = np.zeros((0, 2, 2, 4), np.float32)
    assert call(OperationType.DEPTH_TO_SPACE, empty, 2, to=TO)[0].shape == (0, 4, 4, 1)
    assert call(OperationType.SPACE_TO_DEPTH, empty, 2, to=TO)[0].shape == (0, 1, 1, 16)
    assert call(OperationType.BATCH_TO_SPACE_ND, empty, ints(2, 2), to=TO)[0].shape == (0, 4, 4, 4)
    paddings = ints([0, 0], [0, 0])
    assert call(OperationType.SPACE_TO_BATCH_ND, empty, ints(2, 2), paddings, to=TO)[0].shape == (0, 1, 1, 4)
    assert call(OperationType.CHANNEL_SHUFFLE, empty, 2, 3, to=TO)[0].shape == (0, 2, 2, 4)
