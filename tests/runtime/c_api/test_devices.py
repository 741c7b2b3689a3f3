"""The runtime and its devices by calls of C."""

from __future__ import annotations

import pytest

from hal.types import DeviceType, FeatureLevel, ResultCode
from runtime import discovery
from tests.runtime.c_api import clients

R = ResultCode

pytestmark = pytest.mark.usefixtures("two_devices")


@pytest.fixture
def count(nn):
    place = nn.ffi.new("uint32_t*")
    clients.ok(nn.lib.ANeuralNetworks_getDeviceCount(place))
    return place[0]


@pytest.fixture
def found(nn, count):
    """All devices, in order."""
    return [clients.new(nn, "Device", nn.lib.ANeuralNetworks_getDevice, index) for index in range(count)]


def test_the_runtime(nn):
    assert nn.lib.ANeuralNetworks_getRuntimeFeatureLevel() == FeatureLevel.LEVEL_8
    assert nn.lib.ANeuralNetworks_getDefaultLoopTimeout() == 2 * 10**9
    assert nn.lib.ANeuralNetworks_getMaximumLoopTimeout() == 15 * 10**9


def test_count(nn, count):
    assert count == len(discovery.devices()) == 2
    assert nn.lib.ANeuralNetworks_getDeviceCount(nn.ffi.NULL) == R.UNEXPECTED_NULL


def test_get(nn, count, found):
    get, place = nn.lib.ANeuralNetworks_getDevice, nn.ffi.new("ANeuralNetworksDevice**")
    assert get(0, nn.ffi.NULL) == R.UNEXPECTED_NULL
    for index in (count, 999, 2**32 - 1):
        assert get(index, place) == R.BAD_DATA
    assert len(set(map(int, (nn.ffi.cast("uintptr_t", each) for each in found)))) == count
    for index, device in enumerate(found):  # the same pointer each time
        clients.ok(get(index, place))
        assert place[0] == device


@pytest.mark.parametrize(("what", "type"), [("Name", "char const**"), ("Version", "char const**"), ("Type", "int32_t*"),
                                            ("FeatureLevel", "int64_t*")])  # fmt: skip
def test_what_a_device_is(nn, found, what, type):
    get, place = getattr(nn.lib, f"ANeuralNetworksDevice_get{what}"), nn.ffi.new(type)
    values = []
    for device in found:
        assert get(device, nn.ffi.NULL) == R.UNEXPECTED_NULL
        clients.ok(get(device, place))
        values.append(place[0])
    assert get(nn.ffi.NULL, place) == R.UNEXPECTED_NULL
    assert get(nn.ffi.NULL, nn.ffi.NULL) == R.UNEXPECTED_NULL
    assert get(nn.ffi.cast("ANeuralNetworksDevice*", 16), place) == R.BAD_DATA
    infos = [device.info for device in discovery.devices()]
    if what in ("Name", "Version"):
        texts = [nn.ffi.string(value).decode() for value in values]
        assert texts == [getattr(info, what.lower()) for info in infos]
        assert what == "Version" or texts == ["cpu", "gpu"]
    elif what == "Type":
        assert values == [DeviceType.CPU, DeviceType.GPU]
    else:
        assert values == [info.feature_level for info in infos]
        assert all(FeatureLevel.LEVEL_1 <= each <= nn.lib.ANeuralNetworks_getRuntimeFeatureLevel() for each in values)


def test_wait(nn, found):
    for device in found:
        assert nn.lib.ANeuralNetworksDevice_wait(device) == R.NO_ERROR
    assert nn.lib.ANeuralNetworksDevice_wait(nn.ffi.NULL) == R.UNEXPECTED_NULL
