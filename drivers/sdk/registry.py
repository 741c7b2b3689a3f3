"""Drivers by name: the entry points of the group ``nnhal.drivers``, ours and vendors' alike."""

from __future__ import annotations

from importlib.metadata import entry_points

from hal.device import DRIVER_GROUP, Device
from hal.errors import UnavailableDeviceError


def load_device(name: str) -> Device:
    """Make the device that is registered as ``name``; ``UnavailableDeviceError`` when none is."""
    found = {entry.name: entry for entry in entry_points(group=DRIVER_GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise UnavailableDeviceError(f"no driver is registered as '{name}'; known drivers: {known}")
    device = found[name].load()()
    if not isinstance(device, Device):
        raise UnavailableDeviceError(f"the driver '{name}' does not make a hal.device.Device")
    return device
