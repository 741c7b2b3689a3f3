import numpy as np
import pytest

from hal.types import OperandType, OperationType
from tests.hal.operations.calls import (
    FLOAT16,
    FLOAT32,
    INT8,
    INT32,
    UINT8,
    UINT16,
    by_channel,
    call,
    output,
    refusal,
    stored,
)


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        (FLOAT32, [-3e9, -1.75, 2.5, 300, 3e9]),
        (FLOAT16, [-np.inf, -1.75, 2.5, 300, np.inf]),
        (INT32, [-(2**31), -1, 2, 300, 2**31 - 1]),
        (UINT8, [0, 0, 2, 255, 255]),
    ],
)
def test_cast_cuts_off_what_the_type_does_not_hold(to, expected):
    scale = 0.5 if to is UINT8 else 0.0
    (result,) = call(OperationType.CAST, np.array([-3e9, -1.75, 2.5, 300, 3e9], np.float32), to=[output(to, scale, 0)])
    assert result.dtype == to.dtype
    assert result.tolist() == expected


def test_cast_of_no_number_is_zero():
    (result,) = call(OperationType.CAST, np.array([np.nan], np.float32), to=[output(INT32)])
    assert result.tolist() == [0]


def test_cast_ignores_scale_and_zero_point():
    quantised = stored([0, 200], UINT8, 0.5, 100)
    assert call(OperationType.CAST, quantised, to=[output(FLOAT16)])[0].tolist() == [0, 200]
    assert call(OperationType.CAST, quantised, to=[output(UINT8, 0.25, 7)])[0].tolist() == [0, 200]
    numbers = np.array([2**31 - 1, -7], np.int32)
    assert call(OperationType.CAST, numbers, to=[output(INT32, 0.5)])[0].tolist() == [2**31 - 1, -7]


def test_cast_leaves_some_types_as_they_are():
    (result,) = call(OperationType.CAST, stored([65535], UINT16, 0.5, 3), to=[output(UINT16, 0.5, 3)])
    assert result.tolist() == [65535]
    assert refusal(OperationType.CAST, stored([1], INT8, 1.0), to=[output(FLOAT32)]) == (
        "output 0 ('output', operand 1) is TENSOR_FLOAT32; it must be TENSOR_QUANT8_ASYMM_SIGNED"
    )


def test_quantize_rounds_halves_away_from_zero_and_saturates():
    values = np.array([-np.inf, -0.75, -0.25, 0, 0.25, 0.75, 6e4], np.float32)
    (result,) = call(OperationType.QUANTIZE, values, to=[output(UINT8, 0.5, 10)])
    assert result.tolist() == [0, 8, 9, 10, 11, 12, 255]
    (result,) = call(OperationType.QUANTIZE, values.astype(np.float16), to=[output(INT8, 0.5, -10)])
    assert result.tolist() == [-128, -12, -11, -10, -9, -8, 127]


def test_dequantize():
    assert call(OperationType.DEQUANTIZE, stored([0, 10, 255], UINT8, 0.5, 10), to=[output(FLOAT32)])[0].tolist() == [
        -5,
        0,
        122.5,
    ]
    symmetric = stored([-128, 127], OperandType.TENSOR_QUANT8_SYMM, 0.5)
    assert call(OperationType.DEQUANTIZE, symmetric, to=[output(FLOAT16)])[0].tolist() == [-64, 63.5]
    channels = by_channel([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], 1, (2.0, 0.5))
    assert call(OperationType.DEQUANTIZE, channels, to=[output(FLOAT32)])[0].tolist() == [
        [[2, 4], [1.5, 2]],
        [[10, 12], [3.5, 4]],
    ]


def test_types_that_do_not_fit_are_refused():
    assert refusal(OperationType.DEQUANTIZE, stored([1], UINT8, 1.0), to=[output(INT32)]) == (
        "output 0 ('output', operand 1) is TENSOR_INT32; it must be TENSOR_FLOAT16 or TENSOR_FLOAT32"
    )
    assert refusal(OperationType.QUANTIZE, np.zeros(1, np.int32), to=[output(UINT8, 1.0)]) == (
        "input 0 (operand 0) is TENSOR_INT32; it must be TENSOR_FLOAT16 or TENSOR_FLOAT32"
    )
