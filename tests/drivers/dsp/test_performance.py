"""Properties of the DSP's performance model, and figures worked out by hand."""

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.dsp.description import DspDescription
from drivers.dsp.device import DspDevice
from drivers.dsp.performance import DspPerformance, instructions
from drivers.simulation.description import Level
from drivers.simulation.estimate import graph
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperandType, OperationType
from hal.workload import Matrix, Workload

INT8 = OperandType.TENSOR_QUANT8_ASYMM_SIGNED
V79 = DspDevice("hexagon-v79").description
V66 = DspDevice("hexagon-690").description
LEVEL = Level(1e9, V79.energy.volts)


def convolution(size=14, channels=64, filters=64, taps=3):
    matrix = Matrix(size * size, taps * taps * channels, filters, 1, taps, taps, 1, 1, size, size, channels)
    results = size * size * filters
    return Workload(
        OperationType.CONV_2D, INT8, matrix.macs, results, 3 * results, size * size * channels,
        taps * taps * channels * filters, results, matrix,
    )  # fmt: skip


def elementwise(elements):
    return Workload(OperationType.ADD, INT8, 0, elements, 4 * elements, 2 * elements, 0, elements)


def altered(description: DspDescription, **figures):
    """The description with other figures in its ``[dsp]``; those of its memories by ``memory__figure``."""
    dsp = description.dsp
    for name, figure in figures.items():
        section, _, key = name.rpartition("__")
        value = dataclasses.replace(getattr(dsp, section), **{key: figure}) if section else figure
        dsp = dataclasses.replace(dsp, **{section or key: value})
    return dataclasses.replace(description, dsp=dsp)


def cost(work, description=V79, level=LEVEL):
    return DspPerformance(description).operation(work, level)


def seconds(work, description=V79, level=LEVEL):
    return cost(work, description, level).seconds


SIZES = st.integers(1, 60)
CHANNELS = st.integers(1, 300)
WORKS = st.builds(convolution, SIZES, CHANNELS, CHANNELS, st.sampled_from([1, 3, 5])) | st.builds(
    elementwise, st.integers(1, 3_000_000)
)


def test_multiplications_of_a_convolution():
    """14 * 14 pixels, 64 filters in two vectors of 32, 3 * 3 * 64 products four at a time."""
    executed = instructions(convolution(), V79.dsp.vector)
    assert executed.multiplies == 14 * 14 * 2 * 144
    assert executed.loads == math.ceil(196 / 8) * 2 * 144
    assert executed.arithmetic == 3 * 14 * 14 * 2
    assert executed.stores == 14 * 14 * 64 / 128


@pytest.mark.parametrize(("figures", "packets"), [({}, 28_224), ({"vector__multiply_slots": 1}, 56_448)])
def test_packets_are_as_many_as_the_slot_that_is_short_needs(figures, packets):
    unit = altered(V79, **figures).dsp.vector
    assert instructions(convolution(), unit).packets(unit) == packets


def test_the_vector_unit_is_full_where_channels_fill_vectors():
    work = convolution(56, 256, 256)
    run = DspPerformance(altered(V79, dma_transfer_seconds=0.0, tile_cycles=1.0)).run(work, LEVEL)
    unit = V79.dsp.vector
    peak = unit.contexts * unit.multiply_slots * unit.lanes * 4 * LEVEL.clock_hz
    assert 0.95 < work.macs / run.vector_seconds / peak <= 1


@given(SIZES, CHANNELS, st.integers(0, 10))
def test_filters_that_do_not_fill_a_vector_take_as_long_as_those_that_do(size, channels, vectors):
    lanes = V79.dsp.vector.lanes
    counts = [
        instructions(convolution(size, channels, vectors * lanes + filters), V79.dsp.vector)
        for filters in (1, lanes - 1, lanes)
    ]
    assert len({each.multiplies for each in counts}) == 1


def test_utilisation_falls_for_channel_counts_that_do_not_fill_vectors():
    full, spilled = convolution(28, 64, 128), convolution(28, 64, 129)
    assert full.macs / seconds(full) > 1.15 * spilled.macs / seconds(spilled)


