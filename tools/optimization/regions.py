"""Regions of operations that may work on permuted tensors, where that needs fewer transposes.

A device is taken to compute images in NHWC, NNAPI's first layout: an operation in NCHW costs it the
transposes of what it reads and writes, though the model does not show them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hal.errors import BadDataError
from hal.model import Dimensions, Lifetime, Operand, Operation, is_extension
from hal.operations.declaration import UnknownValueError
from hal.types import OperandType
from hal.types import OperationType as O
from tools.graph import Graph
from tools.optimization.permuting import (
    IMAGES,
    TO_NCHW,
    Permutation,
    can_transpose,
    inverse,
    is_identity,
    permuted,
    permuted_inputs,
    then,
    transpose,
    transposition,
)

Cost = tuple[int, int]
"""Bytes that transposes move, and how many operations they are."""


def moves_nothing(dimensions: Dimensions, perm: Permutation) -> bool:
    """Whether a transpose leaves all elements where they are: only dimensions of size 1 change places."""
    kept = [dimension for dimension in perm if dimensions[dimension] != 1]
    return kept == sorted(kept)


def flip_regions(graph: Graph, perms: Iterable[Permutation], images: bool) -> int:
    """Permute the tensors of regions wherever that costs less; returns how many were. ``images``: also those of images.

    A region is all that operations which can work on permuted tensors pass to each other.
    """
    flipped = 0
    for perm in perms:
        for operations in _regions(graph, perm, images):
            if all(operation in graph for operation in operations):  # as it was before other regions changed
                region = _Region(graph, operations, perm)
                if region.can_flip and region.cost_flipped < region.cost:
                    region.flip()
                    flipped += 1
    return flipped


def _regions(graph: Graph, perm: Permutation, images: bool) -> list[list[Operation]]:
    """The operations that can work on permuted tensors, those together that share one."""
    shared: dict[int, list[Operation]] = {}
    for operation in graph.operations:
        if images or operation.type not in IMAGES:
            for tensor in _tensors(graph, operation, perm):
                shared.setdefault(tensor, []).append(operation)
    regions, known = [], set()
    for tensor in shared:
        region: dict[Operation, None] = {}
        waiting = [tensor]
        while waiting:
            each = waiting.pop()
            if each not in known:
                known.add(each)
                region.update(dict.fromkeys(shared[each]))
                waiting += [other for operation in shared[each] for other in _tensors(graph, operation, perm)]
        if region:
            regions.append(list(region))
    return regions


def _tensors(graph: Graph, operation: Operation, perm: Permutation) -> list[int]:
    """The operands that are permuted with the operation, without constants; none where it can't be."""
    positions = None if is_extension(operation.type) else _positions(graph, operation, perm)
    if positions is None:
        return []
    read = [operation.inputs[position] for position in positions]
    return [*(index for index in read if graph.value(index) is None), *operation.outputs]


def _positions(graph: Graph, operation: Operation, perm: Permutation) -> tuple[int, ...] | None:
    try:
        return permuted_inputs(graph, operation, perm)
    except (UnknownValueError, BadDataError):
        return None


