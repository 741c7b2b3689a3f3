"""Rules that hold for every model, whatever its operations, broken in turn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, MutableSequence
from typing import TypeVar

from hal.model import Lifetime, Operand
from hal.types import OperandType, ResultCode
from protos.nnhal.v1 import model_pb2
from tools.conformance.invalid.base import BAD_DATA, Base, Change, Mutation, living, shared_region

MEMORY_CODES = BAD_DATA | {ResultCode.UNMAPPABLE}
"""What bad places in memory may be refused with."""

_FAR = 2**32 - 1
_Number = TypeVar("_Number", int, float)
_NOT_POSITIVE = (0.0, -1.0, math.nan, math.inf)

_BAD_REGIONS = ("", "nothing", "../../etc/passwd", "/etc/passwd", "app-1-00000000/r0", "app-1-0/../r1", "x" * 5000)
"""Names that no shared-memory region has."""


def model_mutations(base: Base) -> Iterator[Mutation]:
    """One model with each rule broken that its operands have."""
    yield from _structure(base)
    yield from _indexes(base)
    yield from _types_and_extensions()
    for index, operand in enumerate(base.case.model.main.operands):
        where = f"operand {index}"
        yield from _lifetimes(where, index, operand)
        if isinstance(operand.type, OperandType):
            yield from _quantization(where, index, operand, operand.type)
            yield from _sizes(where, index, operand, operand.type)
        if operand.is_constant:
            yield from _constants(where, index)


def _structure(base: Base) -> Iterator[Mutation]:
    """What makes a subgraph: lists, order, and who writes what."""

    def changed(name: str, change: Callable[[model_pb2.Subgraph], None]) -> Mutation:
        return Mutation(name, lambda message: change(message.main))

    def repeat_operation(main: model_pb2.Subgraph) -> None:
        main.operations.add().CopyFrom(main.operations[0])

    def in_a_circle(main: model_pb2.Subgraph) -> None:
        first = main.operations[0]
        main.operands.add().CopyFrom(main.operands[first.inputs[position]])
        middle = len(main.operands) - 1
        living(main.operands[middle], Lifetime.TEMPORARY_VARIABLE)
        main.operands[middle].ClearField("location")
        second = main.operations.add()
        second.CopyFrom(first)
        second.inputs[position], second.outputs[0] = first.outputs[0], middle
        first.inputs[position] = middle

    position = next(
        number
        for number, index in enumerate(base.case.model.main.operations[0].inputs)
        if base.case.model.main.operands[index].lifetime is Lifetime.SUBGRAPH_INPUT
    )
    constants = [index for index, operand in enumerate(base.case.model.main.operands) if operand.is_constant]
    yield Mutation("no main subgraph", lambda message: message.ClearField("main"))
    yield changed("no operations", lambda main: main.ClearField("operations"))
    yield changed("no operands", lambda main: main.ClearField("operands"))
    yield changed("no inputs", lambda main: main.ClearField("inputs"))
    yield changed("no outputs", lambda main: main.ClearField("outputs"))
    yield changed("an input listed twice", lambda main: main.inputs.append(main.inputs[0]))
    yield changed("an output listed twice", lambda main: main.outputs.append(main.outputs[0]))
    yield changed("an output among the inputs", lambda main: main.inputs.append(main.outputs[0]))
    yield changed("an input among the outputs", lambda main: main.outputs.append(main.inputs[0]))
    yield changed("an output written twice", repeat_operation)
    yield changed("an input written", lambda main: _set(main.operations[0].outputs, 0, main.inputs[0]))
    yield changed("its own output read", lambda main: _set(main.operations[0].inputs, position, main.outputs[0]))
    yield changed("operations in a circle", in_a_circle)
    if constants:
        yield changed("a constant written", lambda main: _set(main.operations[0].outputs, 0, constants[0]))
        yield changed("a constant among the inputs", lambda main: main.inputs.append(constants[0]))
        yield changed("a constant among the outputs", lambda main: main.outputs.append(constants[0]))


def _set(field: MutableSequence[_Number], position: int, value: _Number) -> None:
    field[position] = value


def _indexes(base: Base) -> Iterator[Mutation]:
    """Indexes of operands and subgraphs that are not there."""
    count = len(base.case.model.main.operands)

    def change(field: str, index: int, of_operation: bool) -> Change:
        def changed(message: model_pb2.Model) -> None:
            owner = message.main.operations[0] if of_operation else message.main
            getattr(owner, field)[0] = index

        return changed

    for index in (count, _FAR):
        for field in ("inputs", "outputs"):
            yield Mutation(f"{field} of the operation has operand {index}", change(field, index, True))
            yield Mutation(f"{field} of the model has operand {index}", change(field, index, False))


def _types_and_extensions() -> Iterator[Mutation]:
    def operation_type(code: int) -> Change:
        return lambda message: setattr(message.main.operations[0], "type", code)

    def operand_type(code: int) -> Change:
        return lambda message: setattr(message.main.operands[0], "type", code)

    def extensions(*named: tuple[str, int]) -> Change:
        def changed(message: model_pb2.Model) -> None:
            for name, prefix in named:
                message.extensions.add(name=name, prefix=prefix)

        return changed

    for code in (106, 9999, 0x10001):
        yield Mutation(f"operation of type {code:#x}", operation_type(code))
    for code in (16, 99, 0x10001):
        yield Mutation(f"operand of type {code:#x}", operand_type(code))
    for name in ("", "nodots", "Upper.Case", "with space.x"):
        yield Mutation(f"extension called '{name}'", extensions((name, 1)))
    for prefix in (0, 1 << 16):
        yield Mutation(f"extension of prefix {prefix}", extensions(("com.example.x", prefix)))
    yield Mutation("two extensions of one prefix", extensions(("com.example.x", 1), ("com.example.y", 1)))
    yield Mutation("two extensions of one name", extensions(("com.example.x", 1), ("com.example.x", 2)))


def _on(index: int, change: Callable[[model_pb2.Operand], None]) -> Change:
    return lambda message: change(message.main.operands[index])


def _lifetimes(where: str, index: int, operand: Operand) -> Iterator[Mutation]:
    """Another lifetime than the operand's place in the model asks for."""
    for lifetime in Lifetime:
        if lifetime in (operand.lifetime, Lifetime.CONSTANT_COPY, Lifetime.CONSTANT_REFERENCE, Lifetime.NO_VALUE):
            continue
        yield Mutation(f"{where} of lifetime {lifetime.name}", _on(index, _living(lifetime.value)))
    if not operand.is_constant:
        for lifetime in (Lifetime.CONSTANT_COPY, Lifetime.CONSTANT_REFERENCE):
            yield Mutation(f"{where} of lifetime {lifetime.name}", _on(index, _living(lifetime.value)))
    yield Mutation(f"{where} of lifetime 99", _on(index, _living(99)))


