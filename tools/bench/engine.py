"""The part of an execution that is no arithmetic: the same commands, with kernels that do nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from drivers.engine.abi import kernel
from drivers.engine.executable import Executable
from drivers.engine.program import Program
from drivers.engine.threads import Threads
from drivers.sdk.registry import load_device
from drivers.simulation.device import SimulatedDevice, SimulatedPreparedModel
from drivers.simulation.estimate import graph
from hal.device import Argument, PrepareOptions, Request
from hal.model import Model
from hal.operand_rules import value_size
from runtime.values import Array
from tools.bench.alternating import TIME, Contender


@kernel
def nothing(anything: int, begin: int, end: int) -> None:
    """Do none of the work."""


def idle_execution(model: Model, device: str, inputs: Sequence[Array], threads: int, mode: str) -> Contender | None:
    """Executes ``model`` as a driver of the device does for a call of this mode, but for its kernels.

    Through a burst that is walking the commands; for a gRPC call also what the driver does around it in Python. None
    for a device that has no programs of commands, and for a model that is more than one program or has outputs of
    unknown sizes: what is between programs computes.
    """
    driver = load_device(device)
    if not isinstance(driver, SimulatedDevice):
        return None
    outputs = _outputs(model)
    pool = Threads(threads)
    executable = Executable(model, pool, driver.numerics)
    executable.prepare([each.shape for each in inputs], lambda done, total: None)
    found = None if outputs is None else executable.only_program(inputs, outputs)
    if found is None or outputs is None:
        return None
    program, arguments = found
    idle = _idle(program, len(inputs), len(outputs))
    if mode != "rpc":
        frame = idle.take()
        frame.bind(arguments)
        return _timed(lambda: pool.run(frame.job), (idle, arguments))
    empty = Executable(model, pool, driver.numerics)
    stages = {key: replace(stage, program=idle) for key, stage in executable.stages.items()}
    empty.restore(stages, complete=False)
    work = graph(model.main, [each.shape for each in inputs])
    prepared = SimulatedPreparedModel(driver, model, work, empty, PrepareOptions(), lambda activity, done, total: None)
    request = Request([Argument(_bytes(each)) for each in inputs], [Argument(each) for each in outputs])
    return _timed(lambda: prepared.execute(request), request)


def _idle(program: Program, inputs: int, outputs: int) -> Program:
    commands = [replace(command, kernel=nothing, arguments=(0,)) for command in program.commands]
    return Program(commands, inputs, outputs, lambda done, total: None)


def _outputs(model: Model) -> list[Array] | None:
    """Room for each output's bytes; None where a size is unknown."""
    operands = [model.main.operands[index] for index in model.main.outputs]
    sizes = [size for size in (value_size(each, each.dimensions) for each in operands) if size]
    return [np.zeros(size, np.uint8) for size in sizes] if len(sizes) == len(operands) else None


def _bytes(array: Array) -> Array:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _timed(action: Callable[[], object], kept: object) -> Contender:
    """Measures ``action``; ``kept``: what must live as long, since machine code has its addresses."""

    def call(kept: object = kept) -> dict[str, float]:
        start = time.perf_counter()
        action()
        return {TIME: time.perf_counter() - start}

    return call
