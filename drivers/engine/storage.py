"""Prepared models in files: an executable's programs, so that another process need not lower the model.

A file is a line that says what it is, the SHA-256 of the header, the length of the header, the header in
JSON, and data. The header says what the file is good for (``Identity``), the size and the CRC-32 of the
data, and holds the tables: of each program the memories, the commands and their arguments. The data are the
constants as kernels want them, and the model itself as a message: requests are checked against it, and
operations that had no program yet (unknown dimensions) or never have one (references, control flow) come
from it. Its weights are left out where nothing can need them any more, because one program is all that
there is to execute. Machine code is not in the file; ``native`` keeps it, for all models.

Digest and CRC are there to notice damage. They do not stop a forger, who as a user with these files can do
what the driver can.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import zlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from drivers.engine import native
from drivers.engine.abi import ArraySpec
from drivers.engine.executable import Executable, NativeStage, StageKey
from drivers.engine.numerics import Numerics
from drivers.engine.program import Band, Buffer, Command, Compiling, Memory, Program, Tensor
from drivers.engine.support import is_weight
from drivers.engine.threads import Threads
from hal.device import Bytes, Cache
from hal.errors import BadDataError
from hal.memory import ALIGNMENT, aligned
from hal.model import Location, Model
from hal.wire import location_to_wire, model_from_wire, model_to_wire
from protos.nnhal.v1 import model_pb2

_MAGIC = b"nnhal prepared model, format 2\n"
_DIGEST = hashlib.sha256().digest_size
_LENGTH = 8
"""Bytes of the header's length, little-endian."""

_LEFT_OUT = "left out"
"""The region of constants that are not in the file."""

_FRONT = len(_MAGIC) + _DIGEST + _LENGTH

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a file is good for: one driver's version, on one kind of machine, with one description.

    ``description``: whatever else the driver prepares by, its hardware description or its options.
    """

    driver: str
    version: str
    description: str

    def facts(self, token: bytes) -> dict[str, str]:
        """All that must be the same in a file for it to be used, in the words of the complaint otherwise."""
        return {
            "driver": self.driver,
            "driver's version": self.version,
            "device's description": hashlib.sha256(self.description.encode()).hexdigest(),
            "machine or compiler": native.key(),
            "driver's source": _sources(),
            "token": token.hex(),
        }


def save(cache: Cache, identity: Identity, model: Model, executable: Executable) -> None:
    """Keep a prepared model in the cache's first model file, which is left empty where that can't be."""
    file = cache.model_files[0]
    data = _Data()
    complete = executable.is_complete
    message = _model_to_message(model, data, weights=not complete).SerializeToString()
    tables = {
        "facts": identity.facts(cache.token),
        "model": data.add(np.frombuffer(message, np.uint8)),
        "executable": _executable_to_tables(executable, data),
        "complete": complete,
        "crc": functools.reduce(lambda crc, part: zlib.crc32(part, crc), data.parts, 0),
    }
    header = json.dumps(tables).encode()
    header += b" " * (-(_FRONT + len(header)) % ALIGNMENT)
    parts = [_MAGIC, hashlib.sha256(header).digest(), len(header).to_bytes(_LENGTH, "little"), header, *data.parts]
    try:
        file.truncate(0)
        for part in parts:
            file.write(part)
        file.flush()
    except OSError as error:
        _log.warning("a prepared model can't be kept: %s", error)
        file.seek(0)
        file.truncate(0)


def load(
    cache: Cache, identity: Identity, threads: Threads, numerics: Numerics, compiling: Compiling
) -> tuple[Model, Executable]:
    """The model and executable that ``save`` has left; ``compiling`` is told of kernels that the machine lacks.

    Raises ``BadDataError`` when the file is damaged, or made for something else.
    """
    content = _content(cache.model_files[0])
    header_end = _FRONT + int.from_bytes(content[_FRONT - _LENGTH : _FRONT].tobytes(), "little")
    header, data = content[_FRONT:header_end].tobytes(), content[header_end:]
    if hashlib.sha256(header).digest() != content[len(_MAGIC) : len(_MAGIC) + _DIGEST].tobytes():
        raise BadDataError("the cache file is damaged: its header has another digest")
    tables = json.loads(header)
    for what, wanted in identity.facts(cache.token).items():
        if tables["facts"].get(what) != wanted:
            raise BadDataError(f"the cache file is of another {what}; the model must be prepared again")
    if zlib.crc32(data.data) != tables["crc"]:
        raise BadDataError("the cache file is damaged: its data has another CRC")

    def resolve(location: Location) -> Bytes:
        if location.region == _LEFT_OUT:
            return np.zeros(location.length, np.uint8)  # takes no memory until it is read, which nobody does
        return data[location.offset : location.offset + location.length]

    offset, size = tables["model"]
    message = model_pb2.Model.FromString(data[offset : offset + size].tobytes())
    model = model_from_wire(message, resolve, in_place=True)
    executable = Executable(model, threads, numerics)
    _restore(executable, tables["executable"], data, compiling, complete=tables["complete"])
    return model, executable


def _model_to_message(model: Model, data: _Data, *, weights: bool) -> model_pb2.Model:
    """The message for a model whose large constants go into ``data``, but its weights only if they are wanted."""

    def place(constant: Bytes, location: Location | None) -> Location:
        return Location("", *data.add(constant))

    if weights:
        return model_to_wire(model, place)
    sizes = {
        index: operand.value.nbytes
        for index, operand in enumerate(model.main.operands)
        if operand.value is not None and is_weight(operand)
    }
    operands = [
        replace(operand, value=None) if index in sizes else operand for index, operand in enumerate(model.main.operands)
    ]
    message = model_to_wire(replace(model, main=replace(model.main, operands=tuple(operands))), place)
    for index, size in sizes.items():
        message.main.operands[index].location.CopyFrom(location_to_wire(Location(_LEFT_OUT, 0, size)))
    return message


def _content(file: BinaryIO) -> Bytes:
    """A file's bytes, at an address that kernels may take for an array's."""
    file.seek(0, 2)
    size = file.tell()
    file.seek(0)
    room = np.empty(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    content = room[start : start + size]
    if size < _FRONT or file.readinto(content.data) != size:  # type: ignore[attr-defined]
        raise BadDataError("the cache file is empty or cut short")
    if content[: len(_MAGIC)].tobytes() != _MAGIC:
        raise BadDataError("the cache file is not one of nnhal's engine, or of another format")
    content.flags.writeable = False
    return content


@dataclass
class _Data:
    """The data part of a file being written: arrays one after the other, each at an aligned offset."""

    parts: list[bytes] = field(default_factory=list)
    _size: int = 0
    _offsets: dict[int, list[int]] = field(default_factory=dict)
    _kept: list[NDArray[Any]] = field(default_factory=list)

    def add(self, array: NDArray[Any]) -> list[int]:
        """Offset and size of an array's bytes, which are there once however often it is added."""
        if id(array) not in self._offsets:
            content = array.tobytes()
            self.parts.append(content + bytes(aligned(len(content)) - len(content)))
            self._offsets[id(array)] = [self._size, len(content)]
            self._size += aligned(len(content))
            self._kept.append(array)  # so that no other array gets its id
        return self._offsets[id(array)]


