"""From an assignment to steps: few runs of operations, each of one device."""

from __future__ import annotations

from collections.abc import Sequence

from hal.model import Operation

Run = tuple[int, list[int]]
"""A device, and the operations that it executes at once, in order."""


def grouped(
    operations: Sequence[Operation],
    assignment: Sequence[int],
    needed: Sequence[int],
    order: Sequence[int],
    single: int,
) -> list[Run]:
    """Runs of the ``needed`` operations by device, each after those that write what it reads.

    ``operations`` come after what they read. ``single``: a device that executes one at a time.
    Independent operations are reordered: a device goes on as long as one of its operations is ready, and then
    the device follows that can do the most at once. Each device is tried as the first; the fewest runs win,
    and there are never more than in ``order``, by which the assignment was priced.
    """
    writers = {index: number for number, operation in enumerate(operations) for index in operation.outputs}
    needs = {number: {writers[index] for index in operations[number].inputs if index in writers} for number in needed}

    def run(device: int, done: set[int]) -> list[int]:
        """What ``device`` can do at once."""
        found: list[int] = []
        available = set(done)
        for number, sources in needs.items():
            if assignment[number] == device and number not in available and sources <= available:
                found.append(number)
                available.add(number)
                if device == single:
                    break
        return found

    def runs(first: int) -> list[Run]:
        done: set[int] = set()
        made: list[Run] = []
        device, found = first, run(first, done)
        while found:
            made.append((device, found))
            done.update(found)
            device, found = max(((each, run(each, done)) for each in devices), key=lambda entry: len(entry[1]))
        return made

    def in_order() -> list[Run]:
        """The runs of ``order``; who executes one at a time has one for each operation."""
        found: list[Run] = []
        for number in order:
            if number not in needs:
                continue
            if found and found[-1][0] == assignment[number] != single:
                found[-1][1].append(number)
            else:
                found.append((assignment[number], [number]))
        return found

    devices = sorted({assignment[number] for number in needed})
    attempts = [runs(device) for device in devices if run(device, set())]
    return min([*attempts, in_order()], key=len)
