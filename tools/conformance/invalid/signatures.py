"""Each rule of an operation's signature broken in turn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from hal.errors import BadDataError
from hal.model import CONSTANT_LIFETIMES, Lifetime, Operand
from hal.operations import DECLARATIONS
from hal.types import OperandType
from protos.nnhal.v1 import model_pb2
from tools.conformance.invalid.base import Base, Change, Mutation, breaks_a_rule, canonical, living, typed

_WRONG_TYPES = 2
"""How many types are tried in place of the right one."""

_TYPES = tuple(
    each for each in OperandType if each not in (OperandType.MODEL, OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL)
)
_WRONG_INTEGERS = (-1, 0, 7, 1000, 2**31 - 1, -(2**31))
_WRONG_REALS = (-1.0, 0.0, math.nan, math.inf)


def signature_mutations(base: Base, random: np.random.Generator) -> Iterator[Mutation]:
    """Everything that the declaration of the model's first operation does not allow."""
    operation = base.case.model.main.operations[0]
    for kind, indexes in (("input", operation.inputs), ("output", operation.outputs)):
        yield from _counts(base, kind)
        for position, index in enumerate(indexes):
            where = f"{kind} {position}"
            operand = base.case.model.main.operands[index]
            yield from _types(base, where, index, random)
            yield from _ranks(base, where, index, operand)
            yield from _dimensions(base, where, index, operand)
            yield from _relations(base, where, index, operand)
            if kind == "input":
                yield from _omitted(base, where, index)
                yield from _scalars(base, where, index, operand)


def _types(base: Base, where: str, index: int, random: np.random.Generator) -> Iterator[Mutation]:
    found = 0
    for number in random.permutation(len(_TYPES)):
        change = _retyped(index, _TYPES[number])
        if found < _WRONG_TYPES and _is_refused(base, change):
            found += 1
            yield Mutation(f"{where} of type {_TYPES[number].name}", change)


def _retyped(index: int, operand_type: OperandType) -> Change:
    """The operand as a sound one of another type."""

    def change(message: model_pb2.Model) -> None:
        operand = message.main.operands[index]
        typed(operand, operand_type)
        operand.scale, operand.zero_point = (0.5 if operand_type.has_scale else 0.0), 0
        operand.ClearField("per_channel")
        operand.ClearField("subgraph")
        if int(operand.lifetime) == Lifetime.SUBGRAPH:
            living(operand, Lifetime.CONSTANT_COPY)
        if not operand_type.is_tensor:
            del operand.dimensions[:]
        elif not operand.dimensions:
            operand.dimensions.append(1)
        refill(operand)

    return change


def refill(operand: model_pb2.Operand) -> None:
    """Give a constant as many bytes as its type and dimensions say."""
    if int(operand.lifetime) in CONSTANT_LIFETIMES:
        size = math.prod(operand.dimensions) * OperandType(operand.type).dtype.itemsize
        operand.location.inline = operand.location.inline[:size].ljust(size, b"\1")


def _ranks(base: Base, where: str, index: int, operand: Operand) -> Iterator[Mutation]:
    dimensions = operand.dimensions
    if not isinstance(operand.type, OperandType) or not operand.type.is_tensor:
        return
    for changed in ((1, *dimensions), dimensions[1:], (1, 1, 1, 1, *dimensions)):
        change = _resized(index, changed)
        if changed and operand.per_channel is None and _is_refused(base, change):
            yield Mutation(f"{where} of rank {len(changed)}", change)


def _resized(index: int, dimensions: Sequence[int]) -> Change:
    def change(message: model_pb2.Model) -> None:
        operand = message.main.operands[index]
        operand.dimensions[:] = dimensions
        refill(operand)

    return change


def _dimensions(base: Base, where: str, index: int, operand: Operand) -> Iterator[Mutation]:
    """One element more along each dimension, where that contradicts the other operands."""
    for axis in range(len(operand.dimensions)):
        changed = [size + (number == axis) for number, size in enumerate(operand.dimensions)]
        change = _resized(index, changed)
        if 0 not in operand.dimensions and breaks_a_rule(base.mutated(change)):
            yield Mutation(f"{where} larger in dimension {axis}", change)


def _relations(base: Base, where: str, index: int, operand: Operand) -> Iterator[Mutation]:
    """Another scale or zero point, where the operation asks for a certain one."""

    def rescaled(message: model_pb2.Model) -> None:
        message.main.operands[index].scale *= 1.5

    def shifted(message: model_pb2.Model) -> None:
        message.main.operands[index].zero_point += 1 if operand.zero_point < 100 else -1

    for name, change in (("scale", rescaled), ("zero point", shifted)):
        if operand.scale > 0 and breaks_a_rule(base.mutated(change)):
            yield Mutation(f"{where} of another {name}", change)


def _omitted(base: Base, where: str, index: int) -> Iterator[Mutation]:
    def change(message: model_pb2.Model) -> None:
        operand = message.main.operands[index]
        living(operand, Lifetime.NO_VALUE)
        operand.ClearField("location")
        message.main.inputs[:] = [each for each in message.main.inputs if each != index]

    if _is_refused(base, change):
        yield Mutation(f"{where} left out", change)


def _scalars(base: Base, where: str, index: int, operand: Operand) -> Iterator[Mutation]:
    """Values that the operation does not take."""
    if operand.value is None or operand.value.ndim or operand.value.dtype.kind not in "if":
        return
    for value in _WRONG_INTEGERS if operand.value.dtype.kind == "i" else _WRONG_REALS:
        data = np.array(value, operand.value.dtype).tobytes()
        change = _holding(index, data)
        if breaks_a_rule(base.mutated(change)):
            yield Mutation(f"{where} of value {value}", change)


def _holding(index: int, data: bytes) -> Change:
    def change(message: model_pb2.Model) -> None:
        message.main.operands[index].location.inline = data

    return change


def _counts(base: Base, kind: str) -> Iterator[Mutation]:
    def changed(indexes: Callable[[list[int]], list[int]]) -> Change:
        def change(message: model_pb2.Model) -> None:
            field = getattr(message.main.operations[0], f"{kind}s")
            wanted = indexes(list(field))
            if kind == "output":  # each must be an operand of its own
                wanted = [*wanted[: len(field)], *(_copied(message, index) for index in wanted[len(field) :])]
            field[:] = wanted

        return change

    changes = {
        "one fewer": changed(lambda indexes: indexes[:-1]),
        "one more": changed(lambda indexes: [*indexes, indexes[-1]]),
        "ten more": changed(lambda indexes: [*indexes, *indexes[-1:] * 10]),
        "none": changed(lambda indexes: []),
    }
    for name, change in changes.items():
        if _is_refused(base, change):
            yield Mutation(f"{kind}s, {name}", change)


def _copied(message: model_pb2.Model, index: int) -> int:
    operand = message.main.operands.add()
    operand.CopyFrom(message.main.operands[index])
    living(operand, Lifetime.TEMPORARY_VARIABLE)
    return len(message.main.operands) - 1


def _is_refused(base: Base, change: Change) -> bool:
    """Whether the operation's declaration does not allow such operands, whatever else the model says."""
    main = canonical(base.mutated(change)).main
    operation = main.operations[0]
    declaration = DECLARATIONS[operation.type]
    inputs = [main.operands[index] for index in operation.inputs]
    outputs = [main.operands[index] for index in operation.outputs]
    try:
        declaration.bind(inputs)
        declaration.check_outputs(outputs, declaration.data_type(inputs))
    except BadDataError:
        return True
    return False
