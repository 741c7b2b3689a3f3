"""Requests that do not fit the model they are for."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from hal.memory import Region, aligned
from hal.types import OperandType, ResultCode
from protos.nnhal.v1 import device_pb2
from runtime.process import folder
from tools.conformance.case import Array
from tools.conformance.invalid.base import BAD_DATA, Base
from tools.conformance.invalid.models import MEMORY_CODES, misplacements

Change = Callable[[device_pb2.ExecuteRequest], None]

_TOO_SMALL = frozenset({ResultCode.OUTPUT_INSUFFICIENT_SIZE})
_FAR = 2**32 - 1


@dataclass(frozen=True, slots=True)
class RequestMutation:
    """One thing wrong with a request; ``codes``: those with which it may be refused."""

    name: str
    change: Change
    codes: frozenset[ResultCode] = BAD_DATA


@dataclass(frozen=True, slots=True)
class ValidRequest:
    """A request as it should be, and the shared memory it names, None where everything is inline."""

    message: device_pb2.ExecuteRequest
    region: Region | None
    places: tuple[tuple[int, int], ...]

    def outputs(self, base: Base, response: device_pb2.ExecuteResponse) -> list[Array]:
        """The arrays that the driver has written."""
        arrays = []
        for expected, (offset, length), output in zip(base.expected, self.places, response.outputs):
            data = np.frombuffer(output.inline, np.uint8) if self.region is None else self.region.slice(offset, length)
            arrays.append(data[:length].view(expected.dtype).reshape(tuple(output.dimensions.sizes)))
        return arrays


def valid_request(base: Base, token: int, *, local: bool) -> ValidRequest:
    """The base's own request to its prepared model; ``local``: in shared memory."""
    message = device_pb2.ExecuteRequest(prepared_model=token)
    values = [None if value is None else np.ascontiguousarray(value).tobytes() for value in base.case.inputs]
    lengths = [len(value or b"") for value in values] + [expected.nbytes for expected in base.expected]
    ends = np.cumsum([aligned(length) for length in lengths]).tolist()
    places = tuple((start, length) for start, length in zip([0, *ends[:-1]], lengths))
    region = Region.create(folder(), ends[-1]) if local else None
    for value, (offset, length) in zip(values, places):
        argument = message.inputs.add()
        if value is None:
            continue
        if region is None:
            argument.location.inline = value
        else:
            region.slice(offset, length)[:] = np.frombuffer(value, np.uint8)
            _locate(argument, region, offset, length)
    for offset, length in places[len(values) :]:
        argument = message.outputs.add()
        if region is None:
            argument.location.inline = b""
        else:
            _locate(argument, region, offset, length)
    return ValidRequest(message, region, places[len(values) :])


def _locate(argument: device_pb2.Argument, region: Region, offset: int, length: int) -> None:
    shared = argument.location.shared
    shared.region, shared.offset, shared.length = region.name, offset, length


def request_mutations(base: Base) -> Iterator[RequestMutation]:
    """A request with each rule broken that it has."""
    for kind in ("inputs", "outputs"):
        yield from _counts(kind)
    for token in (0, _FAR, 2**64 - 1):
        yield RequestMutation(f"token {token}", _with_token(token))
    main = base.case.model.main
    for position, value in enumerate(base.case.inputs):
        if value is not None:
            operand_type = OperandType(main.operands[main.inputs[position]].type)
            yield from _argument(f"input {position}", _input(position, value.tobytes()), value.shape, operand_type)
    for position, expected in enumerate(base.expected):
        operand_type = OperandType(main.operands[main.outputs[position]].type)
        room = np.zeros(expected.nbytes, np.uint8).tobytes()
        yield from _argument(f"output {position}", _output(position, room), expected.shape, operand_type)
        yield from _small_outputs(position, room)


def _with_token(token: int) -> Change:
    return lambda request: setattr(request, "prepared_model", token)


