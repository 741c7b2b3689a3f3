import numpy as np
import pytest

from hal.types import OperationType
from tests.hal.operations.calls import FLOAT16, FLOAT32, INT32, UINT8, call, output, refusal, stored


@pytest.mark.parametrize(
    ("operation_type", "values", "expected"),
    [
        (OperationType.ABS, [-2.5, 0, 3], [2.5, 0, 3]),
        (OperationType.NEG, [-2.5, 0, 3], [2.5, 0, -3]),
        (OperationType.EXP, [-np.inf, 0, 1, np.inf], [0, 1, np.e, np.inf]),
        (OperationType.LOG, [0, 1, np.e], [-np.inf, 0, 1]),
        (OperationType.SQRT, [0, 2, 9], [0, 2**0.5, 3]),
        (OperationType.RSQRT, [0, 4, 0.25], [np.inf, 0.5, 2]),
        (OperationType.SIN, [-np.pi / 2, 0, np.pi / 6], [-1, 0, 0.5]),
        (OperationType.FLOOR, [-1.5, -0.5, 0, 2.75], [-2, -1, 0, 2]),
    ],
)
def test_values(operation_type, values, expected):
    (result,) = call(operation_type, np.array(values, np.float32), to=[output(FLOAT32)])
    np.testing.assert_allclose(result, expected, rtol=2e-7)
    (half,) = call(operation_type, np.array(values, np.float16), to=[output(FLOAT16)])
    np.testing.assert_allclose(half, expected, rtol=3e-3)


def test_what_no_number_answers_is_nan():
    for operation_type in (OperationType.LOG, OperationType.SQRT, OperationType.RSQRT):
        assert np.isnan(call(operation_type, np.array([-1], np.float32), to=[output(FLOAT32)])[0])


def test_integers_keep_all_their_bits():
    numbers = np.array([-(2**31) + 1, 2**31 - 1], np.int32)
    assert call(OperationType.ABS, numbers, to=[output(INT32)])[0].tolist() == [2**31 - 1, 2**31 - 1]
    assert call(OperationType.NEG, numbers, to=[output(INT32)])[0].tolist() == [2**31 - 1, -(2**31) + 1]


def test_rsqrt_is_quantised():
    (result,) = call(OperationType.RSQRT, stored([9, 14], UINT8, 0.25, 8), to=[output(UINT8, 0.125, 3)])
    assert result.tolist() == [3 + 16, 3 + 7]


def test_ranks_and_types_that_do_not_fit_are_refused():
    assert refusal(OperationType.FLOOR, np.zeros((1, 1, 1, 1, 1), np.float32), to=[output(FLOAT32)]) == (
        "input 0 ('input', operand 0) has rank 5 [1, 1, 1, 1, 1]; it must have rank 1, 2, 3 or 4"
    )
    assert refusal(OperationType.EXP, np.zeros(1, np.int32), to=[output(INT32)]) == (
        "input 0 (operand 0) is TENSOR_INT32; it must be TENSOR_FLOAT16 or TENSOR_FLOAT32"
    )
