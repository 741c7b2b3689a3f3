"""The DSP as an application meets it: a driver process, its results, times, refusals and descriptions."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from drivers.dsp.device import DspDevice
from drivers.sdk.descriptions import variants
from hal.errors import BadDataError
from hal.types import OperandType, OperationType, PreferenceCode
from tests.hal.operations.calls import stored
from tests.models import model_of
from tests.support import prepare
from tools.networks import Builder

ROOT = Path(__file__).parents[3]

PROGRAM = """
import json
import numpy as np
import nnhal

def relu(kind):
    model = nnhal.Model()
    scale = 0.5 if kind is nnhal.OperandType.TENSOR_QUANT8_ASYMM else 0.0
    x, y = (model.add_operand(kind, (1, 4), scale, 128 if scale else 0) for _ in range(2))
    model.add_operation(nnhal.OperationType.RELU, [x], [y])
    model.identify_inputs_and_outputs([x], [y])
    model.finish()
    return model

quantised = nnhal.compile(relu(nnhal.OperandType.TENSOR_QUANT8_ASYMM), devices=["dsp"])
(result,), timing = quantised.run_timed([np.array([[0, 127, 128, 255]], np.uint8)])
try:
    nnhal.compile(relu(nnhal.OperandType.TENSOR_FLOAT32), devices=["dsp"])
except nnhal.BadDataError as error:
    refusal = str(error)
print(json.dumps([result.tolist(), timing.on_hardware, timing.in_driver, refusal]))
"""


def told(devices):
    """What the program prints whose devices are these."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "NNHAL_DEVICES": devices, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_driver_process(tmp_path):
    results = {}
    for devices in ("dsp", "dsp=hexagon-680"):
        result, hardware, driver, refusal = told(devices)
        assert result == [[128, 128, 128, 255]]
        assert 0 < hardware < driver
        assert "the device computes in integers" in refusal
        results[devices] = hardware, driver
    assert results["dsp"] < results["dsp=hexagon-680"]


def test_every_shipped_description_makes_a_device():
    assert variants("drivers.dsp") == ["hexagon-680", "hexagon-690", "hexagon-v79"]
    x = stored(np.arange(-4, 4), OperandType.TENSOR_QUANT8_ASYMM_SIGNED, 0.5)
    model, _ = model_of(OperationType.RELU, x, to=x)
    for variant in variants("drivers.dsp"):
        device = DspDevice(variant, name="mine")
        assert device.info.name == "mine"
        assert prepare(device, model).cost.seconds > device.description.host.launch_seconds
        performance = device.capabilities().operand_performance
        assert performance[OperandType.TENSOR_QUANT8_ASYMM_SIGNED].power_usage < 1


def test_a_wrong_description_is_told_by_file_and_key(tmp_path):
    path = tmp_path / "mine.toml"
    text = DspDevice().text
    for before, after, reason in (
        ("vector_bytes = 128", "vector_bytes = 130", "dsp.vector: vector_bytes is 130; it must be a multiple of 4"),
        ("\ncontexts = 4", "\ncontexts = 0", "dsp.vector.contexts is 0; it must be above 0"),
        ("\ncontexts = 4", "\nkontexts = 4", "dsp.vector.kontexts is unknown; did you mean dsp.vector.contexts?"),
        ("\ndma_transfer_seconds = 4e-7", "", "dsp.dma_transfer_seconds is missing"),
    ):
        assert before in text
        path.write_text(text.replace(before, after, 1))
        with pytest.raises(BadDataError) as refused:
            DspDevice(path)
        assert str(refused.value).startswith(f"{path}: {reason}")


def test_preferences_choose_the_clock():
    device = DspDevice()
    model = Builder(quantized=True, size=56).convolve(256).convolve(256, 3).model()
    fast, low = (
        device.supported_operations(model, preference)[1].cost
        for preference in (PreferenceCode.FAST_SINGLE_ANSWER, PreferenceCode.LOW_POWER)
    )
    assert fast.seconds < low.seconds
    assert fast.joules > low.joules
