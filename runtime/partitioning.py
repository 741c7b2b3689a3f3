"""Which device each operation goes to: the assignment with the least price.

The price of an assignment is the sum of

- each operation's price on its device,
- for each tensor that another device than its producer's reads, or that is an output of the whole: moving it
  from the producer's device into the host's memory, once,
- for each tensor and each device other than its producer's that reads it: moving it from the host's memory
  to that device, once,
- launching a device for each run of operations on it, when they are executed one after another in an order that
  keeps together what the same devices take (``execution_order``). Another order may have fewer runs; none is taken
  that has more.

Inputs of the whole start in the host's memory. What needs no moving (constants) is not a tensor here.

The assignment is found by dynamic programming along the graph. What is still to come depends on the
past only through where the tensors are that will still be read, and which device was last: for each
such *state*, the cheapest way to it is kept. A state goes when another one, after moving its tensors to
wherever the first has them and launching the device that was its last, is not dearer. That keeps them
few; the result is exact as long as there are no more than ``WIDTH`` at once, and beyond that the
cheapest ``WIDTH`` go on.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 1024
"""States kept at once: as many as ten live tensors have between two devices. Networks rarely have more than four."""

_RIVALS = 8
"""The cheapest states, which every other one is compared with."""


@dataclass(frozen=True, slots=True)
class Task:
    """An operation: its price on each device, None where the device does not take it, and its tensors, each once."""

    prices: tuple[float | None, ...]
    reads: tuple[int, ...]
    writes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be assigned.

    ``tasks``: each after those that write what it reads; each has a device that takes it. ``moves``: for
    each tensor, the price of moving it between the host's memory and each device, in either
    direction. ``outputs``: the tensors that must end in the host's memory. ``launches``: the price of
    launching each device.
    """

    tasks: tuple[Task, ...]
    moves: tuple[tuple[float, ...], ...]
    outputs: frozenset[int]
    launches: tuple[float, ...]


_Path: TypeAlias = "tuple[int, _Path] | None"
_Places = tuple[int, ...]  # for each live tensor, where it is: a bit for each device, and one for the host
_State = tuple[int, _Places]  # the device that was last, and the places
_States = dict[_State, tuple[float, _Path]]

_NONE_YET = -1


def price(problem: Problem, assignment: Sequence[int]) -> float:
    """What ``assignment``, a device for each task, costs."""
    total = 0.0
    producers: dict[int, int] = {}
    readers: dict[int, set[int]] = {}
    for task, device in zip(problem.tasks, assignment):
        own = task.prices[device]
        if own is None:
            raise ValueError(f"device {device} does not take the task")
        total += own
        producers.update(dict.fromkeys(task.writes, device))
        for tensor in task.reads:
            readers.setdefault(tensor, set()).add(device)
    for tensor, moves in enumerate(problem.moves):
        entered = readers.get(tensor, set()) - {producers.get(tensor)}
        total += sum(moves[device] for device in entered)
        if tensor in producers and (entered or tensor in problem.outputs):
            total += moves[producers[tensor]]
    runs = itertools.groupby(assignment[number] for number in execution_order(problem.tasks))
    return total + sum(problem.launches[device] for device, _ in runs)


def partition(problem: Problem) -> tuple[int, ...]:
    """The device of each task; among equally cheap assignments, devices that come first are preferred."""
    order = execution_order(problem.tasks)
    remaining = Counter(tensor for task in problem.tasks for tensor in task.reads)
    live: list[int] = []
    states: _States = {(_NONE_YET, ()): (0.0, None)}
    for number in order:
        task = problem.tasks[number]
        fresh = [tensor for tensor in task.reads if tensor not in live]  # inputs of the whole
        tensors = [*live, *fresh, *task.writes]
        remaining.subtract(task.reads)
        kept = [position for position, tensor in enumerate(tensors) if remaining[tensor]]
        states = _advanced(problem, task, states, tensors, len(live), kept)
        live = [tensors[position] for position in kept]
        states = _pruned(problem, states, live)
    path = min(states.values(), key=lambda entry: entry[0])[1]
    assignment = [0] * len(order)
    for number in reversed(order):
        assert path is not None
        assignment[number], path = path
    return tuple(assignment)


def _advanced(
    problem: Problem,
    task: Task,
    states: _States,
    tensors: Sequence[int],
    known: int,
    kept: Sequence[int],
) -> _States:
    """The states after ``task``. ``tensors``: the ``known`` ones of the states, then inputs, then what it writes."""
    host = 1 << len(task.prices)
    reads = [tensors.index(tensor) for tensor in task.reads]
    fresh = (host,) * (len(tensors) - known - len(task.writes))
    following: _States = {}
    branches: dict[_Places, list[tuple[float, int, _Places, _Places]]] = {}
    for (last, known_places), (cost, path) in states.items():
        places = known_places + fresh
        read = tuple([places[position] for position in reads])
        if read not in branches:
            branches[read] = _branches(problem, task, read, host)
        for extra, device, moved, written in branches[read]:
            after = list(places)
            for position, where in zip(reads, moved):
                after[position] = where
            after += written
            key = device, tuple([after[position] for position in kept])
            total = cost + extra + (problem.launches[device] if device != last else 0.0)
            best = following.get(key)
            if best is None or total < best[0]:
                following[key] = total, (device, path)
    return following


