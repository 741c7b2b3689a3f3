"""NNAPI's memory objects: shared memory that holds constants, inputs and outputs."""

from __future__ import annotations

import mmap
import os

import numpy as np

from hal.device import Bytes
from hal.errors import BadDataError, UnexpectedNullError
from hal.memory import Region
from hal.model import Location
from runtime import process
from runtime.values import Array, as_bytes


class Memory:
    """``data`` (1-D uint8, zero-copy), shared with the drivers as long as this object lives.

    What it is used for is not copied: do not change constants while a model that has them is
    compiled, nor inputs during an execution.
    """

    def __init__(self, region: Region, offset: int, size: int) -> None:
        self._region = region
        self._offset = offset
        self.data: Bytes = region.slice(offset, size)

    @classmethod
    def from_fd(cls, size: int, prot: int, fd: int, offset: int = 0) -> Memory:
        """``size`` bytes from ``offset`` of a file or of shared memory; the descriptor may be closed after.

        ``prot``: ``mmap.PROT_READ``, or that and ``mmap.PROT_WRITE``. The file must not be shortened
        while the memory is in use. Raises ``BadDataError`` for what can't be, ``UnmappableError``
        where the file can't be mapped so.
        """
        if size <= 0 or offset < 0:
            raise BadDataError(
                f"{size} bytes from offset {offset} are no memory; there must be at least 1, from 0 or on"
            )
        if not prot & mmap.PROT_READ or prot & ~(mmap.PROT_READ | mmap.PROT_WRITE):
            raise BadDataError(f"protection {prot} must be PROT_READ, or PROT_READ and PROT_WRITE")
        try:
            os.fstat(fd)
        except OSError as error:
            raise BadDataError(f"{fd} is not an open file descriptor") from error
        writable = bool(prot & mmap.PROT_WRITE)
        return cls(Region.from_descriptor(process.folder(), fd, offset + size, writable=writable), offset, size)

    @classmethod
    def from_array(cls, array: Array) -> Memory:
        """New memory with the bytes of ``array``, row by row, in the machine's order."""
        if array is None:
            raise UnexpectedNullError("there is no array to make a memory from")
        if not isinstance(array, np.ndarray) or array.nbytes == 0 or array.dtype.hasobject:
            raise BadDataError("a memory is made from an array of numbers that is not empty")
        memory = cls(Region.create(process.folder(), array.nbytes), 0, array.nbytes)
        memory.data[:] = as_bytes(np.ascontiguousarray(array))
        return memory

    def part(self, offset: int, length: int) -> tuple[Bytes, Location]:
        """``length`` bytes from ``offset``, and where they are; ``BadDataError`` where they are not inside."""
        if length <= 0 or offset < 0 or offset + length > self.data.size:
            raise BadDataError(
                f"{length} bytes at offset {offset} are not inside a memory of {self.data.size} bytes, or are none"
            )
        location = Location(self._region.name, self._offset + offset, length)
        return self.data[offset : offset + length], location
