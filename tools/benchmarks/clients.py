"""Many processes that execute on one driver at once: whether results are right, and how the device is shared.

``python -m tools.benchmarks.clients ADDRESS MODE MODEL`` is one of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hal.reference import run as reference
from hal.types import FuseCode, OperandType, OperationType, PaddingCode
from runtime.compiled import compile_model
from runtime.launcher import RunningService
from runtime.model import Model
from runtime.remote import RemoteDevice
from tools.importers import load_model

_FLOAT = OperandType.TENSOR_FLOAT32
_SHAPE = (1, 48, 48, 16)
_INPUTS = 4
"""Different inputs whose results are compared, one after the other."""

_WARM = 5

_TOGETHER = 2.0
"""Seconds that all clients execute at once before one has a turn alone again."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What came of it. ``alone``, ``together``: executions a second of one client alone, and of all at once.

    ``counts``: executions of each. ``wrong``: results that were not the right ones.
    """

    alone: float
    together: float
    counts: tuple[int, ...]
    wrong: int

    @property
    def least(self) -> float:
        """What the client with the fewest executions got, of an equal share."""
        return min(self.counts) * len(self.counts) / sum(self.counts)

    @property
    def most(self) -> float:
        """What the client with the most executions got, of an equal share."""
        return max(self.counts) * len(self.counts) / sum(self.counts)


def relu(shape: Sequence[int]) -> Model:
    """A model of one tiny operation."""
    model = Model()
    x, y = (model.add_operand(_FLOAT, shape) for _ in range(2))
    model.add_operation(OperationType.RELU, [x], [y])
    model.identify_inputs_and_outputs([x], [y])
    model.finish()
    return model


def convolutions() -> Model:
    """Two convolutions and a pooling of whole numbers so small that float32 sums are exact: 64 MFLOP."""
    random = np.random.default_rng(1)
    model = Model()
    first = model.add_operand(_FLOAT, _SHAPE)
    x = first
    for filters in (random.integers(-3, 4, (32, 3, 3, 16)), random.integers(-1, 2, (32, 3, 3, 32))):
        operands = [x, model.add_operand(_FLOAT, filters.shape), model.add_operand(_FLOAT, (32,))]
        model.set_operand_value(operands[1], filters.astype(np.float32))
        model.set_operand_value(operands[2], np.zeros(32, np.float32))
        operands += _integers(model, PaddingCode.SAME, 1, 1, FuseCode.NONE)
        x = model.add_operand(_FLOAT, (*_SHAPE[:3], 32))
        model.add_operation(OperationType.CONV_2D, operands, [x])
    y = model.add_operand(_FLOAT, (1, 12, 12, 32))
    model.add_operation(
        OperationType.MAX_POOL_2D, [x, *_integers(model, PaddingCode.VALID, 4, 4, 4, 4, FuseCode.NONE)], [y]
    )
    model.identify_inputs_and_outputs([first], [y])
    model.finish()
    return model


def _integers(model: Model, *values: int) -> list[int]:
    operands = [model.add_operand(OperandType.INT32) for _ in values]
    for operand, value in zip(operands, values):
        model.set_operand_value(operand, int(value))
    return operands


def _tiny() -> Model:
    return relu((64,))


MODELS: dict[str, Callable[[], Model]] = {"tiny": _tiny, "convolutions": convolutions}
"""Models that clients execute, by name; any other name is a model file's."""


def share(
    clients: int,
    seconds: float,
    mode: str,
    model: str = "convolutions",
    progress: Callable[[float], None] = lambda share: None,
) -> Shares:
    """Have one client execute for a quarter of the time, and ``clients`` at once; ``mode``: of ``ours.MODES``.

    They have turns of half a second and two seconds, so that what else the machine does meets both.
    ``progress`` is told which share of the time has passed.
    """
    rounds = max(1, round(seconds / _TOGETHER))
    each = seconds / rounds
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/cpu.sock"
        with subprocess.Popen([sys.executable, "-m", "tools.cli", "serve", "cpu", "--listen", address]) as server:
            try:
                _wait_for(address)
                with _clients(clients, [address, mode, model]) as processes:
                    alone, together = [], []
                    for number in range(rounds):
                        alone += _run([processes[number % clients]], each / 4)
                        together.append(_run(processes, each))
                        progress((number + 1) / rounds)
            finally:
                server.terminate()
    counts = tuple(sum(count for count, _ in turns) for turns in zip(*together))
    wrong = sum(wrong for turn in (alone, *together) for _, wrong in turn)
    return Shares(sum(count for count, _ in alone) * 4 / seconds, sum(counts) / seconds, counts, wrong)


def _wait_for(address: str) -> None:
    path = Path(address.removeprefix("unix:"))
    end = time.monotonic() + 60
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(f"no driver answers at {address}")
        time.sleep(0.05)


@contextmanager
def _clients(number: int, arguments: Sequence[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """So many clients that are ready to execute."""
    command = [sys.executable, "-m", "tools.benchmarks.clients", *arguments]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(number)
    ]
    try:
        for process in processes:
            _answer(process)
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _run(processes: Sequence[subprocess.Popen[str]], seconds: float) -> list[tuple[int, int]]:
    """For each client, how many executions it got done in the time and how many of them were wrong."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{seconds}\n")
        process.stdin.flush()
    answers = [_answer(process) for process in processes]
    return [(int(count), int(wrong)) for count, wrong in answers]


def _answer(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    answer = process.stdout.readline().split()
    if not answer:
        raise RuntimeError("a client has ended before it was told to")
    return answer


def client(address: str, mode: str, name: str) -> None:
    """For each line with a number of seconds, execute as often as possible.

    Prints how often, and how often the result was not what the reference gives, or, for a model from a
    file, what the driver gave before.
    """
    random = np.random.default_rng(os.getpid())
    model = MODELS[name]() if name in MODELS else load_model(name)
    operands = [model.canonical.main.operands[index] for index in model.canonical.main.inputs]
    inputs = [
        [random.integers(-3, 4, each.dimensions).astype(OperandType(each.type).dtype) for each in operands]
        for _ in range(_INPUTS)
    ]
    device = RemoteDevice(RunningService("cpu", address), keeps_bursts=mode != "rpc")
    with compile_model(model, [device]) as compiled, compiled.burst() as burst:
        run: Callable[..., list[NDArray[Any]]] = burst.run if mode == "burst" else compiled.run
        expected = [reference(model.canonical, values) if name in MODELS else compiled.run(values) for values in inputs]
        for _ in range(_WARM):
            run(inputs[0])
        print("ready", flush=True)
        for line in sys.stdin:
            count = wrong = 0
            end = time.monotonic() + float(line)
            while time.monotonic() < end:
                turn = count % _INPUTS
                wrong += not all(map(np.array_equal, run(inputs[turn]), expected[turn]))
                count += 1
            print(count, wrong, flush=True)


if __name__ == "__main__":
    client(*sys.argv[1:])
