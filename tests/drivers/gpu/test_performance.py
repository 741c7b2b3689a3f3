"""Properties of the GPU's performance model."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.gpu.description import Fetch, GpuDescription
from drivers.gpu.device import GpuDevice
from drivers.gpu.performance import GpuPerformance
from drivers.sdk.descriptions import variants
from drivers.simulation.description import Level
from drivers.simulation.estimate import graph
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperandType, OperationType, PreferenceCode
from hal.workload import Matrix, Workload
from tests.support import constant

HALF, FLOAT = OperandType.TENSOR_FLOAT16, OperandType.TENSOR_FLOAT32
FLAGSHIP, LOW_END = GpuDevice("adreno-740").description, GpuDevice("mali-g57-mc2").description
LEVEL = Level(1e9, FLAGSHIP.energy.volts)


def convolution(size=28, channels=64, filters=64, taps=3, data_type=HALF):
    matrix = Matrix(size * size, taps * taps * channels, filters)
    width = 1 if data_type is OperandType.TENSOR_QUANT8_ASYMM else 4 if data_type is FLOAT else 2
    sizes = [width * each for each in (size * size * channels, matrix.inner * filters, size * size * filters)]
    return Workload(OperationType.CONV_2D, data_type, matrix.macs, size * size * filters, 0, *sizes, matrix)


def addition(elements):
    return Workload(OperationType.ADD, HALF, 0, elements, elements, 4 * elements, 0, 2 * elements)


WORKS = st.builds(convolution, st.integers(1, 60), st.integers(1, 300), st.integers(1, 300)) | st.builds(
    addition, st.integers(1, 3_000_000)
)


def altered(description: GpuDescription, **figures):
    return dataclasses.replace(description, gpu=dataclasses.replace(description.gpu, **figures))


def kernel(work, description=FLAGSHIP, level=LEVEL, cached=0.0):
    return GpuPerformance(description).kernel(work, level, cached)


def cycles(work, description=FLAGSHIP):
    return GpuPerformance(description).cycles(work)


def fetching(description, factor):
    fetch = description.gpu.fetch
    return altered(description, fetch=dataclasses.replace(fetch, bytes_per_cycle=factor * fetch.bytes_per_cycle))


def test_full_waves_with_their_operands_at_hand_run_at_the_peak():
    work = convolution(size=256, channels=32, filters=64)
    gpu = FLAGSHIP.gpu
    peak = work.macs / (gpu.compute_units * gpu.lanes * gpu.float16_rate)
    assert peak <= cycles(work, fetching(FLAGSHIP, 100)) <= 1.01 * peak


def test_operands_come_at_the_fetch_rate():
    """A tile of 4 pixels by 8 filters reads 12 values of two bytes for each step of the inner dimension."""
    work = convolution(size=256, channels=32, filters=64)
    gpu = FLAGSHIP.gpu
    tiles = 256 * 256 // 4 * 64 // 8
    wanted = tiles * 12 * 2 * work.matrix.inner / (gpu.compute_units * gpu.fetch.bytes_per_cycle)
    assert cycles(work) == pytest.approx(wanted, rel=0.01)
    assert cycles(work, fetching(FLAGSHIP, 0.5)) == pytest.approx(2 * cycles(work))
    assert kernel(work).joules > kernel(work, altered(FLAGSHIP, fetch=Fetch(32, 0.0))).joules


def test_a_thread_of_a_depthwise_convolution_has_one_channel():
    matrix = Matrix(56 * 56, 9, 1, groups=128)
    work = Workload(OperationType.DEPTHWISE_CONV_2D, HALF, matrix.macs, 56 * 56 * 128, 0, 1, 1, 1, matrix)
    gpu = fetching(FLAGSHIP, 100).gpu
    peak = work.macs / (gpu.compute_units * gpu.lanes * gpu.float16_rate)
    assert peak <= cycles(work, fetching(FLAGSHIP, 100)) <= 1.02 * peak
    read = 128 * 56 * 56 // 4 * (4 + 1) * 9 * 2
    assert cycles(work) == pytest.approx(read / (gpu.compute_units * FLAGSHIP.gpu.fetch.bytes_per_cycle), rel=0.02)


@given(WORKS)
def test_nothing_is_faster_than_the_peak(work):
    gpu = FLAGSHIP.gpu
    peak = work.macs / gpu.float16_rate + work.arithmetic
    assert cycles(work) >= peak / (gpu.compute_units * gpu.lanes) * (1 - 1e-9)
    moved = work.input_bytes + work.weight_bytes + work.output_bytes
    assert kernel(work).seconds >= moved / gpu.dram.bytes_per_second


@given(WORKS, st.integers(1, 4))
def test_more_of_anything_never_takes_longer(work, factor):
    seconds = kernel(work).seconds
    gpu = FLAGSHIP.gpu
    cache = dataclasses.replace(gpu.cache, bytes_per_cycle=factor * gpu.cache.bytes_per_cycle)
    dram = dataclasses.replace(gpu.dram, bytes_per_second=factor * gpu.dram.bytes_per_second)
    for better in (
        {"compute_units": factor * gpu.compute_units},
        {"lanes": factor * gpu.lanes},
        {"float16_rate": factor * gpu.float16_rate},
        {"cache": cache},
        {"dram": dram},
        {"fetch": fetching(FLAGSHIP, factor).gpu.fetch},
    ):
        assert kernel(work, altered(FLAGSHIP, **better)).seconds <= seconds
    assert kernel(work, level=Level(factor * LEVEL.clock_hz, 0.8)).seconds <= seconds


def test_too_few_waves_wait_for_memory():
    work = convolution(size=4, filters=8)  # 4 x 4 pixels in tiles of 4 pixels: four threads
    waiting = altered(FLAGSHIP, hiding_waves=2 * FLAGSHIP.gpu.hiding_waves)
    assert cycles(work, waiting) == 2 * cycles(work)
    many = convolution(size=256)
    assert cycles(many, waiting) == cycles(many)


def test_what_a_tile_holds_beyond_the_edge_is_computed_for_nothing():
    tile = FLAGSHIP.gpu.tile_columns
    assert cycles(convolution(size=256, filters=tile + 1)) == cycles(convolution(size=256, filters=2 * tile))


def test_8_bit_data_go_at_the_rate_of_float16_and_move_half_as_much():
    half, byte = (convolution(data_type=each) for each in (HALF, OperandType.TENSOR_QUANT8_ASYMM))
    assert cycles(byte) == cycles(half)
    assert kernel(byte).dram_bytes == kernel(half).dram_bytes / 2


def test_relaxed_float32_moves_as_float16():
    assert kernel(convolution(data_type=FLOAT)).dram_bytes == kernel(convolution()).dram_bytes


def chain(elements, count):
    """RELU after RELU."""
    operands = [Operand(HALF, (elements,)) for _ in range(count + 1)]
    operands[0] = dataclasses.replace(operands[0], lifetime=Lifetime.SUBGRAPH_INPUT)
    operands[-1] = dataclasses.replace(operands[-1], lifetime=Lifetime.SUBGRAPH_OUTPUT)
    operations = [Operation(OperationType.RELU, (index,), (index + 1,)) for index in range(count)]
    return Subgraph(tuple(operands), tuple(operations), (0,), (count,))


def dram_bytes(elements, description=FLAGSHIP):
    subgraph = chain(elements, 2)
    performance = GpuPerformance(description)
    schedule = performance.schedule(graph(subgraph, [(elements,)]), LEVEL)
    return [
        round(each.seconds * FLAGSHIP.gpu.dram.bytes_per_second) for each in schedule.activities if each.track == "dram"
    ]


def test_results_that_fit_are_read_from_the_cache():
    elements = FLAGSHIP.gpu.cache.capacity_bytes // 8
    assert dram_bytes(elements) == [4 * elements, 2 * elements]


def test_results_that_do_not_fit_come_from_dram():
    elements = FLAGSHIP.gpu.cache.capacity_bytes
    assert dram_bytes(elements) == [4 * elements, 4 * elements]


def test_every_kernel_costs_a_start():
    count = 5
    schedule = GpuPerformance(FLAGSHIP).schedule(graph(chain(8, count), [(8,)]), LEVEL)
    starts = [each for each in schedule.activities if each.track == "queue"]
    assert [each.seconds for each in starts] == [FLAGSHIP.gpu.kernel_seconds] * count
    assert schedule.seconds >= count * FLAGSHIP.gpu.kernel_seconds
    assert math.isclose(
        schedule.joules,
        sum(each.joules for each in schedule.activities) + FLAGSHIP.power.static_watts * schedule.seconds,
    )


def test_a_view_is_no_kernel():
    view = Workload(OperationType.RESHAPE, HALF, 0, 8, 0, 0, 0, 0)
    assert GpuPerformance(FLAGSHIP).operation(view, LEVEL).seconds == 0


def test_a_schedule_of_one_operation_costs_what_the_operation_does():
    found = graph(chain(5000, 1), [(5000,)])
    performance = GpuPerformance(FLAGSHIP)
    schedule, cost = performance.schedule(found, LEVEL), performance.operation(found.works[0], LEVEL)
    assert schedule.seconds == pytest.approx(cost.seconds)
    assert schedule.joules == pytest.approx(cost.joules)


def test_lower_levels_take_longer_and_burn_less():
    costs = [GpuPerformance(FLAGSHIP).operation(convolution(size=64), level) for level in FLAGSHIP.power.levels]
    assert costs == sorted(costs, key=lambda cost: -cost.seconds)
    assert costs[2].joules < costs[-1].joules


def test_the_flagship_is_faster_and_takes_less_energy():
    work = convolution()
    costs = [GpuPerformance(each).operation(work, each.power.levels[-1]) for each in (FLAGSHIP, LOW_END)]
    assert costs[0].seconds < costs[1].seconds / 3
    assert costs[0].joules < costs[1].joules


@pytest.mark.parametrize("variant", variants("drivers.gpu"))
def test_a_shipped_gpu_beats_its_cpu_at_relaxed_networks(variant):
    capabilities = GpuDevice(variant).capabilities()
    assert capabilities.relaxed_tensor.power_usage < 1
    if variant == "adreno-740":
        assert capabilities.relaxed_tensor.exec_time < 1


def test_sustained_speed_is_a_level_that_lasts():
    device = GpuDevice()
    image = Operand(HALF, (1, 112, 112, 64), lifetime=Lifetime.SUBGRAPH_INPUT)
    filters = Operand(
        HALF, (256, 3, 3, 64), lifetime=Lifetime.CONSTANT_COPY, value=np.zeros((256, 3, 3, 64), np.float16)
    )
    bias = Operand(HALF, (256,), lifetime=Lifetime.CONSTANT_COPY, value=np.zeros(256, np.float16))
    output = Operand(HALF, (1, 112, 112, 256), lifetime=Lifetime.SUBGRAPH_OUTPUT)
    settings = [constant(each) for each in (1, 1, 1, 0)]
    operation = Operation(OperationType.CONV_2D, tuple(range(7)), (7,))
    model = Model(Subgraph((image, filters, bias, *settings, output), (operation,), (0,), (7,)))
    (fast,), (lasting,) = (
        device.supported_operations(model, preference)
        for preference in (PreferenceCode.FAST_SINGLE_ANSWER, PreferenceCode.SUSTAINED_SPEED)
    )
    assert lasting.cost.seconds > fast.cost.seconds
    watts = [each.cost.joules / each.cost.seconds for each in (fast, lasting)]
    power = device.description.power
    most = (power.limit_celsius - power.ambient_celsius) / power.kelvin_per_watt
    assert watts[0] > most > watts[1]
