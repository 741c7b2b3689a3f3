"""Fusion: what only reworks another command's result becomes the end of that command.

Kernel families say what they can take in (``fuses``). Two commands become one where the first one's
result is read by the second alone, once, and nothing between them touches what would be read earlier, or later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drivers.engine.abi import Kernel
from drivers.engine.program import Buffer, Command, Memory, Tensor

Fusion = Callable[[Command, Command], "Command | None"]
"""Both commands as one, where the first command's kernel can do that."""

FUSIONS: dict[tuple[str, str], Fusion] = {}
"""By the families of the two kernels; filled by the kernel families."""


def fuses(producer: str, consumer: str) -> Callable[[Fusion], Fusion]:
    """Register how a command of one kernel family takes in one of another that reads its result."""

    def register(fusion: Fusion) -> Fusion:
        FUSIONS[producer, consumer] = fusion
        return fusion

    return register


def fused(commands: Sequence[Command]) -> list[Command]:
    """``commands`` with as few as can be in their place; they compute the same, to the bit."""
    result, touched = list(commands), [_touched(command) for command in commands]
    position = 0
    while position < len(result):
        if not _fuse(result, touched, position):
            position += 1
    return result


def _fuse(commands: list[Command], touched: list[set[Buffer]], first: int) -> bool:
    """Make one of the command at ``first`` and the one that reads its result; whether that was done."""
    producer = commands[first]
    buffer = _result(producer)
    users = [index for index, buffers in enumerate(touched) if buffer in buffers]
    if len(users) != 2 or users[0] != first:
        return False
    last = users[1]
    consumer = commands[last]
    if sum(isinstance(each, Tensor) and each.buffer is buffer for each in consumer.arguments) > 1:
        return False
    fusion = FUSIONS.get((family(producer.kernel), family(consumer.kernel)))
    if fusion is None:
        return False
    between = {buffer for buffers in touched[first + 1 : last] for buffer in buffers}
    earlier, later = between.isdisjoint(touched[last]), between.isdisjoint(touched[first])
    both = fusion(producer, consumer) if earlier or later else None
    if both is None:
        return False
    kept, gone = (first, last) if earlier else (last, first)
    commands[kept], touched[kept] = both, _touched(both)
    del commands[gone], touched[gone]
    return True


def _result(command: Command) -> Buffer | None:
    """Where a command's result is, if only programs see it: its last array by convention."""
    tensors = [each for each in command.arguments if isinstance(each, Tensor)]
    return tensors[-1].buffer if tensors and tensors[-1].buffer.memory is Memory.ARENA else None


def _touched(command: Command) -> set[Buffer]:
    """What a command reads or writes, constants left out."""
    tensors = (each for each in command.arguments if isinstance(each, Tensor))
    return {each.buffer for each in tensors if each.buffer.memory is not Memory.CONSTANT}


def family(kernel: Kernel) -> str:
    """A kernel's name without its variant."""
    return kernel.name.removesuffix(f".{kernel.variant}")
