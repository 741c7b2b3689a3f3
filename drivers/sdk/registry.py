"""Drivers by name: the entry points of the group ``nnhal.drivers``, ours and vendors' alike.

An entry point's object makes the device. One that simulates hardware from descriptions is called with
``description`` (a file's path or a variant's name) and ``name`` (the device's) where these are given.
"""

from __future__ import annotations

import inspect
from importlib.metadata import EntryPoint, entry_points

from drivers.sdk.descriptions import SUFFIX, file_text, table_of
from hal.device import DRIVER_GROUP, Device
from hal.errors import BadDataError, UnavailableDeviceError


def load_device(name: str, description: str | None = None) -> Device:
    """Make the device called ``name``.

    ``description``: a file, whose ``[device]`` says which driver it is for, or the name of a variant
    of the driver that is registered as ``name``; by default, what that driver makes by itself. Raises
    ``UnavailableDeviceError`` when there is no such driver, ``BadDataError`` when the description is
    not right, or not for this driver.
    """
    if description is None:
        device = _registered(name).load()()
    else:
        driver = _driver_of(description) if description.endswith(SUFFIX) else name
        make = _registered(driver).load()
        try:
            inspect.signature(make).bind(description=description, name=name)
        except TypeError:
            raise BadDataError(f"the driver '{driver}' takes no description") from None
        device = make(description=description, name=name)
    if not isinstance(device, Device):
        raise UnavailableDeviceError(f"the driver of '{name}' does not make a hal.device.Device")
    return device


def package_of(driver: str) -> str:
    """The package of a registered driver; ``UnavailableDeviceError`` when there is no such driver."""
    return _registered(driver).module.rpartition(".")[0]


def _driver_of(path: str) -> str:
    section = table_of(file_text(path), path).get("device", {})
    driver = section.get("driver") if isinstance(section, dict) else None
    if not isinstance(driver, str):
        raise BadDataError(f"{path}: device.driver is missing; it must name the driver that the description is for")
    return driver


def _registered(name: str) -> EntryPoint:
    found = {entry.name: entry for entry in entry_points(group=DRIVER_GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise UnavailableDeviceError(f"no driver is registered as '{name}'; known drivers: {known}")
    return found[name]