def _living(lifetime: int) -> Callable[[model_pb2.Operand], None]:
    return lambda operand: setattr(operand, "lifetime", lifetime)


def _quantization(where: str, index: int, operand: Operand, operand_type: OperandType) -> Iterator[Mutation]:
    """Scales and zero points that the type does not have."""

    def scaled(scale: float) -> Change:
        return _on(index, lambda message: setattr(message, "scale", scale))

    def zero_point(value: int) -> Change:
        return _on(index, lambda message: setattr(message, "zero_point", value))

    if operand_type.has_scale:
        scales: tuple[float, ...] = _NOT_POSITIVE
    elif operand_type is OperandType.TENSOR_INT32:
        scales = _NOT_POSITIVE[1:]
    else:
        scales = (1.0, math.nan)
    for scale in scales:
        yield Mutation(f"{where} of scale {scale}", scaled(scale))
    for value in (operand_type.zero_points[0] - 1, operand_type.zero_points[-1] + 1):
        yield Mutation(f"{where} of zero point {value}", zero_point(value))
    if operand.per_channel is None:
        yield Mutation(f"{where} with scales by channel", _on(index, _with_a_channel_scale))
    else:
        yield from _per_channel(where, index, len(operand.dimensions))


def _with_a_channel_scale(operand: model_pb2.Operand) -> None:
    operand.per_channel.scales.append(1.0)


