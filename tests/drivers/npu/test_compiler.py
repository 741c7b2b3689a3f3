"""The command stream: nothing is read before it is there, or written over while it is needed."""

import functools
import itertools
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from drivers.npu.compiler import DRAM, SRAM, compile_graph
from drivers.npu.description import ScratchpadSection
from drivers.npu.device import NpuDevice
from drivers.npu.performance import NpuPerformance
from drivers.simulation.estimate import graph
from hal.types import OperationType
from tests.drivers.npu.networks import Network, small

DESCRIPTION = NpuDevice("ethos-u65").description


def graph_of(model):
    return graph(model.main, [model.main.operands[index].dimensions for index in model.main.inputs])


def renamed():
    """A tensor that is read by its other name after another of its size has been computed."""
    network = Network(1, 8, 8, 1)
    first = network.add(OperationType.RELU, [0])
    name = network.add(OperationType.RESHAPE, [first], np.array([8, 8], np.int32))
    second = network.add(OperationType.RELU6, [name])
    return network.model(network.add(OperationType.MUL, [name], [second], 0))


def growing():
    """An operation whose output is much larger than its input."""
    network = Network(1, 2, 2, 1)
    large = network.add(OperationType.RESIZE_BILINEAR, [0], 60, 60)
    return network.model(network.add(OperationType.LOGISTIC, [large], scale=1 / 256, zero_point=-128))


GRAPHS = {
    "growing": graph_of(growing()),
    "renamed": graph_of(renamed()),
    "narrow": graph_of(small(8, 4)),
    "long": graph_of(small(24, 8)),
    "wide": graph_of(small(8, 40)),
}


def part(inputs, weights, outputs, capacity):
    """The NPU with other scratchpads and another SRAM."""
    return replace(
        DESCRIPTION.npu,
        scratchpads=ScratchpadSection(inputs, weights, outputs, 1.0),
        sram=replace(DESCRIPTION.npu.sram, capacity_bytes=capacity),
    )


PARTS = {
    "as shipped": DESCRIPTION.npu,
    "small": part(2048, 3000, 2500, 10_000),
    "smallest": part(1024, 1024, 1024, 1),
    "lopsided": part(1024, 60_000, 1500, 4000),
    "slow memory": replace(part(4096, 4096, 1024, 1), vector_lanes=4096),
}


@functools.cache
def executed(found, npu):
    """The graph, the NPU, and the commands with their times."""
    found, npu = GRAPHS[found], PARTS[npu]
    performance = NpuPerformance(replace(DESCRIPTION, npu=npu))
    level = DESCRIPTION.power.levels[-1]
    activities = performance.schedule(found, level).activities
    commands = compile_graph(found, npu, npu.dram.bytes_per_second / level.clock_hz)
    assert len(activities) == len(commands)
    timed = [(each, time.start, time.start + time.seconds) for each, time in zip(commands, activities)]
    return found, npu, timed


everywhere = pytest.mark.parametrize(("found", "npu"), list(itertools.product(GRAPHS, PARTS)))


def overlap(first, second):
    return first[1] < second[2] - 1e-15 and second[1] < first[2] - 1e-15


def share(region, other):
    return (
        region.memory == other.memory
        and region.address < other.address + other.size
        and other.address < region.address + region.size
    )


@everywhere
def test_halves_of_scratchpads(found, npu):
    """Nobody writes a half that another command uses; what a command reads was loaded for its operation."""
    users = defaultdict(list)
    loaded = {}
    for entry in executed(found, npu)[2]:
        command = entry[0]
        for half in (*command.reads, command.buffer):
            users[half].append(entry)
        if command.name == "LOAD":
            loaded[command.buffer] = entry
        for half in command.reads:
            assert loaded[half][0].task is command.task
            assert loaded[half][2] <= entry[1] + 1e-15
    for half, entries in users.items():
        for position, first in enumerate(entries):
            for second in entries[position + 1 : position + 8]:
                together = {first[0].name, second[0].name}
                if together in ({"LOAD"}, {"STORE"}) and first[0].task is second[0].task:
                    continue  # parts of the same tile
                assert not overlap(first, second), (half, str(first[0]), str(second[0]))


