import re
from pathlib import Path

import pytest

from drivers.sdk import registry
from drivers.sdk.descriptions import shipped_text
from drivers.sdk.registry import load_device, package_of
from hal.errors import BadDataError, UnavailableDeviceError


class _Entry:
    module = "vendor.chip.device"

    def __init__(self, make):
        self.make = make

    def load(self):
        return self.make


@pytest.fixture
def registered(monkeypatch):
    """Has ``make`` registered as the driver "chip"."""
    return lambda make: monkeypatch.setattr(registry, "_registered", lambda name: _Entry(make))


def test_driver_and_its_variants():
    assert load_device("cpu").info.name == "cpu"
    assert "Cortex-A53" in load_device("cpu", "snapdragon-450").text


def test_description_says_whose_it_is(tmp_path):
    path = tmp_path / "chip.toml"
    path.write_text(shipped_text("drivers.cpu", "snapdragon-865"))
    device = load_device("little", str(path))
    assert (device.info.name, device.text) == ("little", path.read_text())


def test_description_for_a_driver_that_takes_none(registered, tmp_path):
    registered(lambda: None)
    with pytest.raises(BadDataError, match="the driver 'chip' takes no description"):
        load_device("chip", "snapdragon-855")
    (tmp_path / "x.toml").write_text('[device]\ndriver = "chip"\n')
    with pytest.raises(BadDataError, match="the driver 'chip' takes no description"):
        load_device("x", str(tmp_path / "x.toml"))


def test_driver_that_makes_no_device(registered):
    registered(lambda description=None, name=None: (description, name))
    with pytest.raises(UnavailableDeviceError, match=re.escape("does not make a hal.device.Device")):
        load_device("chip", "snapdragon-855")


def test_unknown_driver():
    with pytest.raises(UnavailableDeviceError, match="no driver is registered as 'tpu'; known drivers: "):
        load_device("tpu")
    with pytest.raises(BadDataError, match="can't be read"):
        load_device("tpu", str(Path("nowhere.toml")))


def test_package():
    assert package_of("cpu") == "drivers.cpu"
