import numpy as np
import pytest

from hal.model import Lifetime, Operand
from hal.operations.declaration import UnknownValueError
from hal.types import OperationType
from tests.hal.operations.calls import FLOAT32, INT8, INT32, call, output, refusal, stored

TO = [output(FLOAT32)]
OMITTED = Operand(INT32, (0,), lifetime=Lifetime.NO_VALUE)
DENSE, SPARSE = 0, 1


def floats(*values):
    return np.array(values, np.float32)


def ints(*values):
    return np.array(values, np.int32)


def densified(*arguments):
    return call(OperationType.DENSIFY, *arguments, to=TO)[0].tolist()


# [[1, 0, 2], [0, 0, 3]] as a CSR matrix
CSR = (
    floats(1, 2, 3),
    ints(0, 1),
    OMITTED,
    ints(DENSE, SPARSE),
    ints(2, 3),
    OMITTED,
    OMITTED,
    ints(0, 2, 3),
    ints(0, 2, 2),
)


def but(position, value):
    return (*CSR[:position], value, *CSR[position + 1 :])


def test_a_csr_matrix_is_spread_out():
    assert densified(*CSR) == [[1, 0, 2], [0, 0, 3]]


def test_columns_may_come_first():
    by_column = but(1, ints(1, 0))
    assert densified(*by_column[:4], ints(2, 3), *by_column[5:]) == [[1, 0], [0, 0], [2, 3]]


def test_blocks_are_stored_together():
    # the first and the last block of 2x1 in a 4x2 matrix
    result = densified(
        floats(1, 2, 3, 4), ints(0, 1, 2), ints(0), ints(DENSE, SPARSE, DENSE), ints(2, 2, 2),
        OMITTED, OMITTED, ints(0, 1, 2), ints(0, 1), OMITTED, OMITTED,
    )  # fmt: skip
    assert result == [[1, 0], [2, 0], [0, 3], [0, 4]]


def test_what_is_not_listed_stands_for_zero():
    (result,) = call(OperationType.DENSIFY, stored([5, 6, 7], INT8, 0.5, -9), *CSR[1:], to=[output(INT8, 0.5, -9)])
    assert result.tolist() == [[5, -9, 6], [-9, -9, 7]]


@pytest.mark.parametrize(
    ("position", "value", "sentence"),
    [
        (
            1,
            ints(0, 2),
            "its traversal order is [0, 2]; with 0 block dimensions, it must have the tensor's dimensions, each once, "
            "and then the block's",
        ),
        (3, ints(0), "its formats are [0]; there must be 2, as its traversal order has"),
        (3, ints(0, 2), "its formats are [0, 2]; each must be 0 (DENSE) or 1 (SPARSE_CSR)"),
        (4, ints(2, 0), "its sizes are [2, 0]; each must be at least 1"),
        (7, OMITTED, "its level 1 is sparse; it must have segments and indices"),
        (
            7,
            ints(0, 3),
            "the segments of its level 1 must be 3 numbers that rise from 0 to the number of its indices, 3",
        ),
        (
            7,
            ints(0, 4, 3),
            "the segments of its level 1 must be 3 numbers that rise from 0 to the number of its indices, 3",
        ),
        (8, ints(0, 3, 2), "the indices of its level 1 must be from 0 to 2"),
        (0, floats(1, 2), "its input has 2 values; its levels have room for 3"),
    ],
)
def test_descriptions_that_do_not_fit_are_refused(position, value, sentence):
    assert refusal(OperationType.DENSIFY, *but(position, value), to=TO) == sentence


def test_each_level_has_two_arrays():
    assert refusal(OperationType.DENSIFY, *CSR[:-1], to=TO) == (
        "it has 3 arrays of segments and indices; it must have 4, two a level"
    )


def test_sizes_given_at_execution_are_unknown_before(infer):
    with pytest.raises(UnknownValueError, match="sizes"):
        infer(OperationType.DENSIFY, *but(4, Operand(INT32, (2,))))