@everywhere
def test_results_are_stored_before_they_are_loaded(found, npu):
    found, _, timed = executed(found, npu)
    stores = defaultdict(list)
    for entry in timed:
        if entry[0].name == "STORE":
            stores[entry[0].task.operation].append(entry)
    producers = {index: number for number, each in enumerate(found.subgraph.operations) for index in each.outputs}
    for load in (entry for entry in timed if entry[0].name == "LOAD"):
        operation = found.subgraph.operations[load[0].task.operation]
        writers = {producers[index] for index in operation.inputs if index in producers}
        for store in (store for writer in writers for store in stores[writer]):
            assert not share(store[0].region, load[0].region) or store[2] <= load[1] + 1e-15


@everywhere
def test_tensors_that_live_together_lie_apart(found, npu):
    found, npu, timed = executed(found, npu)
    tasks = {command.task.operation: command.task for command, _, _ in timed}
    names = {
        each.inputs[0]: each.outputs[0] for each in found.subgraph.operations if each.type == OperationType.RESHAPE
    }
    places = []
    for number, task in tasks.items():
        operation = found.subgraph.operations[number]
        places += [
            (region, number, found.last_use.get(names.get(index, index), number))
            for index, region in zip(operation.outputs, task.outputs)
        ]
        places.append((task.weights, 0, len(tasks)))
    for region, first, last in places:
        if region.memory == SRAM:
            assert region.address + region.size <= npu.sram.capacity_bytes
        for other, other_first, other_last in places:
            if other is not region and first <= other_last and other_first <= last and region.size and other.size:
                assert not share(region, other)


@everywhere
def test_units_do_one_thing_at_a_time_and_together_all_of_it(found, npu):
    found, npu, timed = executed(found, npu)
    by_unit = defaultdict(list)
    for entry in timed:
        by_unit[entry[0].unit].append(entry)
    for entries in by_unit.values():
        assert all(first[2] <= second[1] + 1e-15 for first, second in itertools.pairwise(entries))
    stored = defaultdict(int)
    for command, _, _ in timed:
        if command.name == "STORE":
            stored[command.task.operation] += command.region.size
        if command.unit == "dma":
            half = command.buffer.partition("[")[0]
            room = {"input": "input_bytes", "weights": "weight_bytes", "output": "output_bytes"}[half]
            assert command.region.size <= getattr(npu.scratchpads, room) // 2
    for operation, size in stored.items():
        assert size >= found.works[operation].output_bytes


def test_other_names_take_no_commands():
    found = graph_of(small())
    commands = compile_graph(found, DESCRIPTION.npu, 4.0)
    taken = {command.task.work.operation for command in commands}
    assert OperationType.RESHAPE not in taken
    assert OperationType.MAX_POOL_2D in taken


def test_other_names_of_what_the_application_sees_are_copied():
    network = Network(1, 4, 4, 2)
    flat = network.add(OperationType.RESHAPE, [0], np.array([1, 32], np.int32))
    commands = compile_graph(graph_of(network.model(flat)), DESCRIPTION.npu, 4.0)
    assert [(command.name, command.region.memory, command.region.size) for command in commands] == [
        ("LOAD", DRAM, 32),
        ("STORE", DRAM, 32),
    ]


def test_the_stream_by_hand():
    """One small layer: its operands are loaded, it is computed, its result is stored."""
    network = Network(1, 4, 4, 16)
    commands = compile_graph(graph_of(network.model(network.convolve(0, 8, 1))), DESCRIPTION.npu, 4.0)
    assert [" ".join(str(command).split()) for command in commands] == [
        "LOAD dram:0x00000000 -> input[0] 256 bytes ; 0 CONV_2D",
        "LOAD sram:0x0009ff40 -> weights[0] 160 bytes ; 0 CONV_2D",
        "MATRIX input[0] weights[0] -> output[0] 16 x 16 x 8 ; 0 CONV_2D after 0, 1",
        "STORE output[0] -> dram:0x00000100 128 bytes ; 0 CONV_2D after 2",
    ]


@pytest.mark.parametrize("capacity", [1, 10**6])
def test_what_finds_no_room_lies_in_dram(capacity):
    npu = replace(DESCRIPTION.npu, sram=replace(DESCRIPTION.npu.sram, capacity_bytes=capacity))
    memories = {command.region.memory for command in compile_graph(GRAPHS["long"], npu, 4.0) if command.region}
    assert memories == ({DRAM} if capacity == 1 else {DRAM, SRAM})
