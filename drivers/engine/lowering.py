"""Lowering: from operations and the dimensions of what they read to a program.

Operations are visited in order. Each one's lowering, found by its type among the kernel families,
emits commands through a ``Builder``: it names tensors, asks for temporaries and constants, and
chooses kernels. An operation that ``is_native`` refuses is left to its reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.engine.abi import Kernel
from drivers.engine.program import Buffer, Command, Memory, Tensor
from hal.model import Dimensions, Operand, Operation, Subgraph
from hal.operations import DECLARATIONS
from hal.operations.declaration import Arguments, Array
from hal.types import OperandType, OperationType

Lowering = Callable[["Builder", Arguments], None]

WORTH_SHARING = 20_000
"""Scalar operations: some microseconds of a vectorised loop, ten times what it takes threads to meet."""

LOWERINGS: dict[OperationType, Lowering] = {}
"""How operations become commands, by type; filled by the kernel families."""


def lowers(*operation_types: OperationType) -> Callable[[Lowering], Lowering]:
    """Register how operations of these types become commands."""

    def register(lowering: Lowering) -> Lowering:
        for operation_type in operation_types:
            LOWERINGS[operation_type] = lowering
        return lowering

    return register


def is_native(subgraph: Subgraph, operation: Operation, shapes: Mapping[int, Dimensions]) -> bool:
    """Whether ``operation`` can be lowered: a type with kernels, float32 data, constant parameters, nothing empty.

    ``shapes``: the dimensions, in this execution, of what is computed or given with the request.
    """
    if operation.type not in LOWERINGS:
        return False
    for index in operation.inputs:
        operand = subgraph.operands[index]
        if index in shapes:
            if operand.type != OperandType.TENSOR_FLOAT32 or 0 in shapes[index]:
                return False
        elif not operand.is_constant:
            return False
    return all(subgraph.operands[index].type == OperandType.TENSOR_FLOAT32 for index in operation.outputs)


class Weights:
    """Constants as kernels want them, shared by the programs of one model."""

    def __init__(self) -> None:
        self._kept: dict[object, Buffer] = {}

    def get(self, key: object, make: Callable[[], NDArray[Any]]) -> Buffer:
        """The constant called ``key``, made on first use."""
        if key not in self._kept:
            array = np.ascontiguousarray(make())
            self._kept[key] = Buffer(Memory.CONSTANT, array.nbytes, array=array)
        return self._kept[key]


class Builder:
    """What a lowering builds with. ``type`` is that of the operation being lowered.

    ``shapes``: the dimensions of what is there before the program runs, in the order of its inputs;
    ``outputs``: the operands that it has to leave behind.
    """

    def __init__(
        self, subgraph: Subgraph, shapes: Mapping[int, Dimensions], outputs: Sequence[int], weights: Weights
    ) -> None:
        self.commands: list[Command] = []
        self._subgraph = subgraph
        self._outputs = {index: position for position, index in enumerate(outputs)}
        self._weights = weights
        self._tensors = {
            index: Tensor(Buffer(Memory.INPUT, _bytes(dimensions), position), dimensions)
            for position, (index, dimensions) in enumerate(shapes.items())
        }
        self.type = OperationType.ADD
        self._operation: Operation = subgraph.operations[0]
        self._output_dimensions: tuple[Dimensions, ...] = ()

    @property
    def shapes(self) -> dict[int, Dimensions]:
        """The dimensions of every tensor so far that is no constant."""
        return {index: tensor.shape for index, tensor in self._tensors.items()}

    def lower(self, operation: Operation) -> None:
        """Emit the commands of ``operation``.

        Raises ``BadDataError`` when its inputs do not fit each other, and ``UnknownValueError`` when
        its outputs' dimensions depend on values that are still to be computed.
        """
        self._operation = operation
        self.type = OperationType(operation.type)
        declaration = DECLARATIONS[self.type]
        arguments = declaration.bind([self._resolved(index) for index in operation.inputs], concrete=True)
        self._output_dimensions = declaration.infer(arguments)
        LOWERINGS[self.type](self, arguments)

    def is_constant(self, position: int) -> bool:
        """Whether the operation's input at ``position`` is part of the model."""
        return self._subgraph.operands[self._operation.inputs[position]].is_constant

    def input(self, position: int) -> Tensor:
        """The operation's input at ``position``, a constant as it stands in the model."""
        index = self._operation.inputs[position]
        if index not in self._tensors:
            return self.packed(position, "as is", lambda value: value)
        return self._tensors[index]

    def packed(self, position: int, layout: str, pack: Callable[[Array], Array]) -> Tensor:
        """The input at ``position``, a constant, rearranged by ``pack``; ``layout`` names the arrangement."""
        index = self._operation.inputs[position]
        value = self._subgraph.operands[index].value
        assert value is not None
        buffer = self._weights.get((index, layout), lambda: np.array(pack(value), order="C"))
        assert buffer.array is not None
        return Tensor(buffer, buffer.array.shape, buffer.array.dtype.name)

    def table(self, array: NDArray[Any]) -> Tensor:
        """A constant that follows from the operation's dimensions or parameters."""
        array = np.array(array, order="C")
        return Tensor(Buffer(Memory.CONSTANT, array.nbytes, array=array), array.shape, array.dtype.name)

    def output(self, position: int = 0) -> Tensor:
        """The operation's output at ``position``, to be written."""
        index = self._operation.outputs[position]
        dimensions = self._output_dimensions[position]
        if index in self._outputs:
            buffer = Buffer(Memory.OUTPUT, _bytes(dimensions), self._outputs[index])
        else:
            buffer = Buffer(Memory.ARENA, _bytes(dimensions))
        self._tensors[index] = Tensor(buffer, dimensions)
        return self._tensors[index]

    def temporary(self, *shape: int) -> Tensor:
        """A float32 array that only this operation uses."""
        return Tensor(Buffer(Memory.ARENA, _bytes(shape)), shape)

    def alias(self, source: Tensor) -> bool:
        """Let the operation's output be ``source``'s memory with other dimensions; false where it can't be."""
        index = self._operation.outputs[0]
        if index in self._outputs:
            return False
        self._tensors[index] = source.viewed(*self._output_dimensions[0])
        return True

    def emit(self, kernel: Kernel, *arguments: Tensor | int | float, work: int, operations: int | None = None) -> None:
        """Append a command; ``work`` is how many units its range has.

        ``operations``: how many scalar operations it takes in all, where that is more than one for
        each element of its largest array.
        """
        if operations is None:
            operations = max(math.prod(each.shape) for each in arguments if isinstance(each, Tensor))
        self.commands.append(Command(kernel, arguments, work, shared=operations >= WORTH_SHARING))

    def _resolved(self, index: int) -> Operand:
        """The operand with the dimensions that it has in this program."""
        operand = self._subgraph.operands[index]
        return replace(operand, dimensions=self._tensors[index].shape) if index in self._tensors else operand


def _bytes(dimensions: Dimensions) -> int:
    return math.prod(dimensions) * OperandType.TENSOR_FLOAT32.dtype.itemsize
