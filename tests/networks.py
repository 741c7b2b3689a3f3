"""Models written operation by operation, with their dimensions inferred, for tests."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.operations import DECLARATIONS
from hal.types import OperandType
from hal.validation import validate_model
from tests.support import FLOAT, constant


@dataclass(frozen=True)
class Ref:
    """An operand of a network."""

    index: int


class Network:
    """A model in the making; arrays and numbers given to ``apply`` become constants."""

    def __init__(self) -> None:
        self.operands: list[Operand] = []
        self.operations: list[Operation] = []
        self.inputs: list[int] = []

    def input(self, *dimensions, like=None):
        like = like or Operand(FLOAT)
        self.inputs.append(len(self.operands))
        return self.operand(replace(like, dimensions=dimensions, lifetime=Lifetime.SUBGRAPH_INPUT))

    def constant(self, value, like=None):
        if like is None:
            return self.operand(constant(value))
        array = np.asarray(value, OperandType(like.type).dtype)
        return self.operand(replace(like, dimensions=array.shape, lifetime=Lifetime.CONSTANT_COPY, value=array))

    def subgraph(self, number):
        return self.operand(Operand(OperandType.MODEL, lifetime=Lifetime.SUBGRAPH, subgraph=number))

    def apply(self, operation_type, *arguments, like=None):
        """Add an operation; its results have the type and scale of ``like``, by default those of its first input."""
        given = [each.index if isinstance(each, Ref) else self.constant(each).index for each in arguments]
        declaration = DECLARATIONS[operation_type]
        bound = declaration.bind([self.operands[index] for index in given])
        like = like or self.operands[given[0]]
        results = [
            Operand(like.type, dimensions, like.scale, like.zero_point) for dimensions in declaration.infer(bound)
        ]
        refs = self.record(operation_type, [Ref(index) for index in given], *results)
        return refs[0] if len(refs) == 1 else refs

    def record(self, operation_type, arguments, *results):
        """Add an operation whose results are these operands; returns them."""
        refs = [self.operand(each) for each in results]
        indexes = (tuple(each.index for each in each_list) for each_list in (arguments, refs))
        self.operations.append(Operation(operation_type, *indexes))
        return refs

    def part(self, *outputs):
        """The subgraph with these outputs."""
        operands = list(self.operands)
        for each in outputs:
            operands[each.index] = replace(operands[each.index], lifetime=Lifetime.SUBGRAPH_OUTPUT)
        indexes = tuple(each.index for each in outputs)
        return Subgraph(tuple(operands), tuple(self.operations), tuple(self.inputs), indexes)

    def model(self, *outputs, referenced=()):
        """The valid model with these outputs."""
        model = Model(self.part(*outputs), tuple(referenced))
        validate_model(model)
        return model

    def operand(self, operand):
        """Add an operand as it is."""
        self.operands.append(operand)
        return Ref(len(self.operands) - 1)
