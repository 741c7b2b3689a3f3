import numpy as np
import pytest

from hal.errors import BadDataError
from hal.types import OperationType
from tests.hal.operations.calls import FLOAT16, FLOAT32, INT8, UINT8, call, output, refusal, stored

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


ROW = np.arange(4, dtype=np.float32).reshape(1, 1, 4, 1)


@pytest.mark.parametrize(
    ("width", "flags", "expected"),
    [
        (6, (), [0, 0, 1, 2, 2, 3]),
        (6, (True, False), [0, 1, 1, 2, 2, 3]),
        (6, (False, True), [0, 1, 1, 2, 3, 3]),
        (2, (), [0, 2]),
        (2, (False, True), [1, 3]),
        (1, (True, False), [0]),
    ],
)
def test_the_nearest_neighbour(width, flags, expected):
    (result,) = call(OperationType.RESIZE_NEAREST_NEIGHBOR, ROW, width, 1, False, *flags, to=[output(FLOAT32)])
    assert result.ravel().tolist() == expected


def test_the_nearest_neighbour_is_chosen_in_float32(compute):
    """11 * 26 / 22 is 13, and 11 * float32(26 / 22) is 12.999999."""
    row = np.arange(26, dtype=np.float32).reshape(1, 1, 26, 1)
    assert compute(OperationType.RESIZE_NEAREST_NEIGHBOR, row, 22, 1, False)[0, 0, 11].item() == 12


def test_the_nearest_neighbours_layout_must_be_given():
    assert refusal(OperationType.RESIZE_NEAREST_NEIGHBOR, ROW, 2, 2, to=[output(FLOAT32)]) == (
        "it has 3 inputs; it must have 4, 5 or 6"
    )


def test_a_scale_is_as_precise_as_the_image():
    image = ROW.astype(np.float16)
    (result,) = call(
        OperationType.RESIZE_NEAREST_NEIGHBOR, image, np.float16(0.7), np.float16(1), False, to=[output(FLOAT16)]
    )
    assert result.ravel().tolist() == [0, 2]
    assert (
        refusal(OperationType.RESIZE_NEAREST_NEIGHBOR, image, np.float16(0.7), 1.0, False, to=[output(FLOAT16)])
        == "input 2 ('scale_height', operand 2) is FLOAT32; it must be FLOAT16"
    )


@pytest.mark.parametrize("data_type", [UINT8, INT8])
def test_quantised_values_are_mixed_and_rounded(data_type):
    image = stored([[[[0], [3]]]], data_type, 0.5, 7)
    (result,) = call(OperationType.RESIZE_BILINEAR, image, 4, 1, to=[output(data_type, 0.5, 7)])
    assert result.ravel().tolist() == [0, 1, 3, 3]  # -2.75 is 5.5 steps below 0, and halves go away from it
    assert refusal(OperationType.RESIZE_BILINEAR, image, 4, 1, to=[output(data_type, 0.25, 7)]) == (
        "its output has scale 0.25 and zero point 7; they must be those of its input, 0.5 and 7"
    )


@pytest.mark.parametrize("operation_type", [OperationType.RESIZE_BILINEAR, OperationType.RESIZE_NEAREST_NEIGHBOR])
def test_no_batches_have_no_results(compute, operation_type):
    assert compute(operation_type, IMAGE[:0], 3, 5, False).shape == (0, 5, 3, 1)
