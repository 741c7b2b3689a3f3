import time

import numpy as np
import pytest

from tools.bench.alternating import TIME, Spread, alternated


def contender(name, told, *, seconds=0.001):
    def call():
        told.append(name)
        time.sleep(seconds)
        return {TIME: seconds, "other": 2 * seconds}

    return call


def test_every_other_round_has_its_turns_in_reverse_order():
    told = []
    alternated([contender("a", told), contender("b", told, seconds=0.03)], 0.01)
    text = "".join(told)
    text = text[text.index("b") :].lstrip("b")  # without warming up
    turn = "a" * 21 + "bb"  # a call that does not count, and calls for 20 ms, or one
    assert text == (turn + turn[::-1]) * 5


def test_each_part_has_its_spread():
    told = []
    fast, slow = alternated([contender("a", told), contender("b", told, seconds=0.03)], 0.01)
    assert fast[TIME].median == pytest.approx(0.001)
    assert fast["other"].median == pytest.approx(0.002)
    assert slow[TIME].median == pytest.approx(0.03)
    assert slow[TIME].count == 10  # a turn of at least one call in each of the rounds; one more does not count
    assert fast[TIME].count == 10 * 20


def test_it_takes_the_time_that_it_is_given():
    shares = []
    start = time.perf_counter()
    alternated([contender("a", [])], 0.5, shares.append)
    assert time.perf_counter() - start > 0.5
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_spread():
    spread = Spread.of(np.arange(101) / 100)
    assert (spread.low, spread.median, spread.high, spread.count) == pytest.approx((0.05, 0.5, 0.95, 101))
    assert spread.as_json() == pytest.approx({"median_ms": 500, "p5_ms": 50, "p95_ms": 950, "calls": 101})
