"""Softmax and normalisations along each axis of large tensors, and what generated cases do not reach."""

import numpy as np
import pytest

from hal.types import OperationType as O
from tests.drivers.kernels.native import run
from tests.hal.operations.calls import FLOAT32, INT8, output, stored

VALUES = np.random.default_rng(0).standard_normal((17, 43, 31)).astype(np.float32)


def softmax(x, axis):
    powers = np.exp(2 * (x - x.max(axis, keepdims=True)))
    return powers / powers.sum(axis, keepdims=True)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_along_each_axis(monkeypatch, axis):
    x, exact = stored(VALUES, FLOAT32), VALUES.astype(np.float64)
    to = output(FLOAT32)
    expected = softmax(exact, axis)
    np.testing.assert_allclose(run(monkeypatch, O.SOFTMAX, x, 2.0, axis, to=to), expected, rtol=1e-5)
    np.testing.assert_allclose(run(monkeypatch, O.LOG_SOFTMAX, x, 2.0, axis, to=to), np.log(expected), rtol=1e-5)
    length = np.linalg.norm(exact, axis=axis, keepdims=True)
    np.testing.assert_allclose(run(monkeypatch, O.L2_NORMALIZATION, x, axis, to=to), exact / length, rtol=1e-6)


def test_softmax_of_numbers_far_apart(monkeypatch):
    values = stored([[1e30, 1e30, -1e30, 0]], FLOAT32)
    assert run(monkeypatch, O.SOFTMAX, values, 1.0, to=output(FLOAT32)).tolist() == [[0.5, 0.5, 0, 0]]


@pytest.mark.parametrize("size", [1, 2, 256, 4000, 4096, 5000, 70000])
def test_quantized_softmax_of_equal_numbers(monkeypatch, size):
    """LiteRT's own sum leaves int32 from 4096 equal numbers on."""
    to = output(INT8, 1 / 256, -128)
    actual = run(monkeypatch, O.SOFTMAX, stored(np.full((1, size), 100), INT8, 0.1), 1.0, to=to)
    expected = min(round(256 / size) - 128, 127)
    assert set(actual.ravel().tolist()) == {expected}


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 1e6])
def test_quantized_softmax_of_extreme_scales(monkeypatch, scale):
    to = output(INT8, 1 / 256, -128)
    values = np.array([[3, 2, -128, 3]])
    actual = run(monkeypatch, O.SOFTMAX, stored(values, INT8, scale), 1.0, to=to)
    powers = np.exp((values - 3.0) * scale)
    np.testing.assert_allclose(actual.astype(int) + 128, powers / powers.sum() * 256, atol=1)


def test_l2_normalization_of_zeros_and_of_great_numbers(monkeypatch):
    values = stored([[0, 0], [3e30, 4e30]], FLOAT32)
    actual = run(monkeypatch, O.L2_NORMALIZATION, values, to=output(FLOAT32))
    np.testing.assert_allclose(actual, [[0, 0], [0.6, 0.8]], rtol=1e-6)
    quantized = stored([[5, 5], [8, 9]], INT8, 0.1, 5)
    assert run(monkeypatch, O.L2_NORMALIZATION, quantized, to=output(INT8, 1 / 128)).tolist() == [[0, 0], [77, 102]]
