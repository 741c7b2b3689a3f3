import pytest

from tools.bench.machine import measured


@pytest.mark.slow
def test_what_this_machine_can_do():
    machine = measured(1)
    peak = machine.peak(quantised=False)
    assert peak is not None
    assert 2e9 < peak < 1e12  # of a core; a loop that the compiler has left out would take no time at all
    assert all(0 < rate < 1e13 for rate in machine.byte_rates.values())
    assert machine.memory > 1e8
    assert 1e8 < machine.cache < 1e13
    facts = machine.as_json()
    assert max(facts["float32_gflops"].values()) == peak / 1e9
    assert facts["memory_gbytes"] == machine.memory / 1e9
    assert facts["threads"] == 1
