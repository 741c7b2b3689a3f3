"""Models in files, ``.nnhal``: small to read, however large the weights are.

A file is a header of 64 bytes, the structure (``protos/nnhal/v1/file.proto``), deflated, and the constants of
over a page, each at a multiple of 64, to be mapped where they lie. ``docs/files.md`` has every byte.

What is checked when: opening a file proves header and structure by their SHA-256, and that the file has
the size that they say. Constants of up to a page are part of the structure. The others are not read then,
however large. Each has a SHA-256 of its own in the structure, and ``ModelFile.verify`` reads them and
proves them; the runtime does so before a model is first compiled or saved, and ``nnhal info --verify`` on
request. In between, a changed weight goes unnoticed by whoever reads the constants without asking. The
digests notice damage; they don't stop a forger.

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
import zlib
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

VERSION = 2
"""Of the format, as this module writes it. It reads all from 1 on."""

MAPPED_ABOVE = 4096
"""Bytes: larger constants are mapped where they lie. Memory is mapped by pages of as many bytes, so that smaller
ones would seldom be left unread, and their digests, gaps and places take more room than they are worth."""

_HEADER = struct.Struct("<8sIIQQ")
"""Magic, format version, bytes of the structure, bytes it has deflated, bytes of the constants. The SHA-256 follows."""

_DIGEST = hashlib.sha256().digest_size
_FRONT = _HEADER.size + _DIGEST
_LARGEST_STRUCTURE = 2**31 - 1  # protobuf's limit
_PLAIN = 1
"""The version whose structure is not deflated, with constants of up to ``INLINE_LIMIT`` in it."""
_CHUNK = 1 << 20


def save_model(path: str | os.PathLike[str], model: Model, metadata: Metadata) -> None:
    """Write a valid model into a file, which replaces what is there once it is complete; see ``saving``.

    The same model gives the same bytes, with the same zlib. Equal large constants are there once.
    """
    constants = _Constants()
    message = file_pb2.ModelFile(
        model=model_to_wire(_detached(model), constants.place),
        constants=constants.table,
        metadata=metadata_to_wire(metadata),
    )
    structure = message.SerializeToString(deterministic=True)
    deflated = zlib.compress(structure, zlib.Z_BEST_COMPRESSION)
    header = _HEADER.pack(MAGIC, VERSION, len(structure), len(deflated), constants.size)
    deflated += bytes(aligned(_FRONT + len(deflated)) - _FRONT - len(deflated))
    with saving(path) as file:
        file.write(header)
        file.write(hashlib.sha256(header + deflated).digest())
        file.write(deflated)
        constants.write(file)


class ModelFile:
    """A file that is open: ``metadata``, and ``size``, ``structure_size`` and ``constants_size`` in bytes.

    ``structure_size`` is what the structure takes up in the file, ``constants_size`` what constants outside it do.
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

        Not validated. Constants outside the structure are not read, but for those of type BOOL8. Raises
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
        """How many constants lie outside the structure and have digests of their own; equal ones count once."""
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
        _, version, inflated_size, self.structure_size, self.constants_size = _HEADER.unpack_from(front)
        if not 1 <= version <= VERSION:
            newer = "written by a newer nnhal, or damaged" if version > VERSION else "damaged"
            raise BadDataError(f"its format version is {version} and this nnhal reads 1 to {VERSION}: it is {newer}")
        self._start = aligned(_FRONT + self.structure_size)
        self._check_size(self.size)
        if max(self.structure_size, inflated_size) > _LARGEST_STRUCTURE:
            raise BadDataError(f"the file is damaged: {_LARGEST_STRUCTURE} bytes are the most of a structure")
        kept = b"".join(self._chunks(_FRONT, self._start - _FRONT))
        if hashlib.sha256(front[: _HEADER.size] + kept).digest() != front[_HEADER.size :]:
            raise BadDataError("the file is damaged: the SHA-256 of its structure is another one")
        structure = kept[: self.structure_size]
        try:
            self._message = file_pb2.ModelFile.FromString(
                structure if version == _PLAIN else _inflated(structure, inflated_size)
            )
        except DecodeError as error:
            raise BadDataError("the file is damaged: its structure can't be decoded") from error
        self._check_table(INLINE_LIMIT if version == _PLAIN else MAPPED_ABOVE)
        self.metadata = metadata_from_wire(self._message.metadata)

    def _check_size(self, size: int) -> None:
        wanted = self._start + self.constants_size
        if size != wanted:
            what = "has been cut short" if size < wanted else "goes on where it should end"
            raise BadDataError(f"the file is damaged: it has {size} bytes of {wanted}; it {what}")

    def _check_table(self, mapped_above: int) -> None:
        end = 0
        for each in self._message.constants:
            if each.offset != aligned(end) or each.length <= mapped_above or len(each.sha256) != _DIGEST:
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


def _inflated(deflated: bytes, size: int) -> bytes:
    """A structure of ``size`` bytes; ``BadDataError`` where it is none, before it takes up more memory than that."""
    engine = zlib.decompressobj()
    try:
        structure = engine.decompress(deflated, size + 1)
    except zlib.error as error:
        raise BadDataError("the file is damaged: its structure can't be inflated") from error
    if len(structure) != size or not engine.eof or engine.unused_data:
        raise BadDataError("the file is damaged: its structure is not as large as its header says")
    return structure


@dataclass
class _Constants:
    """The large constants of a file that is being written, each as it lies in memory, and their table."""

    table: list[file_pb2.Constant] = field(default_factory=list)
    size: int = 0
    _data: list[Bytes] = field(default_factory=list)
    _places: dict[bytes, Location] = field(default_factory=dict)

    def place(self, data: Bytes, _: Location | None) -> Location | None:
        if data.size <= MAPPED_ABOVE:
            return None
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
    is_large = operand.value.nbytes > MAPPED_ABOVE
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
