"""Models in files, ``.nnhal``: small to read, however large the weights are.

A file is a header of 64 bytes, the structure (``protos/nnhal/v1/file.proto``), and the constants of over
128 bytes, each at a multiple of 64, to be mapped where they lie. ``docs/files.md`` has every byte.

What is checked when: opening a file proves header and structure by their SHA-256, and that the file has
the size that they say. The constants are not read then, however large. Each has a SHA-256 of its own in
the structure, and ``ModelFile.verify`` reads the constants and proves them; the runtime does so before a
model is first compiled or saved, and ``nnhal info --verify`` on request. In between, a changed weight
goes unnoticed by whoever reads the constants without asking. The digests notice damage; they don't
stop a forger.

A file must not be changed in place while it is in use. Saving does not: it replaces the file, and who
has the old one open keeps it. Reading a mapped constant from a file that was cut short ends the process
with SIGBUS. ``verify`` reads instead of mapping, and notices it; a driver that ends so is a
``DeadObjectError`` for the application.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from hal.device import Bytes
from hal.errors import BadDataError
from hal.memory import Region, aligned
from hal.metadata import Metadata, metadata_from_wire, metadata_to_wire
from hal.model import Lifetime, Location, Model, Operand, Subgraph
from hal.saving import saving
from hal.wire import INLINE_LIMIT, model_from_wire, model_to_wire
from protos import DecodeError
from protos.nnhal.v1 import file_pb2, model_pb2

MAGIC = b"\x89nnhal\r\n"
"""A file's first bytes. What takes it for text and converts its line ends makes them others."""

VERSION = 1
"""Of the format, as this module writes and reads it."""

_HEADER = struct.Struct("<8sI4xQQ")
"""Magic, format version, bytes of the structure, bytes of the constants. The SHA-256 follows."""

_DIGEST = hashlib.sha256().digest_size
_FRONT = _HEADER.size + _DIGEST
_LARGEST_STRUCTURE = 2**31 - 1  # protobuf's limit
_CHUNK = 1 << 20


def save_model(path: str | os.PathLike[str], model: Model, metadata: Metadata) -> None:
    """Write a valid model into a file, which replaces what is there once it is complete; see ``saving``.

    The same model gives the same bytes. Equal constants are there once.
    """
    constants = _Constants()
    message = file_pb2.ModelFile(
        model=model_to_wire(_detached(model), constants.place),
        constants=constants.table,
        metadata=metadata_to_wire(metadata),
    )
    structure = message.SerializeToString(deterministic=True)
    header = _HEADER.pack(MAGIC, VERSION, len(structure), constants.size)
    structure += bytes(aligned(_FRONT + len(structure)) - _FRONT - len(structure))
    with saving(path) as file:
        file.write(header)
        file.write(hashlib.sha256(header + structure).digest())
        file.write(structure)
        constants.write(file)


