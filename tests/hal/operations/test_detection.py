import numpy as np
import pytest

from hal.types import OperationType
from tests.hal.operations.calls import (
    FLOAT16,
    FLOAT32,
    INT8,
    INT16,
    INT32,
    UINT8,
    UINT16,
    call,
    output,
    refusal,
    stored,
)

HARD, LINEAR, GAUSSIAN = 0, 1, 2
TO = [output(FLOAT32)]
NMS_TO = [output(FLOAT32), output(FLOAT32), output(INT32), output(INT32)]
PROPOSALS_TO = [output(FLOAT32), output(FLOAT32), output(INT32)]


def floats(*values):
    return np.array(values, np.float32)


def ints(*values):
    return np.array(values, np.int32)


# A and B overlap by 1/3, B and C by 1/3, A and C not at all.
A, B, C = (0, 0, 2, 1), (1, 0, 3, 1), (2, 0, 4, 1)
THIRD = float(np.float32(1 / 3))


def test_boxes_are_moved_and_stretched_in_their_own_size():
    rois = floats((10, 20, 30, 60))
    deltas = floats((0.5, -0.25, np.log(2), 0, 0, 0, 0, np.log(0.5)))
    (result,) = call(
        OperationType.AXIS_ALIGNED_BBOX_TRANSFORM, rois, deltas, ints(1), floats((1, 1), (100, 200)), to=TO
    )
    np.testing.assert_allclose(result, [[10, 10, 50, 50, 10, 30, 30, 50]], rtol=1e-6)


def test_boxes_are_clipped_to_their_image():
    rois = floats((10, 20, 30, 60), (10, 20, 30, 60))
    deltas = np.zeros((2, 4), np.float32)
    (result,) = call(
        OperationType.AXIS_ALIGNED_BBOX_TRANSFORM, rois, deltas, ints(1, 0), floats((50, 15), (30, 5)), to=TO
    )
    assert result.tolist() == [[5, 20, 5, 30], [10, 20, 15, 50]]


@pytest.mark.parametrize("data_type", [UINT8, INT8])
def test_quantised_boxes(data_type):
    rois, images = stored([[80, 80, 160, 160]], UINT16, 0.125), stored([[800, 800]], UINT16, 0.125)
    deltas = stored([[12, 2, 2, 2]], data_type, 0.05, 2)
    arguments = (rois, deltas, ints(0), images)
    (result,) = call(OperationType.AXIS_ALIGNED_BBOX_TRANSFORM, *arguments, to=[output(UINT16, 0.125)])
    assert result.tolist() == [[120, 80, 200, 160]]
    assert refusal(OperationType.AXIS_ALIGNED_BBOX_TRANSFORM, *arguments, to=[output(UINT16, 0.125, 1)]) == (
        "its output has scale 0.125 and zero point 1; they must be 0.125 and 0"
    )


def test_no_boxes_stay_none():
    arguments = (np.zeros((0, 4), np.float32), np.zeros((0, 8), np.float32), np.zeros(0, np.int32), floats((9, 9)))
    assert call(OperationType.AXIS_ALIGNED_BBOX_TRANSFORM, *arguments, to=TO)[0].shape == (0, 8)


def nms(scores, boxes, kernel, threshold=THIRD, sigma=1.0, least=0.0, *, limit=-1, minimum=0.0, batches=None):
    """Scores, boxes, classes and batches left of boxes with one class besides the background."""
    scores = np.column_stack([np.ones(len(scores)), scores]).astype(np.float32)
    rois = np.array([(0, 0, 0, 0, *box) for box in boxes], np.float32).reshape(-1, 8)
    batches = ints(*[0] * len(boxes)) if batches is None else ints(*batches)
    scalars = (minimum, limit, kernel, threshold, sigma, least)
    return [
        each.tolist() for each in call(OperationType.BOX_WITH_NMS_LIMIT, scores, rois, batches, *scalars, to=NMS_TO)
    ]


def test_hard_nms_drops_what_overlaps():
    scores, boxes, classes, batches = nms([0.5, 0.75, 0.25], [A, B, C], HARD, least=0.125)
    assert scores == [0.75]
    assert boxes == [list(B)]
    assert classes == [1]
    assert batches == [0]
    assert nms([0.75, 0.5, 0.25], [A, B, C], HARD, least=0.125)[0] == [0.75, 0.25]
    assert nms([0.5, 0.75, 0.25], [A, B, C], HARD, threshold=0.34, least=0.125)[0] == [0.75, 0.5, 0.25]


