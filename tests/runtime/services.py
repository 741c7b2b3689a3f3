"""Drivers in processes of their own, for tests that need more than one or end one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.launcher import RunningService
from runtime.remote import RemoteDevice
from tests.drivers.sdk.conftest import Service, new_socket

_PATIENT = Path(__file__).parents[1] / "drivers" / "sdk" / "patient_driver.py"


@contextmanager
def patient_service() -> Iterator[tuple[Service, RemoteDevice]]:
    """A driver that computes one execution at a time, each as many seconds as input 0 says; output 0 counts them."""
    service = Service(new_socket(), _PATIENT)
    yield service, RemoteDevice(RunningService("patient", service.address))
    service.end()
