import numpy as np
import pytest

from hal.errors import BadDataError
from hal.types import OperationType

IMAGE = np.array([[0, 4], [8, 12]], np.float32).reshape(1, 2, 2, 1)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((), [0, 2, 4, 4]),
        ((False, True), [0, 4 / 3, 8 / 3, 4]),
        ((False, False, True), [0, 1, 3, 4]),
    ],
)
def test_a_row_doubled(compute, flags, expected):
    row = compute(OperationType.RESIZE_BILINEAR, IMAGE, 4, 2, *flags)[0, 0, :, 0]
    assert row.tolist() == np.float32(expected).tolist()


def test_width_comes_first_and_both_axes_mix(compute):
    result = compute(OperationType.RESIZE_BILINEAR, IMAGE, 3, 4)
    assert result.shape == (1, 4, 3, 1)
    np.testing.assert_allclose(result[0, 1, :, 0], [4, 4 + 8 / 3, 8])


def test_shrinking_to_one_element(compute):
    assert compute(OperationType.RESIZE_BILINEAR, IMAGE, 1, 1).item() == 0
    assert compute(OperationType.RESIZE_BILINEAR, IMAGE, 1, 1, False, True).item() == 0
    assert compute(OperationType.RESIZE_BILINEAR, IMAGE, 1, 1, False, False, True).item() == 6


def test_scales_are_multiplied_in_float32(infer):
    """10 * float32(0.7) is 6.99999988, which float32 rounds to 7."""
    assert infer(OperationType.RESIZE_BILINEAR, np.zeros((1, 10, 4, 1), np.float32), 1.5, 0.7) == (1, 7, 6, 1)


def test_nchw_is_the_same_laid_out_otherwise(compute):
    image = np.random.default_rng(5).normal(size=(2, 5, 4, 3)).astype(np.float32)
    expected = compute(OperationType.RESIZE_BILINEAR, image, 7, 3)
    result = compute(OperationType.RESIZE_BILINEAR, image.transpose(0, 3, 1, 2).copy(), 7, 3, True)
    np.testing.assert_array_equal(result, expected.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0, 2), r"input 1 \('output_width'\) is 0; it must be at least 1"),
        ((4, 4, False, True, True), "its align_corners and half_pixel_centers are both true; at most one may be"),
        ((1.0, 0.25), "its input's height 2 times the scale 0.25 is 0.5; it must be 1 or more"),
        ((float("nan"), 1.0), "its input's width 2 times the scale nan is nan; it must be 1 or more"),
        ((3e38, 1.0), "its input's width 2 times the scale .* is inf; it must be 1 or more"),
        ((1, 1.0), r"input 2 \('output_height'\) is FLOAT32; it must be INT32"),
    ],
)
def test_what_does_not_fit_is_refused(infer, arguments, sentence):
    with pytest.raises(BadDataError, match=f"^{sentence}$"):
        infer(OperationType.RESIZE_BILINEAR, IMAGE, *arguments)
