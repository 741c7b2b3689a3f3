"""NNAPI's memory objects: shared memory that holds constants, inputs and outputs."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hal.device import Argument, Bytes
from hal.errors import BadDataError, UnexpectedNullError
from hal.memory import Region
from hal.model import Dimensions, Location
from runtime import process
from runtime.values import Array, as_bytes, as_integers

if TYPE_CHECKING:
    from runtime.compilation import Compilation
    from runtime.memory_desc import MemoryDesc


class Memory:
    """``data`` (1-D uint8, zero-copy), shared with the drivers as long as this object or a view of ``data`` lives.

    What it is used for is not copied: do not change constants while a model that has them is
    compiled, nor inputs during an execution.
    """

    def __init__(self, region: Region, offset: int, size: int) -> None:
        self._region = region
        self._offset = offset
        self._data = region.slice(offset, size)

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

    @staticmethod
    def from_desc(desc: MemoryDesc) -> Memory:
        """Memory that plays the roles of a finished descriptor; the driver's own where one driver has all roles.

        It has no content until an execution has written it, or a copy. Its bytes can only be copied.
        Raises ``BadStateError`` for an unfinished descriptor, and ``OpFailedError`` where the roles leave
        its size open and the device does not support that.
        """
        if desc is None:
            raise UnexpectedNullError("there is no descriptor to make a memory from")
        return desc.allocate()

    @staticmethod
    def copy(source: Memory, destination: Memory) -> None:
        """Copy all that ``source`` holds.

        Memories from descriptors must agree in type and dimensions; another must have just as many
        bytes. Raises ``BadDataError`` otherwise, and where ``source`` has no content. Where copying
        fails, a ``destination`` from a descriptor has no content.
        """
        if source is None or destination is None:
            raise UnexpectedNullError("a copy needs a source and a destination")
        if source is not destination:
            destination.receive(source)

    @property
    def data(self) -> Bytes:
        """The bytes themselves."""
        return self._data

    def part(self, offset: int, length: int) -> tuple[Bytes, Location]:
        """``length`` bytes from ``offset``, and where they are; ``BadDataError`` where they are not inside."""
        if length <= 0 or offset < 0 or offset + length > self.data.size:
            raise BadDataError(
                f"{length} bytes at offset {offset} are not inside a memory of {self.data.size} bytes, or are none"
            )
        location = Location(self._region.name, self._offset + offset, length)
        return self.data[offset : offset + length], location

    def argument(
        self,
        compilation: Compilation,
        kind: str,
        index: int,
        place: tuple[int, int],
        dimensions: Sequence[int] | None,
    ) -> Argument:
        """The memory from ``place`` (offset and length) on, as an input or output (``kind``) of an execution."""
        data, location = self.part(*place)
        return Argument(data, location, sizes(f"{kind} {index}", dimensions))

    @property
    def is_watched(self) -> bool:
        """Whether only this process knows if it has content."""
        return False

    def require_content(self) -> None:
        """Raise ``OpFailedError`` where there is nothing that an execution could read."""

    def written(self) -> None:
        """An execution has written it."""

    def lost(self) -> None:
        """An execution that should have written it has failed."""

    def content(self) -> Argument:
        """All that it holds; ``BadDataError`` where that is nothing."""
        return Argument(*self.part(0, self.data.size))

    def receive(self, source: Memory) -> None:
        """Take the content of ``source``; see ``copy``."""
        copy_bytes(source.content(), self.data)


def copy_bytes(content: Argument, destination: Bytes) -> None:
    """Copy a memory's content; ``BadDataError`` where it has another size, or the destination can't be written."""
    assert content.data is not None
    if not destination.flags.writeable:
        raise BadDataError("the copy's destination is open for reading only")
    if content.data.size != destination.size:
        raise BadDataError(
            f"the source has {content.data.size} bytes and the destination {destination.size}; they must be equal"
        )
    destination[:] = content.data


def sizes(what: str, dimensions: Sequence[int] | None) -> Dimensions:
    """What an application gives as dimensions, () where it gives none."""
    return () if dimensions is None else as_integers(dimensions, f"the dimensions of {what}")
