import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tools.deviation import Deviation, deviation

INF, NAN = math.inf, math.nan
arrays = hnp.arrays(np.float32, 6, elements=st.floats(-1e3, 1e3, width=32, allow_subnormal=False))


@pytest.mark.parametrize(
    ("reference", "other", "wanted"),
    [
        ([3, 4], [3, 4], (0, 1, INF)),
        ([3, 4], [6, 8], (4, 1, 0)),
        ([1, 0], [0, 1], (1, 0, 10 * math.log10(1 / 2))),
        ([10, 0], [10, 1], (1, 10 / math.sqrt(101), 20)),
        ([1, 1], [-1, -1], (2, -1, 10 * math.log10(2 / 8))),
        ([0, 0], [0, 0], (0, 1, INF)),
        ([0, 0], [1, 0], (1, 0, -INF)),
        ([INF, NAN, 2], [INF, NAN, 2], (0, 1, INF)),
        ([INF, 2], [-INF, 2], (INF, NAN, -INF)),
        ([1, 2], [NAN, 2], (INF, NAN, -INF)),
        ([], [], (0, 1, INF)),
    ],
)
def test_figures(reference, other, wanted):
    found = deviation([np.array(reference, np.float32)], [np.array(other, np.float32)])
    np.testing.assert_allclose((found.max_abs, found.cosine, found.sqnr), wanted, atol=1e-12)


def test_several_samples():
    """The worst difference and cosine, and all energy together."""
    references = [np.array([1.0, 0.0]), np.array([0.0, 3.0])]
    others = [np.array([1.0, 1.0]), np.array([0.0, 3.0])]
    assert deviation(references, others) == Deviation(1.0, pytest.approx(math.sqrt(0.5)), 10.0)


def test_integers_do_not_wrap_around():
    found = deviation([np.array([255, 0], np.uint8)], [np.array([0, 255], np.uint8)])
    assert found.max_abs == 255


@given(arrays, arrays)
def test_figures_are_in_range(first, second):
    found = deviation([first], [second])
    assert -1.000001 <= found.cosine <= 1.000001
    assert (found.max_abs == 0) == np.array_equal(first, second)
    assert not math.isnan(found.sqnr)
