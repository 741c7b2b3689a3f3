"""Kernels that work element by element: large tensors on several threads, and what generated cases do not reach."""

import numpy as np
import pytest

from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.drivers.kernels.native import run
from tests.hal.operations.calls import FLOAT32, INT8, INT32, output, stored

NAN, INF = np.nan, np.inf
LEAST, MOST = -(2**31), 2**31 - 1


def floats(values):
    return stored(values, FLOAT32)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((70000,), (70000,)),
        ((70000,), (1,)),
        ((300, 251), (251,)),
        ((300, 251), (300, 1)),
        ((40000, 3), (3,)),
        ((40000, 3), (40000, 1)),
        ((30, 2500), (2500,)),
        ((30, 2500), (30, 1)),
        ((30, 2500), (1,)),
        ((3, 500, 1, 24), (3, 1, 1, 24)),
        ((3, 500, 8, 24), (500, 1, 24)),
        ((7, 1, 24), (1, 900, 1)),
        ((1, 251), (300, 1)),
        ((40, 1, 50, 1), (1, 60, 1, 3)),
        ((5, 1, 7, 9, 1, 11), (1, 1, 7, 9, 13, 11)),
        ((2, 3, 4, 5, 6, 7), (2, 3, 4, 5, 6, 7)),
        ((1, 1), (1,)),
    ],
    ids=str,
)
def test_maximum_stretches(monkeypatch, one, other):
    random = np.random.default_rng(0)
    a, b = (random.standard_normal(shape).astype(np.float32) for shape in (one, other))
    for left, right in ((a, b), (b, a)):
        expected = np.maximum(left, right)
        arguments = floats(left), floats(right)
        actual = run(monkeypatch, O.MAXIMUM, *arguments, to=output(FLOAT32), shape=expected.shape)
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("operation_type", [O.MAXIMUM, O.MINIMUM, O.ADD, O.MUL])
def test_not_a_number_spreads(monkeypatch, operation_type):
    activation = [1] if operation_type in (O.ADD, O.MUL) else []
    left, right = floats([NAN, 1, NAN, 2]), floats([1, NAN, NAN, 3])
    actual = run(monkeypatch, operation_type, left, right, *activation, to=output(FLOAT32))
    np.testing.assert_array_equal(np.isnan(actual), [True, True, True, False])


@pytest.mark.parametrize(
    ("operation_type", "expected"),
    [
        (O.EQUAL, [0, 0, 1, 0, 0]),
        (O.NOT_EQUAL, [1, 1, 0, 1, 1]),
        (O.LESS, [1, 0, 0, 0, 0]),
        (O.LESS_EQUAL, [1, 0, 1, 0, 0]),
        (O.GREATER, [0, 1, 0, 0, 0]),
        (O.GREATER_EQUAL, [0, 1, 1, 0, 0]),
    ],
)
def test_comparison(monkeypatch, operation_type, expected):
    left, right = floats([1, 2, 3, NAN, 1]), floats([2, 1, 3, 1, NAN])
    actual = run(monkeypatch, operation_type, left, right, to=output(T.TENSOR_BOOL8))
    np.testing.assert_array_equal(actual, np.array(expected, bool))


def test_numbers_of_unlike_scales_are_compared_exactly(monkeypatch):
    """3 * 0.1 and 1 * 0.3 in float32: a rounded comparison would call them equal."""
    left, right = stored([3, 4, -10], INT8, np.float32(0.1)), stored([1, 1, -1], INT8, np.float32(0.3), -1)
    exact = np.array([3, 4, -10]) * float(np.float32(0.1)) < np.array([2, 2, 0]) * float(np.float32(0.3))
    np.testing.assert_array_equal(run(monkeypatch, O.LESS, left, right, to=output(T.TENSOR_BOOL8)), exact)
    left, right = stored([3], INT8, float(np.float32(0.1))), stored([1], INT8, float(np.float32(0.3)))
    assert not run(monkeypatch, O.EQUAL, left, right, to=output(T.TENSOR_BOOL8))


def test_any_number_but_zero_is_true(monkeypatch):
    truths = stored([False] * 4, T.TENSOR_BOOL8), stored([False] * 4, T.TENSOR_BOOL8)
    for operand, numbers in zip(truths, ([0, 255, 2, 0], [0, 1, 4, 128])):
        operand.value.view(np.uint8)[:] = numbers
    to = output(T.TENSOR_BOOL8)
    assert run(monkeypatch, O.LOGICAL_AND, *truths, to=to).view(np.uint8).tolist() == [0, 1, 1, 0]
    assert run(monkeypatch, O.LOGICAL_OR, *truths, to=to).view(np.uint8).tolist() == [0, 1, 1, 1]
    assert run(monkeypatch, O.LOGICAL_NOT, truths[0], to=to).view(np.uint8).tolist() == [1, 0, 0, 1]
    assert run(monkeypatch, O.EQUAL, *truths, to=to).view(np.uint8).tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("operation_type", "left", "right", "expected"),
    [
        (O.ADD, [MOST, -7], [1, 3], [LEAST, -4]),
        (O.SUB, [LEAST, -7], [1, 3], [MOST, -10]),
        (O.MUL, [2**20, -7], [2**12, 3], [0, -21]),
        (O.DIV, [LEAST, -7, 7, 5], [-1, 2, -2, 0], [LEAST, -4, -4, 0]),
    ],
)
def test_int32_wraps_around_and_divides_to_the_floor(monkeypatch, operation_type, left, right, expected):
    arguments = stored(left, INT32), stored(right, INT32), 0
    assert run(monkeypatch, operation_type, *arguments, to=output(INT32)).tolist() == expected


