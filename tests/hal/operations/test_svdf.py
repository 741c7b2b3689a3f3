import numpy as np

from hal.model import Lifetime, Operand
from hal.types import OperationType
from tests.hal.operations.calls import FLOAT32, call, output, refusal

NONE, RELU = 0, 1
OMITTED = Operand(FLOAT32, (0,), lifetime=Lifetime.NO_VALUE)
TO = [output(FLOAT32)] * 2


def floats(*values):
    return np.array(values, np.float32)


# One unit of two filters, each with a memory of three inputs
FEATURE = floats((1, 0), (0, 2))
TIME = floats((1, 10, 100), (2, 20, 200))
STATE = floats((1, 2, 99, 3, 4, 99))


def svdf(values, *, bias=OMITTED, activation=NONE, rank=2):
    return call(OperationType.SVDF, values, FEATURE, TIME, bias, STATE, rank, activation, to=TO)


def test_svdf_weighs_what_its_filters_made_of_the_last_inputs():
    state, result = svdf(floats((5, 6)))
    assert result.tolist() == [[1 + 20 + 500 + 6 + 80 + 2400]]
    assert state.tolist() == [[2, 5, 0, 4, 12, 0]]


def test_svdf_adds_a_bias_and_applies_its_activation():
    assert svdf(floats((0, 0)), bias=floats(-108), activation=NONE)[1].tolist() == [[-1]]
    assert svdf(floats((0, 0)), bias=floats(-108), activation=RELU)[1].tolist() == [[0]]
    assert svdf(floats((0, 0)), bias=floats(1, -90), rank=1)[1].tolist() == [[22, -4]]


def test_svdf_refuses_what_does_not_fit():
    assert refusal(OperationType.SVDF, floats((5, 6)), FEATURE, TIME, OMITTED, STATE, 3, NONE, to=TO) == (
        "its weights_feature has 2 filters; they must be a multiple of the rank 3"
    )
    assert refusal(OperationType.SVDF, floats((5, 6)), FEATURE, TIME, OMITTED, STATE[:, 1:], 2, NONE, to=TO) == (
        "its state is [1, 5]; it must be [1, 6]"
    )
    assert refusal(OperationType.SVDF, floats((5, 6)), FEATURE, TIME, floats(1, 2), STATE, 2, NONE, to=TO) == (
        "its bias is [2]; it must be [1]"
    )
