"""The canonical model: what a finished NNAPI model is, for applications and drivers alike.

Everything here is immutable. Nothing here checks the rules that span objects: that is
``hal.validation``, which a driver runs again on whatever reaches it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from hal.types import OEM_OPERATION, OEM_SCALAR, TENSOR_OEM_BYTE, OperandType

Dimensions = tuple[int, ...]

EXTENSION_BITS = 16
"""An extension's operand and operation types carry its prefix above this many low bits."""


class Lifetime(IntEnum):
    """Where an operand's value comes from."""

    TEMPORARY_VARIABLE = 0
    SUBGRAPH_INPUT = 1
    SUBGRAPH_OUTPUT = 2
    CONSTANT_COPY = 3
    CONSTANT_REFERENCE = 4
    NO_VALUE = 5
    SUBGRAPH = 6


_OEM = (OEM_SCALAR, TENSOR_OEM_BYTE, OEM_OPERATION)

CONSTANT_LIFETIMES = frozenset({Lifetime.CONSTANT_COPY, Lifetime.CONSTANT_REFERENCE})


@dataclass(frozen=True, slots=True)
class PerChannelQuantization:
    """Scales of a TENSOR_QUANT8_SYMM_PER_CHANNEL operand: one for each index of ``channel_dim``."""

    channel_dim: int
    scales: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Location:
    """``length`` bytes from ``offset`` of the shared-memory region called ``region``."""

    region: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True, eq=False)
class Operand:
    """One operand of a subgraph.

    ``type``: an ``OperandType``, or an extension's type as a plain int with the extension's prefix
    in its upper bits. ``dimensions``: a 0 is an unknown dimension; for a tensor, ``()`` is unknown
    rank. ``value``: the constant, as a read-only array of ``dimensions`` in the type's dtype (bytes
    for an extension's type); None for the other lifetimes. ``location``: where a CONSTANT_REFERENCE
    lives. ``subgraph``: for SUBGRAPH, the index into ``Model.referenced``. ``extension_data``: an
    extension type's own parameters.
    """

    type: OperandType | int
    dimensions: Dimensions = ()
    scale: float = 0.0
    zero_point: int = 0
    lifetime: Lifetime = Lifetime.TEMPORARY_VARIABLE
    value: NDArray[np.generic] | None = None
    location: Location | None = None
    per_channel: PerChannelQuantization | None = None
    subgraph: int | None = None
    extension_data: bytes = b""

    @property
    def is_constant(self) -> bool:
        """Whether the value is part of the model."""
        return self.lifetime in CONSTANT_LIFETIMES

    def __eq__(self, other: object) -> bool:
        """Equal when every field is, constants compared bit for bit (a NaN equals itself)."""
        if not isinstance(other, Operand):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        value = None if self.value is None else (self.value.dtype, self.value.shape, self.value.tobytes())
        return (
            self.type,
            self.dimensions,
            self.scale,
            self.zero_point,
            self.lifetime,
            value,
            self.location,
            self.per_channel,
            self.subgraph,
            self.extension_data,
        )


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: ``type`` is an ``hal.types.OperationType`` or an extension's code as a plain int."""

    type: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Subgraph:
    """Operands, the operations over them in execution order, and which operands go in and out."""

    operands: tuple[Operand, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Extension:
    """A vendor extension that the model uses: its name, and the prefix that its type codes carry."""

    name: str
    prefix: int


@dataclass(frozen=True, slots=True)
class Model:
    """A whole model: the main subgraph, those that IF and WHILE refer to, and how exact it must be.

    ``relaxed``: float32 may be computed with the range and precision of float16.
    """

    main: Subgraph
    referenced: tuple[Subgraph, ...] = ()
    relaxed: bool = False
    extensions: tuple[Extension, ...] = field(default=())

    def extension_type(self, code: int) -> tuple[str, int] | None:
        """The extension that a type of this model belongs to and its number there; None for a type of NNAPI's."""
        names = {extension.prefix: extension.name for extension in self.extensions}
        name = names.get(code >> EXTENSION_BITS)
        return None if name is None else (name, code & ((1 << EXTENSION_BITS) - 1))


def is_extension(code: int) -> bool:
    """Whether an operand or operation type belongs to an extension, or is a deprecated one of the kind."""
    return code >> EXTENSION_BITS != 0 or code in _OEM


def is_tensor(operand: Operand) -> bool:
    """Whether the operand has dimensions (an extension's type is taken as it comes)."""
    if isinstance(operand.type, OperandType):
        return operand.type.is_tensor
    return bool(operand.dimensions)


def is_fully_specified(dimensions: Dimensions) -> bool:
    """Whether rank and every dimension are known."""
    return bool(dimensions) and 0 not in dimensions


def byte_size(operand_type: OperandType, dimensions: Dimensions) -> int:
    """Bytes that the value of a scalar or fully specified tensor takes, packed without gaps."""
    return math.prod(dimensions) * operand_type.dtype.itemsize
