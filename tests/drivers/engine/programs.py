"""Models lowered to one program, for tests of what it consists of and computes."""

import inspect
from functools import lru_cache

import numpy as np

import drivers.kernels  # noqa: F401 - these are what models are lowered to
from drivers.engine.executable import Executable
from drivers.engine.numerics import EXACT
from drivers.engine.threads import Threads

threads = lru_cache(Threads)
"""So many threads, which wait as long as the process lives: tests share them."""


def lowered(model, inputs, numerics=EXACT):
    """The program for these inputs, its arguments, and among them the arrays for its outputs."""
    results = (model.main.operands[index] for index in model.main.outputs)
    outputs = [np.empty(each.dimensions, each.type.dtype) for each in results]
    found = Executable(model, threads(1), numerics).only_program(inputs, outputs)
    assert found is not None, "the model is more than one program"
    return *found, outputs


def run(model, inputs, numerics=EXACT):
    """The outputs, and the names of the kernels that made them, without their variants."""
    program, arguments, outputs = lowered(model, inputs, numerics)
    program.run(arguments, threads(1))
    return outputs, [command.kernel.name.removesuffix(f".{command.kernel.variant}") for command in program.commands]


def by_name(command):
    """A command's arguments by the names of its kernel's parameters."""
    return dict(zip(inspect.signature(command.kernel.function).parameters, command.arguments))
