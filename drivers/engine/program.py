"""A program: a model as commands over one arena, ready to run."""

from __future__ import annotations

import hashlib
import math
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from drivers.engine import arena, native
from drivers.engine.abi import Kernel, Placed
from drivers.engine.threads import Threads
from hal.errors import ResourceExhaustedPersistentError
from hal.memory import ALIGNMENT, aligned

Compiling = Callable[[int, int], None]


class Memory(Enum):
    """Which memory a buffer is in."""

    CONSTANT = 0
    ARENA = 1
    INPUT = 2
    OUTPUT = 3


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """Memory that arrays are in. ``index``: which input or output; ``array``: the constant's value."""

    memory: Memory
    size: int
    index: int = 0
    array: NDArray[Any] | None = None


_copies: WeakValueDictionary[tuple[bytes, str, tuple[int, ...]], NDArray[Any]] = WeakValueDictionary()
"""Constants of all programs that are there, by content, type and dimensions."""


def constant(array: NDArray[Any]) -> Buffer:
    """A buffer of ``array``'s elements, where kernels can load a whole vector from one cache line.

    Programs share what is the same, also those of several clients with one model.
    """
    if array.ctypes.data % ALIGNMENT or not array.flags.c_contiguous:
        memory = np.empty(array.nbytes + ALIGNMENT, np.uint8)
        first = -memory.ctypes.data % ALIGNMENT
        copy = memory[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
        copy[...] = array
        copy.flags.writeable = False
        array = _copies.setdefault((hashlib.sha256(copy.data).digest(), array.dtype.name, array.shape), copy)
    return Buffer(Memory.CONSTANT, array.nbytes, array=array)


@dataclass(frozen=True, slots=True)
class Tensor:
    """An array in a buffer, from its first byte on."""

    buffer: Buffer
    shape: tuple[int, ...]
    dtype: str = "float32"

    def viewed(self, *shape: int) -> Tensor:
        """The same elements with other dimensions."""
        assert math.prod(shape) == math.prod(self.shape), (self.shape, shape)
        return Tensor(self.buffer, shape, self.dtype)

    @property
    def flat(self) -> Tensor:
        """The same elements in one dimension."""
        return self.viewed(math.prod(self.shape))


@dataclass(frozen=True, slots=True)
class Command:
    """One call of a kernel.

    ``work``: how many units its range has. ``shared``: whether threads share them; what takes no
    longer than the threads need to meet is left to one.
    """

    kernel: Kernel
    arguments: tuple[Tensor | int | float, ...]
    work: int
    shared: bool


class Program:
    """Commands with their memory planned and their kernels compiled.

    ``inputs`` and ``outputs``: how many the model has. Running is safe from several threads at
    once: each run has an arena of its own, kept for the next one.
    """

    def __init__(self, commands: Sequence[Command], inputs: int, outputs: int, compiling: Compiling) -> None:
        self.commands = tuple(commands)
        offsets, self.arena_size = _planned(commands)
        _check_memory(self.arena_size)
        addresses = native.link((native.unit(command.kernel) for command in commands), compiling)
        first_input = len((Memory.CONSTANT, Memory.ARENA))
        self._bases = first_input + inputs + outputs

        def placed(tensor: Tensor) -> Placed:
            buffer = tensor.buffer
            if buffer.memory is Memory.CONSTANT:
                assert buffer.array is not None
                return Placed(0, buffer.array.ctypes.data, tensor.dtype, tensor.shape)
            if buffer.memory is Memory.ARENA:
                return Placed(1, offsets[buffer], tensor.dtype, tensor.shape)
            first = first_input if buffer.memory is Memory.INPUT else first_input + inputs
            return Placed(first + buffer.index, 0, tensor.dtype, tensor.shape)

        blocks = [
            command.kernel.words([placed(a) if isinstance(a, Tensor) else a for a in command.arguments])
            for command in commands
        ]
        starts = np.cumsum([0, *(len(block) for block in blocks)])[:-1]
        self._parameters = np.array([word for block in blocks for word in block], np.int64)
        self._blocks = self._parameters.ctypes.data + 8 * starts.astype(np.int64)
        self._functions = np.array([addresses[native.unit(command.kernel)] for command in commands], np.int64)
        self._work = np.array([command.work for command in commands], np.int64)
        self._shared = np.array([command.shared for command in commands], np.int64)
        shared_count = int(np.max(np.flatnonzero(self._shared), initial=-1)) + 1
        self._counts = len(self._functions), shared_count
        self._idle: list[Frame] = []
        self._lock = threading.Lock()

    def run(self, arguments: Sequence[NDArray[Any]], threads: Threads) -> None:
        """Execute with ``arguments``: each input, then each output, contiguous and of the size lowered for."""
        frame = self.take()
        frame.bind(arguments)
        threads.run(frame.job)
        self.give_back(frame)

    def take(self) -> Frame:
        """A frame that nobody else uses until it is given back."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self.frame(np.empty(self.arena_size + ALIGNMENT, np.uint8))

    def give_back(self, frame: Frame) -> None:
        """Have others use the frame."""
        with self._lock:
            self._idle.append(frame)

    def frame(self, memory: NDArray[np.uint8]) -> Frame:
        """A new frame with this memory, which may be another one's: of these one may be walked at a time."""
        tables = (self._functions, self._blocks, self._work, self._shared)
        return Frame(self._bases, memory, tables, self._counts)


class Frame:
    """What one run at a time works on. ``memory``: of its arena; ``job``: the address of the walker's job."""

    def __init__(
        self, bases: int, memory: NDArray[np.uint8], tables: Sequence[NDArray[np.int64]], counts: tuple[int, int]
    ) -> None:
        self.memory = memory
        self._bases = np.zeros(bases, np.int64)
        self._bases[1] = aligned(memory.ctypes.data)
        self._job = np.array([*(table.ctypes.data for table in (self._bases, *tables)), *counts], np.int64)
        self.job: int = self._job.ctypes.data

    def bind(self, arguments: Sequence[NDArray[Any]]) -> None:
        """Work on these inputs and outputs, which must live as long as they are worked on."""
        self._bases[2:] = [argument.ctypes.data for argument in arguments]


def _planned(commands: Sequence[Command]) -> tuple[dict[Buffer, int], int]:
    spans: dict[Buffer, list[int]] = {}
    for index, command in enumerate(commands):
        for argument in command.arguments:
            if isinstance(argument, Tensor) and argument.buffer.memory is Memory.ARENA:
                spans.setdefault(argument.buffer, [index, index])[1] = index
    offsets, size = arena.plan([arena.Lifespan(buffer.size, *span) for buffer, span in spans.items()])
    return dict(zip(spans, offsets)), size


def _check_memory(size: int) -> None:
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > physical:
        raise ResourceExhaustedPersistentError(
            f"the model's temporaries take {size} bytes, more than this machine's {physical}"
        )
