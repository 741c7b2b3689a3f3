import numpy as np
import pytest

from hal.errors import BadDataError
from hal.types import OperationType
from tests.hal.operations.calls import FLOAT16, FLOAT32, INT32, call, output, refusal, stored

LOGITS = np.log(np.array([[1, 2, 5], [6, 1, 1]], np.float32))
TO = [output(INT32)]


def drawn(logits, samples, seeds):
    return call(OperationType.RANDOM_MULTINOMIAL, logits, samples, np.array(seeds, np.int32), to=TO)[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_classes_are_drawn_as_often_as_they_are_likely(dtype):
    samples = drawn(LOGITS.astype(dtype), 20_000, [-1, 7])
    frequencies = [np.bincount(row, minlength=3) / row.size for row in samples]
    np.testing.assert_allclose(frequencies, [[1 / 8, 2 / 8, 5 / 8], [6 / 8, 1 / 8, 1 / 8]], atol=0.02)


def test_the_seeds_decide_unless_both_are_zero():
    assert drawn(LOGITS, 100, [1, 2]).tolist() == drawn(LOGITS, 100, [1, 2]).tolist()
    assert drawn(LOGITS, 100, [1, 2]).tolist() != drawn(LOGITS, 100, [2, 1]).tolist()
    assert drawn(LOGITS, 100, [0, 0]).tolist() != drawn(LOGITS, 100, [0, 0]).tolist()


def test_the_impossible_is_never_drawn():
    assert set(drawn(np.array([[-np.inf, 1e30, 0, np.nan]], np.float32), 100, [1, 2]).ravel()) == {1}
    with pytest.raises(BadDataError, match="its input has no finite value in batch 1; there must be a class to draw"):
        drawn(np.array([[0, 0], [-np.inf, -np.inf]], np.float32), 1, [1, 2])


def test_no_batches_give_no_samples():
    assert drawn(np.zeros((0, 3), np.float32), 5, [1, 2]).shape == (0, 5)


def test_what_does_not_fit_is_refused():
    one_seed, two_seeds = np.array([1], np.int32), np.array([1, 2], np.int32)
    assert (
        refusal(OperationType.RANDOM_MULTINOMIAL, LOGITS, 1, one_seed, to=TO) == "its seeds are [1]; they must be [2]"
    )
    assert refusal(OperationType.RANDOM_MULTINOMIAL, LOGITS, 0, two_seeds, to=TO) == (
        "input 1 ('samples', operand 1) is 0; it must be at least 1"
    )
    assert refusal(OperationType.RANDOM_MULTINOMIAL, LOGITS, 1, two_seeds, to=[output(FLOAT32)]) == (
        "output 0 ('output', operand 3) is TENSOR_FLOAT32; it must be TENSOR_INT32"
    )
    assert refusal(OperationType.RANDOM_MULTINOMIAL, stored([0], FLOAT16), 1, two_seeds, to=TO) == (
        "input 0 ('input', operand 0) has rank 1 [1]; it must have rank 2"
    )
