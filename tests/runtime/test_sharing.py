"""Eight processes on one driver at once."""

import pytest

from tools.benchmarks.clients import share


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["burst", "compute"])
def test_results_are_right_and_shares_fair(mode):
    result = share(8, 8, mode)
    assert result.wrong == 0
    assert min(result.counts) > 0
    assert result.least >= 0.5
