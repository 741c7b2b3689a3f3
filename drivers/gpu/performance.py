"""How fast the GPU is: waves of threads on compute units, fed from a cache and from DRAM, a kernel an operation.

**Threads.** A thread computes ``tile_rows`` x ``tile_columns`` of a product of matrices (fewer rows where
the product has fewer), or ``thread_elements`` results of any other operation:

    threads = groups * ceil(rows / tile_rows) * ceil(columns / tile_columns)

What a tile holds beyond the product's edge is computed and thrown away. Threads run in waves, waves
on compute units, each of which makes ``lanes`` scalar operations a cycle and ``float16_rate`` times as many
multiply-accumulates (8-bit data are float16 here). Meanwhile every thread brings its own operands into registers,
for a product a row of each side for each step of the inner dimension, at the compute unit's fetch rate; phones' GPUs
mostly wait for that, not for their arithmetic:

    waves of a unit = ceil(ceil(threads / wave_lanes) / compute_units)
    cycles of a wave = wave_lanes * max(multiply-accumulates / float16_rate / lanes, bytes / fetch.bytes_per_cycle)
    cycles = max(waves of a unit, hiding_waves) * cycles of a wave

so an operation of few threads leaves units empty, and one of too few waves waits for memory's latency.

**Memory.** Tensors are float16 in memory, 8-bit ones 8-bit. A product's wave covers a square of
tiles, and fetches the operands of all of them once through the cache. DRAM moves what an operation reads and
writes; results stay in the cache, as long as it has room, for the operations that follow.

**Time** of a kernel is the longest of the three, compute units, cache and DRAM, and each kernel costs
``kernel_seconds`` to start. What only views other memory is no kernel.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from drivers.gpu.description import GpuDescription
from drivers.simulation.description import Level
from drivers.simulation.estimate import PICO, Activity, Graph, PerformanceModel, Schedule
from hal.device import Cost
from hal.types import OperandType
from hal.workload import Workload

_HALF_BYTES = 2


@dataclass(frozen=True, slots=True)
class Kernel:
    """One operation on the GPU. ``seconds``: without its start; ``dram_seconds``: of moving ``dram_bytes``, within."""

    start_seconds: float
    seconds: float
    dram_seconds: float
    dram_bytes: float
    joules: float
    dram_joules: float


class GpuPerformance(PerformanceModel):
    """The performance model of a GPU that ``description`` describes."""

    def __init__(self, description: GpuDescription) -> None:
        self._gpu = description.gpu
        self._energy = description.energy
        self._static_watts = description.power.static_watts

    def operation(self, work: Workload, level: Level) -> Cost:
        """One operation alone, its tensors in DRAM before and after."""
        kernel = self.kernel(work, level)
        seconds = kernel.start_seconds + kernel.seconds
        return Cost(seconds, kernel.joules + kernel.dram_joules + self._static_watts * seconds)

    def schedule(self, graph: Graph, level: Level) -> Schedule:
        """One kernel after the other; what the cache still holds is not read from DRAM."""
        activities: list[Activity] = []
        held = _Held(self._gpu.cache.capacity_bytes)
        now = 0.0
        for position, (operation, work) in enumerate(zip(graph.subgraph.operations, graph.works)):
            computed = [i for i in dict.fromkeys(operation.inputs) if not graph.subgraph.operands[i].is_constant]
            share = _bytes_held(work.data_type)
            hits = held.touch((index, graph.bytes_of(index) * share) for index in computed)
            held.touch((index, graph.bytes_of(index) * share) for index in operation.outputs)
            kernel = self.kernel(work, level, hits)
            name = work.operation.name
            if kernel.start_seconds:
                activities.append(Activity("queue", name, now, kernel.start_seconds, position))
                now += kernel.start_seconds
                activities.append(Activity("compute", name, now, kernel.seconds, position, kernel.joules))
            if kernel.dram_bytes:
                moved = f"{name}: {kernel.dram_bytes:.0f} bytes"
                activities.append(Activity("dram", moved, now, kernel.dram_seconds, position, kernel.dram_joules))
            now += kernel.seconds
        return Schedule.of(activities, self._static_watts)

    def kernel(self, work: Workload, level: Level, cached_bytes: float = 0.0) -> Kernel:
        """An operation, so many bytes of whose inputs are in the cache already."""
        gpu, energy = self._gpu, self._energy
        moved = (work.input_bytes + work.weight_bytes + work.output_bytes) * _bytes_held(work.data_type)
        if not (work.macs or work.arithmetic or moved):
            return Kernel(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        dram_bytes = max(moved - cached_bytes, 0.0)
        threads = self._threads(work)
        cache_bytes = max(threads.count * threads.bytes / math.sqrt(gpu.wave_lanes) if work.matrix else 0.0, moved)
        computing = self.cycles(work) / level.clock_hz
        caching = cache_bytes / (gpu.cache.bytes_per_cycle * level.clock_hz)
        dram_seconds = dram_bytes / gpu.dram.bytes_per_second
        picojoules = work.macs * energy.mac_float16_picojoules + work.arithmetic * energy.scalar_picojoules
        picojoules += threads.count * threads.bytes * gpu.fetch.picojoules_per_byte
        picojoules += cache_bytes * gpu.cache.picojoules_per_byte
        return Kernel(
            start_seconds=gpu.kernel_seconds,
            seconds=max(computing, caching, dram_seconds),
            dram_seconds=dram_seconds,
            dram_bytes=dram_bytes,
            joules=picojoules * PICO * energy.factor(level),
            dram_joules=dram_bytes * gpu.dram.picojoules_per_byte * PICO,
        )

    def cycles(self, work: Workload) -> float:
        """Cycles of computing, on the unit that has most to do."""
        gpu, threads = self._gpu, self._threads(work)
        computing = (threads.macs / gpu.float16_rate + work.arithmetic / threads.count) / gpu.lanes
        waves = math.ceil(math.ceil(threads.count / gpu.wave_lanes) / gpu.compute_units)
        of_wave = gpu.wave_lanes * max(computing, threads.bytes / gpu.fetch.bytes_per_cycle)
        return max(waves, gpu.hiding_waves) * of_wave

    def _threads(self, work: Workload) -> _Threads:
        gpu, matrix = self._gpu, work.matrix
        if matrix is None:
            count = max(math.ceil(work.elements / gpu.thread_elements), 1)
            read = (work.input_bytes + work.weight_bytes) * _bytes_held(work.data_type)
            return _Threads(count, work.macs / count, read / count)
        rows = min(gpu.tile_rows, matrix.rows)
        columns = gpu.tile_columns if matrix.groups == 1 else min(gpu.tile_columns, matrix.columns)
        count = matrix.groups * math.ceil(matrix.rows / rows) * math.ceil(matrix.columns / columns)
        return _Threads(count, rows * columns * matrix.inner, (rows + columns) * matrix.inner * _HALF_BYTES)


@dataclass(frozen=True, slots=True)
class _Threads:
    """A kernel's threads. ``macs``: of each of them; ``bytes``: that each brings into registers."""

    count: int
    macs: float
    bytes: float


class _Held:
    """Which tensors are in the cache: those used last, as far as there is room."""

    def __init__(self, capacity: float) -> None:
        self._capacity = capacity
        self._sizes: OrderedDict[int, float] = OrderedDict()

    def touch(self, tensors: Iterable[tuple[int, float]]) -> float:
        """Use tensors of these sizes; returns the bytes of those that were there."""
        hits = 0.0
        for index, size in tensors:
            hits += self._sizes.pop(index, 0.0)
            if size <= self._capacity:
                self._sizes[index] = size
            while sum(self._sizes.values()) > self._capacity:
                self._sizes.popitem(last=False)
        return hits


def _bytes_held(data_type: OperandType) -> float:
    """Bytes on the GPU for a byte of NNAPI's: float32 is stored as float16."""
    return 0.5 if data_type is OperandType.TENSOR_FLOAT32 else 1.0