def _per_channel(where: str, index: int, rank: int) -> Iterator[Mutation]:
    def on(name: str, change: Callable[[model_pb2.PerChannelQuantization], None]) -> Mutation:
        return Mutation(f"{where}, {name}", _on(index, lambda operand: change(operand.per_channel)))

    yield Mutation(f"{where}, no scales by channel", _on(index, lambda operand: operand.ClearField("per_channel")))
    yield on("a channel's scale more", lambda scales: scales.scales.append(1.0))
    yield on("a channel's scale fewer", _without_a_scale)
    for dimension in (rank, _FAR):
        yield on(f"channels in dimension {dimension}", _channel_dim(dimension))
    for scale in _NOT_POSITIVE:
        yield on(f"a channel's scale {scale}", _channel_scale(scale))


def _without_a_scale(scales: model_pb2.PerChannelQuantization) -> None:
    del scales.scales[-1]


def _channel_dim(dimension: int) -> Callable[[model_pb2.PerChannelQuantization], None]:
    return lambda scales: setattr(scales, "channel_dim", dimension)


def _channel_scale(scale: float) -> Callable[[model_pb2.PerChannelQuantization], None]:
    return lambda scales: _set(scales.scales, 0, scale)


def _sizes(where: str, index: int, operand: Operand, operand_type: OperandType) -> Iterator[Mutation]:
    """Dimensions that can't be."""

    def sized(*dimensions: int) -> Change:
        return _on(index, lambda message: message.dimensions.__setitem__(slice(None), dimensions))

    if not operand_type.is_tensor:
        yield Mutation(f"{where}, a scalar with dimensions", sized(1))
        return
    yield Mutation(f"{where} larger than 32 bits count", sized(65536, 65536, 65536))
    if operand.is_constant:
        yield Mutation(f"{where}, a constant with an unknown dimension", sized(*operand.dimensions[:-1], 0))
        yield Mutation(f"{where}, a constant of unknown rank", sized())


def _constants(where: str, index: int) -> Iterator[Mutation]:
    """Values that are too short, too long, or nowhere."""

    def held(name: str, change: Callable[[model_pb2.Location], None], codes: frozenset[ResultCode]) -> Mutation:
        return Mutation(f"{where}, {name}", _on(index, lambda operand: change(operand.location)), codes)

    def cut(location: model_pb2.Location) -> None:
        location.inline = location.inline[:-1]

    def stretched(location: model_pb2.Location) -> None:
        location.inline += b"\0"

    def emptied(location: model_pb2.Location) -> None:
        location.inline = b""

    yield held("a value one byte short", cut, BAD_DATA)
    yield held("a value one byte long", stretched, BAD_DATA)
    yield held("an empty value", emptied, BAD_DATA)
    yield Mutation(f"{where}, a value nowhere", _on(index, lambda operand: operand.ClearField("location")))
    for name, misplace in misplacements().items():
        yield held(f"a value in {name}", misplace, MEMORY_CODES)


def misplacements() -> dict[str, Callable[[model_pb2.Location], None]]:
    """Changes of a location of inline bytes to places in shared memory that are none."""

    def elsewhere(region: str) -> Callable[[model_pb2.Location], None]:
        def change(location: model_pb2.Location) -> None:
            length = len(location.inline)
            location.shared.region, location.shared.offset, location.shared.length = region, 0, length

        return change

    def within(place: Callable[[int, int], tuple[int, int]]) -> Callable[[model_pb2.Location], None]:
        def change(location: model_pb2.Location) -> None:
            region = shared_region()
            offset, length = place(region.data.size, len(location.inline))
            location.shared.region, location.shared.offset, location.shared.length = region.name, offset, length

        return change

    return {
        **{f"region '{name[:20]}'": elsewhere(name) for name in _BAD_REGIONS},
        "a region, after its end": within(lambda size, length: (size, length)),
        "a region, beyond its end": within(lambda size, length: (size - length + 1, length)),
        "a region, at the end of all numbers": within(lambda size, length: (2**64 - 1, length)),
        "a region, longer than all numbers": within(lambda size, length: (1, 2**64 - 1)),
        "a region, one byte too many": within(lambda size, length: (0, length + 1)),
        "a region, one byte too few": within(lambda size, length: (0, length - 1)),
    }
