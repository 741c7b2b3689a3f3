import numpy as np
import pytest

from hal.errors import OpFailedError
from hal.model import Operand
from hal.types import OperandType
from tools.bench.agreement import agreement, quantised_agreement

FLOAT = Operand(OperandType.TENSOR_FLOAT32, (3,))
BYTES = Operand(OperandType.TENSOR_QUANT8_ASYMM_SIGNED, (2,), 0.5, 10)


def floats(*values):
    return [np.array(values, np.float32)]


@pytest.mark.parametrize(
    ("ours", "theirs", "largest"),
    [
        ((1, 2, 100), (1, 2, 100), 0),
        ((1, 2, 101), (1, 2, 100), 0.01),
        ((0.1, 0, 0), (0, 0, 0), 0.1),  # a difference counts as it is where values are below 1
        ((np.nan, np.inf, 1), (np.nan, np.inf, 1), 0),
        ((np.nan, 0, 1), (0, 0, 1), np.inf),
        ((0, np.inf, 1), (0, -np.inf, 1), np.inf),
    ],
)
def test_largest_difference(ours, theirs, largest):
    found = agreement(floats(*ours), floats(*theirs), [FLOAT])
    assert found.largest == pytest.approx(largest)
    assert found.holds == (largest == 0)


def test_quantised_values_count_as_what_they_stand_for():
    found = agreement([np.array([10, 14], np.int8)], [np.array([10, 12], np.int8)], [BYTES])
    assert found.largest == 1.0  # 2 steps of a half


@pytest.mark.parametrize(("ours", "holds"), [((0, 0, 99), True), ((0, 0, 97), False)])
def test_quantised_models_may_be_as_far_from_the_reference_as_the_fast_kernels(ours, holds):
    found = quantised_agreement(floats(*ours), floats(0, 0, 102), floats(0, 0, 100), [FLOAT])
    assert found.tolerance == pytest.approx(0.02)
    assert found.holds == holds


def test_other_shapes_are_no_results_to_compare():
    with pytest.raises(OpFailedError, match=r"float32 \[3\].*float32 \[2\]"):
        agreement(floats(1, 2, 3), floats(1, 2), [FLOAT])
