"""Crops, boxes and landmarks, from tensors made by hand."""

import math

import numpy as np
import pytest
from PIL import Image

from tools.vision import Face, Region, anchors, decode_faces, decode_landmarks, whole


def detections(*entries):
    """The detector's tensors: each entry is (anchor, logit, 8 points in input pixels from the anchor)."""
    regressors, logits = np.zeros((1, 896, 16), np.float32), np.full((1, 896, 1), -1000, np.float32)
    for anchor, logit, points in entries:
        regressors[0, anchor], logits[0, anchor] = np.ravel(points), logit
    return regressors, logits


def points(x, y, width, height):
    """A box around a centre, with all its keypoints 8 pixels right of the anchor."""
    return [(x, y), (width, height), *[(8, 0)] * 6]


UPRIGHT = Region(64, 64, 128)  # photo pixels are input pixels


def test_anchors_are_the_centres_of_two_grids():
    centres = anchors() * 128
    assert centres.shape == (896, 2)
    np.testing.assert_allclose(centres[[0, 1, 2, 32, 511]], [[4, 4], [4, 4], [12, 4], [4, 12], [124, 124]])
    np.testing.assert_allclose(centres[[512, 517, 518, 560, 895]], [[8, 8], [8, 8], [24, 8], [8, 24], [120, 120]])


def test_box_and_keypoints_are_relative_to_the_anchor():
    (face,) = decode_faces(*detections((34, 0.5, points(2, -1, 20, 10))), UPRIGHT)  # the anchor at 12, 12
    assert face.score == pytest.approx(1 / (1 + math.exp(-0.5)))
    np.testing.assert_allclose(face.box, [4, 6, 24, 16], atol=1e-5)
    np.testing.assert_allclose(face.keypoints, [[20, 12]] * 6, atol=1e-5)


def test_detections_are_placed_on_the_photo():
    (face,) = decode_faces(*detections((34, 5, points(0, 0, 20, 10))), Region(300, 200, 256))
    np.testing.assert_allclose(face.box, [300 - 128 + 4, 200 - 128 + 14, 300 - 128 + 44, 200 - 128 + 34], atol=1e-4)


def test_boxes_that_overlap_become_their_weighted_mean_and_others_stay():
    found = decode_faces(
        *detections(
            (34, 0.0, points(0, 0, 20, 20)),  # score 0.5
            (35, 100.0, points(3, 0, 20, 20)),  # score 1, overlapping the first
            (511, 2.0, points(0, 0, 10, 10)),
            (400, -0.1, points(0, 0, 10, 10)),  # less likely than not
        ),
        UPRIGHT,
    )
    assert [face.score for face in found] == pytest.approx([1, 1 / (1 + math.exp(-2))])
    np.testing.assert_allclose(found[0].box, [4, 2, 24, 22], atol=1e-5)  # 2/3 of the way to the surer one
    np.testing.assert_allclose(found[1].box, [119, 119, 129, 129], atol=1e-5)


def test_no_face():
    assert decode_faces(*detections(), UPRIGHT) == []


def test_empty_boxes_do_not_hide_each_other():
    found = decode_faces(*detections((0, 3, points(0, 0, 0, 0)), (1, 2, points(0, 0, 0, 0))), UPRIGHT)
    assert len(found) == 2


def test_landmark_region_is_square_half_as_big_again_and_along_the_eyes():
    region = Face(1, (10, 20, 50, 40), np.array([[20, 20], [30, 30], *[[0, 0]] * 4])).landmark_region()
    assert (region.x, region.y, region.side) == (30, 30, 60)
    assert region.angle == pytest.approx(math.pi / 4)


def test_landmarks_are_placed_on_the_photo():
    landmarks = np.zeros((1, 1, 1, 1404), np.float32)
    landmarks[..., :6] = [192, 96, 50, 96, 96, -3]
    region = Region(100, 50, 96, math.pi / 2)
    placed, score = decode_landmarks(landmarks, np.zeros((1, 1, 1, 1), np.float32), region)
    assert placed.shape == (468, 2)
    np.testing.assert_allclose(placed[:2], [[100, 98], [100, 50]], atol=1e-9)
    assert score == 0.5


def noise(width, height):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_crop_of_everything_is_the_photo():
    pixels = noise(16, 16)
    photo = Image.fromarray(pixels)
    crop = whole(photo).crop(photo, 16, -1, 1)
    assert crop.dtype == np.float32
    np.testing.assert_allclose(crop, pixels[None] / 127.5 - 1, atol=1e-6)


def test_crop_is_black_beyond_the_photo():
    pixels = noise(8, 16)
    photo = Image.fromarray(pixels)
    crop = whole(photo).crop(photo, 16, 0, 1)
    np.testing.assert_allclose(crop[0, :, 4:12], pixels / 255, atol=1e-6)
    assert not crop[0, :, :4].any()
    assert not crop[0, :, 12:].any()


def test_crop_turned_clockwise():
    pixels = noise(16, 16)
    crop = Region(8, 8, 16, math.pi / 2).crop(Image.fromarray(pixels), 16, 0, 1)
    np.testing.assert_allclose(crop[0], np.rot90(pixels) / 255, atol=1.01 / 255)  # Pillow rounds down


def test_crop_made_smaller_averages():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[::2] = 255
    photo = Image.fromarray(pixels)
    np.testing.assert_allclose(whole(photo).crop(photo, 8, 0, 1), 0.5, atol=0.01)
