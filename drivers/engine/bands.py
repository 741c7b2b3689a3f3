"""Bands: commands that follow each other work on a few lines at a time, so that these stay in the near caches.

Where a command's result is read by the next one alone, it need never be there as a whole. A *chain* of such commands
goes over its last output band by band: for each band, every command computes the lines that the next one needs and
that are not there yet. What is between them lies in windows, one for each result, on the thread's stack
(``walker.in_bands``). Kernels are the same as without chains: kernel families say how their commands can be cut into
lines (``cuts``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from drivers.engine.fusion import family
from drivers.engine.program import Band, Buffer, Command, Memory, Tensor

LEAST = 1024 * 1024
"""Bytes of all that a chain's commands read and write, from which on chains pay: second caches hold about as much."""

MOST = 512 * 1024
"""Bytes of a chain's windows: what stays in a second cache beside what else is read and written."""

_LONGEST = 3
_WASTE = 0.12
"""How much more than apart a chain's commands may compute, at most; the least that chains save is about as much."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How a command over one image can be cut into lines.

    ``lines``, ``width``: of its output. A line of it is made of ``extent`` of the input's ``lines_in``, of ``width_in``
    pixels each, from its number times ``stride`` - ``before`` on. ``tile``: lines and pixels that are computed at
    once. ``blocks``: the command with units of work that are, or are parts of, blocks of so many lines.
    """

    lines: int
    width: int
    lines_in: int
    width_in: int
    stride: int
    before: int
    extent: int
    tile: tuple[int, int]
    blocks: Callable[[int], Command]


Cutting = Callable[[Command, int], "Cut | None"]
"""How a command is cut, if it can be. Lines are of so many pixels where that does not follow from the command."""

CUTS: dict[str, Cutting] = {}
"""By the family of the kernel; filled by the kernel families."""


def cuts(name: str) -> Callable[[Cutting], Cutting]:
    """Register how the commands of a kernel family are cut."""

    def register(cutting: Cutting) -> Cutting:
        CUTS[name] = cutting
        return cutting

    return register


def banded(commands: Sequence[Command]) -> list[Command]:
    """``commands``, some of which are parts of chains; they compute the same, to the bit."""
    uses = Counter(each.buffer for command in commands for each in _tensors(command))
    result: list[Command] = []
    while len(result) < len(commands):
        rest = commands[len(result) : len(result) + _LONGEST]
        chains = (_chain(rest[:length], uses) for length in range(len(rest), 1, -1))
        result += next((chain for chain in chains if chain is not None), rest[:1])
    return result


def _chain(commands: Sequence[Command], uses: Counter[Buffer]) -> list[Command] | None:
    """The commands as a chain that pays."""
    between = [_tensors(command)[-1].buffer for command in commands[:-1]]
    for buffer, reader in zip(between, commands[1:]):
        source = reader.arguments[0]
        if not isinstance(source, Tensor) or source.buffer is not buffer:
            return None
        if uses[buffer] != 2 or buffer.memory is not Memory.ARENA:
            return None
    cut = _cut(commands)
    touched = {each.buffer for command in commands for each in _tensors(command)}
    if cut is None or sum(each.size for each in touched if each.memory is not Memory.CONSTANT) < LEAST:
        return None
    last = cut[-1]
    steps = [step for step in range(1, last.lines // 2 + 1) if last.lines % step == 0]
    plans = [plan for plan in (_plan(cut, between, step) for step in steps) if plan is not None]
    waste, bands = min(plans, key=lambda plan: plan[0], default=(_WASTE, []))
    if waste >= _WASTE:
        return None
    windows = {buffer: Buffer(Memory.WINDOW, buffer.size) for buffer in between}
    parts = [replace(each.blocks(band.block), band=band) for each, band in zip(cut, bands)]
    return [replace(part, arguments=tuple(_moved(each, windows) for each in part.arguments)) for part in parts]


def _tensors(command: Command) -> list[Tensor]:
    return [each for each in command.arguments if isinstance(each, Tensor)]


def _moved(argument: Tensor | int | float, windows: dict[Buffer, Buffer]) -> Tensor | int | float:
    if isinstance(argument, Tensor) and argument.buffer in windows:
        return replace(argument, buffer=windows[argument.buffer])
    return argument


def _cut(commands: Sequence[Command]) -> list[Cut] | None:
    """How the commands are cut, where one of them says how wide lines are, and the others go by that."""
    cuttings = [CUTS.get(family(command.kernel)) for command in commands]
    given = [cutting and cutting(command, 0) for cutting, command in zip(cuttings, commands)]
    decisive = [each for each in given if each is not None]
    if len(decisive) != 1:
        return None
    place, (wide,) = given.index(decisive[0]), decisive
    widths = [wide.width_in] * place + [0] + [wide.width] * (len(commands) - place - 1)
    found = [cutting and cutting(command, width) for cutting, command, width in zip(cuttings, commands, widths)]
    known = [each for each in found if each is not None]
    fits = all(
        (producer.lines, producer.width) == (reader.lines_in, reader.width_in) for producer, reader in pairwise(known)
    )
    return known if len(known) == len(commands) and fits else None


def _plan(cut: Sequence[Cut], between: Sequence[Buffer], step: int) -> tuple[float, list[Band]] | None:
    """A chain with bands of ``step`` lines: what it wastes, as a part of its work, and each command's band.

    None where its windows are too large, or tiles do not fit into its lines.
    """
    count = cut[-1].lines // step
    # Two threads have as much to do each, and lines that are needed again are moved in each band.
    waste, room = count % 2 / count + 0.02 * (len(cut) - 1) / step, 0
    bands: list[Band] = []
    before = after = 0
    for place, each in reversed(list(enumerate(cut))):
        lines, pixels = each.tile
        sizes = [
            size
            for size in range(1, max(step, 8) + 1)
            if each.lines % size == 0 and size * each.width >= pixels and (place < len(cut) - 1 or step % size == 0)
        ]
        if not sizes:
            return None
        block = min(sizes, key=lambda size: (_waste(size * each.width, pixels), size))
        command = each.blocks(block)
        units = command.work * block // each.lines
        band = Band(len(cut) - 1 - place, count, each.lines, block, units, step, before, after)
        bands.insert(0, band)
        waste += (_waste(block * each.width, pixels) + _waste(step, lines)) / len(cut)
        if place < len(between):
            room += band.window() * between[place].size // each.lines
        # Whole blocks have up to so many lines more, at either side, than what asks for them.
        more = block - 1 if step % block or before % block or after % block else 0
        before = (before + more) * each.stride + each.before
        after = (after + more - 1) * each.stride - each.before + each.extent
        step *= each.stride
    return (waste, bands) if room <= MOST else None


def _waste(size: int, tile: int) -> float:
    """The part of what tiles compute of a line that another one computes too."""
    return -(-size // tile) * tile / size - 1
