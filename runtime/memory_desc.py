"""Memory domains: memory that is described by what it will be used for, and lives where that is done."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hal.device import Argument, Bytes, Device, DeviceMemory, PreparedModel, Role
from hal.errors import BadDataError, BadStateError, NnapiError, OpFailedError, UnexpectedNullError
from hal.memory import Region
from hal.model import Dimensions, Location, Operand
from hal.operand_rules import described, merge, value_size
from hal.types import OperandType
from runtime import process
from runtime.compilation import Compilation
from runtime.memory import Memory, copy_bytes, sizes
from runtime.values import as_integers

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Role:
    """An input or output (``kind``) of a compilation's model."""

    compilation: Compilation
    kind: str
    index: int

    @property
    def operand(self) -> Operand:
        main = self.compilation.model.main
        return main.operands[(main.inputs if self.kind == "input" else main.outputs)[self.index]]


class MemoryDesc:
    """What memory is to be used for: inputs and outputs of compilations, which must agree in type and dimensions.

    Every method raises ``BadStateError`` after ``finish``, ``BadDataError`` for what does not fit, and
    ``UnexpectedNullError`` for None where something must be given.
    """

    def __init__(self) -> None:
        self._roles: list[_Role] = []
        self._dimensions: Dimensions = ()
        self._finished = False

    def add_input_role(self, compilation: Compilation, index: int, frequency: float) -> None:
        """Have the memory be input ``index`` of executions of a finished compilation.

        ``frequency``: above 0 and at most 1, how likely that is: a hint.
        """
        self._add("input", compilation, index, frequency)

    def add_output_role(self, compilation: Compilation, index: int, frequency: float) -> None:
        """The same for output ``index``."""
        self._add("output", compilation, index, frequency)

    def set_dimensions(self, dimensions: Sequence[int]) -> None:
        """Say more of the dimensions than the roles do; a 0 is unknown."""
        self._require_unfinished()
        if dimensions is None:
            raise UnexpectedNullError("the memory must be given dimensions")
        given = as_integers(dimensions, "the dimensions of the memory")
        if any(size < 0 for size in given):
            raise BadDataError(f"the memory is given dimensions {list(given)}; they must be at least 0")
        self._dimensions = self._merged(given, "the memory")

    def finish(self) -> None:
        """End the description; there must be a role."""
        self._require_unfinished()
        if not self._roles:
            raise BadDataError("the memory has no role; it must have at least one")
        self._finished = True

    def allocate(self) -> Memory:
        """New memory as described; see ``Memory.from_desc``."""
        if not self._finished:
            raise BadStateError("the descriptor is not finished")
        operand = self._roles[0].operand
        try:
            on_device = self._on_device()
        except NnapiError as error:
            if value_size(operand, self._dimensions) is None:
                raise OpFailedError(
                    f"the memory has dimensions {list(self._dimensions)}, which leave its size open, and no device "
                    f"takes that: {error}"
                ) from error
            _log.info("memory is shared instead of on a device: %s", str(error))
            return _SharedMemory(self._roles, operand, self._dimensions)
        return _OnDevice(self._roles, operand, self._dimensions, on_device)

    def _on_device(self) -> DeviceMemory:
        device: Device | None = None
        roles: dict[str, list[Role]] = {"input": [], "output": []}
        for role in self._roles:
            where, prepared = _place(role.compilation)
            if device is not None and where is not device:
                raise OpFailedError("the memory's roles are on several devices")
            device = where
            roles[role.kind].append(Role(prepared, role.index))
        assert device is not None
        return device.allocate(self._dimensions, roles["input"], roles["output"])

    def _add(self, kind: str, compilation: Compilation, index: int, frequency: float) -> None:
        self._require_unfinished()
        if compilation is None:
            raise UnexpectedNullError("there must be a compilation that the memory plays a role in")
        try:
            _ = compilation.prepared
        except BadStateError as error:
            raise BadDataError(f"the memory can't play a role: {error}") from error
        main = compilation.model.main
        operands = main.inputs if kind == "input" else main.outputs
        if not isinstance(index, (int, np.integer)) or not 0 <= index < len(operands):
            raise BadDataError(f"there is no {kind} {index}; the model has {len(operands)}")
        if not isinstance(frequency, (int, float)) or not 0 < frequency <= 1:
            raise BadDataError(f"the frequency is {frequency!r}; it must be above 0 and at most 1")
        role = _Role(compilation, kind, int(index))
        what = f"{kind} {index}"
        if role in self._roles:
            raise BadDataError(f"{what} of the compilation is a role of the memory already")
        if not isinstance(role.operand.type, OperandType):
            raise BadDataError(f"{what} is {described(role.operand.type)}, whose size only the extension knows")
        if self._roles and _type_of(role.operand) != _type_of(self._roles[0].operand):
            raise BadDataError(
                f"{what} is {described(role.operand.type)}, another role {described(self._roles[0].operand.type)}; "
                "type, scale and zero point of all roles must be the same"
            )
        dimensions = self._merged(role.operand.dimensions, what, role.operand)
        self._roles.append(role)
        self._dimensions = dimensions

    def _merged(self, dimensions: Dimensions, what: str, operand: Operand | None = None) -> Dimensions:
        operand = operand or (self._roles[0].operand if self._roles else None)
        merged = merge(self._dimensions, dimensions)
        if merged is None:
            raise BadDataError(f"{what} has dimensions {list(dimensions)}; so far they are {list(self._dimensions)}")
        if merged and operand is not None and not OperandType(operand.type).is_tensor:
            raise BadDataError(f"{what} gets dimensions {list(merged)}; {described(operand.type)} has none")
        return merged

    def _require_unfinished(self) -> None:
        if self._finished:
            raise BadStateError("the descriptor is finished; it can't be changed or finished again")