def _branches(problem: Problem, task: Task, read: _Places, host: int) -> list[tuple[float, int, _Places, _Places]]:
    """For each device that takes the task: what that adds, and where it leaves what it reads and what it writes."""
    found = []
    for device, own in enumerate(task.prices):
        if own is None:
            continue
        bit = 1 << device
        extra = own
        moved = []
        for tensor, where in zip(task.reads, read):
            extra += _bringing(problem.moves[tensor], where, bit, host)
            moved.append(where | bit if where & bit else where | bit | host)
        written = []
        for tensor in task.writes:
            is_output = tensor in problem.outputs
            extra += problem.moves[tensor][device] if is_output else 0.0
            written.append(bit | host if is_output else bit)
        found.append((extra, device, tuple(moved), tuple(written)))
    return found


def _bringing(moves: Sequence[float], where: int, wanted: int, host: int) -> float:
    """What it takes that a tensor that is at ``where`` is at ``wanted`` too."""
    missing = wanted & ~where
    if not missing:
        return 0.0
    cost = 0.0
    if not where & host:
        cost += moves[where.bit_length() - 1]  # it has never moved: only its producer's device has it
    missing &= ~host
    while missing:
        device = missing.bit_length() - 1
        cost += moves[device]
        missing ^= 1 << device
    return cost


def _pruned(problem: Problem, states: _States, live: Sequence[int]) -> _States:
    """The states without those that another one makes needless, at most ``WIDTH``."""
    if len(states) == 1:
        return states
    host = 1 << len(problem.tasks[0].prices)
    moves = [problem.moves[tensor] for tensor in live]
    rivals: list[tuple[float, _State]] = []
    kept: _States = {}
    for state, entry in sorted(states.items(), key=lambda item: item[1][0]):
        launch = problem.launches[state[0]]
        if any(
            _is_needless(entry[0] - cost - (launch if rival[0] != state[0] else 0.0), state[1], rival[1], moves, host)
            for cost, rival in rivals
        ):
            continue
        if len(rivals) < _RIVALS:
            rivals.append((entry[0], state))
        kept[state] = entry
        if len(kept) == WIDTH:
            break
    return kept


def _is_needless(margin: float, state: _Places, rival: _Places, moves: Sequence[Sequence[float]], host: int) -> bool:
    """Whether ``margin`` pays for moving the rival's tensors to wherever the state has them."""
    if margin < 0:
        return False
    for each, where, wanted in zip(moves, rival, state):
        if where != wanted:
            margin -= _bringing(each, where, wanted, host)
        if margin < 0:
            return False
    return True


def execution_order(tasks: Sequence[Task]) -> list[int]:
    """The tasks in an order in which neighbours are taken by the same devices, and then few tensors are alive.

    Of the tasks that are ready, the next one is taken by the most alike devices as the last; among those, the more
    tensors one ends and the fewer it begins, the sooner. So what an accelerator refuses waits until the accelerator
    has nothing more to do, instead of making it be launched again.
    """
    takers = [frozenset(device for device, own in enumerate(task.prices) if own is not None) for task in tasks]
    writers = {tensor: number for number, task in enumerate(tasks) for tensor in task.writes}
    waiting = [{writers[tensor] for tensor in task.reads if tensor in writers} for task in tasks]
    readers: list[list[int]] = [[] for _ in tasks]
    for number, needed in enumerate(waiting):
        for writer in needed:
            readers[writer].append(number)
    remaining = Counter(tensor for task in tasks for tensor in task.reads)

    def growth(number: int) -> tuple[int, int]:
        begun = sum(1 for tensor in tasks[number].writes if remaining[tensor])
        ended = sum(1 for tensor in tasks[number].reads if tensor in writers and remaining[tensor] == 1)
        return begun - ended, number

    def rank(number: int) -> tuple[int, int, int]:
        return len(takers[number] ^ takers[order[-1]]) if order else 0, *growth(number)

    ready = [number for number, needed in enumerate(waiting) if not needed]
    order: list[int] = []
    while ready:
        number = min(ready, key=rank)
        ready.remove(number)
        order.append(number)
        remaining.subtract(tasks[number].reads)
        for reader in readers[number]:
            waiting[reader].discard(number)
            if not waiting[reader]:
                ready.append(reader)
    return order
