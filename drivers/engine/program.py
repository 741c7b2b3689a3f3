"""A program: a model as commands over one arena, ready to run."""

from __future__ import annotations

import hashlib
import math
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
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

_IN_BANDS = "drivers.engine.walker", "in_bands"


class Memory(Enum):
    """Which memory a buffer is in; a window has only a few lines of it at a time."""

    CONSTANT = 0
    ARENA = 1
    INPUT = 2
    OUTPUT = 3
    WINDOW = 4


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
class Band:
    """A command's part in a chain, whose commands go over their outputs together, band by band.

    ``following``: how many commands of the chain come after it. ``bands``: how many bands the chain has. The command's
    output has ``lines``, each ``block`` of which are ``units`` units of work. Band k takes those from k * ``step`` -
    ``before`` to (k + 1) * ``step`` + ``after``, as far as they exist, in whole blocks.
    """

    following: int
    bands: int
    lines: int
    block: int
    units: int
    step: int
    before: int
    after: int

    def first(self, band: int) -> int:
        """The first line that a band takes."""
        return max(0, band * self.step - self.before) // self.block * self.block

    def end(self, band: int) -> int:
        """The line after the last one that a band takes."""
        return -(-min(self.lines, (band + 1) * self.step + self.after) // self.block) * self.block

    def window(self) -> int:
        """The most lines that a band takes."""
        return max(self.end(band) - self.first(band) for band in range(self.bands))


@dataclass(frozen=True, slots=True)
class Command:
    """One call of a kernel, or one for each band where it is part of a chain.

    ``work``: how many units its range has. ``shared``: whether threads share them; what takes no
    longer than the threads need to meet is left to one.
    """

    kernel: Kernel
    arguments: tuple[Tensor | int | float, ...]
    work: int
    shared: bool
    band: Band | None = None


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
        first_window = first_input + inputs + outputs
        windows = {buffer: first_window + number for buffer, number in _windows(commands).items()}
        self._bases = first_window + len(set(windows.values()))

        def placed(tensor: Tensor) -> Placed:
            buffer = tensor.buffer
            if buffer.memory is Memory.CONSTANT:
                assert buffer.array is not None
                return Placed(0, buffer.array.ctypes.data, tensor.dtype, tensor.shape)
            if buffer.memory is Memory.ARENA:
                return Placed(1, offsets[buffer], tensor.dtype, tensor.shape)
            if buffer.memory is Memory.WINDOW:
                return Placed(windows[buffer], 0, tensor.dtype, tensor.shape)
            first = first_input if buffer.memory is Memory.INPUT else first_input + inputs
            return Placed(first + buffer.index, 0, tensor.dtype, tensor.shape)

        parameters = _Blocks(
            command.kernel.words([placed(a) if isinstance(a, Tensor) else a for a in command.arguments])
            for command in commands
        )
        functions = [addresses[native.unit(command.kernel)] for command in commands]
        calls = [
            (command, function, address, _window(command, windows))
            for command, function, address in zip(commands, functions, parameters.addresses)
        ]
        chains = _chains(commands)
        blocks = _Blocks(_chain_block(self._bases, calls[chain.start : chain.stop]) for chain in chains)
        self._kept = parameters, blocks
        in_bands = native.link([_IN_BANDS])[_IN_BANDS] if len(chains) < len(commands) else 0
        entries = [
            (functions[chain.start], parameters.addresses[chain.start], commands[chain.start].work)
            if len(chain) == 1
            else (in_bands, block, _band(commands[chain.start]).bands)
            for chain, block in zip(chains, blocks.addresses)
        ]
        self._functions, self._blocks, self._work = np.array(entries, np.int64).reshape(-1, 3).T.copy()
        self._shared = np.array([any(commands[index].shared for index in chain) for chain in chains], np.int64)
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
        self._bases[2 : 2 + len(arguments)] = [argument.ctypes.data for argument in arguments]


class _Blocks:
    """Blocks of words, and their addresses for as long as this lives."""

    def __init__(self, blocks: Iterable[Sequence[int]]) -> None:
        several = list(blocks)
        starts = np.cumsum([0, *(len(block) for block in several)])[:-1]
        self._words = np.array([word for block in several for word in block], np.int64)
        self.addresses: list[int] = (self._words.ctypes.data + 8 * starts.astype(np.int64)).tolist()


def _chains(commands: Sequence[Command]) -> list[range]:
    """Where each chain's commands are; a command that is in none is one by itself."""
    chains: list[range] = []
    first = 0
    while first < len(commands):
        band = commands[first].band
        chains.append(range(first, first + 1 + (0 if band is None else band.following)))
        first = chains[-1].stop
    return chains


def _windows(commands: Sequence[Command]) -> dict[Buffer, int]:
    """The buffers that are windows, and their numbers in their chains."""
    numbers: dict[Buffer, int] = {}
    for chain in _chains(commands):
        own = dict.fromkeys(
            each.buffer for index in chain for each in _tensors(commands[index]) if each.buffer.memory is Memory.WINDOW
        )
        numbers.update((buffer, number) for number, buffer in enumerate(own))
    return numbers


def _tensors(command: Command) -> list[Tensor]:
    return [each for each in command.arguments if isinstance(each, Tensor)]


def _band(command: Command) -> Band:
    assert command.band is not None
    return command.band


def _window(command: Command, windows: Mapping[Buffer, int]) -> tuple[int, int]:
    """Memory of the window that a command writes, and a line's bytes; zeros where it writes none."""
    tensors = _tensors(command)
    if not tensors or tensors[-1].buffer not in windows:
        return 0, 0
    out = tensors[-1].buffer
    return windows[out], out.size // _band(command).lines


def _chain_block(memories: int, calls: Sequence[tuple[Command, int, int, tuple[int, int]]]) -> list[int]:
    """What ``walker.in_bands`` takes: for commands, with their kernels' and blocks' addresses and their windows."""
    if len(calls) == 1:
        return []
    words, room = [], 0
    for command, function, block, (memory, line) in calls:
        band = _band(command)
        steps = band.lines, band.block, band.units, band.step, band.before, band.after
        words += [function, block, *steps, memory, room, line]
        room += aligned(band.window() * line)
    return [memories, room, len(calls), *words]


def _planned(commands: Sequence[Command]) -> tuple[dict[Buffer, int], int]:
    spans: dict[Buffer, list[int]] = {}
    for time, chain in enumerate(_chains(commands)):
        for each in (each for index in chain for each in _tensors(commands[index])):
            if each.buffer.memory is Memory.ARENA:
                spans.setdefault(each.buffer, [time, time])[1] = time
    offsets, size = arena.plan([arena.Lifespan(buffer.size, *span) for buffer, span in spans.items()])
    return dict(zip(spans, offsets)), size


def _check_memory(size: int) -> None:
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > physical:
        raise ResourceExhaustedPersistentError(
            f"the model's temporaries take {size} bytes, more than this machine's {physical}"
        )
