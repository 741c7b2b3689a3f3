import numpy as np
import pytest

from hal.types import OperationType
from tests.hal.operations.calls import FLOAT16, FLOAT32, INT8, INT32, UINT8, call, output, refusal, stored

TO = [output(FLOAT32)]
MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)


def ints(*values):
    return np.array(values, np.int32)


def test_gather_puts_the_indices_dimensions_in_place_of_the_axis():
    assert call(OperationType.GATHER, MATRIX, 0, ints(2, 0), to=TO)[0].tolist() == MATRIX[[2, 0]].tolist()
    (result,) = call(OperationType.GATHER, MATRIX, -1, ints([3, 0], [1, 1]), to=TO)
    assert result.tolist() == MATRIX[:, [[3, 0], [1, 1]]].tolist()


@pytest.mark.parametrize("index", [-1, 3, 2**31 - 1])
def test_indices_outside_are_refused(index):
    assert refusal(OperationType.GATHER, MATRIX, 0, ints(0, index), to=TO) == (
        f"its indices have {index}; each must be from 0 to 2"
    )
    assert refusal(OperationType.EMBEDDING_LOOKUP, ints(0, index), MATRIX, to=TO) == (
        f"its lookups have {index}; each must be from 0 to 2"
    )


def test_embedding_lookup_picks_rows():
    (result,) = call(OperationType.EMBEDDING_LOOKUP, ints(2, 2, 0), MATRIX, to=TO)
    assert result.tolist() == MATRIX[[2, 2, 0]].tolist()
    values = stored([[1], [2]], INT8, 0.5, 1)
    assert refusal(OperationType.EMBEDDING_LOOKUP, ints(0), values, to=[output(INT8, 0.5, 2)]) == (
        "its output has scale 0.5 and zero point 2; they must be those of its values, 0.5 and 1"
    )
    assert refusal(OperationType.EMBEDDING_LOOKUP, ints(0), MATRIX[0], to=TO) == (
        "its values are [4]; they must have rank 2 or more"
    )


HITS = output(UINT8, 1.0, 0)


def test_hashtable_lookup_finds_by_key_and_tells_what_it_found():
    lookups, keys = ints(9, 4, -7, 5), ints(-7, 4, 9)
    found, hits = call(OperationType.HASHTABLE_LOOKUP, lookups, keys, MATRIX, to=[*TO, HITS])
    assert found.tolist() == [*MATRIX[[2, 1, 0]].tolist(), [0] * 4]
    assert (hits.dtype, hits.tolist()) == (np.uint8, [1, 1, 1, 0])


def test_hashtable_lookup_gives_what_stands_for_zero_where_no_key_is():
    values = stored([[1], [2]], UINT8, 0.5, 128)
    found, _ = call(OperationType.HASHTABLE_LOOKUP, ints(8, 1), ints(1, 2), values, to=[output(UINT8, 0.5, 128), HITS])
    assert found.tolist() == [[128], [1]]


def test_hashtable_lookup_refuses_what_does_not_fit():
    to = [*TO, HITS]
    assert refusal(OperationType.HASHTABLE_LOOKUP, ints(1), ints(2, 1, 3), MATRIX, to=to) == (
        "its keys are not in ascending order; they must be"
    )
    assert refusal(OperationType.HASHTABLE_LOOKUP, ints(1), ints(1, 2), MATRIX, to=to) == "it has 2 keys for 3 values"
    assert refusal(OperationType.HASHTABLE_LOOKUP, ints(1), ints(1, 2, 3), MATRIX, to=[*TO, output(UINT8, 0.5, 0)]) == (
        "its hits have scale 0.5 and zero point 0; they must be 1 and 0"
    )
    half = MATRIX.astype(np.float16)
    assert refusal(OperationType.HASHTABLE_LOOKUP, ints(1), ints(1, 2, 3), half, to=[output(FLOAT16), HITS]) == (
        "input 2 (operand 2) is TENSOR_FLOAT16; it must be TENSOR_FLOAT32, TENSOR_INT32 or TENSOR_QUANT8_ASYMM"
    )


def test_an_integer_table_is_looked_up_as_it_is():
    found, hits = call(
        OperationType.HASHTABLE_LOOKUP, ints(5), ints(5), stored([[-8, 9]], INT32), to=[output(INT32), HITS]
    )
    assert (found.tolist(), hits.tolist()) == ([[-8, 9]], [1])
