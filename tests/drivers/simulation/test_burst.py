"""When a burst of a simulated device answers requests by itself, and when it gives the device away."""

import time

import numpy as np
import pytest

from drivers.sdk.bursts import Line, Next
from drivers.sdk.registry import load_device
from hal.device import Argument, PrepareOptions, Request
from hal.memory import Folder
from hal.rings import NANOSECONDS, SEQUENCE, Ring
from hal.wire import model_from_wire
from tests.drivers.sdk.calls import relu


def _no_regions(name):
    raise AssertionError(f"the model has nothing in shared memory, and so not in {name}")


VALUES = np.array([-1, 2, -3, 4], np.float32)


class Served:
    """A burst with a form, 0, that reads ``input`` and writes ``output``, and the words that it looks at."""

    def __init__(self, folder):
        self.device = load_device("cpu")
        self.burst = self.device.prepare_model(
            model_from_wire(relu(4), _no_regions), PrepareOptions(), lambda activity, done, total: None
        ).open_burst()
        self.requests, self.results = Ring.create(folder, 64), Ring.create(folder, 64)
        self.ended, self.wanted, self.urgent, self.holders = (np.zeros(1, np.int64) for _ in range(4))
        self.holders[0] = 1
        self.burst.attach(
            Line(self.requests, self.results, self.ended, self.wanted, self.urgent, self.holders, slots=2)
        )
        self.input, self.output = VALUES.copy(), np.zeros(4, np.float32)
        places = [Argument(each.view(np.uint8)) for each in (self.input, self.output)]
        self.burst.arrange(0, Request(places[:1], places[1:]))

    def answer(self, number, until=60.0, form=0):
        """Post a request; returns which one was answered last, and what is next."""
        self.output[:] = -1
        self.requests.post(number, form, 0)
        return self.burst.answer(number - 1, time.monotonic() + until)


@pytest.fixture
def served(tmp_path, monkeypatch):
    monkeypatch.setenv("NNHAL_RUNTIME_DIR", str(tmp_path))
    folder = Folder()
    served = Served(folder)
    yield served
    served.burst.close()
    folder.remove()


def test_requests_with_a_job_are_answered_and_accounted_for(served):
    before = served.device.governor.temperature
    number, coming = served.answer(1)
    assert (number, coming) == (1, Next.MORE)
    assert served.output.tolist() == [0, 2, 0, 4]
    assert served.results.words[SEQUENCE] == 1
    assert served.results.words[NANOSECONDS] > 0
    assert served.device.governor.temperature > before


def test_what_has_no_job_is_left_alone(served):
    assert served.answer(1, form=1) == (0, Next.OTHER)
    served.device.faults.are_set[0] = 1
    assert served.answer(2) == (1, Next.OTHER)


def test_it_waits_only_briefly(served):
    start = time.monotonic()
    assert served.burst.answer(0, start + 60) == (0, Next.NONE)
    assert time.monotonic() - start < 5


def test_others_wait_until_its_time_is_over(served):
    served.wanted[0] = 1
    assert served.answer(1) == (1, Next.MORE)
    assert served.answer(2, until=-0.001) == (1, Next.NONE)
    served.wanted[0] = 0
    assert served.answer(2, until=-0.001) == (2, Next.MORE)


def test_urgent_ones_do_not_wait(served):
    served.urgent[0] = served.wanted[0] = 1
    assert served.answer(1) == (0, Next.NONE)
    assert served.output.tolist() == [-1] * 4


def test_beside_others_results_are_the_same(served):
    served.holders[0] = 2
    assert served.answer(1) == (1, Next.MORE)
    assert served.output.tolist() == [0, 2, 0, 4]
