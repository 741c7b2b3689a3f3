"""From a model to the NPU's command stream.

Each operation is cut into tiles (``drivers.npu.tiling``). For a tile, DMA loads what is new of its input and weights
into the halves of the scratchpads that are not in use, the array or the vector unit computes, and DMA
stores the result. Every unit takes its commands in order, so that a load finds what stores before it have left; a
command also waits for those that it names: a computation for what it reads, a load for the computation that last read
its half of the scratchpad, a store for its result. Loads of the next tile come before the store of this one, across
operations too where they don't need its result: so DMA works while the others compute.

Tensors between operations lie in SRAM, largest first, as far as they find room, and constants beside them, from one
execution to the next, in the operations' order; the rest, like the model's inputs and outputs, lies in DRAM. RESHAPE,
SQUEEZE and EXPAND_DIMS give a tensor another name, and take no command, unless the model's own input or output is
involved.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from drivers.engine.arena import Lifespan, plan
from drivers.npu.description import NpuSection
from drivers.npu.tiling import IN_COMMAND, Piece, Tile, tiles
from drivers.simulation.estimate import Graph
from hal.memory import aligned
from hal.model import Lifetime
from hal.types import OperationType
from hal.workload import Workload

DRAM, SRAM = "dram", "sram"
DMA, ARRAY, VECTOR = "dma", "array", "vector"

_RENAMING = (OperationType.RESHAPE, OperationType.SQUEEZE, OperationType.EXPAND_DIMS)


@dataclass(frozen=True, slots=True)
class Region:
    """``size`` bytes at ``address`` of ``memory``."""

    memory: str
    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Task:
    """An operation with where its operands lie; ``weights``: constants, packed, or a product's computed right side."""

    operation: int
    work: Workload
    inputs: tuple[Region, ...]
    weights: Region
    outputs: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """One entry of the stream.

    ``unit``: who executes it; ``after``: the commands that it waits for; ``buffer``: the half of a
    scratchpad that it fills, or stores from; ``region``: what DMA moves to or from it; ``reads``: the
    halves that a computation takes its operands from.
    """

    name: str
    unit: str
    task: Task
    tile: Tile
    after: tuple[int, ...]
    buffer: str
    region: Region | None = None
    reads: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As it is shown in the dump of the stream."""
        if self.region is not None:
            memory = f"{self.region.memory}:{self.region.address:#010x}"
            places = (memory, self.buffer) if self.name == "LOAD" else (self.buffer, memory)
            what = f"{self.region.size:>9,} bytes"
        else:
            places = (" ".join(self.reads), self.buffer)
            what = self.tile.shape
        waits = f"  after {', '.join(map(str, self.after))}" if self.after else ""
        operation = f"{self.task.operation} {self.task.work.operation.name}"
        return f"{self.name:<6} {' -> '.join(places):<33} {what:<22} ; {operation}{waits}"


def compile_graph(graph: Graph, npu: NpuSection, bytes_per_cycle: float) -> list[Command]:
    """The command stream of one execution of a model."""
    return compile_tasks(_tasks(graph, npu), npu, bytes_per_cycle)


def compile_alone(work: Workload, npu: NpuSection, bytes_per_cycle: float) -> list[Command]:
    """The command stream of one operation, whose operands lie in SRAM as far as they find room."""
    sizes = (work.input_bytes, work.output_bytes, work.weight_bytes)
    ends = list(itertools.accumulate(map(aligned, sizes)))
    inputs, outputs, weights = (
        Region(SRAM if end <= npu.sram.capacity_bytes else DRAM, end - aligned(size), size)
        for size, end in zip(sizes, ends)
    )
    right = inputs if work.matrix is not None and work.weight_bytes <= IN_COMMAND else weights
    return compile_tasks([Task(0, work, (inputs,), right, (outputs,))], npu, bytes_per_cycle)


def compile_tasks(tasks: Sequence[Task], npu: NpuSection, bytes_per_cycle: float) -> list[Command]:
    """The command stream of ``tasks`` in order; ``bytes_per_cycle``: DRAM's."""
    steps = [_Step(task, tile) for task in tasks for tile in tiles(task.work, npu, bytes_per_cycle)]
    stream = _Stream()
    for before, step, after in zip([None, *steps], steps, [*steps[1:], None]):
        stream.load(step)
        if before is not None and before.task is step.task:
            step.buffers = before.buffers | step.buffers  # what this tile does not load is there from the one before
        if after is not None:
            stream.load(after, unless=step.task.outputs)
        last = stream.compute(step) if step.tile.unit else max(step.loads, default=None)
        stream.store(step, last)
    return stream.commands


