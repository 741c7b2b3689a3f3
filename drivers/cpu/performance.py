"""How fast a CPU is: arithmetic or memory, whichever takes longer (a roofline for each operation)."""

from __future__ import annotations

from drivers.cpu.description import CpuDescription
from drivers.simulation.description import Level
from drivers.simulation.estimate import PICO, Activity, Graph, PerformanceModel, Schedule
from hal.device import Cost
from hal.types import OperandType
from hal.workload import Workload


class CpuPerformance(PerformanceModel):
    """Time and energy from cores, vector lanes, clock and three levels of memory.

    An operation takes ``start_cycles`` and then the longer of: its multiply-accumulates and scalar
    instructions at the peak rate times ``efficiency``; its bytes, each from the smallest memory that
    holds it. Results and inputs stay in the smallest that holds all of an operation's data, constants
    in the smallest that holds all of the model's.
    """

    def __init__(self, description: CpuDescription) -> None:
        self._description = description
        self._cpu = description.cpu
        self._energy = description.energy

    def operation(self, work: Workload, level: Level) -> Cost:
        """One operation in a model of its own."""
        return self._cost(work, level, work.weight_bytes)

    def schedule(self, graph: Graph, level: Level) -> Schedule:
        """One operation after the other."""
        activities: list[Activity] = []
        now = 0.0
        static = self._description.power.static_watts
        for position, work in enumerate(graph.works):
            cost = self._cost(work, level, graph.weight_bytes)
            dynamic = cost.joules - static * cost.seconds
            activities.append(Activity("compute", work.operation.name, now, cost.seconds, position, dynamic))
            now += cost.seconds
        return Schedule.of(activities, static)

    def _cost(self, work: Workload, level: Level, weight_bytes: int) -> Cost:
        macs_per_cycle, mac_picojoules = self._arithmetic(work.data_type)
        computing = work.macs / macs_per_cycle + work.arithmetic / self._lanes(32)
        moving, moved = 0.0, 0.0
        data = work.input_bytes + work.output_bytes
        for size, held_with in ((data, data + work.weight_bytes), (work.weight_bytes, max(weight_bytes, data))):
            seconds, joules = self._move(size, held_with, level)
            moving, moved = moving + seconds, moved + joules
        seconds = self._cpu.start_cycles / level.clock_hz
        seconds += max(computing / (self._cpu.efficiency * level.clock_hz), moving)
        computed = work.macs * mac_picojoules + work.arithmetic * self._energy.scalar_picojoules
        joules = computed * PICO * self._energy.factor(level) + moved
        return Cost(seconds, joules + self._description.power.static_watts * seconds)

    def _lanes(self, bits: int) -> float:
        """Scalar results that all cores make in a cycle."""
        return self._cpu.cores * self._cpu.simd_pipes * self._cpu.simd_bits / bits

    def _arithmetic(self, data_type: OperandType) -> tuple[float, float]:
        """Multiply-accumulates a cycle, and picojoules for one of them."""
        energy = self._energy
        size = 4 if data_type is OperandType.MODEL else data_type.dtype.itemsize
        if size == 1:
            return self._lanes(8 if self._cpu.int8_dot_product else 16), energy.mac_int8_picojoules
        if size == 2 and (self._cpu.float16 or data_type.dtype.kind != "f"):
            return self._lanes(16), energy.mac_float16_picojoules
        return self._lanes(32), energy.mac_float32_picojoules

    def _move(self, size: int, held_with: int, level: Level) -> tuple[float, float]:
        """Seconds and joules to move ``size`` bytes, of ``held_with`` that are used together."""
        for memory in (self._cpu.l1, self._cpu.l2):
            if held_with <= memory.capacity_bytes:
                seconds = size / (memory.bytes_per_cycle * level.clock_hz)
                return seconds, size * memory.picojoules_per_byte * PICO * self._energy.factor(level)
        return size / self._cpu.dram.bytes_per_second, size * self._cpu.dram.picojoules_per_byte * PICO
