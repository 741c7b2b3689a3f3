"""Reads a TFLite file into plain values, checked.

FlatBuffers' Python reader verifies nothing: a damaged file makes it raise this and that, or read
somewhere else. So everything that the importer needs is read here, once and eagerly, under one
guard; what comes out holds no reference into FlatBuffers, and its indexes are in range.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from hal.errors import BadDataError

IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every TFLite file."""

_SCHEMA_VERSION = 3
_MAX_BYTES = 2**31 - 1  # FlatBuffers' offsets are signed 32-bit numbers
_MAX_RANK = 64
_OMITTED = -1  # the tensor index of an input that was left out

_DAMAGE = (struct.error, IndexError, ValueError, TypeError, OverflowError)
"""What FlatBuffers' reader and NumPy raise over offsets, lengths and numbers that make no sense."""


def damaged(sentence: str) -> BadDataError:
    """The error for a file that contradicts itself; ``sentence`` says where."""
    return BadDataError(f"the file is damaged: {sentence}")


@dataclass(frozen=True, slots=True)
class Level:
    """One dimension of a sparse tensor's storage.

    Dense: ``size`` children for each node of the level before. Sparse: node n's children are
    ``indices[segments[n]:segments[n + 1]]``.
    """

    size: int
    segments: NDArray[np.integer[Any]] | None = None
    indices: NDArray[np.integer[Any]] | None = None


@dataclass(frozen=True, slots=True)
class Sparsity:
    """How a sparse tensor is stored: TFLite's ``SparsityParameters``."""

    traversal_order: tuple[int, ...]
    block_map: tuple[int, ...]
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor. ``type``: its name in TFLite. ``data``: a constant's bytes as stored, else None."""

    name: str
    type: str
    shape: tuple[int, ...]
    data: NDArray[np.uint8] | None
    sparsity: Sparsity | None
    is_variable: bool


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator. ``inputs``: tensor indexes, -1 for one left out. ``options``: by schema name."""

    index: int
    name: str
    custom_code: str
    options: Mapping[str, Any]
    custom_options: bytes
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A subgraph."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A TFLite file: its length in bytes, and its subgraphs, the main one first."""

    size: int
    graphs: tuple[Graph, ...]


def read(path: Path) -> File:
    """The content of the file.

    Raises ``BadDataError`` when the file can't be read, is no TFLite file, or is damaged.
    """
    content = read_bytes(path)
    if content[4:8] != IDENTIFIER:
        raise BadDataError(f"it is not a TFLite file: bytes 4 to 8 must be {IDENTIFIER!r}, not {content[4:8]!r}")
    try:
        return File(len(content), _Reader(content).graphs())
    except _DAMAGE as error:
        raise damaged("it refers to places outside of itself") from error


