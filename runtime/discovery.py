"""Which devices there are.

``NNHAL_DEVICES``, if set, lists them all: names of registered drivers, and ``NAME=ADDRESS`` for
services that run elsewhere, separated by commas. Otherwise they are the services whose sockets are
in the user's runtime directory (``NAME.sock``), and every other registered driver, started as a
child process on first use.
"""

from __future__ import annotations

import os
import socket
import threading
from importlib.metadata import entry_points

from hal.device import DRIVER_GROUP, Device
from hal.errors import BadDataError, UnavailableDeviceError
from hal.memory import runtime_directory
from runtime.launcher import EmbeddedDriver, RunningService
from runtime.remote import RemoteDevice

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


def _listed(setting: str) -> dict[str, EmbeddedDriver | RunningService]:
    registered = set(entry_points(group=DRIVER_GROUP).names)
    found: dict[str, EmbeddedDriver | RunningService] = {}
    for item in filter(None, map(str.strip, setting.split(","))):
        name, equals, address = item.partition("=")
        if equals:
            if not name or ":" not in address:
                raise BadDataError(f"NNHAL_DEVICES has '{item}'; it must be NAME=unix:PATH or NAME=HOST:PORT")
            found[name] = RunningService(name, address)
        elif name in registered:
            found[name] = EmbeddedDriver(name)
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
