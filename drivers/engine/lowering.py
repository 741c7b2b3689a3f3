"""Lowering: from a validated model and the dimensions of its inputs to a program.

Operations are visited in order. Each one's lowering, found by its type among the kernel families,
emits commands through a ``Builder``: it names tensors, asks for temporaries and constants, and
chooses kernels. What a lowering can't do natively it refuses in ``supports``, before anything is
prepared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.engine.abi import Kernel
from drivers.engine.program import Buffer, Command, Compiling, Memory, Program, Tensor
from hal.errors import BadDataError
from hal.model import Dimensions, Lifetime, Model, Operand, Operation, Subgraph
from hal.operations import DECLARATIONS
from hal.operations.declaration import Arguments, Array
from hal.types import OperandType, OperationType

Lowering = Callable[["Builder", Arguments], None]

WORTH_SHARING = 20_000
"""Scalar operations: some microseconds of a vectorised loop, ten times what it takes threads to meet."""

_LOWERINGS: dict[OperationType, Lowering] = {}


def lowers(*operation_types: OperationType) -> Callable[[Lowering], Lowering]:
    """Register how operations of these types become commands."""

    def register(lowering: Lowering) -> Lowering:
        for operation_type in operation_types:
            _LOWERINGS[operation_type] = lowering
        return lowering

    return register


def supports(model: Model, operation: Operation) -> bool:
    """Whether ``operation`` of the main subgraph can be lowered: float32 data, constant parameters, a known type."""
    if operation.type not in _LOWERINGS:
        return False
    operands = [model.main.operands[index] for index in (*operation.inputs, *operation.outputs)]
    return all(_is_native(operand) for operand in operands)


def _is_native(operand: Operand) -> bool:
    if operand.type == OperandType.TENSOR_FLOAT32:
        return True
    return operand.is_constant or operand.lifetime is Lifetime.NO_VALUE


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
    """What a lowering builds with. ``operation`` is the one being lowered, of type ``type``."""

    def __init__(self, subgraph: Subgraph, input_dimensions: Sequence[Dimensions], weights: Weights) -> None:
        self.commands: list[Command] = []
        self._subgraph = subgraph
        self._weights = weights
        self._tensors: dict[int, Tensor] = {}
        for position, (index, dimensions) in enumerate(zip(subgraph.inputs, input_dimensions)):
            size = math.prod(dimensions) * 4
            self._tensors[index] = Tensor(Buffer(Memory.INPUT, size, position), dimensions)
        self.type = OperationType.ADD
        self._operation: Operation = subgraph.operations[0]
        self._output_dimensions: tuple[Dimensions, ...] = ()

    def lower(self, operation: Operation) -> None:
        """Emit the commands of ``operation``."""
        self._operation = operation
        self.type = OperationType(operation.type)
        declaration = DECLARATIONS[self.type]
        operands = [self._resolved(index) for index in operation.inputs]
        arguments = declaration.bind(operands)
        self._output_dimensions = declaration.infer(arguments)
        _LOWERINGS[self.type](self, arguments)

    def input(self, position: int) -> Tensor:
        """The operation's input at ``position``, a constant as it stands in the model."""
        index = self._operation.inputs[position]
        if index not in self._tensors:
            return self.packed(position, "as is", lambda value: value)
        return self._tensors[index]

    def packed(self, position: int, layout: str, pack: Callable[[Array], Array]) -> Tensor:
        """The constant input at ``position`` rearranged by ``pack``; ``layout`` names the arrangement."""
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
        size = math.prod(dimensions) * 4
        if index in self._subgraph.outputs:
            buffer = Buffer(Memory.OUTPUT, size, self._subgraph.outputs.index(index))
        else:
            buffer = Buffer(Memory.ARENA, size)
        self._tensors[index] = Tensor(buffer, dimensions)
        return self._tensors[index]

    def temporary(self, *shape: int) -> Tensor:
        """A float32 array that only this operation uses."""
        return Tensor(Buffer(Memory.ARENA, math.prod(shape) * 4), shape)

    def alias(self, source: Tensor) -> bool:
        """Let the operation's output be ``source``'s memory with other dimensions; false where it can't be."""
        index = self._operation.outputs[0]
        if index in self._subgraph.outputs:
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
        if index not in self._tensors:
            return operand
        return replace(operand, dimensions=self._tensors[index].shape)

    def output_dimensions(self) -> tuple[Dimensions, ...]:
        """The dimensions of the subgraph's outputs, once every operation is lowered."""
        return tuple(self._tensors[index].shape for index in self._subgraph.outputs)


def lower(
    model: Model, input_dimensions: Sequence[Dimensions], weights: Weights, compiling: Compiling
) -> tuple[Program, tuple[Dimensions, ...]]:
    """A program for inputs of these dimensions, and the dimensions of its outputs.

    The model is validated and every operation of it supported. Raises ``BadDataError`` when the
    dimensions do not fit the model.
    """
    builder = Builder(model.main, input_dimensions, weights)
    for index, operation in enumerate(model.main.operations):
        try:
            builder.lower(operation)
        except BadDataError as error:
            name = OperationType(operation.type).name
            raise BadDataError(f"operation {index} ({name}): {error}", operation=index) from error
    program = Program(builder.commands, len(model.main.inputs), len(model.main.outputs), compiling)
    return program, builder.output_dimensions()
