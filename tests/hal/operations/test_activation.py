import numpy as np
import pytest

from hal.types import OperandType, OperationType
from tests.hal.operations.calls import FLOAT16, FLOAT32, INT8, INT32, UINT8, call, output, refusal, stored

VALUES = np.array([-8, -3, -1, -0.5, 0, 0.5, 1, 3, 8], np.float32)
TO = [output(FLOAT32)]


@pytest.mark.parametrize(
    ("operation_type", "expected"),
    [
        (OperationType.RELU, [0, 0, 0, 0, 0, 0.5, 1, 3, 8]),
        (OperationType.RELU1, [-1, -1, -1, -0.5, 0, 0.5, 1, 1, 1]),
        (OperationType.RELU6, [0, 0, 0, 0, 0, 0.5, 1, 3, 6]),
        (OperationType.HARD_SWISH, [0, 0, -1 / 3, -1.25 / 6, 0, 1.75 / 6, 4 / 6, 3, 8]),
    ],
)
def test_values(operation_type, expected):
    (result,) = call(operation_type, VALUES, to=TO)
    assert result.tolist() == np.float32(expected).tolist()
    (result,) = call(operation_type, VALUES.astype(np.float16), to=[output(FLOAT16)])
    assert result.tolist() == np.float16(expected).tolist()


def test_logistic_saturates_without_warning():
    (result,) = call(OperationType.LOGISTIC, np.array([-1e30, 0, np.log(3), 1e30], np.float32), to=TO)
    np.testing.assert_allclose(result, [0, 0.5, 0.75, 1], rtol=1e-7)


def test_tanh():
    (result,) = call(OperationType.TANH, np.array([-1e30, np.log(3) / 2, 1e30], np.float32), to=TO)
    np.testing.assert_allclose(result, [-1, 0.5, 1], rtol=1e-7)


def test_elu_is_linear_above_zero_and_exponential_below():
    values = np.array([-1e30, -np.log(2), -1e-9, 0, 3, 1e30], np.float32)
    (result,) = call(OperationType.ELU, values, 2.0, to=TO)
    np.testing.assert_allclose(result, [-2, -1, -2e-9, 0, 3, 1e30], rtol=1e-6)


def test_nan_stays_nan():
    (result,) = call(OperationType.RELU6, np.array([np.nan], np.float32), to=TO)
    assert np.isnan(result)


def test_the_output_has_the_inputs_dimensions(infer):
    assert infer(OperationType.HARD_SWISH, np.zeros((1, 2, 1, 2, 1, 2), np.float32)) == (1, 2, 1, 2, 1, 2)


def test_quantised_values_are_bounded_where_they_stand_for_the_bounds():
    """With scale 0.5 and zero point 10, 8 to 12 stand for -1 to 1."""
    given = stored([0, 8, 9, 10, 12, 13, 255], UINT8, 0.5, 10)
    assert call(OperationType.RELU, given, to=[given])[0].tolist() == [10, 10, 10, 10, 12, 13, 255]
    assert call(OperationType.RELU1, given, to=[given])[0].tolist() == [8, 8, 9, 10, 12, 12, 12]
    assert call(OperationType.RELU6, given, to=[given])[0].tolist() == [10, 10, 10, 10, 12, 13, 22]


def test_quantised_hard_swish_may_change_its_scale():
    (result,) = call(OperationType.HARD_SWISH, stored([-6, 0, 6], INT8, 0.5, 0), to=[output(INT8, 0.25, -1)])
    assert result.tolist() == [-1, -1, 11]


def test_logistic_and_tanh_have_nnapis_quantisation():
    """e^0 twice is a half: 128 / 256. The greatest values that 8 bits hold are 255 / 256 and 127 / 128."""
    unsigned, signed = stored([10, 255], UINT8, 1.0, 10), stored([-10, 127], INT8, 1.0, -10)
    assert call(OperationType.LOGISTIC, unsigned, to=[output(UINT8, 1 / 256, 0)])[0].tolist() == [128, 255]
    assert call(OperationType.LOGISTIC, signed, to=[output(INT8, 1 / 256, -128)])[0].tolist() == [0, 127]
    assert call(OperationType.TANH, unsigned, to=[output(UINT8, 1 / 128, 128)])[0].tolist() == [128, 255]
    assert call(OperationType.TANH, signed, to=[output(INT8, 1 / 128, 0)])[0].tolist() == [0, 127]


@pytest.mark.parametrize(
    ("operation_type", "to", "sentence"),
    [
        (
            OperationType.RELU,
            output(UINT8, 0.5, 9),
            "its output has scale 0.5 and zero point 9; they must be those of its input, 0.5 and 10",
        ),
        (
            OperationType.LOGISTIC,
            output(UINT8, 1 / 256, 1),
            "its output has scale 0.00390625 and zero point 1; they must be 0.00390625 and 0",
        ),
        (
            OperationType.TANH,
            output(UINT8, 1 / 256, 128),
            "its output has scale 0.00390625 and zero point 128; they must be 0.0078125 and 128",
        ),
        (
            OperationType.RELU,
            output(INT8, 0.5, 10),
            "output 0 ('output', operand 1) is TENSOR_QUANT8_ASYMM_SIGNED; it must be TENSOR_QUANT8_ASYMM",
        ),
    ],
)
def test_outputs_that_do_not_fit_are_refused(operation_type, to, sentence):
    assert refusal(operation_type, stored([1], UINT8, 0.5, 10), to=[to]) == sentence


def test_types_and_ranks_that_do_not_fit_are_refused():
    assert refusal(OperationType.RELU, np.zeros(1, np.int32), to=[output(INT32)]) == (
        "input 0 (operand 0) is TENSOR_INT32; it must be TENSOR_FLOAT16, TENSOR_FLOAT32, TENSOR_QUANT8_ASYMM or "
        "TENSOR_QUANT8_ASYMM_SIGNED"
    )
    assert refusal(OperationType.TANH, np.zeros((1, 1, 1, 1, 1), np.float32), to=TO) == (
        "input 0 ('input', operand 0) has rank 5 [1, 1, 1, 1, 1]; it must have rank 1, 2, 3 or 4"
    )
    half = stored([1], OperandType.TENSOR_FLOAT16)
    assert refusal(OperationType.ELU, half, 1.0, to=[output(FLOAT16)]) == (
        "input 1 ('alpha', operand 1) is FLOAT32; it must be FLOAT16"
    )
