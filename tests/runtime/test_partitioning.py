"""Partitioning: nothing is cheaper, by exhaustive search; preferences among equals; wide and large graphs."""

from __future__ import annotations

import itertools
import random

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.partitioning import Problem, Task, execution_order, partition, price

Array = NDArray[np.float64]


def random_problem(seed: int) -> Problem:
    """Up to 12 operations on up to 3 devices: chains, branches, several outputs, refusals, cheap and dear moves."""
    rng = random.Random(seed)
    devices = rng.choice([2, 3, 3, 3])
    inputs = rng.randint(1, 3)
    tensors = inputs
    tasks: list[Task] = []
    reach = rng.choice([1, 3, 100])  # how far back operations read
    for _ in range(rng.randint(1, 12)):
        count = min(rng.choice([1, 1, 2, 2, 3]), tensors)
        reads = rng.sample(range(max(0, tensors - reach - count), tensors), count)
        writes = range(tensors, tensors + rng.choice([1, 1, 1, 2]))
        prices = [rng.choice([None, rng.uniform(0, 10), rng.randint(0, 3)]) for _ in range(devices)]
        if all(each is None for each in prices):
            prices[rng.randrange(devices)] = rng.uniform(0, 10)
        tasks.append(Task(tuple(prices), tuple(reads), tuple(writes)))
        tensors = writes.stop
    read = {tensor for task in tasks for tensor in task.reads}
    outputs = {tensor for tensor in range(inputs, tensors) if tensor not in read or rng.random() < 0.1}
    dearness = rng.choice([0.1, 1, 5])
    free = rng.choice([None, 0])
    moves = [
        tuple(0.0 if device == free else rng.uniform(0, dearness) for device in range(devices)) for _ in range(tensors)
    ]
    launches = tuple(rng.choice([0.0, rng.uniform(0, dearness)]) for _ in range(devices))
    return Problem(tuple(tasks), tuple(moves), frozenset(outputs), launches)


def exhaustive(problem: Problem) -> float:
    """The least price of all assignments."""
    tensors = len(problem.moves)
    prices = np.array([[np.inf if each is None else each for each in task.prices] for task in problem.tasks])
    reads, writes = (np.zeros((len(problem.tasks), tensors), np.bool_) for _ in range(2))
    for number, task in enumerate(problem.tasks):
        reads[number, list(task.reads)] = True
        writes[number, list(task.writes)] = True
    outputs = np.array([tensor in problem.outputs for tensor in range(tensors)])
    order = np.array(execution_order(problem.tasks))
    return float(
        _exhaustive(prices, np.array(problem.moves), reads, writes, outputs, np.array(problem.launches), order)
    )


@numba.njit
def _exhaustive(
    prices: Array,
    moves: Array,
    reads: NDArray[np.bool_],
    writes: NDArray[np.bool_],
    outputs: NDArray[np.bool_],
    launches: Array,
    order: NDArray[np.int64],
) -> float:
    tasks, devices = prices.shape
    tensors = len(moves)
    producer = np.full(tensors, -1)
    readers: list[list[int]] = []
    for tensor in range(tensors):
        found = [-1]
        for task in range(tasks):
            if writes[task, tensor]:
                producer[tensor] = task
            if reads[task, tensor]:
                found.append(task)
        readers.append(found)
    best = np.inf
    assignment = np.zeros(tasks, np.int64)
    for number in range(devices**tasks):
        rest = number
        total = 0.0
        for task in range(tasks):
            assignment[task] = rest % devices
            rest //= devices
            total += prices[task, assignment[task]]
        last = -1
        for task in order:
            if assignment[task] != last:
                last = assignment[task]
                total += launches[last]
        if total >= best:  # prices of moves are not below 0
            continue
        for tensor in range(tensors):
            own = assignment[producer[tensor]] if producer[tensor] >= 0 else -1
            leaves = outputs[tensor] and own >= 0
            for device in range(devices):
                if device == own:
                    continue
                for task in readers[tensor][1:]:
                    if assignment[task] == device:
                        total += moves[tensor, device]
                        leaves = leaves or own >= 0
                        break
            if leaves:
                total += moves[tensor, own]
        best = min(best, total)
    return best


@pytest.mark.parametrize("seeds", [range(first, first + 250) for first in range(0, 1000, 250)])
def test_no_assignment_is_cheaper(seeds: range) -> None:
    for seed in seeds:
        problem = random_problem(seed)
        found = price(problem, partition(problem))
        assert found == pytest.approx(exhaustive(problem), rel=1e-9, abs=1e-12), f"seed {seed}"


def test_the_price_of_an_assignment_counts_each_move_once() -> None:
    # input 0 -> task 0 -> 1, read by tasks 1 and 2 and an output; outputs 2, 3
    tasks = (Task((1, 2), (0,), (1,)), Task((4, 8), (1,), (2,)), Task((16, 32), (1,), (3,)))
    moves = ((0.1, 0.2), (0.01, 0.02), (0.001, 0.002), (0.0001, 0.0002))
    problem = Problem(tasks, moves, frozenset({1, 2, 3}), (0.0, 0.0))
    assert price(problem, (0, 0, 0)) == pytest.approx(21 + 0.1 + 0.01 + 0.001 + 0.0001)
    assert price(problem, (1, 0, 0)) == pytest.approx(22 + 0.2 + 0.02 + 0.01 + 0.001 + 0.0001)
    assert price(problem, (0, 1, 1)) == pytest.approx(41 + 0.1 + 0.01 + 0.02 + 0.002 + 0.0002)
    with pytest.raises(ValueError, match="does not take"):
        price(Problem((Task((None, 1), (), ()),), (), frozenset(), (0.0, 0.0)), (0,))


