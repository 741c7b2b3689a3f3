"""What the CPU takes: all of NNAPI, no vendor's extension."""

from __future__ import annotations

from hal.model import Model, Operation, Subgraph
from hal.operations import DECLARATIONS


def refusal(model: Model, operation: Operation) -> str:
    """Why the CPU does not take ``operation``; "" when it does."""
    if operation.type not in DECLARATIONS:
        return "it is an extension's, which the CPU does not know; it takes NNAPI's operations"
    operands = model.main.operands
    inner = [number for index in operation.inputs if (number := operands[index].subgraph) is not None]
    if not all(_is_known(model.referenced[number], model) for number in inner):
        return "a subgraph of it has an extension's operation; the CPU takes NNAPI's operations"
    return ""


def _is_known(subgraph: Subgraph, model: Model) -> bool:
    for operation in subgraph.operations:
        inner = (subgraph.operands[index].subgraph for index in operation.inputs)
        if operation.type not in DECLARATIONS or not all(
            _is_known(model.referenced[number], model) for number in inner if number is not None
        ):
            return False
    return True