class ModelFile:
    """A file that is open: ``metadata``, and ``size``, ``structure_size`` and ``constants_size`` in bytes.

    Raises ``BadDataError`` when it can't be read, is of another kind or format version, or is damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, TypeError, ValueError) as error:
            raise BadDataError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)
        self._verified: tuple[int, int] | None = None
        try:
            self._read()
        except BadDataError as error:
            raise BadDataError(f"{path}: {error}") from error
        except OSError as error:
            raise BadDataError(f"{path} can't be read: {error.strerror}") from error

    def model(self, region: Region) -> Model:
        """The model, with its constants in ``region``, which maps all of the file.

        Not validated. Constants are not read, but for small ones and those of type BOOL8. Raises
        ``BadDataError`` where the structure contradicts itself.
        """
        message = model_pb2.Model()
        message.CopyFrom(self._message.model)
        places = {(each.offset, each.length) for each in self._message.constants}
        try:
            for where, shared in _large_constants(message):
                if shared.region or (shared.offset, shared.length) not in places:
                    raise BadDataError(f"the file is damaged: {where} is a constant that it does not have")
                shared.region = region.name
                shared.offset += self._start
            return model_from_wire(message, lambda place: region.slice(place.offset, place.length), in_place=True)
        except BadDataError as error:
            raise BadDataError(f"{self._path}: {error}", operand=error.operand, operation=error.operation) from error

    def verify(self) -> None:
        """Read the constants and prove them by their digests, unless that is done and the file unchanged since.

        Raises ``BadDataError``, naming the operand, when they are damaged or the file has been cut short.
        """
        try:
            status = os.fstat(self.descriptor)
            state = status.st_size, status.st_mtime_ns
            if state != self._verified:
                self._check_size(status.st_size)
                self._check_constants()
                self._verified = state
        except BadDataError as error:
            raise BadDataError(f"{self._path}: {error}") from error
        except OSError as error:
            raise BadDataError(f"{self._path} can't be read: {error.strerror}") from error

    @property
    def constants(self) -> int:
        """How many constants have digests: all of over 128 bytes, equal ones counted once."""
        return len(self._message.constants)

    def _read(self) -> None:
        status = os.fstat(self.descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BadDataError("it is not a file")
        self.size = status.st_size
        front = b"".join(self._chunks(0, min(_FRONT, self.size)))
        if front[: len(MAGIC)] != MAGIC:
            raise BadDataError("it is not a .nnhal file")
        if len(front) < _FRONT:
            raise BadDataError(f"the file is damaged: its header has {len(front)} bytes of {_FRONT}")
        _, version, self.structure_size, self.constants_size = _HEADER.unpack_from(front)
        if version != VERSION:
            newer = "written by a newer nnhal, or damaged" if version > VERSION else "damaged"
            raise BadDataError(f"its format version is {version} and this nnhal reads {VERSION}: it is {newer}")
        self._start = aligned(_FRONT + self.structure_size)
        self._check_size(self.size)
        if self.structure_size > _LARGEST_STRUCTURE:
            raise BadDataError(f"the file is damaged: its structure has {self.structure_size} bytes")
        structure = b"".join(self._chunks(_FRONT, self._start - _FRONT))
        if hashlib.sha256(front[: _HEADER.size] + structure).digest() != front[_HEADER.size :]:
            raise BadDataError("the file is damaged: the SHA-256 of its structure is another one")
        try:
            self._message = file_pb2.ModelFile.FromString(structure[: self.structure_size])
        except DecodeError as error:
            raise BadDataError("the file is damaged: its structure can't be decoded") from error
        self._check_table()
        self.metadata = metadata_from_wire(self._message.metadata)

    def _check_size(self, size: int) -> None:
        wanted = self._start + self.constants_size
        if size != wanted:
            what = "has been cut short" if size < wanted else "goes on where it should end"
            raise BadDataError(f"the file is damaged: it has {size} bytes of {wanted}; it {what}")

    def _check_table(self) -> None:
        end = 0
        for each in self._message.constants:
            if each.offset != aligned(end) or each.length <= INLINE_LIMIT or len(each.sha256) != _DIGEST:
                raise BadDataError("the file is damaged: its table of constants contradicts itself")
            end = each.offset + each.length
        if end != self.constants_size:
            raise BadDataError("the file is damaged: its constants are not as large as its header says")

    def _check_constants(self) -> None:
        end = 0
        for each in self._message.constants:
            if any(b"".join(self._chunks(self._start + end, each.offset - end))):
                raise BadDataError(f"the file is damaged before {self._user(each)}: there must be zeros")
            digest = hashlib.sha256()
            for chunk in self._chunks(self._start + each.offset, each.length):
                digest.update(chunk)
            if digest.digest() != each.sha256:
                raise BadDataError(f"the file is damaged: the SHA-256 of {self._user(each)} is another one")
            end = each.offset + each.length

    def _chunks(self, offset: int, length: int) -> Iterator[bytes]:
        """Part of the file, read and not mapped: who cuts the file short must not end this process."""
        end = offset + length
        while offset < end:
            chunk = os.pread(self.descriptor, min(_CHUNK, end - offset), offset)
            if not chunk:
                raise BadDataError(f"the file is damaged: it ends after {offset} bytes")
            yield chunk
            offset += len(chunk)

    def _user(self, constant: file_pb2.Constant) -> str:
        """Which operand has the constant."""
        for where, shared in _large_constants(self._message.model):
            if (shared.offset, shared.length) == (constant.offset, constant.length):
                return where
        return f"the constant at byte {self._start + constant.offset}"


@dataclass
class _Constants:
    """The constants of a file that is being written: each as it lies in memory, and the table that names them."""

    table: list[file_pb2.Constant] = field(default_factory=list)
    size: int = 0
    _data: list[Bytes] = field(default_factory=list)
    _places: dict[bytes, Location] = field(default_factory=dict)

    def place(self, data: Bytes, _: Location | None) -> Location:
        digest = hashlib.sha256(data.data).digest()
        if digest not in self._places:
            offset = aligned(self.size)
            self._places[digest] = Location("", offset, data.size)
            self._data.append(data)
            self.table.append(file_pb2.Constant(offset=offset, length=data.size, sha256=digest))
            self.size = offset + data.size
        return self._places[digest]

    def write(self, file: BinaryIO) -> None:
        end = 0
        for entry, data in zip(self.table, self._data):
            file.write(bytes(entry.offset - end))
            file.write(data.data)
            end = entry.offset + entry.length


def _detached(model: Model) -> Model:
    """The model without places in shared memory: each constant is a copy, or refers to the file."""
    return replace(model, main=_subgraph(model.main), referenced=tuple(map(_subgraph, model.referenced)))


def _subgraph(subgraph: Subgraph) -> Subgraph:
    return replace(subgraph, operands=tuple(map(_operand, subgraph.operands)))


def _operand(operand: Operand) -> Operand:
    if operand.value is None:
        return operand
    is_large = operand.value.nbytes > INLINE_LIMIT
    lifetime = Lifetime.CONSTANT_REFERENCE if is_large else Lifetime.CONSTANT_COPY
    return replace(operand, lifetime=lifetime, location=None)


def _large_constants(message: model_pb2.Model) -> Iterator[tuple[str, model_pb2.Location.Shared]]:
    """What to call each operand that is not inline, and where its value is."""
    subgraphs: Sequence[model_pb2.Subgraph] = (message.main, *message.referenced)
    for number, subgraph in enumerate(subgraphs):
        for index, operand in enumerate(subgraph.operands):
            if operand.location.WhichOneof("place") == "shared":
                where = f"operand {index}" + (f" of referenced subgraph {number - 1}" if number else "")
                yield where, operand.location.shared