def test_quantized_sums_beyond_the_output_stay_at_its_ends(monkeypatch):
    left, right = stored([127, -128, 5], INT8, 1000.0), stored([127, -128, 5], INT8, 900.0, 5)
    for scale in (1e-6, 1e-3, 1.0):
        assert run(monkeypatch, O.ADD, left, right, 0, to=output(INT8, scale)).tolist() == [127, -128, 127]
    assert run(monkeypatch, O.ADD, left, right, 0, to=output(INT8, 1e9, -3)).tolist() == [-3, -3, -3]


def test_quantized_extremes_and_choices_are_of_numbers(monkeypatch):
    one, other = stored([10, -10, 0], INT8, 0.5, 2), stored([3, 3, 3], INT8, 1.0)
    to = output(INT8, 0.25, -8)
    assert run(monkeypatch, O.MAXIMUM, one, other, to=to).tolist() == [8, 4, 4]
    assert run(monkeypatch, O.MINIMUM, one, other, to=to).tolist() == [4, -32, -12]
    condition = stored([True, False, True], T.TENSOR_BOOL8)
    assert run(monkeypatch, O.SELECT, condition, one, other, to=to).tolist() == [8, 4, -12]


@pytest.mark.parametrize(
    ("operation_type", "function", "low", "high"),
    [
        (O.EXP, np.exp, -103, 88),
        (O.LOGISTIC, lambda x: 1 / (1 + np.exp(-x)), -87, 100),
        (O.TANH, np.tanh, -20, 20),
        (O.ELU, lambda x: np.where(x < 0, 0.5 * np.expm1(x), x), -100, 100),
    ],
)
def test_exponential_functions_are_exact_to_the_last_bits(monkeypatch, operation_type, function, low, high):
    values = np.concatenate(
        [np.linspace(low, high, 100_000), np.geomspace(1e-30, 1, 1000), -np.geomspace(1e-30, 1, 1000)]
    )
    values = values.astype(np.float32)
    alpha = [0.5] if operation_type is O.ELU else []
    actual = run(monkeypatch, operation_type, floats(values), *alpha, to=output(FLOAT32))
    expected = function(values.astype(np.float64))
    last_bit = np.spacing(np.maximum(np.abs(expected), np.finfo(np.float32).tiny).astype(np.float32))
    assert np.max(np.abs(actual - expected) / last_bit) < 4


def test_exponential_functions_at_their_ends(monkeypatch):
    ends = floats([-INF, -200, 200, INF, NAN, 0.0, 89])
    to = output(FLOAT32)
    np.testing.assert_array_equal(run(monkeypatch, O.EXP, ends, to=to), [0, 0, INF, INF, NAN, 1, INF])
    np.testing.assert_array_equal(run(monkeypatch, O.TANH, ends, to=to), [-1, -1, 1, 1, NAN, 0, 1])
    np.testing.assert_array_equal(run(monkeypatch, O.LOGISTIC, ends, to=to), [0, 0, 1, 1, NAN, 0.5, 1])
    np.testing.assert_array_equal(run(monkeypatch, O.ELU, ends, 2.0, to=to), [-2, -2, 200, INF, NAN, 0, 89])


def test_elu_of_a_negative_alpha_follows_its_formula(monkeypatch):
    actual = run(monkeypatch, O.ELU, floats([-1.0, 2.0]), -1.0, to=output(FLOAT32))
    np.testing.assert_allclose(actual, [0, 2 - np.expm1(2.0)], rtol=1e-6)


def test_cast_keeps_within_the_type(monkeypatch):
    values = floats([-INF, -3e9, -1.9, 254.9, 256, 3e9, INF, NAN])
    whole = run(monkeypatch, O.CAST, values, to=output(INT32))
    assert whole.tolist() == [LEAST, LEAST, -1, 254, 256, MOST, MOST, 0]
    small = run(monkeypatch, O.CAST, values, to=output(T.TENSOR_QUANT8_ASYMM, 0.1, 7))
    assert small.tolist() == [0, 0, 0, 254, 255, 255, 255, 0]
    integers = stored([LEAST, -1, 0, 200, MOST], INT32)
    assert run(monkeypatch, O.CAST, integers, to=output(T.TENSOR_QUANT8_ASYMM, 0.1, 7)).tolist() == [0, 0, 0, 200, 255]
    unsigned = stored([0, 128, 255], T.TENSOR_QUANT8_ASYMM, 0.1, 7)
    assert run(monkeypatch, O.CAST, unsigned, to=output(INT32)).tolist() == [0, 128, 255]


def test_quantize_rounds_halves_away_from_zero(monkeypatch):
    values = floats([-0.75, -0.25, 0.25, 0.75, 1000, -1000, INF, -INF])
    assert run(monkeypatch, O.QUANTIZE, values, to=output(INT8, 0.5, 3)).tolist() == [1, 2, 4, 5, 127, -128, 127, -128]
