"""A canonical model built again through the API's own calls, so that a case tests these as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hal import model as hal_model
from hal.model import Lifetime, Operand, Subgraph
from hal.types import OperandType, OperationType
from runtime.memory import Memory
from runtime.model import Model


def build(model: hal_model.Model, *, weights_in_memory: bool = False, outputs_unspecified: bool = False) -> Model:
    """The finished model.

    ``weights_in_memory``: constants live in one memory object instead of the application's arrays.
    ``outputs_unspecified``: nothing is said of the dimensions of the main subgraph's outputs beyond
    their rank. Raises ``NnapiError`` where the API refuses the model.
    """
    built: dict[int, Model] = {}

    for number in _inner_first(model):
        built[number] = _build(model.referenced[number], built, weights_in_memory)
    main = model.main
    if outputs_unspecified:
        operands = list(main.operands)
        for index in main.outputs:
            operands[index] = replace(operands[index], dimensions=(0,) * len(operands[index].dimensions))
        main = Subgraph(tuple(operands), main.operations, main.inputs, main.outputs)
    return _build(main, built, weights_in_memory, relaxed=model.relaxed)


def _inner_first(model: hal_model.Model) -> list[int]:
    """The referenced subgraphs, each after those that it refers to itself."""
    order: list[int] = []

    def visit(number: int, path: tuple[int, ...]) -> None:
        if number in order or number in path:
            return
        for operand in model.referenced[number].operands:
            if operand.subgraph is not None:
                visit(operand.subgraph, (*path, number))
        order.append(number)

    for number in range(len(model.referenced)):
        visit(number, ())
    return order


def _build(subgraph: Subgraph, built: dict[int, Model], weights_in_memory: bool, relaxed: bool = False) -> Model:
    model = Model()
    weights = _Weights(subgraph.operands) if weights_in_memory else None
    for operand in subgraph.operands:
        index = model.add_operand(OperandType(operand.type), operand.dimensions, operand.scale, operand.zero_point)
        if operand.per_channel is not None:
            model.set_operand_symm_per_channel_quant_params(
                index, operand.per_channel.channel_dim, operand.per_channel.scales
            )
        if operand.subgraph is not None:
            model.set_operand_value_from_model(index, built[operand.subgraph])
        elif operand.lifetime is Lifetime.NO_VALUE:
            model.set_operand_value(index, None)
        elif operand.value is not None:
            if weights is not None and operand.value.nbytes:
                model.set_operand_value_from_memory(index, weights.memory, *weights.place(operand))
            else:
                model.set_operand_value(index, operand.value)
    for operation in subgraph.operations:
        model.add_operation(OperationType(operation.type), operation.inputs, operation.outputs)
    model.identify_inputs_and_outputs(subgraph.inputs, subgraph.outputs)
    model.relax_computation_float32_to_float16(relaxed)
    model.finish()
    return model


class _Weights:
    """All constants of a subgraph in one memory object, one after the other."""

    def __init__(self, operands: Sequence[Operand]) -> None:
        values = [operand.value for operand in operands if operand.value is not None]
        self._offsets: dict[int, int] = {}
        size = 0
        for value in values:
            self._offsets[id(value)] = size
            size += -(-value.nbytes // 16) * 16
        content = np.zeros(max(size, 1), np.uint8)
        for value in values:
            offset = self._offsets[id(value)]
            content[offset : offset + value.nbytes] = np.frombuffer(value.tobytes(), np.uint8)
        self.memory = Memory.from_array(content)

    def place(self, operand: Operand) -> tuple[int, int]:
        """Offset and length of the operand's value."""
        assert operand.value is not None
        return self._offsets[id(operand.value)], operand.value.nbytes
