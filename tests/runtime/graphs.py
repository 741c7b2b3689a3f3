"""Building models for tests of plans, and running them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hal.reference import run as reference
from hal.types import OperandType as T
from hal.types import OperationType as O
from runtime.compilation import Compilation
from runtime.execution import Execution
from runtime.model import Model


@dataclass
class Builder:
    """A model under construction, of float32 tensors of one shape."""

    model: Model
    shape: tuple[int, ...] = (2, 3)

    def tensor(self, shape: Sequence[int] | None = None, kind: T = T.TENSOR_FLOAT32) -> int:
        return self.model.add_operand(kind, self.shape if shape is None else shape)

    def constant(self, value: Any) -> int:
        array = np.asarray(value)
        kinds = {"f": (T.FLOAT32, T.TENSOR_FLOAT32), "i": (T.INT32, T.TENSOR_INT32), "b": (T.BOOL, T.TENSOR_BOOL8)}
        index = self.model.add_operand(kinds[array.dtype.kind][bool(array.ndim)], array.shape)
        self.model.set_operand_value(index, array if array.ndim else array.item())
        return index

    def unary(self, kind: O, given: int, to: int | None = None) -> int:
        result = self.tensor() if to is None else to
        self.model.add_operation(kind, [given], [result])
        return result

    def add(self, first: int, second: int, to: int | None = None) -> int:
        result = self.tensor() if to is None else to
        self.model.add_operation(O.ADD, [first, second, self.constant(np.int32(0))], [result])
        return result

    def done(self, inputs: Sequence[int], outputs: Sequence[int]) -> Model:
        self.model.identify_inputs_and_outputs(inputs, outputs)
        self.model.finish()
        return self.model


def check(model: Model, devices: Sequence[Any], *inputs: np.ndarray) -> Compilation:
    """The compilation, after a run on it has given the reference's results."""
    compilation = Compilation(model, devices)
    compilation.finish()
    wanted = reference(model.canonical, inputs)
    execution = Execution(compilation)
    outputs = [np.full(each.shape, 77, each.dtype) for each in wanted]
    for index, value in enumerate(inputs):
        execution.set_input(index, value)
    for index, output in enumerate(outputs):
        execution.set_output(index, output)
    execution.set_reusable(True)
    for _ in range(2):
        execution.compute()
        for output, value in zip(outputs, wanted):
            np.testing.assert_array_equal(output, value)
            output[...] = 77
    return compilation
