"""Simulated devices in driver processes of their own, through the public interface."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import nnhal
from hal.device import PrepareOptions
from hal.errors import BadDataError, DeadObjectError, OpFailedError, ResourceExhaustedTransientError
from hal.faults import Fault, FaultKind
from hal.types import DurationCode, PreferenceCode
from runtime.discovery import device
from runtime.remote import RemoteDevice
from runtime.simulator import Simulator
from tests import descriptions
from tests.driver_processes import driver_processes

FAST, SUSTAINED, LOW = (
    PreferenceCode.FAST_SINGLE_ANSWER,
    PreferenceCode.SUSTAINED_SPEED,
    PreferenceCode.LOW_POWER,
)
SIZE = 128
ROOT = Path(__file__).parents[2]


@pytest.fixture
def simulated(tmp_path, monkeypatch):
    """Starts a CPU called "chip" with a description of its own; gives the description's text."""

    def start(figures=None, levels=None, faults=""):
        text = descriptions.cpu(figures, levels, faults)
        path = tmp_path / "chip.toml"
        path.write_text(text)
        monkeypatch.setenv("NNHAL_DEVICES", f"chip={path}")
        return text

    return start


def _layer():
    model = nnhal.Model()
    tensor = nnhal.OperandType.TENSOR_FLOAT32
    x, weights, bias = (model.add_operand(tensor, shape) for shape in ((1, SIZE), (SIZE, SIZE), (SIZE,)))
    activation, y = model.add_operand(nnhal.OperandType.INT32), model.add_operand(tensor, (1, SIZE))
    model.set_operand_value(weights, np.eye(SIZE, dtype=np.float32))
    model.set_operand_value(bias, np.zeros(SIZE, np.float32))
    model.set_operand_value(activation, 0)
    model.add_operation(nnhal.OperationType.FULLY_CONNECTED, [x, weights, bias, activation], [y])
    model.identify_inputs_and_outputs([x], [y])
    model.finish()
    return model


class _Layer:
    """A compiled layer that gives back its input."""

    def __init__(self, preference=FAST):
        self._compilation = nnhal.Compilation(_layer(), ["chip"])
        self._compilation.set_preference(preference)
        self._compilation.finish()
        self._input = np.arange(SIZE, dtype=np.float32)

    def __call__(self):
        """Nanoseconds that an execution takes on the hardware."""
        execution = nnhal.Execution(self._compilation)
        execution.set_measure_timing(True)
        output = np.zeros((1, SIZE), np.float32)
        execution.set_input(0, self._input.reshape(1, SIZE))
        execution.set_output(0, output)
        execution.compute()
        np.testing.assert_array_equal(output[0], self._input)
        return execution.get_duration(DurationCode.ON_HARDWARE)


def test_description_is_what_the_driver_was_given(simulated):
    text = simulated({"cores": 7})
    assert Simulator(device("chip")).description() == text
    assert device("chip").info.name == "chip"


@pytest.mark.parametrize("preference", [FAST, SUSTAINED, LOW])
def test_speed_in_the_long_run(simulated, preference):
    simulated(descriptions.HOT, descriptions.HOT_LEVELS)
    layer = _Layer(preference)
    times = [layer() for _ in range(90)]
    macs_per_second = [4 * 2 * 0.7 * clock for clock, _ in descriptions.HOT_LEVELS]
    low, middle, high = (pytest.approx(SIZE * SIZE * 1e9 / rate, rel=0.01) for rate in macs_per_second)
    if preference is FAST:
        assert times[0] == high
        assert max(times) == middle  # throttled
        assert times[0] == min(times)
    else:
        assert set(times) == {times[0]}
        assert times[0] == (middle if preference is SUSTAINED else low)


def test_death_and_after(simulated):
    simulated()
    layer = _Layer()
    layer()
    before = driver_processes()
    Simulator(device("chip")).set_faults([Fault(kind=FaultKind.DIE, at=2)])
    layer()
    with pytest.raises(DeadObjectError):
        layer()
    assert _Layer()() > 0  # a new driver, without the fault
    assert driver_processes() != before


def test_exhaustion_is_over_when_it_is_cleared(simulated):
    simulated(faults='[[faults]]\nkind = "exhausted"\nevery = 1\n')
    layer = _Layer()
    for _ in range(2):
        with pytest.raises(ResourceExhaustedTransientError):
            layer()
    Simulator(device("chip")).set_faults([])
    assert layer() > 0


def test_hanging_driver_answers_other_calls(simulated):
    simulated()
    layer = _Layer()
    simulator = Simulator(device("chip"))
    simulator.set_faults([Fault(kind=FaultKind.HANG, every=1)])
    times = []
    hanging = threading.Thread(target=lambda: times.append(layer()))
    hanging.start()
    hanging.join(0.3)
    assert hanging.is_alive()
    start = time.monotonic()
    RemoteDevice(device("chip")._driver).capabilities()
    simulator.description()
    assert time.monotonic() - start < 5
    simulator.set_faults([])
    hanging.join(30)
    assert times


def test_slow(simulated):
    simulated({"start_cycles": 2.2e6})
    layer = _Layer()
    normal = layer()
    Simulator(device("chip")).set_faults([Fault(kind=FaultKind.SLOW, at=1, factor=200)])
    start = time.monotonic()
    assert layer() == pytest.approx(200 * normal, rel=1e-6)
    assert time.monotonic() - start > 0.2


def test_commands_of_a_device_without_a_command_stream(simulated):
    simulated()
    chip = device("chip")
    prepared = chip.prepare_model(_layer().canonical, PrepareOptions(), lambda activity, done, total: None)
    assert Simulator(chip).commands(prepared) == ""
    prepared.close()
    with pytest.raises(BadDataError, match="is not the token of a prepared model"):
        Simulator(chip).commands(prepared)


def test_device_that_is_not_simulated(tmp_path, monkeypatch):
    path = tmp_path / "adder.sock"
    program = str(ROOT / "docs" / "examples" / "adder.py")
    adder = subprocess.Popen([sys.executable, program, f"unix:{path}"], env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        while not path.exists():
            time.sleep(0.02)
            assert adder.poll() is None
        monkeypatch.setenv("NNHAL_DEVICES", f"adder=unix:{path}")
        simulator = Simulator(device("adder"))
        assert simulator.description() is None
        with pytest.raises(OpFailedError, match="does not implement"):
            simulator.set_faults([])
    finally:
        adder.kill()
        adder.wait()
