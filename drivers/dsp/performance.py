"""How fast the DSP is: VLIW packets of vector instructions, fed by DMA through a tightly-coupled memory.

**Vector unit.** A multiplication sums four 8-bit products in each of a vector's 32-bit lanes; a lane is
an output channel. So a product of matrices takes, in whole vectors,

    multiplications = rows * ceil(groups * columns / lanes) * ceil(inner dimension / 4)

and channels that don't fill their vector are computed like the others and thrown away. A vector of
weights is loaded once for ``ROWS_IN_REGISTERS`` rows; grouped products also load their inputs, which
ungrouped ones broadcast from scalar registers. Arithmetic takes one instruction for each lane. Every
context issues a packet a cycle, and packets are full:

    packets = max(multiplications / multiply slots, loads / load slots, stores / store slots, all / packet slots)
    cycles  = max(packets / contexts, bytes loaded and stored / the VTCM's bytes a cycle)

**Tiles.** An operation is done in n tiles. The VTCM has four equal parts: two tiles (DMA fills one and
empties it while the contexts work on the other), weights, and results that stay until the operations
that read them. With t seconds of DMA and c of computing for each tile, both with what a tile costs to start,

    seconds = t + c + (n - 1) * max(t, c)

where n is at least what makes a tile fit, and otherwise as many as makes this the least. Where the weights
do not fit their part, either they are brought again for each part of the inputs or the inputs for each
part of the weights, whichever moves less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from drivers.dsp.description import DspDescription, VectorUnit
from drivers.simulation.description import Level
from drivers.simulation.estimate import PICO, Activity, Graph, PerformanceModel, Schedule
from hal.device import Cost
from hal.workload import Workload

PRODUCTS_IN_A_LANE = 4
"""8-bit products that a multiplication sums in a 32-bit lane."""

ROWS_IN_REGISTERS = 8
"""Rows of a product whose sums are in registers together: half of 32 vectors, two for each row."""


@dataclass(frozen=True, slots=True)
class Instructions:
    """Whole-vector instructions of an operation, by the slot that they need."""

    multiplies: int
    arithmetic: int
    loads: int
    stores: int

    @property
    def all(self) -> int:
        """All of them."""
        return self.multiplies + self.arithmetic + self.loads + self.stores

    def packets(self, unit: VectorUnit) -> float:
        """Packets that hold them, whichever slot is short."""
        return max(
            self.multiplies / unit.multiply_slots,
            self.loads / unit.load_slots,
            self.stores / unit.store_slots,
            self.all / unit.packet_slots,
        )


def instructions(work: Workload, unit: VectorUnit) -> Instructions:
    """What a vector unit executes for an operation."""
    loads = _ceil(work.input_bytes + work.weight_bytes, unit.vector_bytes)
    stores = _ceil(work.output_bytes, unit.vector_bytes)
    vectors = _ceil(work.elements, unit.lanes)
    multiplies = _ceil(work.macs, unit.lanes * PRODUCTS_IN_A_LANE)
    if work.matrix is not None:
        matrix = work.matrix
        blocks = _ceil(matrix.groups * matrix.columns, unit.lanes)
        steps = _ceil(matrix.inner, PRODUCTS_IN_A_LANE)
        vectors = matrix.rows * blocks
        multiplies = vectors * steps
        loads = _ceil(matrix.rows, ROWS_IN_REGISTERS) * blocks * steps + (multiplies if matrix.groups > 1 else 0)
    else:
        loads += multiplies  # the weights of one step, which no other row shares
    arithmetic = math.ceil(work.arithmetic / max(work.elements, 1) * vectors)
    return Instructions(multiplies, arithmetic, loads, stores)


@dataclass(frozen=True, slots=True)
class Run:
    """An operation on the device, in seconds from its first transfer.

    ``vector_start``, ``vector_seconds``: when the contexts work, the gaps in which they wait for DMA
    included. ``seconds``: all, without setting the operation up. ``dma_bytes``: moved between DRAM and VTCM.
    """

    tiles: int
    dma_bytes: int
    vector_start: float
    vector_seconds: float
    seconds: float
    setup_seconds: float
    scalar_joules: float
    dma_joules: float
    vector_joules: float


class DspPerformance(PerformanceModel):
    """The performance model of a DSP that ``description`` describes."""

    def __init__(self, description: DspDescription) -> None:
        self._dsp = description.dsp
        self._energy = description.energy
        self._static_watts = description.power.static_watts

    def operation(self, work: Workload, level: Level) -> Cost:
        """One operation alone, its tensors in DRAM before and after; energy with static."""
        run = self.run(work, level)
        seconds = run.setup_seconds + run.seconds
        dynamic = run.scalar_joules + run.dma_joules + run.vector_joules
        return Cost(seconds, dynamic + self._static_watts * seconds)

    def schedule(self, graph: Graph, level: Level) -> Schedule:
        """Operations one after the other; a result that fits stays in the VTCM for those that read it."""
        activities: list[Activity] = []
        kept: dict[int, int] = {}
        clock = 0.0
        for position, (operation, work) in enumerate(zip(graph.subgraph.operations, graph.works)):
            read = sum(kept.get(index, 0) for index in set(operation.inputs))
            kept_before = sum(kept.values())
            for index in operation.outputs:
                size = graph.bytes_of(index)
                stays = graph.last_use.get(index, position) < len(graph.works)
                if stays and sum(kept.values()) + size <= self._dsp.tile_bytes:
                    kept[index] = size
            run = self.run(work, level, read, sum(kept.values()) - kept_before)
            activities += _activities(run, work.operation.name, clock, position)
            clock += run.setup_seconds + run.seconds
            kept = {index: size for index, size in kept.items() if graph.last_use.get(index, position) > position}
        return Schedule.of(activities, self._static_watts)

    def run(self, work: Workload, level: Level, kept_input: int = 0, kept_output: int = 0) -> Run:
        """An operation, so many bytes of whose inputs are in the VTCM already and of whose outputs stay there."""
        dsp, energy = self._dsp, self._energy
        loaded = _loaded(max(work.input_bytes - kept_input, 0), work.weight_bytes, dsp.tile_bytes)
        stored = max(work.output_bytes - kept_output, 0)
        executed = instructions(work, dsp.vector)
        vector_bytes = (executed.loads + executed.stores) * dsp.vector.vector_bytes
        cycles = max(executed.packets(dsp.vector) / dsp.vector.contexts, vector_bytes / dsp.vtcm.bytes_per_cycle)

        moving = (loaded + stored) / dsp.dram.bytes_per_second
        starting = dsp.dma_transfer_seconds * ((loaded > 0) + (stored > 0))
        computing, handing = cycles / level.clock_hz, dsp.tile_cycles / level.clock_hz
        tiles = _tiles(max(_ceil(loaded + stored, dsp.tile_bytes), 1), moving, starting, computing, handing)
        seconds = _pipelined(tiles, moving, starting, computing, handing)
        first = loaded / dsp.dram.bytes_per_second / tiles + dsp.dma_transfer_seconds * (loaded > 0)
        last = stored / dsp.dram.bytes_per_second / tiles + dsp.dma_transfer_seconds * (stored > 0)

        factor = energy.factor(level)
        products = executed.multiplies * dsp.vector.lanes * PRODUCTS_IN_A_LANE
        picojoules = products * energy.mac_int8_picojoules
        picojoules += executed.arithmetic * dsp.vector.lanes * energy.lane_picojoules
        picojoules += vector_bytes * dsp.vtcm.picojoules_per_byte
        transferred = dsp.dram.picojoules_per_byte + dsp.vtcm.picojoules_per_byte * factor
        scalar_cycles = dsp.operation_cycles + tiles * dsp.tile_cycles
        return Run(
            tiles=tiles,
            dma_bytes=loaded + stored,
            vector_start=first,
            vector_seconds=seconds - first - last,
            seconds=seconds,
            setup_seconds=dsp.operation_cycles / level.clock_hz,
            scalar_joules=scalar_cycles * energy.scalar_picojoules * factor * PICO,
            dma_joules=(loaded + stored) * transferred * PICO,
            vector_joules=picojoules * factor * PICO,
        )


def _activities(run: Run, name: str, start: float, operation: int) -> list[Activity]:
    begin = start + run.setup_seconds
    tiles = "1 tile" if run.tiles == 1 else f"{run.tiles} tiles"
    activities = [
        Activity("scalar", name, start, run.setup_seconds, operation, run.scalar_joules),
        Activity("vector", name, begin + run.vector_start, run.vector_seconds, operation, run.vector_joules),
    ]
    if run.dma_bytes:
        moved = f"{name}: {run.dma_bytes} bytes in {tiles}"
        activities.append(Activity("dma", moved, begin, run.seconds, operation, run.dma_joules))
    return activities


def _loaded(inputs: int, weights: int, part: int) -> int:
    """Bytes that DMA brings where weights, or inputs, come again for each ``part`` of the others."""
    again = (max(_ceil(weights, part), 1) - 1) * inputs, (max(_ceil(inputs, part), 1) - 1) * weights
    return inputs + weights + min(again)


def _pipelined(tiles: int, moving: float, starting: float, computing: float, handing: float) -> float:
    """Seconds of ``tiles`` tiles, DMA and contexts side by side.

    ``moving``, ``computing``: of all tiles together; ``starting``, ``handing``: what each tile costs beside.
    """
    transfer, compute = moving / tiles + starting, computing / tiles + handing
    return transfer + compute + (tiles - 1) * max(transfer, compute)


def _tiles(least: int, moving: float, starting: float, computing: float, handing: float) -> int:
    """The number of tiles, ``least`` or more, that takes the least time.

    The time is the greater of two convex functions of it, one where computing, one where DMA takes longer: it is
    least where one of them is, or where they cross.
    """
    if not moving or not computing:
        return least
    places = [math.sqrt(moving / handing)]
    if starting:
        places.append(math.sqrt(computing / starting))
    if handing != starting:
        places.append((moving - computing) / (handing - starting))
    counts = {max(least, whole) for place in places for whole in (math.floor(place), math.ceil(place))}
    return min(sorted(counts | {least}), key=lambda n: _pipelined(n, moving, starting, computing, handing))


def _ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)