def _counts(kind: str) -> Iterator[RequestMutation]:
    def fewer(request: device_pb2.ExecuteRequest) -> None:
        getattr(request, kind).pop()

    def more(request: device_pb2.ExecuteRequest) -> None:
        getattr(request, kind).add().CopyFrom(getattr(request, kind)[-1])

    yield RequestMutation(f"{kind}, one fewer", fewer)
    yield RequestMutation(f"{kind}, one more", more)
    yield RequestMutation(f"{kind}, none", lambda request: request.ClearField(kind))


Chosen = Callable[[device_pb2.ExecuteRequest], device_pb2.Argument]
"""Gives an argument of the request, its location holding as many bytes inline as it needs."""


def _input(position: int, data: bytes) -> Chosen:
    def chosen(request: device_pb2.ExecuteRequest) -> device_pb2.Argument:
        request.inputs[position].location.inline = data
        return request.inputs[position]

    return chosen


def _output(position: int, data: bytes) -> Chosen:
    def chosen(request: device_pb2.ExecuteRequest) -> device_pb2.Argument:
        request.outputs[position].location.inline = data
        return request.outputs[position]

    return chosen


def _argument(
    where: str, chosen: Chosen, shape: tuple[int, ...], operand_type: OperandType
) -> Iterator[RequestMutation]:
    """What can be wrong with an input as with an output."""

    def changed(
        name: str, change: Callable[[device_pb2.Argument], None], codes: frozenset[ResultCode] = BAD_DATA
    ) -> RequestMutation:
        return RequestMutation(f"{where}, {name}", lambda request: change(chosen(request)), codes)

    def misplaced(misplace: Callable[..., None]) -> Callable[[device_pb2.Argument], None]:
        return lambda argument: misplace(argument.location)

    def sized(*dimensions: int) -> Callable[[device_pb2.Argument], None]:
        return lambda argument: argument.dimensions.sizes.extend(dimensions)

    def in_device_memory(argument: device_pb2.Argument) -> None:
        argument.ClearField("location")
        argument.memory = 7

    is_input = where.startswith("input")
    for name, misplace in misplacements().items():
        if is_input or "too" not in name:  # an output may have more room than it needs
            yield changed(f"in {name}", misplaced(misplace), MEMORY_CODES)
    yield changed("nowhere", lambda argument: argument.ClearField("location"))
    yield changed("in device memory that is not there", in_device_memory)
    if not operand_type.is_tensor:
        yield changed("a scalar with dimensions", sized(1))
        return
    larger = [size + 1 for size in shape]
    yield changed("of other dimensions", sized(*larger))
    yield changed("of another rank", sized(1, *shape))
    yield changed("of dimensions larger than 32 bits count", sized(*[_FAR] * len(shape)))
    if is_input:
        yield changed("one byte short", _inline(lambda data: data[:-1]))
        yield changed("one byte long", _inline(lambda data: data + b"\0"))
        yield changed("without bytes", _inline(lambda data: b""))


def _inline(change: Callable[[bytes], bytes]) -> Callable[[device_pb2.Argument], None]:
    def changed(argument: device_pb2.Argument) -> None:
        argument.location.inline = change(argument.location.inline)

    return changed


def _small_outputs(position: int, room: bytes) -> Iterator[RequestMutation]:
    """Places for an output that are too small, or not to be written."""

    def placed(region: Callable[[], Region], length: int) -> Change:
        return lambda request: _locate(request.outputs[position], region(), 0, length)

    for length in {len(room) - 1, 0}:
        yield RequestMutation(
            f"output {position}, room for {length} bytes", placed(_room, length), _TOO_SMALL | MEMORY_CODES
        )
    yield RequestMutation(f"output {position}, in memory for reading", placed(_for_reading, len(room)), MEMORY_CODES)


@cache
def _room() -> Region:
    return Region.create(folder(), 1 << 20)


@cache
def _for_reading() -> Region:
    """Memory sealed against writing."""
    descriptor = os.memfd_create("nnhal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, 1 << 20)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK)
        return Region.from_descriptor(folder(), descriptor, 1 << 20, writable=False)
    finally:
        os.close(descriptor)
