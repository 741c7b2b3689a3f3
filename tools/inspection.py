"""What a model is made of: operations, types, sizes, work, memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hal.inference import with_inferred_dimensions
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.operand_rules import value_size
from hal.operations.control_flow import CONTROL_FLOW
from hal.operations.declaration import type_name
from hal.validation import operation_name
from tools.explain.collect import macs

_COMPUTED = (Lifetime.TEMPORARY_VARIABLE, Lifetime.SUBGRAPH_OUTPUT)
_ARGUMENTS = (Lifetime.SUBGRAPH_INPUT, Lifetime.SUBGRAPH_OUTPUT)


@dataclass(frozen=True, slots=True)
class OperationKind:
    """Operations of one ``type`` whose first output has one ``data_type``; ``macs`` of all of them together."""

    type: str
    data_type: str
    count: int
    macs: int


@dataclass(frozen=True, slots=True)
class ConstantKind:
    """Constants of one type, and their bytes together."""

    data_type: str
    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class MemoryPeak:
    """Bytes of tensors that an execution needs at once, if each operation writes memory that it does not read.

    ``temporaries`` are alive while ``operation`` runs, and at no other are there more: written by it or
    before, and read by it or later. ``arguments``: inputs and outputs, there all the time.
    """

    temporaries: int
    operation: int
    arguments: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.temporaries + self.arguments


@dataclass(frozen=True, slots=True)
class Inspection:
    """A model's facts, over all of its subgraphs, each counted once.

    ``unknown``: how many operations have multiply-accumulates that only an execution decides, among them
    each IF and WHILE; ``macs`` lacks them. ``peak``: the main subgraph's and what it executes; None where
    only an execution decides how large a tensor is.
    """

    operations: tuple[OperationKind, ...]
    constants: tuple[ConstantKind, ...]
    macs: int
    unknown: int
    peak: MemoryPeak | None
    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]

    @property
    def weights(self) -> int:
        """Bytes of all constants."""
        return sum(kind.bytes for kind in self.constants)

    @property
    def count(self) -> int:
        """Operations."""
        return sum(kind.count for kind in self.operations)


def inspect(model: Model) -> Inspection:
    """The facts of a valid model. Constants are not read."""
    subgraphs = [with_inferred_dimensions(subgraph) for subgraph in (model.main, *model.referenced)]
    main, referenced = subgraphs[0], subgraphs[1:]
    work = [
        (operation, subgraph, macs(operation, subgraph)) for subgraph in subgraphs for operation in subgraph.operations
    ]
    counts: Counter[tuple[str, str]] = Counter()
    totals: Counter[tuple[str, str]] = Counter()
    for operation, subgraph, number in work:
        kind = operation_name(operation.type), _data_type(operation, subgraph)
        counts[kind] += 1
        totals[kind] += number or 0
    return Inspection(
        tuple(OperationKind(*kind, count, totals[kind]) for kind, count in counts.most_common()),
        _constants([operand for subgraph in subgraphs for operand in subgraph.operands]),
        totals.total(),
        sum(number is None for _, _, number in work),
        _peak(main, referenced),
        tuple(main.operands[index] for index in main.inputs),
        tuple(main.operands[index] for index in main.outputs),
    )


def _data_type(operation: Operation, subgraph: Subgraph) -> str:
    return type_name(subgraph.operands[operation.outputs[0]].type) if operation.outputs else ""


def _constants(operands: Sequence[Operand]) -> tuple[ConstantKind, ...]:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for operand in operands:
        if operand.value is not None:
            counts[type_name(operand.type)] += 1
            sizes[type_name(operand.type)] += operand.value.nbytes
    return tuple(ConstantKind(name, counts[name], size) for name, size in sizes.most_common())


def _peak(subgraph: Subgraph, referenced: Sequence[Subgraph]) -> MemoryPeak | None:
    sizes = {
        index: value_size(operand, operand.dimensions)
        for index, operand in enumerate(subgraph.operands)
        if operand.lifetime in (*_COMPUTED, Lifetime.SUBGRAPH_INPUT)
    }
    known = {index: size for index, size in sizes.items() if size is not None}
    if len(known) < len(sizes):
        return None
    arguments = {index for index in known if subgraph.operands[index].lifetime in _ARGUMENTS}
    last_read = {index: number for number, operation in enumerate(subgraph.operations) for index in operation.inputs}
    alive: set[int] = set()
    peak, at = 0, 0
    for number, operation in enumerate(subgraph.operations):
        alive.update(set(operation.outputs) - arguments)
        size = sum(known[index] for index in alive)
        if operation.type in CONTROL_FLOW:
            inner = _inner(subgraph, operation, referenced)
            if inner is None:
                return None
            size += inner
        if size > peak:
            peak, at = size, number
        alive = {index for index in alive if last_read.get(index, -1) > number}
    return MemoryPeak(peak, at, sum(known[index] for index in arguments))


def _inner(subgraph: Subgraph, operation: Operation, referenced: Sequence[Subgraph]) -> int | None:
    """What the larger of an IF's or WHILE's two subgraphs needs, while it runs."""
    numbers = [subgraph.operands[index].subgraph for index in operation.inputs]
    peaks = [_peak(referenced[number], referenced) for number in numbers if number is not None]
    return max((peak.total for peak in peaks if peak is not None), default=0) if None not in peaks else None