@settings(deadline=None)
@given(WORKS, st.floats(1, 8))
def test_more_of_anything_is_never_slower(work, factor):
    dsp, before = V66.dsp, seconds(work, V66)
    faster = [
        altered(V66, dram__bytes_per_second=dsp.dram.bytes_per_second * factor),
        altered(V66, vtcm__bytes_per_cycle=dsp.vtcm.bytes_per_cycle * factor),
        altered(V66, vtcm__capacity_bytes=int(dsp.vtcm.capacity_bytes * factor)),
        altered(V66, vector__contexts=int(dsp.vector.contexts * factor)),
        altered(V66, dma_transfer_seconds=dsp.dma_transfer_seconds / factor),
        altered(V66, tile_cycles=dsp.tile_cycles / factor),
    ]
    for description in faster:
        assert seconds(work, description) <= before * (1 + 1e-9)
    assert seconds(work, V66, dataclasses.replace(LEVEL, clock_hz=LEVEL.clock_hz * factor)) <= before * (1 + 1e-9)


@settings(deadline=None)
@given(SIZES, CHANNELS, CHANNELS, st.integers(0, 20))
def test_more_work_is_never_faster(size, channels, filters, more):
    before = cost(convolution(size, channels, filters), V66)
    for larger in (
        convolution(size + more, channels, filters),
        convolution(size, channels + more, filters),
        convolution(size, channels, filters + more),
    ):
        after = cost(larger, V66)
        assert after.seconds >= before.seconds * (1 - 1e-9)
        assert after.joules >= before.joules * (1 - 1e-9)


def parts(work, description, run):
    """Seconds that DMA needs for all tiles, those that it takes to start one, and the same for the vector unit."""
    dsp = description.dsp
    executed = instructions(work, dsp.vector)
    touched = (executed.loads + executed.stores) * dsp.vector.vector_bytes
    cycles = max(executed.packets(dsp.vector) / dsp.vector.contexts, touched / dsp.vtcm.bytes_per_cycle)
    moving, computing = run.dma_bytes / dsp.dram.bytes_per_second, cycles / LEVEL.clock_hz
    return moving, 2 * dsp.dma_transfer_seconds, computing, dsp.tile_cycles / LEVEL.clock_hz


@settings(deadline=None)
@given(WORKS)
def test_dma_and_computing_overlap_but_no_more_than_they_can(work):
    run = DspPerformance(V66).run(work, LEVEL)
    moving, starting, computing, handing = parts(work, V66, run)
    dma, vector = moving + run.tiles * starting, computing + run.tiles * handing
    assert max(dma, vector) * (1 - 1e-9) <= run.seconds <= (dma + vector) * (1 + 1e-9)
    assert 0 <= run.vector_start <= run.vector_start + run.vector_seconds <= run.seconds * (1 + 1e-9)


