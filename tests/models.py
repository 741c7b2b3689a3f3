"""Models of one operation, whose tensors are its inputs."""

from dataclasses import replace

from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from tests.hal.operations.calls import operand


def model_of(operation_type, *arguments, to, constants=()):
    """A model whose tensors among ``arguments`` are inputs and whose output is like ``to``, and the inputs' values.

    Those at the positions ``constants`` are part of the model.
    """
    operands = [operand(argument) for argument in arguments]
    tensors = [index for index, argument in enumerate(arguments) if isinstance(argument, Operand)]
    given = tuple(index for index in tensors if index not in constants)
    values = [operands[index].value for index in given]
    for index in given:
        operands[index] = replace(operands[index], lifetime=Lifetime.SUBGRAPH_INPUT, value=None)
    output = (len(operands),)
    operands.append(replace(to, lifetime=Lifetime.SUBGRAPH_OUTPUT, value=None))
    operation = Operation(operation_type, tuple(range(len(arguments))), output)
    return Model(Subgraph(tuple(operands), (operation,), given, output)), values
