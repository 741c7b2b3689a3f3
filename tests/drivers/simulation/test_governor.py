import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.simulation.description import Level, Power
from drivers.simulation.governor import Governor
from hal.types import PreferenceCode

POWER = Power(
    levels=tuple(Level(clock_hz=clock * 1e9, volts=volts) for clock, volts in ((1, 0.6), (2, 0.7), (3, 0.9))),
    static_watts=0.1,
    ambient_celsius=20.0,
    limit_celsius=60.0,
    resume_celsius=55.0,
    kelvin_per_watt=20.0,
    heat_seconds=10.0,
)
FAST, SUSTAINED, LOW = (
    PreferenceCode.FAST_SINGLE_ANSWER,
    PreferenceCode.SUSTAINED_SPEED,
    PreferenceCode.LOW_POWER,
)


@dataclass(frozen=True)
class _Work:
    seconds: float
    joules: float


def _work(level):
    """One second at 3 GHz, of 3.9 watts; 1.7 watts at 2 GHz and 0.7 at 1 GHz."""
    seconds = 3e9 / level.clock_hz
    return _Work(seconds, 0.1 * seconds + 3.8 * (level.volts / 0.9) ** 2)


class _Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def _run(governor, preference):
    with governor.busy():
        return governor.run(governor.preferred(preference, _work), _work).seconds


def test_preferences_choose_levels():
    governor = Governor(POWER)
    assert [governor.preferred(each, _work) for each in (FAST, SUSTAINED, LOW)] == [2, 1, 0]


def test_no_level_lasts():
    assert Governor(POWER).preferred(SUSTAINED, lambda level: _Work(1.0, 50.0)) == 0


def test_temperature_follows_the_closed_form():
    governor = Governor(POWER, _Clock())
    watts = _work(POWER.levels[2]).joules
    for seconds in range(1, 5):
        _run(governor, FAST)
        end = 20 + 20 * watts
        assert governor.temperature == pytest.approx(end - (end - 20) * math.exp(-seconds / 10))


def test_fast_starts_faster_and_throttles():
    governor = Governor(POWER, _Clock())
    times = [_run(governor, FAST) for _ in range(300)]
    assert times[:5] == [1.0] * 5
    assert times[-100:].count(1.5) > 50  # goes down at 60 degrees, and up again at 55
    assert times[-100:].count(1.0) > 10
    assert set(times) == {1.0, 1.5}


def test_sustained_speed_is_constant_and_stays_cool():
    governor = Governor(POWER, _Clock())
    assert {_run(governor, SUSTAINED) for _ in range(300)} == {1.5}
    assert governor.temperature < POWER.limit_celsius


def test_models_share_the_heat():
    governor = Governor(POWER, _Clock())
    while _run(governor, FAST) == 1.0:
        pass
    assert _run(governor, FAST) == 1.5
    assert _run(governor, LOW) == 3.0


def test_wall_time_cools_when_it_is_a_pause():
    clock = _Clock()
    governor = Governor(POWER, clock)
    for _ in range(5):
        _run(governor, FAST)
    hot = governor.temperature
    clock.now += 0.015
    with governor.busy():
        assert governor.temperature == hot
        clock.now += 5.0  # the device works, however long that takes
    with governor.busy():
        assert governor.temperature == hot
    clock.now += 10.0
    with governor.busy():
        assert governor.temperature == pytest.approx(20 + (hot - 20) / math.e)


def test_two_at_once_are_no_pause():
    clock = _Clock()
    governor = Governor(POWER, clock)
    with governor.busy():
        _run(governor, FAST)
        hot = governor.temperature
        clock.now += 1.0
        with governor.busy():
            assert governor.temperature == hot


def test_work_that_takes_no_time():
    governor = Governor(POWER)
    assert governor.run(0, lambda level: _Work(0.0, 0.0)) == _Work(0.0, 0.0)
    assert governor.temperature == 20.0


@given(st.lists(st.tuples(st.floats(1e-6, 100), st.floats(0, 50)), max_size=40))
def test_temperature_stays_between_the_ends(works):
    governor = Governor(POWER, _Clock())
    for seconds, watts in works:
        governor.run(2, lambda level, work=_Work(seconds, seconds * watts): work)
    assert 20 <= governor.temperature <= 20 + 20 * max((watts for _, watts in works), default=0) + 1e-9
