"""Parts of a model as models of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hal.model import EXTENSION_BITS, Lifetime, Model, Operand, Operation, Subgraph


def referenced_model(model: Model, number: int) -> Model:
    """The referenced subgraph ``number`` as a model."""
    subgraph = model.referenced[number]
    return submodel(model, subgraph, range(len(subgraph.operations)), subgraph.inputs, subgraph.outputs)


def submodel(
    model: Model, subgraph: Subgraph, operations: Iterable[int], inputs: Sequence[int], outputs: Sequence[int]
) -> Model:
    """The model of some operations of ``subgraph``, one of ``model``'s.

    ``inputs`` and ``outputs`` are operands of ``subgraph``, and become those of the model in this order.
    Operands that nothing in it uses are left out, and so are extensions and referenced subgraphs.
    """
    taken = [subgraph.operations[number] for number in operations]
    used = {index for operation in taken for index in (*operation.inputs, *operation.outputs)} | set(inputs)
    numbers = {index: number for number, index in enumerate(sorted(used))}
    lifetimes = dict.fromkeys(inputs, Lifetime.SUBGRAPH_INPUT) | dict.fromkeys(outputs, Lifetime.SUBGRAPH_OUTPUT)
    subgraphs: dict[int, int] = {}
    main = Subgraph(
        tuple(_operand(subgraph.operands[index], lifetimes.get(index), subgraphs) for index in numbers),
        tuple(
            Operation(
                each.type, tuple(map(numbers.__getitem__, each.inputs)), tuple(map(numbers.__getitem__, each.outputs))
            )
            for each in taken
        ),
        tuple(map(numbers.__getitem__, inputs)),
        tuple(map(numbers.__getitem__, outputs)),
    )
    referenced: list[Subgraph] = []
    while len(referenced) < len(subgraphs):  # each may refer to further ones
        inner = model.referenced[list(subgraphs)[len(referenced)]]
        operands = tuple(_operand(operand, operand.lifetime, subgraphs) for operand in inner.operands)
        referenced.append(replace(inner, operands=operands))
    parts = (main, *referenced)
    codes = [each.type for part in parts for each in part.operands] + [
        each.type for part in parts for each in part.operations
    ]
    prefixes = {code >> EXTENSION_BITS for code in codes}
    extensions = tuple(extension for extension in model.extensions if extension.prefix in prefixes)
    return Model(main, tuple(referenced), model.relaxed, extensions)


def _operand(operand: Operand, lifetime: Lifetime | None, subgraphs: dict[int, int]) -> Operand:
    """The operand as part of another model; ``subgraphs`` numbers those that are referred to, as they are met."""
    if operand.subgraph is not None:
        return replace(operand, subgraph=subgraphs.setdefault(operand.subgraph, len(subgraphs)))
    if lifetime is None and operand.lifetime in (Lifetime.SUBGRAPH_INPUT, Lifetime.SUBGRAPH_OUTPUT):
        lifetime = Lifetime.TEMPORARY_VARIABLE
    return operand if lifetime is None or lifetime is operand.lifetime else replace(operand, lifetime=lifetime)
