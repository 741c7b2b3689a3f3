"""``ANeuralNetworks_...`` and ``ANeuralNetworksDevice_...``: the runtime and its devices."""

from __future__ import annotations

from typing import Any

from hal.device import Device
from hal.errors import BadDataError
from hal.types import FeatureLevel
from runtime import discovery
from runtime.c_api.boundary import implements
from runtime.c_api.c_data import C, ffi, text
from runtime.execution import DEFAULT_LOOP_TIMEOUT, MAXIMUM_LOOP_TIMEOUT

_strings: dict[str, Any] = {}
"""What C programs have been given, which must stay where it is."""


@implements("ANeuralNetworks_getRuntimeFeatureLevel")
def _get_runtime_feature_level() -> int:
    return max(FeatureLevel)


@implements("ANeuralNetworks_getDefaultLoopTimeout")
def _get_default_loop_timeout() -> int:
    return round(DEFAULT_LOOP_TIMEOUT * 1e9)


@implements("ANeuralNetworks_getMaximumLoopTimeout")
def _get_maximum_loop_timeout() -> int:
    return round(MAXIMUM_LOOP_TIMEOUT * 1e9)


@implements("ANeuralNetworks_getDeviceCount")
def _get_device_count() -> int:
    return len(discovery.devices())


@implements("ANeuralNetworks_getDevice")
def _get_device(index: int) -> Device:
    found = discovery.devices()
    if index >= len(found):
        raise BadDataError(f"there is no device {index}; there are {len(found)}")
    return found[index]


@implements("ANeuralNetworksDevice_getName")
def _get_name(device: Device) -> C:
    return _string(device.info.name)


@implements("ANeuralNetworksDevice_getVersion")
def _get_version(device: Device) -> C:
    return _string(device.info.version)


@implements("ANeuralNetworksDevice_getType")
def _get_type(device: Device) -> int:
    return device.info.type


@implements("ANeuralNetworksDevice_getFeatureLevel")
def _get_feature_level(device: Device) -> int:
    return device.info.feature_level


@implements("ANeuralNetworksDevice_wait")
def _wait(device: Device) -> None:
    device.capabilities()  # which needs a driver that lives; a dead one is started again


@implements("ANeuralNetworksDevice_getExtensionSupport")
def _get_extension_support(device: Device, name: C) -> bool:
    return text(name) in device.info.extensions


def _string(value: str) -> C:
    return _strings.setdefault(value, ffi.new("char[]", value.encode()))
