"""Many processes that execute on one driver at once: whether results are right, and how the device is shared.

``python -m tools.benchmarks.clients ADDRESS MODE SECONDS`` is one of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hal.reference import run as reference
from hal.types import FuseCode, OperandType, OperationType, PaddingCode
from runtime.compiled import compile_model
from runtime.launcher import RunningService
from runtime.model import Model
from runtime.remote import RemoteDevice

_FLOAT = OperandType.TENSOR_FLOAT32
_SHAPE = (1, 48, 48, 16)
_INPUTS = 4
"""Different inputs whose results are compared, one after the other."""

_WARM = 5


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


def share(clients: int, seconds: float, mode: str) -> Shares:
    """Have one client execute for a quarter of the time, then ``clients`` at once; ``mode``: of ``ours.MODES``."""
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/cpu.sock"
        with subprocess.Popen([sys.executable, "-m", "tools.cli", "serve", "cpu", "--listen", address]) as server:
            try:
                _wait_for(address)
                (alone,) = _run(1, address, seconds / 4, mode)
                together = _run(clients, address, seconds, mode)
            finally:
                server.terminate()
    counts = tuple(count for count, _ in together)
    wrong = alone[1] + sum(each for _, each in together)
    return Shares(alone[0] / (seconds / 4), sum(counts) / seconds, counts, wrong)


def _wait_for(address: str) -> None:
    path = Path(address.removeprefix("unix:"))
    end = time.monotonic() + 60
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(f"no driver answers at {address}")
        time.sleep(0.05)


def _run(clients: int, address: str, seconds: float, mode: str) -> list[tuple[int, int]]:
    """For each client, how many executions it got done and how many of them were wrong."""
    command = [sys.executable, "-m", "tools.benchmarks.clients", address, mode, str(seconds)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(clients)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()  # it is ready
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate()[0].split() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [(int(count), int(wrong)) for count, wrong in answers]


def client(address: str, mode: str, seconds: float) -> None:
    """Execute as often as possible; print how often, and how often the result was wrong."""
    model = convolutions()
    random = np.random.default_rng(os.getpid())
    inputs = [random.integers(-3, 4, _SHAPE).astype(np.float32) for _ in range(_INPUTS)]
    expected = [reference(model.canonical, [value])[0] for value in inputs]
    device = RemoteDevice(RunningService("cpu", address), keeps_bursts=mode != "rpc")
    with compile_model(model, [device]) as compiled, compiled.burst() as burst:
        run: Callable[..., list[np.ndarray]] = burst.run if mode == "burst" else compiled.run
        for _ in range(_WARM):
            run([inputs[0]])
        print("ready", flush=True)
        sys.stdin.readline()
        count = wrong = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            turn = count % _INPUTS
            wrong += not np.array_equal(run([inputs[turn]])[0], expected[turn])
            count += 1
    print(count, wrong)


if __name__ == "__main__":
    client(sys.argv[1], sys.argv[2], float(sys.argv[3]))