def test_linear_nms_lowers_scores_by_the_overlap():
    scores, boxes, *_ = nms([0.75, 0.5, 0.25], [A, B, C], LINEAR)
    np.testing.assert_allclose(scores, [0.75, 0.5 * 2 / 3, 0.25 * 2 / 3], rtol=1e-6)
    assert boxes == [list(A), list(B), list(C)]
    scores, boxes, *_ = nms([0.75, 0.5, 0.4], [A, B, C], LINEAR, least=0.35)
    np.testing.assert_allclose(scores, [0.75, 0.4])
    assert boxes == [list(A), list(C)]


def test_gaussian_nms_ignores_the_threshold():
    scores = nms([0.75, 0.5], [A, B], GAUSSIAN, threshold=0.9, sigma=0.5)[0]
    np.testing.assert_allclose(scores, [0.75, 0.5 * np.exp(-2 / 9)], rtol=1e-6)


def test_scores_below_the_threshold_are_left_out():
    assert nms([0.75, 0.5, 0.25], [A, C, (8, 8, 9, 9)], HARD, minimum=0.5)[0] == [0.75, 0.5]


def test_the_limit_is_one_of_each_batch():
    apart = [(x, 0, x + 1, 1) for x in range(5)]
    scores, boxes, _, batches = nms([0.1, 0.2, 0.3, 0.4, 0.5], apart, HARD, limit=2, batches=[3, 3, 3, 1, 1])
    np.testing.assert_allclose(scores, [0.3, 0.2, 0.5, 0.4])
    assert [box[0] for box in boxes] == [2, 1, 4, 3]
    assert batches == [3, 3, 1, 1]
    assert nms([0.1, 0.2], apart[:2], HARD, limit=0) == [[], [], [], []]


def test_classes_are_suppressed_apart_and_limited_together():
    scores = floats((1, 0.5, 0.25), (1, 0.125, 0.75))
    rois = floats((*A, *A, *B), (*A, *C, *C))
    result = call(OperationType.BOX_WITH_NMS_LIMIT, scores, rois, ints(0, 0), 0.0, 3, HARD, 0.3, 1.0, 0.1, to=NMS_TO)
    assert [each.tolist() for each in result] == [
        [0.5, 0.125, 0.75], [list(A), list(C), list(C)], [1, 1, 2], [0, 0, 0],
    ]  # fmt: skip
    result = call(OperationType.BOX_WITH_NMS_LIMIT, scores, rois, ints(0, 0), 0.0, 1, HARD, 0.3, 1.0, 0.1, to=NMS_TO)
    assert [each.tolist() for each in result] == [[0.75], [list(C)], [2], [0]]


def test_boxes_without_area_do_not_overlap():
    assert nms([0.75, 0.5], [(1, 1, 1, 1), (1, 1, 1, 1)], HARD, least=0.1)[0] == [0.75, 0.5]


@pytest.mark.parametrize("data_type", [UINT8, INT8])
def test_quantised_nms(data_type):
    scores = stored([[1, 30], [1, 50], [1, 15]], data_type, 0.01, 0)
    rois = stored([[0, 0, 0, 0, *(8 * each for each in box)] for box in (A, B, (8, 8, 9, 9))], UINT16, 0.125)
    to = [output(data_type, 0.01), output(UINT16, 0.125), output(INT32), output(INT32)]
    arguments = (scores, rois, ints(0, 0, 0), 0.1, -1, LINEAR, 0.3, 1.0, 0.0)
    result = call(OperationType.BOX_WITH_NMS_LIMIT, *arguments, to=to)
    assert result[0].tolist() == [50, 20, 15]
    assert result[1].tolist() == [[8, 0, 24, 8], [0, 0, 16, 8], [64, 64, 72, 72]]
    to[0] = output(data_type, 0.02)
    assert refusal(OperationType.BOX_WITH_NMS_LIMIT, *arguments, to=to) == (
        "its output scores has scale 0.02 and zero point 0; they must be those of its scores, 0.01 and 0"
    )


def test_no_boxes_leave_none():
    assert nms(np.zeros(0), np.zeros((0, 4)), HARD) == [[], [], [], []]


@pytest.mark.parametrize(
    ("scores", "rois", "kernel", "sentence"),
    [
        (
            floats((1, 1)), floats((*A,)), HARD,
            "its rois are [1, 4]; for scores [1, 2] they must be [1, 8]",
        ),
        (
            floats((1,)), floats((*A,)), HARD,
            "its scores are of 1 classes; there must be at least 2, the first is the background",
        ),
        (
            floats((1, 1)), floats((*A, *A)), 3,
            "input 5 ('kernel', operand 5) is 3; it must be 0 (HARD), 1 (LINEAR) or 2 (GAUSSIAN)",
        ),
        (
            floats((1, 1)), floats((*A, 3, 0, 2, 1)), HARD,
            "its box 1 is [3.0, 0.0, 2.0, 1.0]; x1 must be at most x2, and y1 at most y2",
        ),
    ],
)  # fmt: skip
def test_boxes_that_do_not_fit_are_refused(scores, rois, kernel, sentence):
    arguments = (scores, rois, ints(0), 0.0, -1, kernel, 0.3, 1.0, 0.0)
    assert refusal(OperationType.BOX_WITH_NMS_LIMIT, *arguments, to=NMS_TO) == sentence