class _Step:
    """A tile on its way into the stream: what is still to be loaded, the loads so far, and the halves that it uses."""

    def __init__(self, task: Task, tile: Tile) -> None:
        self.task = task
        self.tile = tile
        sources = (("input", task.inputs, tile.input), ("weights", (task.weights,), tile.weights))
        self.missing = {pad: (regions, piece) for pad, regions, piece in sources if piece is not None}
        self.loads: list[int] = []
        self.buffers: dict[str, int] = {}

    @property
    def source(self) -> str:
        """Where a tile that only moves is stored from."""
        return "input" if "input" in self.buffers else "weights"


class _Stream:
    """The commands so far, and which are the last to use the halves of the scratchpads."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self._filled = {"input": 1, "weights": 1, "output": 1}
        self._users: dict[tuple[str, int], int] = {}
        self._growing = False  # whether the output's half holds sums that are not complete

    def load(self, step: _Step, unless: Sequence[Region] = ()) -> None:
        """Load what ``step`` misses, but for what comes from the regions ``unless``, which are not stored yet."""
        for pad, (regions, piece) in list(step.missing.items()):
            if any(region in unless for region in regions):
                continue
            del step.missing[pad]
            step.buffers[pad] = self._other(pad)
            last_user = self._users.get((pad, step.buffers[pad]))
            for part in _parts(regions, piece):
                step.loads.append(self._transfer("LOAD", step, _known(last_user), pad, part))

    def compute(self, step: _Step) -> int:
        """Compute the tile when it is loaded, into the other half of the output, or onto the sums in this one."""
        waits = _known(*step.loads)
        if not self._growing:
            step.buffers["output"] = self._other("output")
            waits = _known(*waits, self._users.get(("output", step.buffers["output"])))
        self._growing = step.tile.output is None
        name, unit = ("MATRIX", ARRAY) if step.tile.unit == ARRAY else ("VECTOR", VECTOR)
        reads = tuple(_half(pad, half) for pad, half in sorted(step.buffers.items()) if pad != "output")
        buffer = _half("output", step.buffers["output"])
        number = self._append(Command(name, unit, step.task, step.tile, waits, buffer, reads=reads))
        self._users.update(dict.fromkeys(step.buffers.items(), number))
        return number

    def store(self, step: _Step, last: int | None) -> None:
        """Store the tile's result, if it is complete, after the command ``last``."""
        if step.tile.output is None:
            return
        pad = "output" if step.tile.unit else step.source
        for part in _parts(step.task.outputs, step.tile.output):
            self._users[pad, step.buffers[pad]] = self._transfer("STORE", step, _known(last), pad, part)

    def _other(self, pad: str) -> int:
        self._filled[pad] = 1 - self._filled[pad]
        return self._filled[pad]

    def _transfer(self, name: str, step: _Step, waits: tuple[int, ...], pad: str, region: Region) -> int:
        buffer = _half(pad, step.buffers[pad])
        return self._append(Command(name, DMA, step.task, step.tile, waits, buffer, region))

    def _append(self, command: Command) -> int:
        self.commands.append(command)
        return len(self.commands) - 1


def _half(pad: str, number: int) -> str:
    return f"{pad}[{number}]"


def _known(*numbers: int | None) -> tuple[int, ...]:
    return tuple(sorted({number for number in numbers if number is not None}))


