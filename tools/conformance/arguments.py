"""Where a case's inputs and outputs are: in arrays, in memory objects, in memory on the device."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from hal.types import OperandType
from runtime.compilation import Compilation
from runtime.execution import Execution
from runtime.memory import Memory
from runtime.memory_desc import MemoryDesc
from tools.conformance.case import Array, Case


class Arguments:
    """A case's inputs and room for its outputs, in arrays of the application."""

    def __init__(self, compilation: Compilation, case: Case) -> None:
        self.compilation = compilation
        self._inputs = [None if value is None else _contiguous(value) for value in case.inputs]
        self._outputs = _buffers(case)

    def give(self, execution: Execution) -> None:
        """Set all inputs and outputs."""
        for index, value in enumerate(self._inputs):
            if value is None or not value.nbytes:
                execution.set_input(index, value)
            else:
                self.give_input(execution, index, value)
        for index, buffer in enumerate(self._outputs):
            if not buffer.nbytes:
                execution.set_output(index, buffer)
            else:
                self.give_output(execution, index, buffer)

    def results(self, execution: Execution) -> list[Array]:
        """The outputs that the last computation has left, each with the dimensions that it has."""
        outputs = []
        for index, buffer in enumerate(self._outputs):
            dimensions = execution.get_output_operand_dimensions(index) if buffer.ndim else ()
            size = math.prod(dimensions)
            held = self.held(index, buffer, size * buffer.itemsize) if buffer.nbytes else buffer
            outputs.append(held.reshape(-1)[:size].reshape(dimensions).copy())
        return outputs

    def clear(self) -> None:
        """Forget what the last computation has left, so that it can't be taken for the next one's."""
        for buffer in self._outputs:
            buffer.fill(0)

    def give_input(self, execution: Execution, index: int, value: Array) -> None:
        """Set an input."""
        execution.set_input(index, value)

    def give_output(self, execution: Execution, index: int, buffer: Array) -> None:
        """Set an output."""
        execution.set_output(index, buffer)

    def held(self, index: int, buffer: Array, size: int) -> Array:
        """What an output's place, of which ``size`` bytes are used, now holds."""
        return buffer


class InMemories(Arguments):
    """In memory objects, where drivers find them by themselves."""

    def __init__(self, compilation: Compilation, case: Case) -> None:
        super().__init__(compilation, case)
        self._memories: dict[int, Memory] = {}

    def give_input(self, execution: Execution, index: int, value: Array) -> None:
        """Set an input."""
        execution.set_input_from_memory(index, Memory.from_array(value), 0, value.nbytes, value.shape)

    def give_output(self, execution: Execution, index: int, buffer: Array) -> None:
        """Set an output."""
        memory = self._memories[index] = Memory.from_array(buffer)
        execution.set_output_from_memory(index, memory, 0, buffer.nbytes, buffer.shape)

    def held(self, index: int, buffer: Array, size: int) -> Array:
        """What the output's memory holds."""
        return self._memories[index].data.view(buffer.dtype)

    def clear(self) -> None:
        """Write zeros."""
        for memory in self._memories.values():
            memory.data[:] = 0


class OnDevice(InMemories):
    """In memory that the device has allocated for them, filled and read by copies."""

    def give_input(self, execution: Execution, index: int, value: Array) -> None:
        """Set an input."""
        memory = _described(value.shape, lambda desc: desc.add_input_role(self.compilation, index, 1.0))
        Memory.copy(Memory.from_array(value), memory)
        execution.set_input_from_memory(index, memory, 0, 0, value.shape)

    def give_output(self, execution: Execution, index: int, buffer: Array) -> None:
        """Set an output."""
        memory = _described(buffer.shape, lambda desc: desc.add_output_role(self.compilation, index, 1.0))
        self._memories[index] = memory
        execution.set_output_from_memory(index, memory, 0, 0)

    def clear(self) -> None:
        """Nothing: it has no content before an execution has written it."""

    def held(self, index: int, buffer: Array, size: int) -> Array:
        """A copy of what the output's memory holds."""
        copy = Memory.from_array(np.zeros(size, np.uint8))
        Memory.copy(self._memories[index], copy)
        return copy.data.view(buffer.dtype)


def _described(dimensions: tuple[int, ...], play: Callable[[MemoryDesc], None]) -> Memory:
    desc = MemoryDesc()
    play(desc)
    desc.set_dimensions(dimensions)
    desc.finish()
    return Memory.from_desc(desc)


def _contiguous(value: Array) -> Array:
    return np.ascontiguousarray(value).reshape(value.shape)


def _buffers(case: Case) -> list[Array]:
    """Room for each output: as much as is expected, or as its operand declares."""
    main = case.model.main
    assert case.expected is not None
    buffers = []
    for index, expected in zip(main.outputs, case.expected):
        operand = main.operands[index]
        dimensions = operand.dimensions if expected is None else expected.shape
        buffers.append(np.zeros(dimensions, OperandType(operand.type).dtype))
    return buffers