def read_bytes(path: Path) -> bytes:
    """The file's content. Raises ``BadDataError`` when it is no readable regular file of fitting size.

    The bytes are copied, not mapped: a mapped file that somebody cuts short ends the process.
    """
    try:
        if not path.is_file():
            raise BadDataError("it is not a file" if path.exists() else "there is no such file")
        if path.stat().st_size > _MAX_BYTES:
            raise BadDataError(f"it has more than {_MAX_BYTES} bytes, the most that a TFLite file can have")
        return path.read_bytes()
    except OSError as error:
        raise BadDataError(f"it can't be read: {error.strerror}") from error


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._budget = len(content)
        self._model = tflite.Model.GetRootAs(content)

    def graphs(self) -> tuple[Graph, ...]:
        model = self._model
        if model.Version() != _SCHEMA_VERSION:
            raise damaged(f"its schema version is {model.Version()}; it must be {_SCHEMA_VERSION}")
        codes = [self._code(code) for code in self._tables(model.OperatorCodesLength(), model.OperatorCodes)]
        buffers = [self._buffer(buffer) for buffer in self._tables(model.BuffersLength(), model.Buffers)]
        graphs = [
            self._graph(graph, codes, buffers) for graph in self._tables(model.SubgraphsLength(), model.Subgraphs)
        ]
        if not graphs:
            raise damaged("it has no subgraph")
        return tuple(graphs)

    def _spend(self, length: int) -> int:
        """Bound what a file can make us do: it can't have more elements than bytes, however often it shares them."""
        self._budget -= length
        if self._budget < 0:
            raise damaged("its vectors have more elements than the file has bytes")
        return length

    def _tables(self, length: int, item: Callable[[int], Any]) -> Iterator[Any]:
        return map(item, range(self._spend(length)))

    def _ints(self, length: int, values: Callable[[], Any]) -> tuple[int, ...]:
        return tuple(values().tolist()) if self._spend(length) else ()

    def _text(self, text: bytes | None) -> str:
        self._spend(len(text or b""))
        return (text or b"").decode(errors="replace")

    def _code(self, code: Any) -> tuple[str, str]:
        # the old field is a byte: codes above 127 stand in the new one, and older files have only the old one
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        return _name(tflite.BuiltinOperator, number), self._text(code.CustomCode())

    def _buffer(self, buffer: Any) -> NDArray[np.uint8] | None:
        if buffer.DataLength():
            data: NDArray[np.uint8] = buffer.DataAsNumpy()
            return data
        if buffer.Offset() > 1:  # data behind the FlatBuffer; 0 and 1 stand for none
            if buffer.Offset() + buffer.Size() > len(self._content):
                raise damaged("a buffer reaches beyond the end of the file")
            return np.frombuffer(self._content, np.uint8, buffer.Size(), buffer.Offset())
        return None

    def _graph(self, graph: Any, codes: list[tuple[str, str]], buffers: list[NDArray[np.uint8] | None]) -> Graph:
        tensors = tuple(self._tensor(tensor, buffers) for tensor in self._tables(graph.TensorsLength(), graph.Tensors))
        operators = tuple(
            self._operator(index, operator, codes, len(tensors))
            for index, operator in enumerate(self._tables(graph.OperatorsLength(), graph.Operators))
        )
        inputs = self._ints(graph.InputsLength(), graph.InputsAsNumpy)
        outputs = self._ints(graph.OutputsLength(), graph.OutputsAsNumpy)
        _check_indexes("the graph's inputs or outputs", (*inputs, *outputs), 0, len(tensors))
        return Graph(tensors, operators, inputs, outputs)

    def _tensor(self, tensor: Any, buffers: list[NDArray[np.uint8] | None]) -> Tensor:
        name = self._text(tensor.Name())
        if tensor.ShapeLength() > _MAX_RANK:
            raise damaged(f"tensor {name!r} has {tensor.ShapeLength()} dimensions")
        shape = self._ints(tensor.ShapeLength(), tensor.ShapeAsNumpy)
        if any(size < 0 for size in shape):
            raise damaged(f"tensor {name!r} has the shape {list(shape)}")
        if tensor.Buffer() >= len(buffers):
            raise damaged(f"tensor {name!r} lies in buffer {tensor.Buffer()}; there are {len(buffers)}")
        sparsity = tensor.Sparsity()
        return Tensor(
            name,
            _name(tflite.TensorType, tensor.Type()),
            shape,
            buffers[tensor.Buffer()],
            None if sparsity is None else self._sparsity(sparsity),
            bool(tensor.IsVariable()),
        )

    def _sparsity(self, sparsity: Any) -> Sparsity:
        return Sparsity(
            self._ints(sparsity.TraversalOrderLength(), sparsity.TraversalOrderAsNumpy),
            self._ints(sparsity.BlockMapLength(), sparsity.BlockMapAsNumpy),
            tuple(self._level(level) for level in self._tables(sparsity.DimMetadataLength(), sparsity.DimMetadata)),
        )

    def _level(self, level: Any) -> Level:
        if level.Format() == tflite.DimensionType.DENSE:
            return Level(level.DenseSize())
        return Level(
            0,
            self._indexes(level.ArraySegmentsType(), level.ArraySegments()),
            self._indexes(level.ArrayIndicesType(), level.ArrayIndices()),
        )

    def _indexes(self, kind: int, union: Any) -> NDArray[np.integer[Any]]:
        name = _name(tflite.SparseIndexVector, kind)
        if union is None or name not in _INDEX_VECTORS:
            raise damaged("a sparse tensor has no indexes")
        vector = getattr(tflite, name)()
        vector.Init(union.Bytes, union.Pos)
        empty: NDArray[np.integer[Any]] = np.empty(0, np.int32)
        return vector.ValuesAsNumpy() if self._spend(vector.ValuesLength()) else empty

    def _operator(self, index: int, operator: Any, codes: list[tuple[str, str]], tensors: int) -> Operator:
        where = f"operator {index}"
        if operator.OpcodeIndex() >= len(codes):
            raise damaged(f"{where} has the code number {operator.OpcodeIndex()}; there are {len(codes)}")
        inputs = self._ints(operator.InputsLength(), operator.InputsAsNumpy)
        outputs = self._ints(operator.OutputsLength(), operator.OutputsAsNumpy)
        _check_indexes(f"{where}'s inputs", inputs, _OMITTED, tensors)
        _check_indexes(f"{where}'s outputs", outputs, 0, tensors)
        custom_options = bytes(self._ints(operator.CustomOptionsLength(), operator.CustomOptionsAsNumpy))
        name, custom_code = codes[operator.OpcodeIndex()]
        return Operator(index, name, custom_code, self._options(operator), custom_options, inputs, outputs)

    def _options(self, operator: Any) -> dict[str, Any]:
        kind = _name(tflite.BuiltinOptions, operator.BuiltinOptionsType())
        table = operator.BuiltinOptions()
        if table is None or not hasattr(tflite, kind):
            return {}
        options = getattr(tflite, kind)()
        options.Init(table.Bytes, table.Pos)
        fields = {}
        for method, field, is_vector in _fields(kind):
            if is_vector:
                length = getattr(options, f"{method}Length")()
                fields[field] = self._ints(length, getattr(options, f"{method}AsNumpy"))
            else:
                fields[field] = getattr(options, method)()
        return fields


_INDEX_VECTORS = ("Int32Vector", "Uint16Vector", "Uint8Vector")


def _check_indexes(what: str, indexes: tuple[int, ...], lowest: int, tensors: int) -> None:
    for index in indexes:
        if not lowest <= index < tensors:
            raise damaged(f"{what} name tensor {index}; there are {tensors}")


def _name(enumeration: Any, number: int) -> str:
    return _names(enumeration).get(number, f"unknown {enumeration.__name__} {number}")


@cache
def _names(enumeration: Any) -> dict[int, str]:
    return {number: name for name, number in vars(enumeration).items() if not name.startswith("_")}


@cache
def _fields(options: str) -> tuple[tuple[str, str, bool], ...]:
    """The fields of the table called ``options``: accessor, name in the schema, whether it is a vector.

    The generated accessor of a scalar takes no argument; that of a vector takes an index.
    """
    accessors = vars(getattr(tflite, options)).items()
    methods = {name: method.__code__.co_argcount for name, method in accessors if hasattr(method, "__code__")}
    vectors = {name.removesuffix("AsNumpy") for name in methods if name.endswith("AsNumpy")}
    derived = {f"{vector}{suffix}" for vector in vectors for suffix in ("AsNumpy", "Length", "IsNone")}
    return tuple(
        (name, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(), name in vectors)
        for name, arguments in methods.items()
        if name not in derived | {"Init"} and (arguments == 1 or name in vectors)
    )
