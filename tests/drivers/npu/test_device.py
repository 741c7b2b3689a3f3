"""The NPU as a whole: shipped descriptions, results, times, energy and the dump of its commands."""

import re

import numpy as np
import pytest

from drivers.npu.device import NpuDevice
from drivers.npu.systolic import Dataflow, Product, SystolicArray, compute_cycles
from drivers.sdk.descriptions import variants
from hal import reference
from hal.errors import BadDataError
from hal.types import DeviceType, OperandType, PreferenceCode
from tests.drivers.npu.networks import INT8, Network, small
from tests.support import execute, prepare

VARIANTS = variants("drivers.npu")


def convolution(size, filters):
    network = Network(1, size, size, 64)
    return network.model(network.convolve(0, filters, 3))


def test_shipped_descriptions():
    assert VARIANTS == ["edge-tpu", "ethos-u65", "exynos-2100", "pixel-neural-core"]
    seconds = {}
    for variant in VARIANTS:
        device = NpuDevice(variant, name="mine")
        assert (device.info.name, device.info.type) == ("mine", DeviceType.ACCELERATOR)
        seconds[variant] = prepare(device, convolution(56, 64)).cost.seconds
        assert seconds[variant] > device.description.host.launch_seconds
        performance = device.capabilities().operand_performance
        assert performance[INT8].power_usage < 1
        assert OperandType.TENSOR_FLOAT32 not in performance
    assert min(seconds, key=seconds.get) == "exynos-2100"


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('dataflow = "ws"', 'dataflow = "rs"', "npu.array.dataflow is 'rs'; it must be one of ws, os, is"),
        ("\nrows = 64", "\nrows = 0", "npu.array.rows is 0; it must be above 0"),
        ("input_bytes = 131072", "input_bytes = 100", "npu.scratchpads.input_bytes is 100; it must be at least 1024"),
        ("\nvector_lanes", "\nvector_lane", "npu.vector_lane is unknown; did you mean npu.vector_lanes?"),
    ],
)
def test_a_wrong_description(tmp_path, before, after, reason):
    path = tmp_path / "mine.toml"
    text = NpuDevice().text
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(BadDataError) as refused:
        NpuDevice(path)
    assert reason in str(refused.value)


@pytest.mark.parametrize("variant", VARIANTS)
def test_results_are_next_to_the_reference_s(variant):
    model = small()
    image = np.random.default_rng(3).integers(-128, 128, (1, 32, 32, 3), np.int8)
    prepared = prepare(NpuDevice(variant), model)
    outputs = execute(
        prepared, [image], [model.main.operands[index].dimensions for index in model.main.outputs], np.int8
    )
    for output, wanted in zip(outputs, reference.run(model, [image])):
        assert np.abs(output.astype(int) - wanted).max() <= 3  # of five operations in a row, each within a step
        assert len(np.unique(output)) > 2


def test_the_dump_tells_addresses_sizes_and_cycles():
    prepared = prepare(NpuDevice("ethos-u65"), small())
    heading, *lines = prepared.commands.splitlines()
    assert heading.split() == ["number", "start", "cycles", "command"]
    assert {line.split()[3] for line in lines} == {"LOAD", "STORE", "MATRIX", "VECTOR"}
    assert [int(line.split()[0]) for line in lines] == list(range(len(lines)))


def roomy(tmp_path, dataflow):
    """A device with a larger array, and scratchpads that hold whole layers."""
    text = NpuDevice().text
    for pattern, figure in (
        (r"(rows|columns) = \d+", "96"),
        (r"((?:input|weight|output)_bytes) = \d+", "1048576"),
        ("(dataflow) = .*", f'"{dataflow.value}"'),
    ):
        text = re.sub(pattern, rf"\1 = {figure}", text)
    path = tmp_path / "roomy.toml"
    path.write_text(text)
    return NpuDevice(path)


@pytest.mark.parametrize("dataflow", Dataflow)
def test_a_tile_takes_the_systolic_array_s_cycles(tmp_path, dataflow):
    device = roomy(tmp_path, dataflow)
    schedule = prepare(device, convolution(14, 32)).expected.schedule
    (tile,) = (each for each in schedule.activities if each.track == "array")
    cycles = compute_cycles(Product(14 * 14, 9 * 64, 32), SystolicArray(96, 96, dataflow)) + 1
    assert tile.seconds * device.description.power.levels[-1].clock_hz == pytest.approx(cycles)


def test_energy_is_the_sum_of_its_parts(tmp_path):
    """One layer by hand: multiply-accumulates, results rescaled (3 instructions) and RELU, and all memories."""
    device = roomy(tmp_path, Dataflow.OUTPUTS)
    description, npu = device.description, device.description.npu
    schedule = prepare(device, convolution(14, 32)).expected.schedule
    inputs, weights, outputs = 14 * 14 * 64, 32 * (9 * 64 + 4), 14 * 14 * 32
    macs, results = 9 * 64 * outputs, outputs
    array = next(each for each in schedule.activities if each.track == "array")
    touched = -(-32 // 96) * 14 * 14 * 9 * 64 + -(-14 * 14 // 96) * 9 * 64 * 32 + 4 * results
    on_chip = macs * description.energy.mac_int8_picojoules + 4 * results * description.energy.scalar_picojoules
    on_chip += touched * npu.scratchpads.picojoules_per_byte
    assert array.joules == pytest.approx(on_chip * 1e-12)
    moved = sum(each.joules for each in schedule.activities if each.track == "dma")
    wanted = (inputs + outputs) * (npu.dram.picojoules_per_byte + npu.scratchpads.picojoules_per_byte)
    wanted += weights * (npu.sram.picojoules_per_byte + npu.scratchpads.picojoules_per_byte)
    assert moved == pytest.approx(wanted * 1e-12)


def test_preferences_choose_the_clock():
    """A layer that keeps the array busy would overheat the device at its highest clock.

    All its clocks have one voltage: what is done soonest burns the least.
    """
    device = NpuDevice()
    fast, sustained, low = (
        device.supported_operations(convolution(56, 960), preference)[0].cost
        for preference in (
            PreferenceCode.FAST_SINGLE_ANSWER,
            PreferenceCode.SUSTAINED_SPEED,
            PreferenceCode.LOW_POWER,
        )
    )
    assert fast.seconds < sustained.seconds
    assert sustained.joules / sustained.seconds < fast.joules / fast.seconds
    assert low == fast


def test_units_work_side_by_side():
    """A memory so slow that it is the bottleneck hides nearly all of the computing, and the other way round."""
    model = convolution(56, 64)
    for variant in VARIANTS:
        schedule = prepare(NpuDevice(variant), model).expected.schedule
        hardware = [each for each in schedule.activities if each.track in ("dma", "array", "vector")]
        busy = {track: sum(each.seconds for each in hardware if each.track == track) for track in ("dma", "array")}
        taken = max(each.start + each.seconds for each in hardware) - min(each.start for each in hardware)
        assert max(busy.values()) <= taken * (1 + 1e-9)
        assert taken < 0.95 * sum(busy.values())