class _Region:
    """Operations that could work on tensors permuted by ``perm``."""

    def __init__(self, graph: Graph, operations: Sequence[Operation], perm: Permutation) -> None:
        self._graph = graph
        self._operations = operations
        self._perm = perm
        tensors = dict.fromkeys(tensor for operation in operations for tensor in _tensors(graph, operation, perm))
        self._results = [index for operation in operations for index in operation.outputs]
        self._inputs = [index for index in tensors if index not in set(self._results)]
        self._transposing = {  # the transposes that read each result
            index: [(reader, order) for reader in graph.readers(index) if (order := transposition(graph, reader))]
            for index in self._results
        }
        inside = set(operations)
        self._read_as_it_was = {
            index
            for index in tensors
            if index in graph.outputs
            or any(
                reader not in inside or self._reads_unpermuted(reader, index)
                for reader in graph.readers(index)
                if reader not in dict(self._transposing.get(index, ()))
            )
        }

    @property
    def can_flip(self) -> bool:
        """Whether NNAPI can transpose what comes in and goes out."""
        out = [index for index in self._results if index in self._read_as_it_was]
        return all(can_transpose(self._graph, index) for index in (*self._inputs, *out))

    @property
    def cost(self) -> Cost:
        """Of the transposes that the region has around it now."""
        sources = [self._before(index) for index in self._inputs if index not in self._read_as_it_was]
        before = [(self._graph.operands[source], order) for source, order in sources if order is not None]
        after = [
            (self._graph.operands[index], order) for index, readers in self._transposing.items() for _, order in readers
        ]
        return self._sum(before + after, hidden=True)

    @property
    def cost_flipped(self) -> Cost:
        """Of those that it would have when flipped."""
        back = inverse(self._perm)
        sources = map(self._source, self._inputs)
        needed = [(self._graph.operands[source], order) for source, order in sources if not is_identity(order)]
        for index in self._results:
            flipped = self._flipped(index)
            orders = [(then(back, order), reader.outputs[0]) for reader, order in self._transposing[index]]
            needed += [(flipped, order) for order, _ in orders if not is_identity(order)]
            outputs = [result for order, result in orders if is_identity(order) and result in self._graph.outputs]
            needed += [(flipped, tuple(range(len(back))))] * (len(outputs) - 1)  # each must be written by itself
            if index in self._read_as_it_was:
                needed.append((flipped, back))
        return self._sum(needed, hidden=False)

    def flip(self) -> None:
        """Permute the region's tensors."""
        graph = self._graph
        new = {index: transpose(graph, *self._source(index)) for index in self._inputs}
        for index in self._results:
            new[index] = graph.add_operand(self._flipped(index))
        for operation in self._operations:
            results = [new[index] for index in operation.outputs]
            graph.replace(operation, permuted(graph, operation, self._perm, new, results))
        back = inverse(self._perm)
        for index in self._results:
            for reader, order in self._transposing[index]:
                new[index] = self._read_directly(reader, new[index], then(back, order))
            if index in self._read_as_it_was:
                transpose(graph, new[index], back, index)
        for index in self._inputs:
            producer = graph.producer(index)
            if producer is not None and producer.type == O.TRANSPOSE and not graph.is_read(index):
                graph.remove(producer)

    def _before(self, index: int) -> tuple[int, Permutation | None]:
        """What the TRANSPOSE reads that makes an input of the region, and its order; the input itself without one."""
        producer = self._graph.producer(index)
        order = transposition(self._graph, producer)
        if producer is None or order is None or producer.inputs[0] in self._results:
            return index, None
        return producer.inputs[0], order

    def _source(self, index: int) -> tuple[int, Permutation]:
        """What an input's permuted form is a permutation of, and which."""
        source, order = self._before(index)
        return source, self._perm if order is None else then(order, self._perm)

    def _read_directly(self, reader: Operation, source: int, order: Permutation) -> int:
        """Have a TRANSPOSE read a permuted result, which it needs in ``order``; returns where that then is."""
        graph = self._graph
        (result,) = reader.outputs
        if is_identity(order) and graph.bypass(reader, source):
            return source if graph.producer(source) is not None else result
        graph.remove(reader)
        transpose(graph, source, order, result)
        return source

    def _reads_unpermuted(self, reader: Operation, index: int) -> bool:
        positions = _positions(self._graph, reader, self._perm) or ()
        return any(each == index and position not in positions for position, each in enumerate(reader.inputs))

    def _flipped(self, index: int) -> Operand:
        """What a result becomes."""
        operand = self._graph.operands[index]
        dimensions = tuple(operand.dimensions[dimension] for dimension in self._perm)
        return replace(operand, dimensions=dimensions, lifetime=Lifetime.TEMPORARY_VARIABLE)

    def _sum(self, transposes: Sequence[tuple[Operand, Permutation]], *, hidden: bool) -> Cost:
        """Of transposes; and of those within image operations, if these have ``nchw`` now as ``hidden`` says."""
        moved = sum(_bytes(operand) for operand, order in transposes if not moves_nothing(operand.dimensions, order))
        nchw_now = self._perm != TO_NCHW
        for operation in self._operations:
            if operation.type in IMAGES and nchw_now == hidden:
                images = (operation.inputs[0], *operation.outputs)
                moved += sum(_bytes(self._graph.operands[index]) for index in images)
        return moved, len(transposes)


def _bytes(operand: Operand) -> int:
    return math.prod(operand.dimensions) * OperandType(operand.type).dtype.itemsize