def test_among_equals_the_first_device_is_preferred() -> None:
    tasks = tuple(Task((1.0, 1.0, 1.0), (number,), (number + 1,)) for number in range(5))
    for moves in ((0.5, 0.5, 0.5), (0.0, 0.0, 0.0)):
        assert partition(Problem(tasks, (moves,) * 6, frozenset({5}), (0.0,) * 3)) == (0,) * 5
    tasks = tuple(Task((None, 1.0, 1.0), (number,), (number + 1,)) for number in range(5))
    assert partition(Problem(tasks, ((0.0,) * 3,) * 6, frozenset({5}), (0.0,) * 3)) == (1,) * 5


def test_a_faster_device_is_used_only_where_it_pays_for_the_moves() -> None:
    tasks = tuple(Task((2.0, 1.0), (number,), (number + 1,)) for number in range(10))
    moves = [(0.0, 3.0)] * 11
    assert partition(Problem(tasks, tuple(moves), frozenset({10}), (0.0, 0.0))) == (1,) * 10
    assert partition(Problem(tasks[:5], tuple(moves), frozenset({5}), (0.0, 0.0))) == (0,) * 5


def test_launching_counts_for_each_run_of_operations() -> None:
    tasks = tuple(Task((2.0, 1.0 if number % 2 else None), (number,), (number + 1,)) for number in range(6))
    free = ((0.0, 0.0),) * 7
    assert partition(Problem(tasks, free, frozenset({6}), (0.0, 0.5))) == (0, 1, 0, 1, 0, 1)
    assert partition(Problem(tasks, free, frozenset({6}), (0.0, 1.5))) == (0,) * 6
    assert price(Problem(tasks, free, frozenset({6}), (0.25, 0.5)), (0, 1, 0, 0, 0, 1)) == 10 + 2 * 0.25 + 2 * 0.5


def test_what_a_device_refuses_waits_until_the_device_is_done() -> None:
    """A network with three heads that end on the first device: the second one is launched once."""
    body = [Task((9.0, 1.0), (number,), (number + 1,)) for number in range(9)]
    heads = [Task((1.0, None), (3 * number,), (9 + number,)) for number in (1, 2, 3)]
    tasks = (*body[:3], heads[0], *body[3:6], heads[1], *body[6:], heads[2])
    moves = ((0.0, 0.1),) * 13
    problem = Problem(tasks, moves, frozenset({10, 11, 12}), (0.0, 30.0))
    assert partition(problem) == (1, 1, 1, 0) * 3
    assert price(problem, (1, 1, 1, 0) * 3) == pytest.approx(9 + 3 + 4 * 0.1 + 30)


def test_a_wide_graph_is_assigned_in_bounded_time() -> None:
    """Forty tensors alive at once, more than can be searched: still no worse than everything on one device."""
    rng = random.Random(5)
    width = 40
    first = [Task(tuple(rng.uniform(1, 2) for _ in range(4)), (0,), (1 + number,)) for number in range(width)]
    second = [
        Task(tuple(rng.uniform(1, 2) for _ in range(4)), tuple(rng.sample(range(1, width + 1), 3)), (number,))
        for number in range(width + 1, 2 * width + 1)
    ]
    moves = tuple(tuple(rng.uniform(0, 0.5) for _ in range(4)) for _ in range(2 * width + 1))
    problem = Problem((*first, *second), moves, frozenset(range(width + 1, 2 * width + 1)), (0.01,) * 4)
    best = price(problem, partition(problem))
    assert best <= min(price(problem, (device,) * (2 * width)) for device in range(4))


def test_a_large_network_s_chain() -> None:
    rng = random.Random(6)
    tasks = tuple(Task((rng.uniform(1, 2), rng.uniform(1, 2)), (number,), (number + 1,)) for number in range(3000))
    moves = tuple((0.0, rng.uniform(0, 1)) for _ in range(3001))
    problem = Problem(tasks, moves, frozenset({3000}), (0.0, 0.0))
    least = np.array([0.0, np.inf])  # by whose device the last tensor is, the input being with the host
    for task, (_, move) in zip(tasks, moves):
        stay, go = least[0], least[1]
        own = [price for price in task.prices if price is not None]
        least = np.array([min(stay, go + move) + own[0], min(stay + move, go) + own[1]])
    assert price(problem, partition(problem)) == pytest.approx(min(least[0], least[1] + moves[-1][1]))


def test_every_operation_may_be_bound_to_one_device() -> None:
    for devices in itertools.product(range(3), repeat=4):
        tasks = tuple(
            Task(tuple(1.0 if each == device else None for each in range(3)), (number,), (number + 1,))
            for number, device in enumerate(devices)
        )
        assert partition(Problem(tasks, ((1.0,) * 3,) * 5, frozenset({4}), (1.0,) * 3)) == devices
