"""Continuous load on the four devices as they are by default, in processes of their own."""

import re

import numpy as np
import pytest

from hal.types import PreferenceCode
from runtime.compiled import compile_model
from runtime.discovery import device
from runtime.model import Model
from tools.devices_table import DEVICES
from tools.networks import Builder

FAST, SUSTAINED = PreferenceCode.FAST_SINGLE_ANSWER, PreferenceCode.SUSTAINED_SPEED
SIZE = 56
TYPES = {"cpu": np.float32, "gpu": np.float32, "dsp": np.int8, "npu": np.int8}
MOST = 60
"""Executions until which the device must have been too hot: at the second, if this machine does not pause between."""


def network(name):
    """Two wide convolutions, which keep any of the devices busy."""
    return Builder(TYPES[name] is np.int8, SIZE).convolve(256).convolve(256, 3).convolve(256, 3).model()


@pytest.fixture
def quickly_hot(tmp_path, monkeypatch):
    """A device as it is by default, but for heating within a millisecond, one execution, where phones take minutes.

    The temperature that a load ends at, and so whether it can be kept up, is the same.
    """

    def start(name):
        text, count = re.subn(r"heat_seconds = [\d.]+", "heat_seconds = 0.001", DEVICES[name](None).text)
        assert count == 1
        path = tmp_path / "hot.toml"
        path.write_text(text)
        monkeypatch.setenv("NNHAL_DEVICES", f"hot={path}")
        return device("hot")

    return start


@pytest.mark.parametrize("name", TYPES)
def test_speed_that_is_to_last_is_constant_and_the_fastest_does_not_last(quickly_hot, name):
    hot, canonical = quickly_hot(name), network(name)
    costs = {preference: hot.supported_operations(canonical, preference) for preference in (FAST, SUSTAINED)}
    seconds = {each: sum(support.cost.seconds for support in costs[each]) for each in costs}
    assert seconds[SUSTAINED] > seconds[FAST]

    image = np.zeros((1, SIZE, SIZE, 3), TYPES[name])
    model = Model.from_canonical(canonical)

    def times(preference, enough):
        found = []
        with compile_model(model, ["hot"], preference) as compiled:
            while not enough(found) and len(found) < MOST:
                found.append(compiled.run_timed([image])[1].on_hardware)
        return found

    lasting = times(SUSTAINED, lambda found: len(found) == 10)
    assert len(set(lasting)) == 1
    fast = times(FAST, lambda found: len(set(found)) > 1)
    assert fast[0] < lasting[0]
    assert fast[-1] > fast[0], f"not throttled in {MOST} executions"


@pytest.mark.parametrize("name", TYPES)
def test_defaults_are_parts_of_one_phone(name):
    """They share its case: the same limit, and the same rise for each watt."""
    power, phone = (DEVICES[each](None).description.power for each in (name, "cpu"))
    for figure in ("limit_celsius", "resume_celsius", "kelvin_per_watt", "heat_seconds"):
        assert getattr(power, figure) == getattr(phone, figure)
