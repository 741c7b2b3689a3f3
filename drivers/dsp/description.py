"""What a DSP's hardware description says beside what all devices' do."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.simulation.description import Description, Energy, ExternalMemory, OnChipMemory, positive, quantity

DEFAULT = "hexagon-690"
"""The variant where none is named."""

LANE_BYTES = 4
"""Of a vector's lanes, in which sums and scalar instructions' equivalents are computed: 32 bits."""


@dataclass(frozen=True, slots=True)
class VectorUnit:
    """``[dsp.vector]``: VLIW packets of whole-vector instructions.

    ``contexts``: hardware threads with vector registers; each issues one packet a cycle. The slots
    say how many instructions a packet holds, in all and of each kind: multiplications, which sum four 8-bit
    products in each 32-bit lane, loads and stores; the rest is for arithmetic, which any slot can do.
    """

    vector_bytes: int = positive()
    contexts: int = positive()
    packet_slots: int = positive()
    multiply_slots: int = positive()
    load_slots: int = positive()
    store_slots: int = positive()

    def __post_init__(self) -> None:
        """Check what no bound says."""
        if self.vector_bytes % LANE_BYTES:
            raise ValueError(f"vector_bytes is {self.vector_bytes}; it must be a multiple of {LANE_BYTES}")

    @property
    def lanes(self) -> int:
        """32-bit lanes of a vector."""
        return self.vector_bytes // LANE_BYTES


@dataclass(frozen=True, slots=True)
class Limits:
    """``[dsp.limits]``: the largest tensors that the device's addressing has registers for."""

    rank: int = positive(maximum=4)
    dimension: int = positive()


@dataclass(frozen=True, slots=True)
class DspSection:
    """``[dsp]``. ``vtcm``: the tightly-coupled memory; ``dram``: the system's, at the rate that DMA reaches.

    The scalar thread takes ``operation_cycles`` to set an operation up, and ``tile_cycles`` to hand a tile
    to the contexts. A DMA transfer takes ``dma_transfer_seconds`` before its first byte.
    """

    vector: VectorUnit
    vtcm: OnChipMemory
    dram: ExternalMemory
    limits: Limits
    operation_cycles: float = quantity()
    tile_cycles: float = positive()
    dma_transfer_seconds: float = quantity()

    @property
    def tile_bytes(self) -> int:
        """Of each of the four parts of the VTCM: two tiles, weights, and activations that stay for what follows."""
        return self.vtcm.capacity_bytes // 4


@dataclass(frozen=True, slots=True)
class DspEnergy(Energy):
    """``[energy]`` of a DSP.

    ``mac_int8_picojoules``: each 8-bit product of a multiplication, padding's included; ``lane_picojoules``:
    an arithmetic instruction on one 32-bit lane.
    """

    mac_int8_picojoules: float = quantity()
    lane_picojoules: float = quantity()


@dataclass(frozen=True, slots=True, kw_only=True)
class DspDescription(Description):
    """A DSP's description."""

    energy: DspEnergy
    dsp: DspSection
