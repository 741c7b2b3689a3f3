"""One operation executed by the CPU device, whose kernel must be what runs."""

from dataclasses import replace

import numpy as np

from drivers.cpu.device import CpuDevice
from drivers.engine import executable
from hal.device import Argument, Request
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from tests.hal.operations.calls import operand
from tests.support import prepare, raw


def run(monkeypatch, operation_type, *arguments, to, shape=None):
    """The output, of the first argument's dimensions or ``shape``, stored like the operand ``to``.

    Operands among the arguments are the model's inputs, arrays and numbers its constants.
    """

    def refuse(*_):
        raise AssertionError(f"{operation_type.name} ran by its reference")

    monkeypatch.setattr(executable, "evaluate_operation", refuse)
    monkeypatch.setenv("NNHAL_CPU_THREADS", "3")  # large work is shared
    given = [operand(argument) for argument in arguments]
    inputs = tuple(index for index, argument in enumerate(arguments) if isinstance(argument, Operand))
    operands = list(given)
    for index in inputs:
        operands[index] = replace(given[index], lifetime=Lifetime.SUBGRAPH_INPUT, value=None)
    shape = given[0].dimensions if shape is None else shape
    outputs = (len(operands),)
    operands.append(replace(to, dimensions=shape, lifetime=Lifetime.SUBGRAPH_OUTPUT))
    operation = Operation(operation_type, tuple(range(len(given))), outputs)
    model = Model(Subgraph(tuple(operands), (operation,), inputs, outputs))
    result = np.zeros(shape, to.type.dtype)
    values = [Argument(raw(np.ascontiguousarray(given[index].value))) for index in inputs]
    prepare(CpuDevice(), model).execute(Request(values, [Argument(raw(result))]))
    return result
