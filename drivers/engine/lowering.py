"""Lowering: from operations and the dimensions of what they read to a program.

Operations are visited in order. Each one's lowering, found by its type among the kernel families,
emits commands through a ``Builder``: it names tensors, asks for temporaries and constants, and
chooses kernels. An operation that ``is_native`` refuses is left to its reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.engine.abi import Kernel
from drivers.engine.numerics import Numerics
from drivers.engine.program import Buffer, Command, Memory, Tensor, constant
from drivers.engine.representation import Conversion, Representation
from drivers.engine.tuning import Tuner
from hal.memory import release
from hal.model import Dimensions, Lifetime, Operand, Operation, Subgraph
from hal.operations import DECLARATIONS
from hal.operations.declaration import Arguments, Array, TensorSpec, UnknownValueError, tensor_spec
from hal.types import OperandType, OperationType

Lowering = Callable[["Builder", Arguments], None]

WORTH_SHARING = 20_000
"""Scalar operations: some microseconds of a vectorised loop, ten times what it takes threads to meet."""

LOWERINGS: dict[tuple[OperationType, OperandType], Lowering] = {}
"""How operations become commands, by type and by data type as it is represented; filled by the kernel families."""

ON_REFERENCE: dict[OperationType, str] = {}
"""Operations that are left to their references, and why; filled by ``kernels.unlowered``."""


class NoLoweringError(UnknownValueError):
    """The operation has kernels, but none for what this one asks; says what they take."""


def lowers(
    *operation_types: OperationType, data: Sequence[OperandType] = (OperandType.TENSOR_FLOAT32,)
) -> Callable[[Lowering], Lowering]:
    """Register how operations of these types become commands, over data represented as these types."""

    def register(lowering: Lowering) -> Lowering:
        for operation_type in operation_types:
            for data_type in data:
                LOWERINGS[operation_type, data_type] = lowering
        return lowering

    return register


def is_native(subgraph: Subgraph, operation: Operation, shapes: Mapping[int, Dimensions], numerics: Numerics) -> bool:
    """Whether ``operation`` may have a lowering: kernels for its type and data, constant scalars, nothing empty.

    ``shapes``: the dimensions, in this execution, of what is computed or given with the request.
    """
    operands = subgraph.operands
    declaration = DECLARATIONS[operation.type]
    if declaration.data_input >= len(operation.inputs):
        return False
    data = operands[operation.inputs[declaration.data_input]]
    if (operation.type, numerics.data_type(data)) not in LOWERINGS:
        return False
    for index in operation.inputs:
        if index in shapes:
            if numerics.representation(operands[index]) is None or 0 in shapes[index]:
                return False
        elif not operands[index].is_constant and operands[index].lifetime is not Lifetime.NO_VALUE:
            return False
    return all(numerics.representation(operands[index]) is not None for index in operation.outputs)


class Weights:
    """Constants as kernels want them, shared by the programs of one model."""

    def __init__(self, kept: Mapping[object, Buffer] = MappingProxyType({})) -> None:
        self._kept = dict(kept)

    def copy(self) -> Weights:
        """The same constants, to which others can be added."""
        return Weights(self._kept)

    def get(self, key: object, make: Callable[[], Array]) -> Buffer:
        """The constant called ``key``, made on first use."""
        if key not in self._kept:
            self._kept[key] = constant(make())
        return self._kept[key]


class UnreadWeights(Weights):
    """Constants of a program that is only built to see whether it can be: nobody shares or reads them."""

    def get(self, key: object, make: Callable[[], Array]) -> Buffer:
        """See ``Weights``."""
        array = make()
        return Buffer(Memory.CONSTANT, array.nbytes, array=array)


class Builder:
    """What a lowering builds with. ``type`` is that of the operation being lowered, ``numerics`` the device's.

    ``shapes``: the dimensions of what is there before the program runs, in the order of its inputs;
    ``outputs``: the operands that it has to leave behind.
    """

    def __init__(
        self,
        subgraph: Subgraph,
        shapes: Mapping[int, Dimensions],
        outputs: Sequence[int],
        weights: Weights,
        numerics: Numerics,
        tuner: Tuner,
    ) -> None:
        self.commands: list[Command] = []
        self.numerics = numerics
        self.tuner = tuner
        self._subgraph = subgraph
        self._outputs = {index: position for position, index in enumerate(outputs)}
        self._weights = weights
        self._given = {index: (position, dimensions) for position, (index, dimensions) in enumerate(shapes.items())}
        self._tensors: dict[int, Tensor] = {}
        self.type = OperationType.ADD
        self._operation: Operation = subgraph.operations[0]
        self._output_dimensions: tuple[Dimensions, ...] = ()

    @property
    def shapes(self) -> dict[int, Dimensions]:
        """The dimensions of every tensor so far that is no constant."""
        given = {index: dimensions for index, (_, dimensions) in self._given.items()}
        return given | {index: tensor.shape for index, tensor in self._tensors.items()}

    def lower(self, operation: Operation) -> None:
        """Emit the commands of ``operation``.

        Raises ``BadDataError`` when its inputs do not fit each other, and ``UnknownValueError`` when
        its outputs' dimensions depend on values that are still to be computed.
        """
        self._operation = operation
        self.type = OperationType(operation.type)
        declaration = DECLARATIONS[self.type]
        operands = [self._resolved(index) for index in operation.inputs]
        arguments = declaration.bind(operands, concrete=True)
        self._output_dimensions = declaration.infer(arguments)
        data_type = self.numerics.data_type(operands[declaration.data_input])
        inside = {name: self._represented(argument) for name, argument in vars(arguments).items()}
        LOWERINGS[self.type, data_type](self, Arguments(**{**inside, "data_type": data_type}))
        for index in operation.outputs:
            self._finish(index)

    def is_constant(self, position: int) -> bool:
        """Whether the operation's input at ``position`` is part of the model."""
        return self._subgraph.operands[self._operation.inputs[position]].is_constant

    def input(self, position: int) -> Tensor:
        """The operation's input at ``position``, a constant as it stands in the model."""
        index = self._operation.inputs[position]
        if self._subgraph.operands[index].is_constant:
            return self.packed(position, "as is", lambda value: value)
        if index not in self._tensors:
            self._tensors[index] = self._entered(index)
        return self._tensors[index]

    def packed(self, position: int, layout: str, pack: Callable[[Array], Array]) -> Tensor:
        """The input at ``position``, a constant, rearranged by ``pack``; ``layout`` names the arrangement."""
        return self.packed_together([position], layout, pack)

    def packed_together(self, positions: Sequence[int], layout: str, pack: Callable[..., Array]) -> Tensor:
        """The inputs at ``positions``, constants all, made one by ``pack``."""
        indices = tuple(self._operation.inputs[position] for position in positions)

        def make() -> Array:
            operands = [self._subgraph.operands[index] for index in indices]
            given = [(each, each.value) for each in operands if each.value is not None]
            packed = np.asarray(pack(*(self.numerics.constant(*each) for each in given)))
            for _, value in given:
                release(value)  # the client's memory has it; what is executed is packed
            return packed

        buffer = self._weights.get((indices, layout), make)
        assert buffer.array is not None
        return Tensor(buffer, buffer.array.shape, buffer.array.dtype.name)

    def stored(self, position: int, number: float) -> Array:
        """``number``, as the operation's input at ``position`` would store it, as it is inside a program."""
        operand = self._subgraph.operands[self._operation.inputs[position]]
        return self.numerics.constant(operand, np.array(number, OperandType(operand.type).dtype))

    def bias(self) -> Tensor:
        """Input 2, the bias of a product of inputs 0 and 1, as the product's sums are counted."""
        data, weights = (self._subgraph.operands[index] for index in self._operation.inputs[:2])
        units = self.numerics.bias_units(data, weights)
        if units is None:
            return self.input(2)
        if not self.is_constant(2):
            raise NoLoweringError("its bias counts in the scales of inputs 0 and 1; it must be a constant of the model")
        factors = np.array(units, np.float64)
        return self.packed(2, f"times {units}", lambda counts: (counts * factors).astype(np.float32))

    def multiplier(self, real: float) -> tuple[int, int]:
        """Mantissa and exponent that stand for ``real`` in the device's integer arithmetic."""
        return self.numerics.multiplier(real)

    def table(self, array: NDArray[Any]) -> Tensor:
        """A constant that follows from the operation's dimensions or parameters."""
        return Tensor(constant(array), array.shape, array.dtype.name)

    def output(self, position: int = 0) -> Tensor:
        """The operation's output at ``position``, to be written."""
        index = self._operation.outputs[position]
        dimensions = self._output_dimensions[position]
        representation = self._representation(index)
        if index in self._outputs and representation.leave is None:
            self._tensors[index] = self._left(index, dimensions)
        else:
            self._tensors[index] = self.temporary(*dimensions, dtype=representation.dtype)
        return self._tensors[index]

    @property
    def output_count(self) -> int:
        """How many outputs the operation has; those that it may leave out are the last."""
        return len(self._operation.outputs)

    def output_spec(self, position: int = 0) -> TensorSpec:
        """The output at ``position`` as lowerings see it, for its scale and zero point."""
        index = self._operation.outputs[position]
        operand = replace(self._subgraph.operands[index], dimensions=self._output_dimensions[position])
        return self.numerics.represented(tensor_spec(operand, concrete=True))

    def temporary(self, *shape: int, dtype: str = "float32") -> Tensor:
        """An array that only this operation uses."""
        return Tensor(Buffer(Memory.ARENA, math.prod(shape) * np.dtype(dtype).itemsize), shape, dtype)

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
        self.commands.append(command(kernel, *arguments, work=work, operations=operations))

    def _resolved(self, index: int) -> Operand:
        """The operand with the dimensions that it has in this program."""
        operand = self._subgraph.operands[index]
        if index in self._tensors:
            return replace(operand, dimensions=self._tensors[index].shape)
        return replace(operand, dimensions=self._given[index][1]) if index in self._given else operand

    def _represented(self, argument: object) -> object:
        """An argument with its tensors as lowerings see them."""
        if isinstance(argument, tuple):
            return tuple(self._represented(each) for each in argument)
        return self.numerics.represented(argument) if isinstance(argument, TensorSpec) else argument

    def _entered(self, index: int) -> Tensor:
        """What is there before the program runs, as it is represented inside."""
        position, dimensions = self._given[index]
        representation = self._representation(index)
        outside = _tensor(Memory.INPUT, dimensions, representation.raw, position)
        if representation.enter is None:
            return outside
        inside = self.temporary(*dimensions, dtype=representation.dtype)
        self._convert(representation.enter, outside, inside)
        return inside

    def _left(self, index: int, dimensions: Dimensions) -> Tensor:
        """Where the program leaves an operand."""
        representation = self._representation(index)
        return _tensor(Memory.OUTPUT, dimensions, representation.raw, self._outputs[index])

    def _finish(self, index: int) -> None:
        """Round an operation's result to what its type can hold, and leave it where it is wanted."""
        representation = self._representation(index)
        inside = self._tensors[index]
        if representation.settle is not None:
            self._convert(representation.settle, inside, inside)
        if index in self._outputs and representation.leave is not None:
            self._convert(representation.leave, inside, self._left(index, inside.shape))

    def _convert(self, conversion: Conversion, source: Tensor, target: Tensor) -> None:
        self.emit(conversion.kernel, source.flat, target.flat, *conversion.scalars, work=target.flat.shape[0])

    def _representation(self, index: int) -> Representation:
        representation = self.numerics.representation(self._subgraph.operands[index])
        assert representation is not None, "is_native"
        return representation


def command(kernel: Kernel, *arguments: Tensor | int | float, work: int, operations: int | None = None) -> Command:
    """What ``Builder.emit`` appends."""
    if operations is None:
        operations = max(math.prod(each.shape) for each in arguments if isinstance(each, Tensor))
    return Command(kernel, arguments, work, shared=operations >= WORTH_SHARING)


def _tensor(memory: Memory, dimensions: Dimensions, dtype: str, position: int) -> Tensor:
    return Tensor(Buffer(memory, math.prod(dimensions) * np.dtype(dtype).itemsize, position), dimensions, dtype)
