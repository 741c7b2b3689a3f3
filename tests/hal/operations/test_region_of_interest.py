import numpy as np
import pytest

from hal.types import OperationType
from tests.hal.operations.calls import FLOAT32, INT8, UINT8, UINT16, call, operand, output, refusal, stored

TO = [output(FLOAT32)]
RAMP = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def ints(*values):
    return np.array(values, np.int32)


def test_roi_align_averages_points_between_pixels():
    """One region of 2 x 2 pixels in 2 x 1 bins, each of which one point stands for."""
    arguments = (boxes((2, 2, 6, 6)), ints(0), 1, 2, 2.0, 2.0, 1, 1, False)
    (result,) = call(OperationType.ROI_ALIGN, RAMP, *arguments, to=TO)
    assert result.ravel().tolist() == [4 * 2 + 1.5, 4 * 2 + 2.5]


def test_roi_align_takes_as_many_points_as_a_bin_is_wide():
    """Bins of 2 x 4 pixels hold 2 x 4 points; the last column's lie beyond the last pixel and take it."""
    arguments = (boxes((0, 0, 4, 4)), ints(0), 2, 1, 1.0, 1.0, 0, 0, False)
    (result,) = call(OperationType.ROI_ALIGN, RAMP, *arguments, to=TO)
    column = np.mean([0.5, 1.5, 2.5, 3])
    np.testing.assert_allclose(result.ravel(), [4 * np.mean([0.5, 1.5]) + column, 4 * np.mean([2.5, 3]) + column])


def test_a_small_region_is_one_pixel():
    arguments = (boxes((1, 1, 1, 1)), ints(0), 1, 1, 1.0, 1.0, 1, 1, False)
    (result,) = call(OperationType.ROI_ALIGN, RAMP, *arguments, to=TO)
    assert result.item() == 4 * 1.5 + 1.5
    (result,) = call(OperationType.ROI_POOLING, RAMP, *arguments[:6], False, to=TO)
    assert result.item() == 5


def test_infinity_stays_where_it_is():
    image = RAMP.copy()
    image[0, 0, 3, 0] = np.inf
    arguments = (boxes((0, 0, 2, 2)), ints(0), 1, 1, 1.0, 1.0, 1, 1, False)
    assert call(OperationType.ROI_ALIGN, image, *arguments, to=TO)[0].item() == 5


def test_roi_pooling_rounds_outwards_to_whole_pixels():
    """3 x 3 pixels, from 1 to 3, in 2 x 2 bins, which share the middle ones."""
    arguments = (boxes((2.2, 2.8, 5.8, 6.2)), ints(0), 2, 2, 2.0, 2.0, False)
    (result,) = call(OperationType.ROI_POOLING, RAMP, *arguments, to=TO)
    assert result[0, :, :, 0].tolist() == [[10, 11], [14, 15]]


def test_bins_beyond_the_input_are_empty():
    """From 4, its width, a region of one pixel lies wholly outside."""
    arguments = (boxes((4, 0, 4, 3)), ints(0), 1, 1, 1.0, 1.0, False)
    assert call(OperationType.ROI_POOLING, RAMP - 20, *arguments, to=TO)[0].item() == 0