def _parts(regions: Sequence[Region], piece: Piece) -> Iterator[Region]:
    """The share of ``piece`` in each of ``regions``, through all of which it counts together."""
    total = sum(region.size for region in regions)
    for region in regions:
        start = min(piece.offset * region.size // total, region.size - 1)
        end = min(-(-(piece.offset + piece.size) * region.size // total), region.size)
        yield Region(region.memory, region.address + start, end - start)


def _tasks(graph: Graph, npu: NpuSection) -> list[Task]:
    """The model's operations that move or compute something, with places for their operands."""
    places = _Places(graph, npu)
    tasks = []
    for number, (operation, work) in enumerate(zip(graph.subgraph.operations, graph.works)):
        if places.is_renaming(number):
            continue
        inputs = [places.regions[index] for index in operation.inputs if index in places.regions]
        weights = places.constants(work.weight_bytes)
        if work.matrix is not None and len(inputs) > 1:  # of BATCH_MATMUL: both sides are computed
            *inputs, weights = inputs
        outputs = tuple(places.regions[index] for index in operation.outputs)
        tasks.append(Task(number, work, tuple(inputs), weights, outputs))
    return tasks


class _Places:
    """Where each tensor of a model lies. ``regions``: by operand, constants left out."""

    def __init__(self, graph: Graph, npu: NpuSection) -> None:
        self.regions: dict[int, Region] = {}
        self._graph = graph
        self._end = 0  # of what is in DRAM
        main = graph.subgraph
        for index in (*main.inputs, *main.outputs):
            self.regions.setdefault(index, self._in_dram(graph.bytes_of(index)))
        self._names: dict[int, int] = {}
        for number, operation in enumerate(main.operations):
            if self.is_renaming(number):
                self._names[operation.outputs[0]] = self._named(operation.inputs[0])
        self._plan(npu.sram.capacity_bytes)

    def is_renaming(self, number: int) -> bool:
        """Whether operation ``number`` gives a tensor between operations another name, and no more."""
        operation = self._graph.subgraph.operations[number]
        if operation.type not in _RENAMING:
            return False
        ends = operation.inputs[0], operation.outputs[0]
        operands = self._graph.subgraph.operands
        return all(operands[index].lifetime is Lifetime.TEMPORARY_VARIABLE for index in ends)

    def constants(self, size: int) -> Region:
        """``size`` bytes of constants of one operation."""
        if aligned(size) > self._room:
            return self._in_dram(size)
        self._room -= aligned(size)
        return Region(SRAM, self._used + self._room, size)

    def _in_dram(self, size: int) -> Region:
        start, self._end = self._end, self._end + aligned(size)
        return Region(DRAM, start, size)

    def _named(self, index: int) -> int:
        """The tensor that ``index`` is another name of, itself if none."""
        return self._names.get(index, index)

    def _plan(self, capacity: int) -> None:
        """Place the tensors between operations."""
        lifespans: dict[int, Lifespan] = {}
        for number, operation in enumerate(self._graph.subgraph.operations):
            for index in operation.outputs:
                if index in self.regions:
                    continue
                root = self._named(index)
                last = self._graph.last_use.get(index, number)
                known = lifespans.get(root, Lifespan(self._graph.bytes_of(root), number, last))
                lifespans[root] = Lifespan(known.size, known.first, max(known.last, last))
        chip = {index: span for index, span in lifespans.items() if span.size <= capacity}
        offsets, _ = plan(list(chip.values()))
        found = {
            index: Region(SRAM, offset, span.size)
            for (index, span), offset in zip(chip.items(), offsets)
            if offset + span.size <= capacity
        }
        self._used = max((aligned(region.address + region.size) for region in found.values()), default=0)
        self._room = max(capacity - self._used, 0)
        outside = {index: span for index, span in lifespans.items() if index not in found}
        offsets, size = plan(list(outside.values()))
        base = self._in_dram(size).address
        for (index, span), offset in zip(outside.items(), offsets):
            found[index] = Region(DRAM, base + offset, span.size)
        self.regions.update(found)
        self.regions.update({index: found[root] for index, root in self._names.items()})
