"""How fast the NPU is: its command stream, executed on three units side by side.

DMA, array and vector unit take their commands in order; each starts when its unit is free and the
commands that it waits for have ended. A transfer takes ``dma_cycles`` and its bytes at the memory's
rate; a tile takes the cycles of the systolic array (``drivers.npu.systolic``), or one for each
``vector_lanes`` scalar instructions. Results are rescaled and activated as they leave the array, at no time.

Dynamic energy is that of each multiply-accumulate, each scalar instruction, and each byte that the units
read and write in the scratchpads and that DMA moves between them and SRAM or DRAM. All but DRAM's grows with the
supply voltage squared.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence

from drivers.npu.compiler import SRAM, Command, compile_alone, compile_graph
from drivers.npu.description import NpuDescription
from drivers.simulation.description import Level
from drivers.simulation.estimate import PICO, Activity, Graph, PerformanceModel, Schedule
from hal.device import Cost
from hal.workload import Workload

_HEADING = f"{'number':>6} {'start':>12} {'cycles':>10}  command"

_KNOWN = 4096
"""Estimates of single operations that are kept: models ask for the same ones again and again."""


class NpuPerformance(PerformanceModel):
    """The performance model of an NPU that ``description`` describes."""

    def __init__(self, description: NpuDescription) -> None:
        self._npu = description.npu
        self._energy = description.energy
        self._static_watts = description.power.static_watts
        fastest = description.power.levels[-1]
        self._dram_bytes_per_cycle = self._npu.dram.bytes_per_second / fastest.clock_hz
        self._last: tuple[Callable[[], Graph | None], list[Command]] = (lambda: None, [])
        self._cost = functools.lru_cache(_KNOWN)(self._uncached_cost)

    def operation(self, work: Workload, level: Level) -> Cost:
        """One operation alone, its tensors in DRAM before and after; energy with static."""
        return self._cost(work, level)

    def schedule(self, graph: Graph, level: Level) -> Schedule:
        """One execution of the model's command stream."""
        return self._executed(self._compiled(graph), level)

    def _compiled(self, graph: Graph) -> list[Command]:
        """The model's command stream; it is the same at every level, and the last one is kept."""
        known, commands = self._last
        if known() is not graph:
            commands = compile_graph(graph, self._npu, self._dram_bytes_per_cycle)
            self._last = weakref.ref(graph), commands
        return commands

    def _uncached_cost(self, work: Workload, level: Level) -> Cost:
        schedule = self._executed(compile_alone(work, self._npu, self._dram_bytes_per_cycle), level)
        return Cost(schedule.seconds, schedule.joules)

    def _executed(self, commands: Sequence[Command], level: Level) -> Schedule:
        free: dict[str, float] = {}
        ends: list[float] = []
        activities = []
        for command in commands:
            start = max([free.get(command.unit, 0.0), *(ends[number] for number in command.after)])
            seconds = self._seconds(command, level)
            free[command.unit] = start + seconds
            ends.append(start + seconds)
            name = f"{command.name} {command.buffer}" if command.region else f"{command.name} {command.tile.shape}"
            joules = self._joules(command, level)
            activities.append(Activity(command.unit, name, start, seconds, command.task.operation, joules))
        lines = [
            f"{number:>6} {each.start * level.clock_hz:>12,.0f} {each.seconds * level.clock_hz:>10,.0f}  {command}"
            for number, (command, each) in enumerate(zip(commands, activities))
        ]
        return Schedule.of(activities, self._static_watts, [_HEADING, *lines])

    def _seconds(self, command: Command, level: Level) -> float:
        region = command.region
        if region is None:
            return command.tile.cycles / level.clock_hz
        rate = self._npu.dram.bytes_per_second
        if region.memory == SRAM:
            rate = self._npu.sram.bytes_per_cycle * level.clock_hz
        return self._npu.dma_cycles / level.clock_hz + region.size / rate

    def _joules(self, command: Command, level: Level) -> float:
        """Dynamic energy."""
        npu, energy, factor = self._npu, self._energy, self._energy.factor(level)
        region, tile = command.region, command.tile
        if region is None:
            picojoules = tile.macs * energy.mac_int8_picojoules + tile.scalars * energy.scalar_picojoules
            return (picojoules + tile.touched * npu.scratchpads.picojoules_per_byte) * factor * PICO
        on_chip = npu.scratchpads.picojoules_per_byte
        if region.memory == SRAM:
            return region.size * (on_chip + npu.sram.picojoules_per_byte) * factor * PICO
        return region.size * (on_chip * factor + npu.dram.picojoules_per_byte) * PICO