@settings(deadline=None)
@given(WORKS)
def test_tiles_fit_and_no_other_number_of_them_is_faster(work):
    run = DspPerformance(V66).run(work, LEVEL)
    least = -(-run.dma_bytes // V66.dsp.tile_bytes)
    assert run.tiles >= least
    moving, starting, computing, handing = parts(work, V66, run)
    for tiles in range(least, run.tiles + 200):
        transfer, compute = moving / tiles + starting, computing / tiles + handing
        assert run.seconds <= (transfer + compute + (tiles - 1) * max(transfer, compute)) * (1 + 1e-9)


def test_weights_that_do_not_fit_come_again_or_the_inputs_do():
    fits = convolution(size=20, channels=32, filters=32, taps=1)
    assert DspPerformance(V66).run(fits, LEVEL).dma_bytes == fits.input_bytes + fits.weight_bytes + fits.output_bytes
    part = V66.dsp.tile_bytes
    work = convolution(size=20, channels=512, filters=512, taps=1)
    assert work.weight_bytes == 4 * part
    assert work.input_bytes == 3.125 * part
    again = min(3 * work.input_bytes, 3 * work.weight_bytes)
    moved = work.input_bytes + work.weight_bytes + work.output_bytes + again
    assert DspPerformance(V66).run(work, LEVEL).dma_bytes == moved


def test_dynamic_energy_follows_the_voltage_and_static_energy_the_time():
    work = convolution()
    slow, fast = Level(5e8, 0.5), Level(1e9, 1.0)
    quiet = dataclasses.replace(V79, power=dataclasses.replace(V79.power, static_watts=0.0))
    on_chip = altered(quiet, dram__picojoules_per_byte=0.0, tile_cycles=1e-9, operation_cycles=0.0)
    assert cost(work, on_chip, fast).joules == pytest.approx(4 * cost(work, on_chip, slow).joules)
    static = cost(work, V79, fast).joules - cost(work, quiet, fast).joules
    assert static == pytest.approx(V79.power.static_watts * seconds(work, V79, fast))


def chain(length, elements):
    """RELU after RELU over ``elements`` bytes."""
    middle = Operand(INT8, (elements,), 0.5)
    operands = (
        dataclasses.replace(middle, lifetime=Lifetime.SUBGRAPH_INPUT),
        *[middle] * (length - 1),
        dataclasses.replace(middle, lifetime=Lifetime.SUBGRAPH_OUTPUT),
    )
    operations = tuple(Operation(OperationType.RELU, (i,), (i + 1,)) for i in range(length))
    return Model(Subgraph(operands, operations, (0,), (length,)))


def scheduled(model, description=V66):
    found = graph(model.main, [model.main.operands[index].dimensions for index in model.main.inputs])
    return DspPerformance(description).schedule(found, LEVEL)


def moved(schedule):
    return [int(each.name.split(": ")[1].split()[0]) for each in schedule.activities if each.track == "dma"]


def test_results_that_fit_stay_in_the_vtcm():
    size = V66.dsp.tile_bytes // 2
    assert moved(scheduled(chain(3, size))) == [size, size]  # the first one's input, the last one's output
    assert moved(scheduled(chain(3, 2 * size + 1))) == [4 * size + 2] * 3


def test_a_schedule_is_a_sequence_on_each_track():
    schedule = scheduled(chain(4, 100_000))
    assert {each.track for each in schedule.activities} == {"scalar", "dma", "vector"}
    assert {each.operation for each in schedule.activities} == {0, 1, 2, 3}
    for track in ("scalar", "dma", "vector"):
        ends = 0.0
        for each in (each for each in schedule.activities if each.track == track):
            assert each.start >= ends * (1 - 1e-9)
            assert each.seconds > 0
            ends = each.start + each.seconds
        assert ends <= schedule.seconds * (1 + 1e-9)


def test_a_schedule_without_anything_kept_costs_what_its_operations_cost():
    model = chain(3, V66.dsp.tile_bytes + 1)
    schedule = scheduled(model)
    found = graph(model.main, [(V66.dsp.tile_bytes + 1,)])
    costs = [cost(work, V66) for work in found.works]
    assert schedule.seconds == pytest.approx(sum(each.seconds for each in costs))
    assert schedule.joules == pytest.approx(sum(each.joules for each in costs))


@pytest.mark.parametrize("variant", ["hexagon-680", "hexagon-690", "hexagon-v79"])
def test_shipped_descriptions_are_in_the_order_of_their_parts(variant):
    """Every later part is faster and takes less energy for the same convolution."""
    order = ["hexagon-680", "hexagon-690", "hexagon-v79"]
    place = order.index(variant)
    works = [convolution(56, 64, 64), elementwise(100_000)]
    for work in works:
        costs = []
        for name in order[place : place + 2]:
            description = DspDevice(name).description
            costs.append(cost(work, description, description.power.levels[-1]))
        assert costs == sorted(costs, key=lambda each: -each.seconds)
        assert costs == sorted(costs, key=lambda each: -each.joules)
