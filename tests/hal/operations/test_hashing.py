import numpy as np
import pytest

from hal.model import Lifetime, Operand
from hal.operations.hashing import fingerprints
from hal.types import OperationType
from tests.hal.operations.calls import FLOAT16, FLOAT32, INT32, call, output, refusal, stored

SPARSE_DEPRECATED, DENSE, SPARSE = 1, 2, 3
TO = [output(INT32)]
OMITTED = Operand(FLOAT32, (0,), lifetime=Lifetime.NO_VALUE)
HASH = np.array([[0.5, -2, 7], [1.25, 3, -0.75]], np.float32)
INPUT = np.array([[1, 2], [3, 4], [-5, 6]], np.int32)


@pytest.mark.parametrize(
    ("length", "fingerprint"),
    [  # computed by FarmHash's own Fingerprint64
        (4, 0x05112B9E6277F665),
        (7, 0x0F95C16A7544A65B),
        (8, 0xDC480BBCE8C737A7),
        (16, 0xFBB2740319962D9B),
        (17, 0xA55B9970B7B70074),
        (32, 0x0A9D86AA8D37DA5C),
        (33, 0xFB43F626C43B2047),
        (64, 0xE0446DD71A78F98A),
        (65, 0x184A25714B2CE96B),
        (128, 0xA7B5B6228208C47B),
        (129, 0xECB25D796437D25B),
        (200, 0x18FBA3B01506F414),
    ],
)
def test_fingerprints_are_farmhashs(length, fingerprint):
    key = (np.arange(length) * 7 % 256).astype(np.uint8)
    assert fingerprints(np.stack([key, key])).tolist() == [fingerprint] * 2


def bits(weights):
    """By the definition, an item and a bit at a time."""
    result = []
    for seed in HASH.ravel():
        score = 0.0
        for weight, item in zip(weights, INPUT):
            key = np.frombuffer(seed.tobytes() + item.tobytes(), np.uint8)
            score += weight * float(fingerprints(key[np.newaxis]).view(np.int64)[0])
        result.append(int(score > 0))
    return result


@pytest.mark.parametrize("weights", [None, (1, 0, 0), (0, 0.5, -2)])
def test_lsh_projection_weighs_the_fingerprints(weights):
    weight = OMITTED if weights is None else np.array(weights, np.float32)
    (dense,) = call(OperationType.LSH_PROJECTION, HASH, INPUT, weight, DENSE, to=TO)
    assert dense.tolist() == bits(weights or (1, 1, 1))
    (numbers,) = call(OperationType.LSH_PROJECTION, HASH, INPUT, weight, SPARSE_DEPRECATED, to=TO)
    assert numbers.tolist() == [4 * a + 2 * b + c for a, b, c in dense.reshape(2, 3).tolist()]
    (apart,) = call(OperationType.LSH_PROJECTION, HASH, INPUT, weight, SPARSE, to=TO)
    assert apart.tolist() == [numbers[0], numbers[1] + 8]


def test_seeds_of_float16_count_as_float32():
    half = HASH.astype(np.float16)
    arguments = (INPUT, stored([1, 1, 1], FLOAT16), DENSE)
    (result,) = call(OperationType.LSH_PROJECTION, half, *arguments, to=TO)
    assert result.tolist() == bits((1, 1, 1))


def test_lsh_projection_refuses_what_does_not_fit():
    weight = np.ones(2, np.float32)
    assert refusal(OperationType.LSH_PROJECTION, HASH, INPUT, weight, DENSE, to=TO) == (
        "its weight is [2]; it must be [3]"
    )
    assert refusal(OperationType.LSH_PROJECTION, HASH, INPUT, stored([1, 1, 1], FLOAT16), DENSE, to=TO) == (
        "its weight is TENSOR_FLOAT16; it must be TENSOR_FLOAT32 as its hash"
    )
    many = np.zeros((3, 31), np.float32)
    assert refusal(OperationType.LSH_PROJECTION, many, INPUT, OMITTED, SPARSE, to=TO) == (
        "its hash [3, 31] has 3 functions of 31 bits; the bits and those that the functions' number needs must be "
        "32 at most"
    )
    assert len(call(OperationType.LSH_PROJECTION, many, INPUT, OMITTED, DENSE, to=TO)[0]) == 93
    assert refusal(OperationType.LSH_PROJECTION, HASH, INPUT, OMITTED, 0, to=TO) == (
        "input 3 ('projection_type', operand 3) is 0; it must be 1 (SPARSE_DEPRECATED), 2 (DENSE) or 3 (SPARSE)"
    )
