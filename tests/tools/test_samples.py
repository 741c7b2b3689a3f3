import numpy as np
import pytest

from hal.errors import BadDataError
from hal.model import Operand
from hal.types import OperandType as T
from tools.samples import random_samples, read_samples, real, stored

IMAGE = Operand(T.TENSOR_FLOAT32, (1, 2, 3))
QUANTISED = Operand(T.TENSOR_QUANT8_ASYMM, (1, 2, 3), 0.5, 10)
OPEN = Operand(T.TENSOR_FLOAT32, (0, 3))
COUNT = Operand(T.INT32)
VALUES = np.arange(18, dtype=np.float32).reshape(3, 2, 3)


@pytest.fixture
def read(tmp_path):
    def read(arrays, *operands):
        np.savez(tmp_path / "samples.npz", *arrays)
        return read_samples(tmp_path / "samples.npz", operands)

    return read


@pytest.mark.parametrize(
    ("array", "operand", "count"),
    [
        (VALUES[:1], IMAGE, 1),
        (VALUES, IMAGE, 3),
        (VALUES[:, None], IMAGE, 3),
        (VALUES[0], OPEN, 1),
        (VALUES, OPEN, 3),
        (np.array([7, 8], np.int32), COUNT, 2),
    ],
)
def test_one_sample_or_several(read, array, operand, count):
    samples = read([array], operand)
    assert len(samples) == count
    for number, (values,) in enumerate(samples):
        wanted = array if count == 1 else array[number]
        np.testing.assert_array_equal(values.reshape(wanted.shape), wanted)
        assert values.ndim == len(operand.dimensions)


def test_an_array_for_each_input(read):
    samples = read([VALUES, np.arange(3, dtype=np.int32)], IMAGE, COUNT)
    assert [count for _, count in samples] == [0, 1, 2]


def test_quantised_inputs_are_given_as_real_numbers_or_as_stored(read):
    numbers = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    for given in (numbers, (numbers - 10.0) * 0.5):
        ((values,),) = read([given], QUANTISED)
        np.testing.assert_array_equal(values, (numbers - 10.0) * 0.5)
        np.testing.assert_array_equal(stored([values], [QUANTISED])[0], numbers)
        np.testing.assert_array_equal(real(numbers, QUANTISED), values)


def test_values_beyond_a_quantised_range_become_its_ends():
    (array,) = stored([np.array([[[-100.0, 0, 1e9], [0.24, 0.26, -5]]])], [QUANTISED])
    assert array.dtype == np.uint8
    assert array.tolist() == [[[0, 10, 255], [10, 11, 0]]]


def test_the_same_sample_for_another_type():
    sample = [np.array([[[0.1, 0.2, 0.3]] * 2])]
    for operand_type in (T.TENSOR_FLOAT32, T.TENSOR_FLOAT16):
        (array,) = stored(sample, [Operand(operand_type, (1, 2, 3))])
        assert array.dtype == operand_type.dtype
        np.testing.assert_array_equal(array, sample[0].astype(operand_type.dtype))


@pytest.mark.parametrize(
    ("arrays", "operands", "reason"),
    [
        ([VALUES], [IMAGE, IMAGE], "holds 1 arrays; the model has 2 inputs"),
        ([VALUES, VALUES[:2]], [IMAGE, IMAGE], "has 2 samples of one input and 3 of another"),
        ([VALUES[:0]], [IMAGE], "has no samples"),
        ([VALUES[:, :1]], [IMAGE], r"array 0 has shape \[3, 1, 3\]; a sample must be \[1, 2, 3\]"),
        ([VALUES[0, 0]], [OPEN], r"a sample must be \[\?, 3\]"),
        ([np.full((1, 2, 3), np.nan)], [IMAGE], "has NaN or infinite values"),
        ([np.full((1, 2, 3), np.inf)], [QUANTISED], "has NaN or infinite values"),
        ([VALUES.astype(np.int64)], [IMAGE], "is int64; for TENSOR_FLOAT32 it must be float32"),
        ([VALUES.astype(np.int8)], [QUANTISED], "is int8; for TENSOR_QUANT8_ASYMM it must be float32 or uint8"),
        ([np.array(1.0)], [COUNT], "is float64; for INT32 it must be int32"),
        ([VALUES], [Operand(1 << 16 | 3, (1, 2, 3))], "an extension's"),
    ],
)
def test_what_does_not_fit(read, arrays, operands, reason):
    with pytest.raises(BadDataError, match=reason):
        read(arrays, *operands)


def test_files_that_are_none(tmp_path):
    (tmp_path / "text.npz").write_text("nothing")
    for name, reason in [("text.npz", "can't be read"), ("absent.npz", "there is no file")]:
        with pytest.raises(BadDataError, match=reason):
            read_samples(tmp_path / name, [IMAGE])


def test_random_samples_are_always_the_same_and_in_range():
    operands = [IMAGE, QUANTISED, COUNT, Operand(T.TENSOR_BOOL8, (2,))]
    first, second = random_samples(operands, 2), random_samples(operands, 2)
    for sample, other in zip(first, second):
        for values, again in zip(sample, other):
            np.testing.assert_array_equal(values, again)
    assert not np.array_equal(first[0][0], first[1][0])
    image, quantised, count, truth = first[0]
    assert image.shape == quantised.shape == (1, 2, 3)
    assert 0 <= image.min() < image.max() <= 1
    assert (count.shape, count.dtype, truth.dtype) == ((), np.int32, np.bool_)
    with pytest.raises(BadDataError, match=r"\[0, 3\], not all known"):
        random_samples([OPEN], 1)