def _executable_to_tables(executable: Executable, data: _Data) -> dict[str, Any]:
    return {
        "stages": [_stage_to_tables(key, stage, data) for key, stage in executable.stages.items()],
        "inner": [[number, _executable_to_tables(inner, data)] for number, inner in executable.inner.items()],
    }


def _stage_to_tables(key: StageKey, stage: NativeStage, data: _Data) -> dict[str, Any]:
    buffers: dict[Buffer, int] = {}

    def argument(value: Tensor | int | float, parameter: object) -> object:
        if isinstance(value, Tensor):
            number = buffers.setdefault(value.buffer, len(buffers))
            return [number, value.dtype, value.shape]
        return float(value) if parameter is float else int(value)

    commands = [
        [
            native.unit(command.kernel),
            [argument(*pair) for pair in zip(command.arguments, command.kernel.parameters)],
            int(command.work),
            bool(command.shared),
            None if command.band is None else astuple(command.band),
        ]
        for command in stage.program.commands
    ]
    return {
        "key": key,
        "reads": stage.reads,
        "writes": list(stage.writes.items()),
        "shapes": list(stage.shapes.items()),
        "after": stage.after,
        "buffers": [_buffer_to_table(buffer, data) for buffer in buffers],
        "commands": commands,
    }


def _buffer_to_table(buffer: Buffer, data: _Data) -> list[Any]:
    table: list[Any] = [buffer.memory.value, buffer.size, buffer.index]
    if buffer.array is not None:
        table += [data.add(buffer.array)[0], buffer.array.dtype.name, buffer.array.shape]
    return table


def _restore(
    executable: Executable, tables: dict[str, Any], data: Bytes, compiling: Compiling, *, complete: bool
) -> None:
    constants: dict[object, Buffer] = {}
    stages = dict(_stage(table, data, constants, compiling) for table in tables["stages"])
    executable.restore(stages, complete=complete)
    for number, inner in tables["inner"]:
        _restore(executable.referenced(number), inner, data, compiling, complete=complete)


def _stage(
    table: dict[str, Any], data: Bytes, constants: dict[object, Buffer], compiling: Compiling
) -> tuple[StageKey, NativeStage]:
    buffers = [_buffer(each, data, constants) for each in table["buffers"]]
    commands = [
        _command((module, name), arguments, work, shared, None if band is None else Band(*band), buffers)
        for (module, name), arguments, work, shared, band in table["commands"]
    ]
    program = Program(commands, len(table["reads"]), len(table["writes"]), compiling)
    first, known = table["key"]
    stage = NativeStage(
        program, tuple(table["reads"]), _shapes(table["writes"]), _shapes(table["shapes"]), table["after"]
    )
    return (first, tuple(_shapes(known).items())), stage


def _command(
    unit: native.Unit, arguments: Sequence[Any], work: int, shared: bool, band: Band | None, buffers: Sequence[Buffer]
) -> Command:
    kernel = native.resolve(unit)
    values = tuple(
        Tensor(buffers[argument[0]], tuple(argument[2]), argument[1]) if isinstance(parameter, ArraySpec) else argument
        for argument, parameter in zip(arguments, kernel.parameters)
    )
    return Command(kernel, values, work, shared, band)


def _buffer(table: Sequence[Any], data: Bytes, constants: dict[object, Buffer]) -> Buffer:
    memory, size, index, *constant = table
    if not constant:
        return Buffer(Memory(memory), size, index)
    offset, dtype, shape = constant
    key = offset, dtype, tuple(shape)
    if key not in constants:
        array = data[offset : offset + size].view(dtype).reshape(shape)
        constants[key] = Buffer(Memory(memory), size, index, array)
    return constants[key]


def _shapes(table: Sequence[Any]) -> dict[int, tuple[int, ...]]:
    return {index: tuple(shape) for index, shape in table}


@functools.cache
def _sources() -> str:
    """The digest of everything that lowers a model."""
    folders = [Path(__file__).parents[1], Path(__file__).parents[2] / "hal"]
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