def proposals(scores, *, pre=0, post=0, threshold=0.9, least=0.0, deltas=None, size=(100, 100), nchw=False):
    """From one anchor of 4 x 2 pixels at each place of one image; the places are 10 x 20 pixels apart."""
    scores = np.array(scores, np.float32)[None, :, :, None]
    deltas = np.zeros((*scores.shape[:3], 4), np.float32) if deltas is None else deltas
    tensors = [np.moveaxis(each, 3, 1).copy() if nchw else each for each in (scores, deltas)]
    arguments = (floats((-2, -1, 2, 1)), floats(size), 10.0, 20.0, pre, post, threshold, least, nchw)
    return [each.tolist() for each in call(OperationType.GENERATE_PROPOSALS, *tensors, *arguments, to=PROPOSALS_TO)]


@pytest.mark.parametrize("nchw", [False, True])
def test_anchors_are_laid_at_every_place_and_clipped(nchw):
    scores, boxes, batches = proposals([[1, 2], [4, 3]], nchw=nchw)
    assert scores == [4, 3, 2, 1]
    assert boxes == [[0, 9, 2, 11], [18, 9, 22, 11], [18, 0, 22, 1], [0, 0, 2, 1]]
    assert batches == [0, 0, 0, 0]


def test_limits_before_and_after_nms():
    assert proposals([[1, 2], [4, 3]], pre=3)[0] == [4, 3, 2]
    assert proposals([[1, 2], [4, 3]], post=3)[0] == [4, 3, 2]
    assert proposals([[1, 2], [4, 3]], pre=3, least=1.5)[0] == [4, 3]


def test_small_boxes_and_those_outside_the_image_are_dropped():
    assert proposals([[1, 2], [4, 3]], least=1.5)[0] == [4, 3]
    assert proposals([[1, 2], [4, 3]], size=(100, 20))[0] == [4, 3, 2, 1]
    assert proposals([[1, 2], [4, 3]], size=(100, 18))[0] == [4, 1]


def test_overlapping_proposals_are_suppressed():
    deltas = np.zeros((1, 1, 2, 4), np.float32)
    deltas[0, 0, 1, 0] = -5  # five widths to the left: on top of the first
    assert proposals([[1, 2]], deltas=deltas, threshold=0.5)[0] == [2]
    assert proposals([[1, 2]], deltas=deltas, threshold=1.1)[0] == [2, 1]


@pytest.mark.parametrize("data_type", [UINT8, INT8])
def test_quantised_proposals(data_type):
    scores, deltas = stored([[[[7]]]], data_type, 0.5, 1), stored([[[[3, 1, 1, 1]]]], data_type, 0.5, 1)
    anchors, images = stored([[-8, 0, 8, 16]], INT16, 0.125), stored([[800, 800]], UINT16, 0.125)
    to = [output(data_type, 0.5, 1), output(UINT16, 0.125), output(INT32)]
    arguments = (1.0, 1.0, 0, 0, 0.5, 1.0, False)
    result = call(OperationType.GENERATE_PROPOSALS, scores, deltas, anchors, images, *arguments, to=to)
    assert [each.tolist() for each in result] == [[7], [[8, 0, 24, 16]], [0]]
    anchors = stored([[-8, 0, 8, 16]], INT16, 0.25)
    assert refusal(OperationType.GENERATE_PROPOSALS, scores, deltas, anchors, images, *arguments, to=to) == (
        "its anchors has scale 0.25 and zero point 0; they must be 0.125 and 0"
    )


def test_proposals_of_tensors_that_do_not_fit_are_refused():
    zeros = np.zeros((1, 2, 3, 2), np.float32)
    scalars = (1.0, 1.0, 0, 0, 0.5, 0.0, False)
    arguments = (zeros, zeros, floats(A, B), floats((9, 9)), *scalars)
    assert refusal(OperationType.GENERATE_PROPOSALS, *arguments, to=PROPOSALS_TO) == (
        "its deltas are [1, 2, 3, 2]; for scores [1, 2, 3, 2] they must be [1, 2, 3, 8]"
    )


