import pytest

from tests.tools.bench.results import MACHINE, benchmark, result
from tools.bench.result import ModelResult


def test_rates_are_parts_of_the_peak_of_their_type():
    facts = result().as_json(MACHINE)
    assert (facts["ours_gflops"], facts["theirs_gflops"]) == pytest.approx((40, 20))
    assert (facts["ours_of_peak"], facts["theirs_of_peak"]) == pytest.approx((0.4, 0.2))
    assert result(quantised=True).as_json(MACHINE)["ours_of_peak"] == pytest.approx(0.1)


def test_the_parts_of_our_time_add_up():
    overhead = result().as_json(MACHINE)["overhead"]
    assert overhead == pytest.approx({"transport_us": 100, "engine_us": 20, "kernels_us": 1880})
    assert sum(overhead.values()) == pytest.approx(2000)


def test_geometric_mean():
    found = benchmark(result(ours=0.002, theirs=0.004), result(ours=0.002, theirs=0.001), result(theirs=None))
    assert [each.ratio for each in found.results] == [0.5, 2, None]
    assert found.geometric_mean == pytest.approx(1)
    assert benchmark(result(theirs=None)).geometric_mean is None


def test_times_of_different_results_have_no_ratio():
    found = benchmark(result(difference=0.01), result())
    assert found.results[0].ratio is None
    assert found.geometric_mean == found.results[1].ratio


def test_a_model_that_could_not_be_measured():
    facts = ModelResult("net", False, None, failure="DEAD_OBJECT: gone").as_json(MACHINE)
    assert facts["ours"] is facts["theirs"] is facts["ratio"] is facts["ours_gflops"] is None
    assert facts["failure"] == "DEAD_OBJECT: gone"
