"""What a GPU's hardware description says beside what all devices' do."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.simulation.description import Description, Energy, ExternalMemory, OnChipMemory, positive, quantity

DEFAULT = "adreno-640"
"""The variant where none is named."""


@dataclass(frozen=True, slots=True)
class GpuEnergy(Energy):
    """``[energy]`` of a GPU; a scalar operation is one lane's."""

    mac_float16_picojoules: float = quantity()


@dataclass(frozen=True, slots=True)
class Fetch:
    """``[gpu.fetch]``: what brings operands into the registers of a compute unit, on phones the texture units."""

    bytes_per_cycle: float = positive()
    picojoules_per_byte: float = quantity()


@dataclass(frozen=True, slots=True)
class GpuSection:
    """``[gpu]``: compute units that run waves of threads.

    ``lanes``: float32 multiply-accumulates that a compute unit makes in a cycle; ``float16_rate``: how
    many in float16 for each of them. ``wave_lanes``: threads that run in step. ``hiding_waves``: how many
    waves a compute unit must have at once so that it never waits for memory's latency. ``tile_rows``,
    ``tile_columns``: the part of a product of matrices that one thread computes; ``thread_elements``:
    results of another operation. ``kernel_seconds``: from the end of a kernel to the next one's start.
    ``buffer_bytes``: what a tensor may take.
    """

    fetch: Fetch
    cache: OnChipMemory
    dram: ExternalMemory
    compute_units: int = positive(maximum=1024)
    lanes: int = positive(maximum=65536)
    float16_rate: float = positive(maximum=16)
    wave_lanes: int = positive(maximum=1024)
    hiding_waves: int = positive(maximum=1024)
    tile_rows: int = positive(maximum=256)
    tile_columns: int = positive(maximum=256)
    thread_elements: int = positive(maximum=256)
    kernel_seconds: float = quantity()
    buffer_bytes: int = positive()


@dataclass(frozen=True, kw_only=True)
class GpuDescription(Description):
    """A whole description of a GPU."""

    energy: GpuEnergy
    gpu: GpuSection