@pytest.mark.parametrize("operation_type", [OperationType.ROI_ALIGN, OperationType.ROI_POOLING])
def test_each_region_is_taken_from_its_batch_in_either_layout(operation_type):
    image = np.random.default_rng(6).normal(size=(2, 6, 5, 3)).astype(np.float32)
    samples = (2, 0) if operation_type is OperationType.ROI_ALIGN else ()
    rest = (boxes((0, 0, 10, 12), (1, 2, 7, 4), (3, 3, 9, 9)), ints(0, 1, 1), 3, 2, 2.0, 2.0, *samples)
    (expected,) = call(operation_type, image, *rest, False, to=TO)
    assert expected.shape == (3, 3, 2, 3)
    (alone,) = call(operation_type, image[1:], rest[0][2:], ints(0), *rest[2:], False, to=TO)
    np.testing.assert_array_equal(expected[2:], alone)
    (result,) = call(operation_type, image.transpose(0, 3, 1, 2).copy(), *rest, True, to=TO)
    np.testing.assert_array_equal(result, expected.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("data_type", [UINT8, INT8])
def test_quantised_regions_are_in_eighths_of_a_pixel(data_type):
    image = stored(RAMP + 10, data_type, 0.5, 10)
    rois = stored([[8, 8, 24, 24]], UINT16, 0.125)  # 1, 1, 3, 3
    (result,) = call(
        OperationType.ROI_ALIGN, image, rois, ints(0), 1, 1, 1.0, 1.0, 1, 1, False, to=[output(data_type, 1.0)]
    )
    assert result.item() == 5  # between 5, 6, 9 and 10 halves: 5 in the end
    same = [output(data_type, 0.5, 10)]
    (result,) = call(OperationType.ROI_POOLING, image, rois, ints(0), 1, 1, 1.0, 1.0, False, to=same)
    assert result.item() == 10 + 15
    other = stored([[8, 8, 24, 24]], UINT16, 0.25)
    assert refusal(OperationType.ROI_POOLING, image, other, ints(0), 1, 1, 1.0, 1.0, False, to=same) == (
        "its rois has scale 0.25 and zero point 0; they must be 0.125 and 0"
    )


def test_no_regions_have_no_results():
    rest = (np.zeros((0, 4), np.float32), np.zeros(0, np.int32), 3, 2, 2.0, 2.0)
    assert call(OperationType.ROI_ALIGN, RAMP, *rest, 0, 0, False, to=TO)[0].shape == (0, 3, 2, 1)
    assert call(OperationType.ROI_POOLING, RAMP, *rest, True, to=TO)[0].shape == (0, 4, 3, 2)


@pytest.mark.parametrize(
    ("rois", "batches", "ratio", "sentence"),
    [
        (boxes((0, 0, 1, 1)), ints(0, 0), 1.0, "its batches have 2 indexes; they must have 1, one a region"),
        (boxes((0, 0, 1, 1)), ints(1), 1.0, "its region 0 is of batch 1; there are 1 batches"),
        (boxes((0, 0, 1, 1)), ints(-1), 1.0, "its region 0 is of batch -1; there are 1 batches"),
        (boxes((0, 0, 1, 1)), ints(0), 0.0, "its height ratio is 0.0; it must be above 0"),
        (boxes((0, 0, 1, 1)), ints(0), float("nan"), "its height ratio is nan; it must be above 0"),
        (
            boxes((0, 0, 1, 1), (3, 0, 2, 1)),
            ints(0, 0),
            1.0,
            "its region 1 is [3.0, 0.0, 2.0, 1.0]; x1 must be at most x2, and y1 at most y2",
        ),
        (
            boxes((0, 0, 2, 9)),
            ints(0),
            2.0,
            "its region 0 is [0.0, 0.0, 2.0, 9.0], or [0.0, 0.0, 1.0, 4.5] in pixels of the input; "
            "it must lie within its height 4 and width 4",
        ),
    ],
)
def test_regions_that_do_not_fit_are_refused(rois, batches, ratio, sentence):
    assert refusal(OperationType.ROI_POOLING, RAMP, rois, batches, 1, 1, ratio, ratio, False, to=TO) == sentence


PEAK = [[0, 1, 0], [1, 4, 3], [0, 1, 0]]


def heatmap(values):
    return np.array(values, np.float32)[None, :, :, None]


def keypoint(values, box=(0, 0, 3, 3)):
    """Score and place of the one keypoint of a heatmap."""
    to = [output(FLOAT32), output(FLOAT32)]
    score, place = call(OperationType.HEATMAP_MAX_KEYPOINT, heatmap(values), boxes(box), False, to=to)
    return score.item(), place.ravel().tolist()


def test_the_maximum_lies_between_pixels():
    """Along x the parabola through 1, 4, 3 has its maximum 1/4 to the right, 1/8 higher."""
    score, place = keypoint(PEAK)
    assert score == 4.125
    assert place == [1.75, 1.5]
    assert keypoint(PEAK, (10, 20, 22, 26))[1] == [10 + 1.75 / 3 * 12, 23]


def test_a_ridge_has_no_better_place():
    assert keypoint([[1, 1, 1], [2, 2, 2], [1, 1, 1]]) == (2, [0.5, 1.5])


def test_neighbours_beyond_the_border_are_mirrored():
    """In the corner 4, both neighbours are 1 and slopes 0."""
    assert keypoint([[4, 1], [1, 0]], (0, 0, 2, 2)) == (4, [0.5, 0.5])


def test_keypoints_keep_their_order_in_either_layout():
    heatmaps = np.random.default_rng(7).normal(size=(2, 5, 5, 3)).astype(np.float32)
    box = boxes((0, 0, 5, 5), (2, 2, 4, 6))
    to = [output(FLOAT32), output(FLOAT32)]
    expected = call(OperationType.HEATMAP_MAX_KEYPOINT, heatmaps, box, False, to=to)
    assert [each.shape for each in expected] == [(2, 3), (2, 3, 2)]
    nchw = heatmaps.transpose(0, 3, 1, 2).copy()
    for one, other in zip(call(OperationType.HEATMAP_MAX_KEYPOINT, nchw, box, True, to=to), expected):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("data_type", [UINT8, INT8])
def test_quantised_heatmaps(data_type):
    maps = stored(heatmap(PEAK) * 2 + 5, data_type, 0.5, 5)
    box = stored([[0, 0, 24, 24]], UINT16, 0.125)
    to = [output(data_type, 0.125, 3), output(UINT16, 0.125)]
    score, place = call(OperationType.HEATMAP_MAX_KEYPOINT, maps, box, False, to=to)
    assert score.item() == 3 + 33
    assert place.ravel().tolist() == [14, 12]
    to[1] = output(UINT16, 0.25)
    assert refusal(OperationType.HEATMAP_MAX_KEYPOINT, maps, box, False, to=to) == (
        "its keypoints has scale 0.25 and zero point 0; they must be 0.125 and 0"
    )


@pytest.mark.parametrize(
    ("heatmaps", "box", "sentence"),
    [
        (np.zeros((1, 2, 3, 1)), (0, 0, 1, 1), "its heatmaps are 2 x 3; both sizes must be the same, and at least 2"),
        (np.zeros((1, 1, 1, 1)), (0, 0, 1, 1), "its heatmaps are 1 x 1; both sizes must be the same, and at least 2"),
        (np.zeros((2, 2, 2, 1)), (0, 0, 1, 1), "its boxes are [1, 4]; they must be [2, 4], 4 coordinates a heatmap"),
        (
            np.zeros((1, 2, 2, 1)),
            (0, 2, 1, 1),
            "its box 0 is [0.0, 2.0, 1.0, 1.0]; x1 must be at most x2, and y1 at most y2",
        ),
    ],
)
def test_heatmaps_that_do_not_fit_are_refused(heatmaps, box, sentence):
    to = [output(FLOAT32), output(FLOAT32)]
    arguments = (operand(heatmaps.astype(np.float32)), boxes(box), False)
    assert refusal(OperationType.HEATMAP_MAX_KEYPOINT, *arguments, to=to) == sentence