class _DescribedMemory(Memory):
    """Memory from a descriptor: it is used whole, and only as described."""

    def __init__(self, roles: Sequence[_Role], operand: Operand, dimensions: Dimensions) -> None:
        self._roles = list(roles)
        self._operand = operand
        self._dimensions = dimensions
        self._size = value_size(operand, dimensions)

    @property
    def data(self) -> Bytes:
        """Nobody's to see."""
        raise BadDataError("the bytes of a memory from a descriptor can only be copied to another memory")

    def part(self, offset: int, length: int) -> tuple[Bytes, Location]:
        """Refused: constants can't be there."""
        raise BadDataError("a memory from a descriptor can't hold a model's constants")

    def argument(
        self,
        compilation: Compilation,
        kind: str,
        index: int,
        place: tuple[int, int],
        dimensions: Sequence[int] | None,
    ) -> Argument:
        """See ``Memory``; both of ``place`` must be 0, which means all of it."""
        what = f"{kind} {index}"
        if _Role(compilation, kind, index) not in self._roles:
            raise BadDataError(f"the memory is not described as {what} of this compilation")
        if place != (0, 0):
            raise BadDataError(
                f"{what} is given offset {place[0]} and length {place[1]} of a memory from a descriptor; both must be 0"
            )
        given = sizes(what, dimensions)
        if merge(self._dimensions, given) is None:
            raise BadDataError(f"{what} has dimensions {list(given)}; its memory has {list(self._dimensions)}")
        return self._whole(given)

    def receive(self, source: Memory) -> None:
        """See ``Memory``."""
        try:
            if isinstance(source, _DescribedMemory):
                self._require_like(source)
            self._fill(source.content())
        except BaseException:
            self.lost()
            raise
        self.written()

    @abstractmethod
    def _whole(self, dimensions: Dimensions) -> Argument:
        """All of it as an input or output of these dimensions, as far as the caller gives them."""

    @abstractmethod
    def _fill(self, content: Argument) -> None:
        """Take the content of another memory."""

    def _require_like(self, source: _DescribedMemory) -> None:
        if _type_of(source._operand) != _type_of(self._operand):
            raise BadDataError("the memories hold operands of different types, scales or zero points")
        if merge(source._dimensions, self._dimensions) is None:
            raise BadDataError(
                f"the memories have dimensions {list(source._dimensions)} and {list(self._dimensions)}; they must agree"
            )


class _SharedMemory(_DescribedMemory):
    """In shared memory, because its roles are not one driver's; its size is known."""

    def __init__(self, roles: Sequence[_Role], operand: Operand, dimensions: Dimensions) -> None:
        super().__init__(roles, operand, dimensions)
        assert self._size is not None
        self._region = Region.create(process.folder(), self._size)
        self._bytes = self._region.slice(0, self._size)
        self._has_content = False

    @property
    def is_watched(self) -> bool:
        """See ``Memory``."""
        return True

    def require_content(self) -> None:
        """See ``Memory``."""
        if not self._has_content:
            raise OpFailedError("the memory has no content; an execution or a copy must have written it")

    def written(self) -> None:
        """See ``Memory``."""
        self._has_content = True

    def lost(self) -> None:
        """See ``Memory``."""
        self._has_content = False

    def content(self) -> Argument:
        """See ``Memory``."""
        if not self._has_content:
            raise BadDataError("the source has no content; an execution or a copy must have written it")
        return self._whole(())

    def _whole(self, dimensions: Dimensions) -> Argument:
        return Argument(self._bytes, Location(self._region.name, 0, self._bytes.size), self._dimensions)

    def _fill(self, content: Argument) -> None:
        copy_bytes(content, self._bytes)


class _OnDevice(_DescribedMemory):
    """On a device. Its driver knows whether it has content, but for what failed on the way there."""

    def __init__(self, roles: Sequence[_Role], operand: Operand, dimensions: Dimensions, memory: DeviceMemory) -> None:
        super().__init__(roles, operand, dimensions)
        self._memory = memory
        self._lost = False

    def require_content(self) -> None:
        """See ``Memory``."""
        if self._lost:
            raise OpFailedError("the memory has no content; what should have written it has failed")

    def written(self) -> None:
        """See ``Memory``."""
        self._lost = False

    def lost(self) -> None:
        """See ``Memory``."""
        self._lost = True

    def content(self) -> Argument:
        """See ``Memory``; a copy."""
        if self._lost:
            raise BadDataError("the source has no content; what should have written it has failed")
        if self._size is None:
            data, dimensions = self._memory.content()
            return Argument(data, None, dimensions)
        region = Region.create(process.folder(), self._size)
        self._kept = region  # published until the next copy, by when the driver has let go of it
        place = Argument(region.slice(0, self._size), Location(region.name, 0, self._size))
        return replace(place, dimensions=self._memory.copy_to(place))

    def _whole(self, dimensions: Dimensions) -> Argument:
        return Argument(None, None, dimensions, self._memory)

    def _fill(self, content: Argument) -> None:
        self._memory.copy_from(content)


def _place(compilation: Compilation) -> tuple[Device, PreparedModel]:
    """The device that executes the whole model, and the model there."""
    step = compilation.prepared.sole_step
    if step is None or step.worker.prepared is None:
        raise OpFailedError("a role of the memory is in a compilation that no device executes by itself")
    return step.worker.device, step.worker.prepared


def _type_of(operand: Operand) -> tuple[object, ...]:
    return operand.type, operand.scale, operand.zero_point, operand.per_channel
