"""Editing canonical models: an immutable model becomes graphs that can be changed, and these a model again.

    edit = Edit(model)
    for graph in edit.graphs:
        change(graph)
    model = edit.finish()

Operands keep their indexes while a graph is edited; ``finish`` leaves out those that nothing uses and
numbers the others anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hal.inference import with_inferred_dimensions
from hal.model import Dimensions, Lifetime, Model, Operand, Operation, Subgraph
from hal.operations import DECLARATIONS
from hal.operations.declaration import Arguments
from hal.types import OperandType
from hal.validation import validate_model
from runtime.submodels import submodel

Array = NDArray[Any]


class Edit:
    """A model being edited. ``graphs``: its main subgraph, then the referenced ones, in the model's order."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.graphs = [Graph(subgraph) for subgraph in (model.main, *model.referenced)]

    def finish(self) -> Model:
        """The edited model, without the operands, subgraphs and extensions that nothing in it uses.

        Raises ``BadDataError`` where the edits broke one of NNAPI's rules.
        """
        main, *referenced = (graph.subgraph() for graph in self.graphs)
        whole = replace(self._model, main=main, referenced=tuple(referenced))
        model = submodel(whole, main, range(len(main.operations)), main.inputs, main.outputs)
        validate_model(model)
        return model


class Graph:
    """A subgraph being edited.

    ``operands``: assign to change one; add new ones with ``add_operand``. Dimensions of temporaries that
    follow from the model are filled in. ``inputs`` and ``outputs``: the operands that go in and out.
    Operations are known by their value, which no two of them share.
    """

    def __init__(self, subgraph: Subgraph) -> None:
        self.operands = list(_inferred(subgraph).operands)
        self.inputs = subgraph.inputs
        self.outputs = subgraph.outputs
        self._operations: dict[Operation, None] = {}
        self._producers: dict[int, Operation] = {}
        self._readers: dict[int, dict[Operation, None]] = {}
        for operation in subgraph.operations:
            self._insert(operation)

    def __contains__(self, operation: Operation) -> bool:
        return operation in self._operations

    @property
    def operations(self) -> list[Operation]:
        """All operations, each after those whose results it reads, otherwise as they were."""
        ordered: dict[Operation, None] = {}
        for last in self._operations:
            waiting = [last]
            while waiting:
                operation = waiting[-1]
                producers = map(self.producer, operation.inputs)
                missing = next((each for each in producers if each and each not in ordered), None)
                if missing is None:
                    ordered[waiting.pop()] = None
                elif len(waiting) > len(self._operations):
                    raise ValueError("the operations read each other's results in a circle")
                else:
                    waiting.append(missing)
        return list(ordered)

    def producer(self, index: int) -> Operation | None:
        """The operation that writes an operand; None for inputs and constants."""
        return self._producers.get(index)

    def readers(self, index: int) -> list[Operation]:
        """The operations that read an operand."""
        return list(self._readers.get(index, ()))

    def is_read(self, index: int) -> bool:
        """Whether an operation reads the operand, or it is an output."""
        return bool(self._readers.get(index)) or index in self.outputs

    def feeds_only(self, index: int, reader: Operation) -> bool:
        """Whether ``reader`` alone reads the operand, and that once, and it is not an output."""
        return self.readers(index) == [reader] and reader.inputs.count(index) == 1 and index not in self.outputs

    def value(self, index: int) -> Array | None:
        """A constant's value; None for other operands."""
        return self.operands[index].value

    def arguments(self, operation: Operation) -> Arguments:
        """An operation's inputs by name, as its declaration binds them; for NNAPI's own operations."""
        return DECLARATIONS[operation.type].bind([self.operands[index] for index in operation.inputs])

    def position(self, operation: Operation, name: str) -> int:
        """Where the input called ``name`` stands, or would stand, in an operation's list.

        For forms without repeated inputs; raises ``ValueError`` where the operation's form has no such input.
        """
        names = set(vars(self.arguments(operation)))
        for form in DECLARATIONS[operation.type].forms:
            listed = [parameter.name for parameter in form]
            if name in listed and names.issuperset(listed):
                return listed.index(name)
        raise ValueError(f"operation type {operation.type} has no input {name!r}")

    def with_argument(self, operation: Operation, name: str, index: int) -> Operation:
        """The operation with another operand as its input ``name``; one that was left out must be the next in line."""
        position = self.position(operation, name)
        inputs = operation.inputs
        return replace(operation, inputs=(*inputs[:position], index, *inputs[position + 1 :]))

    def add_operand(self, operand: Operand) -> int:
        """Add an operand; returns its index."""
        self.operands.append(operand)
        return len(self.operands) - 1

    def add_temporary(self, like: Operand, dimensions: Dimensions) -> int:
        """Add a temporary of the type, scale and zero point of ``like``; returns its index."""
        return self.add_operand(
            Operand(like.type, dimensions, like.scale, like.zero_point, extension_data=like.extension_data)
        )

    def add_constant(self, value: Array, like: Operand) -> int:
        """Add a constant of the type and quantisation of ``like``; returns its index."""
        stored = np.asarray(value, OperandType(like.type).dtype, order="C").view()
        stored.flags.writeable = False
        constant = replace(like, lifetime=Lifetime.CONSTANT_COPY, dimensions=stored.shape, value=stored, location=None)
        return self.add_operand(constant)

    def add_integers(self, values: Sequence[int] | Array) -> int:
        """Add a constant TENSOR_INT32; returns its index."""
        return self.add_constant(np.asarray(values), Operand(OperandType.TENSOR_INT32))

    def add_scalar(self, scalar_type: OperandType, value: float) -> int:
        """Add a constant scalar; returns its index."""
        return self.add_constant(np.array(value), Operand(scalar_type))

    def add(self, operation_type: int, inputs: Sequence[int], outputs: Sequence[int]) -> Operation:
        """Add an operation; where it runs follows from what it reads and writes."""
        operation = Operation(operation_type, tuple(inputs), tuple(outputs))
        self._insert(operation)
        return operation

    def remove(self, operation: Operation) -> None:
        """Remove an operation; what it has written must not be needed, or be written by another."""
        del self._operations[operation]
        for index in operation.outputs:
            del self._producers[index]
        for index in operation.inputs:
            self._readers[index].pop(operation, None)

    def replace(self, operation: Operation, by: Operation) -> None:
        """Put another operation in the place of one."""
        self.remove(operation)
        self._insert(by)

    def redirect(self, old: int, new: int) -> None:
        """Have the operations that read ``old`` read ``new``."""
        for reader in self.readers(old):
            inputs = tuple(new if index == old else index for index in reader.inputs)
            self.replace(reader, replace(reader, inputs=inputs))

    def bypass(self, operation: Operation, source: int) -> bool:
        """Remove an operation whose only result is the same as operand ``source``, to be read in its place.

        False where that can't be, as the model's output must be written by an operation that is not
        ``source``'s: it is an input, a constant, or an output itself.
        """
        (result,) = operation.outputs
        if result not in self.outputs:
            self.remove(operation)
            self.redirect(result, source)
            return True
        producer = self.producer(source)
        if producer is None or source in self.outputs:
            return False
        self.remove(operation)
        self.redirect(source, result)
        outputs = tuple(result if index == source else index for index in producer.outputs)
        self.replace(producer, replace(producer, outputs=outputs))
        return True

    def subgraph(self) -> Subgraph:
        """The subgraph, with the operands that something uses, numbered in the order they have here."""
        operations = self.operations
        used = {*self.inputs, *self.outputs, *_indexes(operations)}
        numbers = {index: number for number, index in enumerate(sorted(used))}

        def numbered(indexes: Sequence[int]) -> tuple[int, ...]:
            return tuple(numbers[index] for index in indexes)

        subgraph = Subgraph(
            tuple(self.operands[index] for index in numbers),
            tuple(Operation(each.type, numbered(each.inputs), numbered(each.outputs)) for each in operations),
            numbered(self.inputs),
            numbered(self.outputs),
        )
        return _inferred(subgraph)

    def _insert(self, operation: Operation) -> None:
        self._operations[operation] = None
        for index in operation.outputs:
            if index in self._producers:
                raise ValueError(f"operand {index} is written by another operation already")
            self._producers[index] = operation
        for index in operation.inputs:
            self._readers.setdefault(index, {})[operation] = None


def _inferred(subgraph: Subgraph) -> Subgraph:
    """The subgraph with the dimensions of temporaries that follow from the rest of it."""
    operands = (
        known if operand.lifetime is Lifetime.TEMPORARY_VARIABLE else operand
        for operand, known in zip(subgraph.operands, with_inferred_dimensions(subgraph).operands)
    )
    return replace(subgraph, operands=tuple(operands))


def _indexes(operations: Sequence[Operation]) -> Iterator[int]:
    for operation in operations:
        yield from operation.inputs
        yield from operation.outputs
