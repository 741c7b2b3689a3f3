"""Which devices NNHAL_DEVICES names, and with what hardware."""

import os

import pytest

from drivers.sdk.descriptions import shipped_text
from hal.errors import BadDataError, UnavailableDeviceError
from runtime.discovery import described, device, devices
from runtime.simulator import Simulator


@pytest.fixture
def listed(monkeypatch):
    return lambda setting: monkeypatch.setenv("NNHAL_DEVICES", setting)


def test_driver_with_its_default_hardware(listed):
    listed("cpu")
    assert Simulator(device("cpu")).description() == shipped_text("drivers.cpu", "snapdragon-855")


def test_variant(listed):
    listed("cpu=snapdragon-450")
    assert Simulator(device("cpu")).description() == shipped_text("drivers.cpu", "snapdragon-450")


def test_files_under_any_name(listed, tmp_path, monkeypatch):
    text = shipped_text("drivers.cpu", "snapdragon-450")
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(text.replace("1.8 GHz", f"1.8 GHz {name}"))
    monkeypatch.chdir(tmp_path)
    listed(f"cpu, big=a.toml, small={tmp_path}/b.toml")
    found = devices()
    monkeypatch.chdir(os.sep)  # what was relative is still found
    assert [each.info.name for each in found] == ["cpu", "big", "small"]
    assert "1.8 GHz a" in Simulator(device("big")).description()
    assert "1.8 GHz b" in Simulator(device("small")).description()


def test_described_device_is_called_like_its_file(tmp_path):
    path = tmp_path / "my_cpu.toml"
    path.write_text(shipped_text("drivers.cpu", "snapdragon-865"))
    assert described(path).info.name == "my_cpu"


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("=x.toml", "it must be NAME=VARIANT"),
        ("cpu=", "it must be NAME=VARIANT"),
        ("x=nowhere.toml", "there is no description nowhere.toml"),
        ("a/b=DIRECTORY/right.toml", "'a/b' can't be a device's name"),
    ],
)
def test_settings_that_are_wrong(listed, tmp_path, setting, complaint):
    (tmp_path / "right.toml").write_text(shipped_text("drivers.cpu", "snapdragon-855"))
    listed(setting.replace("DIRECTORY", str(tmp_path)))
    with pytest.raises(BadDataError, match=complaint):
        devices()


def test_variant_of_a_driver_that_there_is_not(listed):
    listed("tpu=mid")
    with pytest.raises(UnavailableDeviceError, match="'tpu', which no driver is registered as"):
        devices()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "device.driver is missing"),
        ("device = 5", "device.driver is missing"),
        ("[device", "is not TOML"),
        ('[device]\ndriver = "tpu"', "no driver is registered as 'tpu'"),
        ('[device]\ndriver = "cpu"', "power is missing"),
    ],
)
def test_descriptions_that_are_wrong(tmp_path, text, complaint):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(UnavailableDeviceError, match=f"the driver 'wrong' did not start: .*{complaint}"):
        _ = described(path).info


def test_variant_that_there_is_not(listed):
    listed("cpu=huge")
    with pytest.raises(UnavailableDeviceError, match="no description 'huge'; it has snapdragon-450, snapdragon-855"):
        _ = device("cpu").info


def test_what_is_no_description(tmp_path):
    (tmp_path / "x.json").touch()
    with pytest.raises(BadDataError, match=r"whose name ends in \.toml"):
        described(tmp_path / "x.json")
