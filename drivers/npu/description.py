"""What an NPU's hardware description says beside what all devices' do."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.npu.systolic import Dataflow, SystolicArray
from drivers.simulation.description import Description, Energy, ExternalMemory, OnChipMemory, positive, quantity

DEFAULT = "pixel-neural-core"
"""The variant where none is named."""

_LEAST_SCRATCHPAD = 1024


@dataclass(frozen=True, slots=True)
class ArraySection:
    """``[npu.array]``: multiply-accumulators, and what lies still in them: "ws", "os" or "is"."""

    rows: int = positive(maximum=4096)
    columns: int = positive(maximum=4096)
    dataflow: Dataflow = Dataflow.WEIGHTS


@dataclass(frozen=True, slots=True)
class ScratchpadSection:
    """``[npu.scratchpads]``: bytes of each, both halves together.

    The output's also holds sums while they grow, four bytes each.
    """

    input_bytes: int = quantity(_LEAST_SCRATCHPAD)
    weight_bytes: int = quantity(_LEAST_SCRATCHPAD)
    output_bytes: int = quantity(_LEAST_SCRATCHPAD)
    picojoules_per_byte: float = quantity()


@dataclass(frozen=True, slots=True)
class Limits:
    """``[npu.limits]``: what the hardware's registers can say.

    ``dimension``: the most of a tensor. ``filter_size``: the most rows, and columns, that a filter or a
    pooling window reaches over, with its dilation; ``stride``: the most of either.
    """

    dimension: int = positive()
    filter_size: int = positive()
    stride: int = positive()


@dataclass(frozen=True, slots=True)
class NpuSection:
    """``[npu]``. ``vector_lanes``: scalar instructions that the vector unit executes in a cycle.

    ``dma_cycles``: from a transfer's command to its first byte. ``sram``: where tensors that pass between
    operations live as far as they find room; ``dram``: where everything else does.
    """

    array: ArraySection
    scratchpads: ScratchpadSection
    sram: OnChipMemory
    dram: ExternalMemory
    limits: Limits
    vector_lanes: int = positive()
    dma_cycles: float = quantity()

    @property
    def systolic(self) -> SystolicArray:
        """The array."""
        return SystolicArray(self.array.rows, self.array.columns, self.array.dataflow)


@dataclass(frozen=True, slots=True)
class NpuEnergy(Energy):
    """``[energy]``: ``mac_int8_picojoules`` for each multiply-accumulate that a result needs."""

    mac_int8_picojoules: float = quantity()


@dataclass(frozen=True, slots=True, kw_only=True)
class NpuDescription(Description):
    """An NPU's description."""

    energy: NpuEnergy
    npu: NpuSection
