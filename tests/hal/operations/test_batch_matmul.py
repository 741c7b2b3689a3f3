import numpy as np
import pytest

from hal.types import OperationType
from tests.hal.operations.calls import FLOAT32, INT8, INT32, UINT8, call, output, refusal, stored

FIRST = np.array([[[1, 2, 3], [4, 5, 6]], [[0, 1, 0], [1, 0, 0]]], np.float32)
SECOND = np.array([[[1], [10], [100]], [[7], [8], [9]]], np.float32)
TO = [output(FLOAT32)]


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_each_batch_is_multiplied_by_itself(first, second):
    inputs = [
        np.ascontiguousarray(matrices.swapaxes(1, 2) if adjoint else matrices)
        for matrices, adjoint in ((FIRST, first), (SECOND, second))
    ]
    (result,) = call(OperationType.BATCH_MATMUL, *inputs, first, second, to=TO)
    assert result.tolist() == [[[321], [654]], [[8], [7]]]


def test_nothing_is_transposed_unless_asked_for():
    (result,) = call(OperationType.BATCH_MATMUL, FIRST[0], SECOND[0], to=TO)
    assert result.tolist() == [[321], [654]]


def test_integers_wrap_as_int32_does():
    (result,) = call(
        OperationType.BATCH_MATMUL,
        np.array([[2**30, 1]], np.int32),
        np.array([[2], [3]], np.int32),
        False,
        False,
        to=[output(INT32)],
    )
    assert result.tolist() == [[-(2**31) + 3]]


def test_quantised_values_are_computed_as_the_numbers_they_stand_for():
    first, second = stored([[3, 5]], INT8, 0.5, 1), stored([[-1], [3]], INT8, 2.0, 0)  # 1, 2 and -2, 6
    (result,) = call(OperationType.BATCH_MATMUL, first, second, False, False, to=[output(INT8, 0.25, -50)])
    assert result.tolist() == [[-50 + 4 * 10]]


def test_what_does_not_fit_is_refused():
    assert refusal(OperationType.BATCH_MATMUL, FIRST, SECOND, True, False, to=TO) == (
        "its inputs are matrices of 3 x 2 and 3 x 1; the columns of the one must be as many as the rows of the other"
    )
    assert refusal(OperationType.BATCH_MATMUL, FIRST, SECOND[:1], False, False, to=TO) == (
        "its inputs have batches [2] and [1]; they must be the same"
    )
    assert refusal(OperationType.BATCH_MATMUL, FIRST, SECOND[0], False, False, to=TO) == (
        "its inputs have batches [2] and []; they must be the same"
    )
    unsigned = stored([[1]], UINT8, 1.0)
    assert refusal(OperationType.BATCH_MATMUL, unsigned, unsigned, False, False, to=[output(UINT8, 1.0)]) == (
        "input 0 (operand 0) is TENSOR_QUANT8_ASYMM; it must be TENSOR_FLOAT16, TENSOR_FLOAT32, TENSOR_INT32 or "
        "TENSOR_QUANT8_ASYMM_SIGNED"
    )