# Corners y1, x1, y2, x2, as centre and size.
ANCHORS = floats((1, 1, 2, 2), (1, 2, 2, 2), (9, 9, 2, 2))
CORNERS = [[0, 0, 2, 2], [0, 1, 2, 3], [8, 8, 10, 10]]
SCORES = floats([(0, 0.75, 0.5), (0, 0.25, 0.625), (0, 0.125, 0.375)])
POST_TO = [output(FLOAT32), output(FLOAT32), output(INT32), output(INT32)]


def postprocessed(*, regular, most=4, classes=1, each=3, least=0.3, threshold=0.3, background=False, deltas=None):
    deltas = np.zeros((1, 3, 4), np.float32) if deltas is None else deltas
    scalars = (10.0, 5.0, 2.0, 1.0, regular, most, classes, each, least, threshold, background)
    return [
        result[0].tolist()
        for result in call(OperationType.DETECTION_POSTPROCESSING, SCORES, deltas, ANCHORS, *scalars, to=POST_TO)
    ]


def test_regular_nms_treats_each_class_apart():
    scores, boxes, classes, count = postprocessed(regular=True)
    assert scores == [0.75, 0.625, 0.375, 0]
    assert boxes == [CORNERS[0], CORNERS[1], CORNERS[2], [0, 0, 0, 0]]
    assert classes == [0, 1, 1, 0]
    assert count == 3
    assert postprocessed(regular=True, background=True)[2] == [1, 2, 2, 0]
    assert postprocessed(regular=True, each=1)[0] == [0.75, 0.625, 0, 0]
    assert postprocessed(regular=True, most=2)[0] == [0.75, 0.625]


def test_fast_nms_treats_all_classes_together():
    scores, boxes, classes, count = postprocessed(regular=False, most=3)
    assert scores == [0.75, 0.375, 0]
    assert boxes == [CORNERS[0], CORNERS[2], [0, 0, 0, 0]]
    assert classes == [0, 1, 0]
    assert count == 2
    scores, boxes, classes, count = postprocessed(regular=False, most=2, classes=3, background=True)
    assert scores == [0.75, 0.5, 0.375, 0.125, 0, 0]
    assert boxes[:4] == [CORNERS[0], CORNERS[0], CORNERS[2], CORNERS[2]]
    assert classes == [1, 2, 2, 1, 0, 0]
    assert count == 4


def test_anchors_are_moved_and_stretched_by_scaled_deltas():
    deltas = np.zeros((1, 3, 5), np.float32)
    deltas[0, 0] = 20, 5, 2 * np.log(3), np.log(0.5), 99
    boxes = postprocessed(regular=False, deltas=deltas)[1]
    np.testing.assert_allclose(boxes[0], [5 - 3, 3 - 0.5, 5 + 3, 3 + 0.5], rtol=1e-6)


def test_float16_scalars_go_with_float16_tensors():
    tensors = [each.astype(np.float16) for each in (SCORES, np.zeros((1, 3, 4)), ANCHORS)]
    scales, thresholds = [np.float16(1)] * 4, [np.float16(0.3)] * 2
    to = [output(FLOAT16), output(FLOAT16), output(INT32), output(INT32)]
    arguments = (*tensors, *scales, True, 2, 1, 3, *thresholds, False)
    assert call(OperationType.DETECTION_POSTPROCESSING, *arguments, to=to)[0].tolist() == [[0.75, 0.625]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"regular": True, "each": 0}, "its max_detections_per_class is 0; it must be at least 1"),
        ({"regular": False, "classes": 0}, "its max_classes_per_detection is 0; it must be at least 1"),
        ({"regular": True, "most": 0}, "input 8 ('max_detections', operand 8) is 0; it must be at least 1"),
        ({"regular": True, "least": -0.5}, "its score_threshold is -0.5; it must be at least 0"),
        (
            {"regular": True, "deltas": np.zeros((1, 3, 3), np.float32)},
            "its deltas are [1, 3, 3]; they must be 1 x 3, as its scores, by 4 or more",
        ),
    ],
)
def test_parameters_that_do_not_fit_are_refused(arguments, sentence):
    deltas = arguments.pop("deltas", np.zeros((1, 3, 4), np.float32))
    given = {"most": 4, "classes": 1, "each": 3, "least": 0.3, **arguments}
    scalars = (1.0, 1.0, 1.0, 1.0, given["regular"], given["most"], given["classes"], given["each"], given["least"])
    result = refusal(OperationType.DETECTION_POSTPROCESSING, SCORES, deltas, ANCHORS, *scalars, 0.3, False, to=POST_TO)
    assert result == sentence
