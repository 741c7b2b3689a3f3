"""``ANeuralNetworksMemory_...`` and ``ANeuralNetworksMemoryDesc_...``: memory shared with devices, and on them."""

from __future__ import annotations

from typing import NoReturn

from hal.errors import UnmappableError
from runtime.c_api.boundary import implements
from runtime.c_api.c_data import C, integers
from runtime.memory import Memory
from runtime.memory_desc import MemoryDesc

implements("ANeuralNetworksMemory_createFromFd")(Memory.from_fd)
implements("ANeuralNetworksMemory_createFromDesc")(Memory.from_desc)
implements("ANeuralNetworksMemory_copy")(Memory.copy)
implements("ANeuralNetworksMemoryDesc_create")(MemoryDesc)
implements("ANeuralNetworksMemoryDesc_addInputRole")(MemoryDesc.add_input_role)
implements("ANeuralNetworksMemoryDesc_addOutputRole")(MemoryDesc.add_output_role)
implements("ANeuralNetworksMemoryDesc_finish")(MemoryDesc.finish)


@implements("ANeuralNetworksMemory_createFromAHardwareBuffer")
def _create_from_a_hardware_buffer(buffer: C) -> NoReturn:
    raise UnmappableError("Linux has no hardware buffers of Android's; share a file descriptor instead")


@implements("ANeuralNetworksMemory_free")
def _free(memory: Memory) -> None:
    """What refers to the memory keeps it."""


@implements("ANeuralNetworksMemoryDesc_free")
def _free_desc(desc: MemoryDesc) -> None:
    """Memory that was made from the descriptor keeps what it needs."""


@implements("ANeuralNetworksMemoryDesc_setDimensions")
def _set_dimensions(desc: MemoryDesc, rank: int, dimensions: C) -> None:
    desc.set_dimensions(integers(dimensions, rank, "dimensions"))
