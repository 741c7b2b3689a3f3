"""Which devices there are.

``NNHAL_DEVICES``, if set, lists them all, separated by commas:

- ``NAME``: a registered driver;
- ``NAME=VARIANT``: the same, with another of the hardware descriptions that it ships;
- ``NAME=PATH.toml``: the driver that the description names, with that hardware, under any name;
- ``NAME=unix:PATH`` and ``NAME=HOST:PORT``: a service that runs by itself.

Otherwise they are the services whose sockets are in the user's runtime directory (``NAME.sock``), and
every other registered driver. Drivers are started as child processes on first use.
"""

from __future__ import annotations

import os
import socket
import threading
from importlib.metadata import entry_points
from pathlib import Path

from hal.device import DRIVER_GROUP, Device
from hal.errors import BadDataError, UnavailableDeviceError
from hal.memory import runtime_directory
from runtime.launcher import EmbeddedDriver, RunningService
from runtime.remote import RemoteDevice

_DESCRIPTION = ".toml"
"""How the names of hardware descriptions' files end."""

_lock = threading.Lock()
_devices: tuple[tuple[int, str | None], dict[str, RemoteDevice]] | None = None


def devices() -> list[Device]:
    """Every device, found once for the process (again when ``NNHAL_DEVICES`` has changed)."""
    return list(_found().values())


def device(name: str) -> Device:
    """The device called ``name``; ``UnavailableDeviceError`` names those that exist."""
    found = _found()
    if name not in found:
        raise UnavailableDeviceError(f"there is no device '{name}'; devices: {', '.join(found) or 'none'}")
    return found[name]


def _found() -> dict[str, RemoteDevice]:
    global _devices
    setting = os.environ.get("NNHAL_DEVICES")
    with _lock:
        if _devices is None or _devices[0] != (os.getpid(), setting):
            found = _listed(setting) if setting else _present()
            _devices = ((os.getpid(), setting), {name: RemoteDevice(driver) for name, driver in found.items()})
        return _devices[1]


def described(path: Path) -> RemoteDevice:
    """The device that a hardware description's file describes, called like the file.

    Raises ``BadDataError`` for what is no such file; what is wrong in it, the device's first call tells.
    """
    return RemoteDevice(_simulated(path.stem, path))


def _simulated(name: str, path: Path) -> EmbeddedDriver:
    if not path.is_file():
        raise BadDataError(f"there is no description {path}; it must be a file")
    if path.suffix != _DESCRIPTION:
        raise BadDataError(f"the description {path} must be a file whose name ends in {_DESCRIPTION}")
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise BadDataError(f"'{name}' can't be a device's name; it must be of letters, digits, '-', '_' and '.'")
    return EmbeddedDriver(name, str(path.resolve()))


def _listed(setting: str) -> dict[str, EmbeddedDriver | RunningService]:
    registered = set(entry_points(group=DRIVER_GROUP).names)
    found: dict[str, EmbeddedDriver | RunningService] = {}
    for item in filter(None, map(str.strip, setting.split(","))):
        name, equals, value = item.partition("=")
        if equals and not (name and value):
            raise BadDataError(
                f"NNHAL_DEVICES has '{item}'; it must be NAME=VARIANT, NAME=PATH{_DESCRIPTION}, NAME=unix:PATH or "
                "NAME=HOST:PORT"
            )
        if value.endswith(_DESCRIPTION):
            found[name] = _simulated(name, Path(value))
        elif ":" in value:
            found[name] = RunningService(name, value)
        elif name in registered:
            found[name] = EmbeddedDriver(name, value or None)
        else:
            known = ", ".join(sorted(registered)) or "none"
            raise UnavailableDeviceError(
                f"NNHAL_DEVICES has '{name}', which no driver is registered as; known: {known}"
            )
    return found


def _present() -> dict[str, EmbeddedDriver | RunningService]:
    found: dict[str, EmbeddedDriver | RunningService] = {}
    for path in sorted(runtime_directory().glob("*.sock")):
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                found[path.stem] = RunningService(path.stem, f"unix:{path}")
    for name in sorted(entry_points(group=DRIVER_GROUP).names):
        found.setdefault(name, EmbeddedDriver(name))
    return found
