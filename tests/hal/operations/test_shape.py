import numpy as np
import pytest

from hal.errors import BadDataError
from hal.model import Operand
from hal.operations.declaration import UnknownValueError
from hal.types import OperandType, OperationType
from tests.hal.operations.calls import FLOAT16, FLOAT32, INT32, call, output, refusal, stored

SHAPE = np.array([2, 3], np.int32)


@pytest.mark.parametrize(("value", "to"), [(0.1, FLOAT32), (np.float16(0.1), FLOAT16), (-(2**31), INT32)])
def test_fill(value, to):
    (result,) = call(OperationType.FILL, SHAPE, value, to=[output(to)])
    assert result.dtype == to.dtype
    assert result.shape == (2, 3)
    assert (result == to.dtype.type(value)).all()


def test_fill_refuses_what_does_not_fit(infer):
    assert refusal(OperationType.FILL, SHAPE, 1.0, to=[output(INT32)]) == (
        "output 0 ('output', operand 2) is TENSOR_INT32; it must be TENSOR_FLOAT32"
    )
    assert refusal(OperationType.FILL, SHAPE, True, to=[output(INT32)]) == (
        "input 1 (operand 1) is BOOL; it must be FLOAT16, FLOAT32 or INT32"
    )
    with pytest.raises(BadDataError, match=r"its output would have dimensions \[2, -1\]; each must be at least 1"):
        infer(OperationType.FILL, np.array([2, -1], np.int32), 1)
    with pytest.raises(UnknownValueError, match=r"^shape$"):
        infer(OperationType.FILL, Operand(INT32, (2,)), 1)


@pytest.mark.parametrize("operand_type", [each for each in OperandType if each.is_tensor])
def test_rank_is_a_scalar(operand_type):
    (result,) = call(
        OperationType.RANK, stored(np.zeros((3, 1, 2, 1, 1)), operand_type), to=[output(OperandType.INT32)]
    )
    assert result.shape == ()
    assert result.dtype == np.int32
    assert result.item() == 5


def test_rank_is_no_tensor():
    assert refusal(OperationType.RANK, SHAPE, to=[output(INT32)]) == (
        "output 0 ('output', operand 1) is TENSOR_INT32; it must be INT32"
    )
