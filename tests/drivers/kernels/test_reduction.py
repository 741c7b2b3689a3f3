"""Reductions: large tensors on several threads, and what generated cases do not reach."""

import numpy as np
import pytest

from hal.types import OperationType as O
from tests.drivers.kernels.native import run
from tests.hal.operations.calls import FLOAT32, INT8, INT32, output, stored

NAN = np.nan
AXES = [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)]


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize(("operation_type", "reduce"), [(O.REDUCE_MAX, np.max), (O.REDUCE_SUM, np.sum)])
def test_large_tensors(monkeypatch, operation_type, reduce, axes):
    values = np.random.default_rng(0).integers(-9, 10, (31, 43, 37)).astype(np.float32)  # sums are exact
    expected = reduce(values, axis=axes, keepdims=True)
    arguments = stored(values, FLOAT32), np.array(axes, np.int32), True
    actual = run(monkeypatch, operation_type, *arguments, to=output(FLOAT32), shape=expected.shape)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("operation_type", [O.REDUCE_MAX, O.REDUCE_MIN])
@pytest.mark.parametrize("axis", [0, 1])
def test_extremes_of_what_is_not_a_number_are_none(monkeypatch, operation_type, axis):
    values = np.array([[NAN, 1, 2], [1, NAN, 2], [2, 1, NAN]], np.float32)
    arguments = stored(values, FLOAT32), np.array([axis], np.int32), False
    assert np.isnan(run(monkeypatch, operation_type, *arguments, to=output(FLOAT32), shape=(3,))).all()


def test_quantized_means_round_halves_away_from_the_zero_point(monkeypatch):
    values = stored([[3, 4], [-4, -3], [127, 127], [-128, -128]], INT8, 0.5, 3)
    arguments = values, np.array([1], np.int32), 0
    assert run(monkeypatch, O.MEAN, *arguments, to=output(INT8, 0.5, 3), shape=(4,)).tolist() == [4, -4, 127, -128]


@pytest.mark.parametrize(("operation_type", "expected"), [(O.ARGMAX, [1, 0, 1, 1]), (O.ARGMIN, [0, 2, 0, 1])])
def test_the_first_place_wins_and_nan_before_all(monkeypatch, operation_type, expected):
    values = stored([[1, 3, 3], [5, 4, 2], [1, 2, 1], [1, NAN, NAN]], FLOAT32)
    assert run(monkeypatch, operation_type, values, 1, to=output(INT32), shape=(4,)).tolist() == expected


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_places_in_large_tensors(monkeypatch, axis):
    values = np.random.default_rng(0).integers(-(2**31), 2**31, (31, 43, 37)).astype(np.int32)
    expected = values.argmax(axis)
    actual = run(monkeypatch, O.ARGMAX, stored(values, INT32), axis, to=output(INT32), shape=expected.shape)
    np.testing.assert_array_equal(actual, expected)
