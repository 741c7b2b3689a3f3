"""Subgraphs that do not fit the IF or WHILE that executes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hal.model import Lifetime
from hal.types import OperandType
from protos.nnhal.v1 import model_pb2
from tools.conformance.invalid.base import Base, Mutation, living, typed


def control_flow_mutations(base: Base) -> Iterator[Mutation]:
    """Each rule about the subgraphs of the model's first operation broken; none where it has no subgraphs."""
    operands = base.case.model.main.operands
    for index in (index for index, operand in enumerate(operands) if operand.subgraph is not None):
        for number in (len(base.case.model.referenced), 2**32 - 1):
            yield Mutation(f"operand {index} is subgraph {number}", _referring(index, number))
    for number in range(len(base.case.model.referenced)):
        where = f"subgraph {number}"
        changes = {
            "an input fewer": _without_input,
            "an input of another type": _retyped("inputs"),
            "an output of another type": _retyped("outputs"),
            "an output of other dimensions": _resized,
            "no outputs": lambda subgraph: subgraph.ClearField("outputs"),
            "no operations": lambda subgraph: subgraph.ClearField("operations"),
            "an operation of no operands": lambda subgraph: subgraph.operations[0].ClearField("inputs"),
            "an operation on an operand that is not there": _reaching_out,
        }
        for name, change in changes.items():
            yield Mutation(f"{where}, {name}", _in_subgraph(number, change))
        yield Mutation(f"{where} contains itself", _containing(number, number))
    if len(base.case.model.referenced) > 1:
        yield Mutation("two subgraphs contain each other", _containing_each_other)


def _referring(index: int, number: int) -> Callable[[model_pb2.Model], None]:
    return lambda message: setattr(message.main.operands[index], "subgraph", number)


def _in_subgraph(number: int, change: Callable[[model_pb2.Subgraph], None]) -> Callable[[model_pb2.Model], None]:
    return lambda message: change(message.referenced[number])


def _without_input(subgraph: model_pb2.Subgraph) -> None:
    """The subgraph with its last input turned into one that is left out."""
    index = subgraph.inputs.pop()
    living(subgraph.operands[index], Lifetime.NO_VALUE)


def _retyped(kind: str) -> Callable[[model_pb2.Subgraph], None]:
    def change(subgraph: model_pb2.Subgraph) -> None:
        operand = subgraph.operands[getattr(subgraph, kind)[0]]
        typed(operand, OperandType.TENSOR_QUANT16_SYMM)
        operand.scale = 1.0

    return change


def _resized(subgraph: model_pb2.Subgraph) -> None:
    subgraph.operands[subgraph.outputs[0]].dimensions[0] += 1


def _reaching_out(subgraph: model_pb2.Subgraph) -> None:
    subgraph.operations[0].inputs[0] = len(subgraph.operands)


def _containing(outer: int, inner: int) -> Callable[[model_pb2.Model], None]:
    def change(message: model_pb2.Model) -> None:
        operand = message.referenced[outer].operands.add(subgraph=inner)
        typed(operand, OperandType.MODEL)
        living(operand, Lifetime.SUBGRAPH)

    return change


def _containing_each_other(message: model_pb2.Model) -> None:
    _containing(0, 1)(message)
    _containing(1, 0)(message)
