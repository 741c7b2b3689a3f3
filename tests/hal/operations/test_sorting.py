import numpy as np

from hal.types import OperationType
from tests.hal.operations.calls import FLOAT32, INT32, UINT8, call, output, refusal, stored


def test_topk_v2_puts_the_greatest_first_and_of_equals_the_last():
    values = np.array([[1, 3, 2, 3], [-1, -1, -5, 0]], np.float32)
    greatest, places = call(OperationType.TOPK_V2, values, 3, to=[output(FLOAT32), output(INT32)])
    assert greatest.tolist() == [[3, 3, 2], [0, -1, -1]]
    assert (places.dtype, places.tolist()) == (np.int32, [[3, 1, 2], [3, 1, 0]])


def test_topk_v2_refuses_more_than_there_are():
    to = [output(UINT8, 0.5, 1), output(INT32)]
    assert refusal(OperationType.TOPK_V2, stored([1, 2], UINT8, 0.5, 1), 3, to=to) == (
        "its k is 3; its input's last dimension has 2"
    )
    assert refusal(OperationType.TOPK_V2, stored([1, 2], UINT8, 0.5, 1), 0, to=to) == (
        "input 1 ('k', operand 1) is 0; it must be at least 1"
    )
