"""Drivers to try the conformance suite on: one that is right, and ones that are wrong on purpose."""

import contextlib
import subprocess
import sys

import pytest

from runtime.launcher import RunningService
from runtime.remote import RemoteDevice


@contextlib.contextmanager
def served(path, module="tests.tools.conformance.reference_driver"):
    """The device of a driver in a process of its own."""
    address = f"unix:{path}"
    process = subprocess.Popen([sys.executable, "-m", module, address], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == f"{address}\n"
        yield RemoteDevice(RunningService("reference", address))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A driver process that does all as it should."""
    with served(tmp_path_factory.mktemp("driver") / "reference.sock") as device:
        yield device
