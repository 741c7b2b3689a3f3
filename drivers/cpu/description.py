"""What a description of a CPU says."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.simulation.description import Description, Energy, ExternalMemory, OnChipMemory, positive, quantity

DEFAULT = "snapdragon-855"
"""The variant where none is named; all devices' performance is told relative to it."""


@dataclass(frozen=True, slots=True)
class CpuEnergy(Energy):
    """``[energy]`` of a CPU; multiply-accumulates of integers count as those of floating numbers of their size."""

    mac_float32_picojoules: float = quantity()
    mac_float16_picojoules: float = quantity()
    mac_int8_picojoules: float = quantity()


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuSection:
    """``[cpu]``: equal cores, that share the work of each operation.

    ``simd_pipes``: vector instructions of ``simd_bits`` that a core starts in a cycle. ``int8_dot_product``:
    whether one of them makes four 8-bit multiply-accumulates in each 32 bits; without, 8-bit goes as
    16-bit. ``float16``: whether there is float16 arithmetic; without, it goes as float32.
    ``efficiency``: the share of the arithmetic peak that good kernels reach. ``start_cycles``: to start
    an operation on all cores, and to wait for the last. ``l1`` and ``l2`` (the last level, whatever it
    is called): of all cores together.
    """

    cores: int = positive(maximum=1024)
    simd_bits: int = quantity(32, 65536)
    simd_pipes: int = positive(maximum=64)
    int8_dot_product: bool
    float16: bool
    efficiency: float = positive(maximum=1)
    start_cycles: float = quantity()
    l1: OnChipMemory
    l2: OnChipMemory
    dram: ExternalMemory


@dataclass(frozen=True, kw_only=True)
class CpuDescription(Description):
    """A whole description of a CPU."""

    energy: CpuEnergy
    cpu: CpuSection
