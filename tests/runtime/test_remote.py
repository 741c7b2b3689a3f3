"""What is kept of a driver's answers, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hal.device import Capabilities
from hal.types import OperandType
from runtime.discovery import described
from runtime.launcher import RunningService
from runtime.remote import RemoteDevice
from tests import descriptions
from tests.drivers.sdk.conftest import SERVER, Service, new_socket

SLOW, FAST = 4e6, 2e6
"""Cycles in which a chip starts an execution."""


@pytest.fixture
def describe(tmp_path: Path) -> Callable[[float], Path]:
    """Writes a CPU's description with this many cycles for a start."""

    def describe(cycles: float) -> Path:
        path = tmp_path / "chip.toml"
        path.write_text(descriptions.cpu({"start_cycles": cycles}))
        return path

    return describe


def promised(capabilities: Capabilities) -> float:
    """How long float32 takes, relative to a CPU."""
    return capabilities.operand_performance[OperandType.TENSOR_FLOAT32].exec_time


def test_a_driver_is_asked_once_what_it_promises_and_the_next_one_again(describe):
    device = described(describe(SLOW))
    first = device.capabilities()
    assert device.capabilities() is first
    describe(FAST)
    device._driver.give_up(device.address())
    assert promised(device.capabilities()) < promised(first)
    device._driver.give_up(device.address())


def test_a_service_at_the_same_address_may_be_another_one(describe, tmp_path):
    program = tmp_path / "server.py"
    program.write_text(SERVER)
    address, found = new_socket(), []
    device = RemoteDevice(RunningService("chip", address))
    for cycles in (SLOW, FAST):
        service = Service(address, program, describe(cycles))
        found.append(promised(device.capabilities()))
        service.end()
    assert found[1] < found[0]
