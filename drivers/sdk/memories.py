"""Device memory: in the driver's process, for as long as the call that allocated it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from drivers.sdk.prepared import PreparedModels
from hal.device import Bytes
from hal.errors import BadDataError, OpFailedError, OutOfMemoryError, ResourceExhaustedTransientError
from hal.model import Dimensions, Operand
from hal.operand_rules import described, merge, value_size
from hal.types import OperandType
from protos.nnhal.v1 import device_pb2

MEMORIES = 512
"""Memories that a service holds at once; each keeps a call, and so a thread, open."""


@dataclass(frozen=True, slots=True)
class MemoryRole:
    """An input or output (``kind``) of the prepared model with this token."""

    prepared: int
    kind: str
    index: int


class DeviceMemory:
    """One memory: bytes that hold a tensor or a scalar, once something has been written."""

    def __init__(self, operand: Operand, dimensions: Dimensions, roles: Sequence[MemoryRole]) -> None:
        self._operand = operand
        self._dimensions = dimensions
        self._roles = frozenset(roles)
        self._lock = threading.Lock()
        self._content: Bytes | None = None
        self._current: Dimensions = ()
        self._bytes = np.zeros(0, np.uint8)

    def require(self, role: MemoryRole) -> None:
        """``BadDataError`` unless the memory was allocated for this role."""
        if role not in self._roles:
            raise BadDataError(f"the memory was not allocated to be {role.kind} {role.index} of this prepared model")

    def read(self, dimensions: Dimensions) -> tuple[Bytes, Dimensions]:
        """Its content as an input, and the content's dimensions, which ``dimensions`` must be if they are given.

        Raises ``OpFailedError`` when there is none or it has others.
        """
        with self._lock:
            content, current = self._content, self._current
        if content is None:
            raise OpFailedError("the memory has no content; an execution or a copy must have written it")
        if dimensions and dimensions != current:
            raise OpFailedError(f"the memory's content has dimensions {list(current)}; the request's has others")
        return content, current

    def room(self, size: int, *, apart: bool = False) -> Bytes:
        """Take away its content, and return ``size`` bytes to write the next one to.

        ``apart``: not where the content was, which is still being read.
        """
        with self._lock:
            self._content = None
            if apart or self._bytes.size < size:
                try:
                    self._bytes = np.zeros(size, np.uint8)
                except MemoryError:
                    raise OutOfMemoryError(f"the driver has no {size} bytes for device memory") from None
            return self._bytes[:size]

    def hold(self, content: Bytes, dimensions: Dimensions) -> None:
        """Have ``content``, which is of ``dimensions`` and in what ``room`` returned, as its content."""
        if merge(self._dimensions, dimensions) is None:
            raise OpFailedError(f"the memory is of {list(self._dimensions)}; what was written is {list(dimensions)}")
        with self._lock:
            self._content, self._current = content, dimensions

    def discard(self) -> None:
        """Have no content."""
        with self._lock:
            self._content = None

    def copy_to(self, target: Bytes | None) -> tuple[Bytes, Dimensions]:
        """Copy its content to ``target``, if given; returns the content and its dimensions."""
        with self._lock:
            content, current = self._content, self._current
        if content is None:
            raise BadDataError("the memory has no content; an execution or a copy must have written it")
        if target is not None:
            if target.size != content.size:
                raise BadDataError(f"the memory's content has {content.size} bytes; the place for it has {target.size}")
            target[:] = content
        return content, current

    def copy_from(self, source: Bytes, dimensions: Dimensions) -> Dimensions:
        """Fill it with ``source``, of ``dimensions`` where it leaves them open; returns the content's."""
        self.discard()
        current = merge(self._dimensions, dimensions)
        if current is None:
            raise BadDataError(f"the memory is of {list(self._dimensions)}; it can't take {list(dimensions)}")
        size = value_size(self._operand, current)
        if size != source.size:
            wanted = f"of unknown size; its dimensions must be given ({list(current)})" if size is None else str(size)
            raise BadDataError(f"{source.size} bytes can't be copied into memory of {wanted} bytes")
        room = self.room(source.size)
        room[:] = source
        self.hold(room, current)
        return current


class DeviceMemories:
    """The memories of a service, by token."""

    def __init__(self, prepared: PreparedModels) -> None:
        self._prepared = prepared
        self._memories: dict[int, DeviceMemory] = {}
        self._tokens = itertools.count(1)

    @contextmanager
    def allocated(self, request: device_pb2.AllocateRequest) -> Iterator[int]:
        """A new memory's token; the memory lives until the context ends."""
        if len(self._memories) >= MEMORIES:
            raise ResourceExhaustedTransientError(
                f"the service holds {MEMORIES} memories; a client must release one first"
            )
        token = next(self._tokens)
        self._memories[token] = self._made(request)
        try:
            yield token
        finally:
            del self._memories[token]

    def get(self, token: int) -> DeviceMemory:
        """The memory with this token; ``BadDataError`` when there is none."""
        try:
            return self._memories[token]
        except KeyError:
            raise BadDataError(f"{token} is not the token of a memory of this service") from None

    def _made(self, request: device_pb2.AllocateRequest) -> DeviceMemory:
        roles = [
            MemoryRole(role.prepared_model, kind, role.index)
            for kind, listed in (("input", request.inputs), ("output", request.outputs))
            for role in listed
        ]
        if not roles:
            raise BadDataError("memory is allocated without a role; it must have at least one")
        dimensions = tuple(request.dimensions.sizes)
        first: Operand | None = None
        for role in roles:
            operand = self._operand(role)
            if first is not None and _kind(operand) != _kind(first):
                raise BadDataError(
                    f"{role.kind} {role.index} is {described(operand.type)} and another role {described(first.type)}, "
                    "or of another scale or zero point; the roles of a memory must agree"
                )
            merged = merge(dimensions, operand.dimensions)
            if merged is None:
                raise BadDataError(
                    f"{role.kind} {role.index} has dimensions {list(operand.dimensions)}; other roles, or the memory, "
                    f"have {list(dimensions)}"
                )
            dimensions, first = merged, first or operand
        assert first is not None
        if not isinstance(first.type, OperandType) or (dimensions and not first.type.is_tensor):
            raise BadDataError(f"{described(first.type)} can't have memory of dimensions {list(dimensions)}")
        return DeviceMemory(first, dimensions, roles)

    def _operand(self, role: MemoryRole) -> Operand:
        main = self._prepared.get(role.prepared).model.main
        indexes = main.inputs if role.kind == "input" else main.outputs
        if role.index >= len(indexes):
            raise BadDataError(f"there is no {role.kind} {role.index}; the model has {len(indexes)}")
        return main.operands[indexes[role.index]]


def _kind(operand: Operand) -> tuple[object, ...]:
    return operand.type, operand.scale, operand.zero_point, operand.per_channel
