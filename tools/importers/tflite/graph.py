"""Turns a TFLite graph into an NNAPI model, one operator after the other.

``operators.MAPPING`` says how each operator is expressed; here is what it says it with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hal.errors import BadDataError
from hal.types import FuseCode, OperandType, OperationType
from runtime.model import Model
from tools.importers.tflite.reader import File, Graph, Operator, Tensor, damaged
from tools.importers.tflite.sparsity import densify

Array = NDArray[Any]

_OPERAND_TYPES = {
    "FLOAT32": OperandType.TENSOR_FLOAT32,
    "FLOAT16": OperandType.TENSOR_FLOAT16,
    "INT32": OperandType.TENSOR_INT32,
    "BOOL": OperandType.TENSOR_BOOL8,
}
_DTYPES = {"FLOAT32": "float32", "FLOAT16": "float16", "INT32": "int32", "INT64": "int64", "BOOL": "bool"}

_MAX_EXPANSION = 64
"""How much bigger than its file a model's unpacked constants may be; no honest one comes near."""


class UnsupportedError(Exception):
    """An operator, or a way of using it, that NNAPI has no words for; the message says which."""


class Importer:
    """One graph on its way to a model: the operands made so far, by the tensor that they stand for."""

    def __init__(self, file: File, graph: Graph) -> None:
        self.graph = graph
        self.model = Model()
        self._operands: dict[int, int] = {}
        self._scalars: dict[tuple[OperandType, float], int] = {}
        self._constants: dict[int, Array] = {}
        self._known = {index for index, tensor in enumerate(graph.tensors) if tensor.is_variable}
        self._known.update(graph.inputs)
        self._room = _MAX_EXPANSION * file.size

    def finish(self) -> Model:
        """The finished model. Raises ``BadDataError`` when it breaks NNAPI's rules."""
        for index in self.graph.outputs:
            if index not in self._known:
                raise damaged(f"its output, tensor {index}, is computed by no operator")
        inputs = [self.operand(index) for index in self.graph.inputs]
        outputs = [self.operand(index) for index in self.graph.outputs]
        self.model.identify_inputs_and_outputs(inputs, outputs)
        self.model.finish()
        return self.model

    def operand(self, index: int) -> int:
        """The operand that stands for a tensor."""
        if index not in self._operands:
            tensor = self.graph.tensors[index]
            if self._is_constant(index):
                self._operands[index] = self.constant_operand(self.constant(index))
            elif tensor.is_variable:
                raise UnsupportedError("a variable, which keeps its value from one execution to the next")
            else:
                self._operands[index] = self.model.add_operand(_operand_type(tensor.type), dimensions(tensor))
        return self._operands[index]

    def constant_operand(self, value: Array) -> int:
        """A new operand of a constant."""
        operand = self.model.add_operand(_operand_type(value.dtype.name.upper()), value.shape or (1,))
        self.model.set_operand_value(operand, value.reshape(value.shape or (1,)))
        return operand

    def scalar(self, operand_type: OperandType, value: float) -> int:
        """An operand of a scalar constant; equal ones share it."""
        key = (operand_type, value)
        if key not in self._scalars:
            self._scalars[key] = self.model.add_operand(operand_type)
            self.model.set_operand_value(self._scalars[key], np.array(value, operand_type.dtype))
        return self._scalars[key]

    def constant(self, index: int) -> Array:
        """A constant tensor's value. Raises ``UnsupportedError`` for a tensor that is none."""
        if index not in self._constants:
            if not self._is_constant(index):
                raise UnsupportedError("an input that is not a constant")
            self._constants[index] = self._stored(self.graph.tensors[index])
        return self._constants[index]

    def fold(self, index: int, value: Array) -> None:
        """Make the tensor that an operator computes a constant: ``value``."""
        self._unpack(value.nbytes)
        self._constants[index] = value

    def check_order(self, operator: Operator) -> None:
        """Refuse an operator that reads what nobody computed before, or computes what exists already."""
        for index in operator.inputs:
            if index >= 0 and index not in self._known and not self._is_constant(index):
                raise damaged(f"operator {operator.index} reads tensor {index}, which nothing before it computes")
        for index in operator.outputs:
            if index in self._known or self._is_constant(index):
                raise damaged(f"operator {operator.index} computes tensor {index}, which has a value already")
            self._known.add(index)

    def _is_constant(self, index: int) -> bool:
        return index in self._constants or self.graph.tensors[index].data is not None

    def _stored(self, tensor: Tensor) -> Array:
        if tensor.type not in _DTYPES:
            raise UnsupportedError(f"a constant of type {tensor.type}")
        assert tensor.data is not None
        dtype = np.dtype(_DTYPES[tensor.type])
        size = math.prod(tensor.shape) * dtype.itemsize
        if tensor.sparsity is not None and tensor.data.size % dtype.itemsize == 0:
            self._unpack(size)
            return densify(tensor.data.view(dtype), tensor.shape, tensor.sparsity)
        if size != tensor.data.size:
            raise damaged(
                f"tensor {tensor.name!r} of type {tensor.type} and shape {list(tensor.shape)} has {tensor.data.size} "
                f"bytes; it must have {size}"
            )
        return tensor.data.view(dtype).reshape(tensor.shape)

    def _unpack(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise damaged(f"its constants would be more than {_MAX_EXPANSION} times bigger than the file")


class Conversion:
    """One operator being converted: what its function in ``operators`` reads and emits."""

    def __init__(self, importer: Importer, operator: Operator) -> None:
        self._importer = importer
        self.operator = operator

    @property
    def inputs(self) -> list[int]:
        """The operands of all inputs."""
        return [self._importer.operand(self._index(position)) for position in range(len(self.operator.inputs))]

    def input(self, position: int) -> int:
        """The operand of an input."""
        return self._importer.operand(self._index(position))

    def has_input(self, position: int) -> bool:
        """Whether the input is there."""
        return position < len(self.operator.inputs) and self.operator.inputs[position] >= 0

    def shape(self, position: int, rank: int | None = None) -> tuple[int, ...]:
        """The dimensions of an input. Raises ``BadDataError`` when their number is not ``rank``."""
        shape = dimensions(self._importer.graph.tensors[self._index(position)])
        if rank is not None and len(shape) != rank:
            raise damaged(f"operator {self.operator.index} ({self.operator.name}) has an input of shape {list(shape)}")
        return shape

    def constant(self, position: int) -> Array:
        """The value of an input. Raises ``UnsupportedError`` when it is not a constant."""
        return self._importer.constant(self._index(position))

    def option(self, name: str, default: Any = None) -> Any:
        """An option by its name in TFLite's schema; ``default``: where the file has no options."""
        value = self.operator.options.get(name, default)
        if value is None:
            raise damaged(f"operator {self.operator.index} ({self.operator.name}) has no option '{name}'")
        return value

    def refuse_unless(self, name: str, wanted: Any) -> None:
        """Raise ``UnsupportedError`` when an option has another value than the only one NNAPI can express."""
        value = self.option(name, wanted)
        if value != wanted:
            raise UnsupportedError(f"option {name}={value}")

    def int32(self, value: int) -> int:
        """An INT32 operand."""
        if not -(2**31) <= value < 2**31:
            raise UnsupportedError(f"the number {value}, which needs more than 32 bits")
        return self._importer.scalar(OperandType.INT32, value)

    def bool(self, value: bool) -> int:
        """A BOOL operand."""
        return self._importer.scalar(OperandType.BOOL, value)

    def tensor(self, value: Array) -> int:
        """The operand of a new constant tensor of float32 or int32."""
        return self._importer.constant_operand(value)

    def int32_tensor(self, value: Array | Sequence[int]) -> int:
        """The operand of a new constant of INT32, from integers of any width."""
        wide = np.asarray(value)
        if wide.dtype.kind != "i":
            raise damaged(f"operator {self.operator.index} ({self.operator.name}) needs integers, not {wide.dtype}")
        narrow = wide.astype(np.int32)
        if not np.array_equal(narrow, wide):
            raise UnsupportedError("a number that needs more than 32 bits")
        return self.tensor(narrow)

    def activation(self) -> int:
        """The operand of the fused activation."""
        code = self.option("fused_activation_function", FuseCode.NONE)
        if code not in list(FuseCode):  # the codes that both have are the same
            raise UnsupportedError(f"the fused activation {_ACTIVATIONS.get(code, code)}")
        return self.int32(code)

    def emit(self, operation: OperationType, *inputs: int) -> None:
        """Add an operation that computes the operator's outputs."""
        outputs = [self._importer.operand(index) for index in self.operator.outputs]
        try:
            self._importer.model.add_operation(operation, inputs, outputs)
        except BadDataError as error:  # such as types or ranks that NNAPI's operation does not take
            raise UnsupportedError(str(error)) from error

    def fold(self, value: Array) -> None:
        """Make the operator's only output a constant."""
        if len(self.operator.outputs) != 1:
            raise damaged(f"operator {self.operator.index} has {len(self.operator.outputs)} outputs")
        self._importer.fold(self.operator.outputs[0], value)

    def _index(self, position: int) -> int:
        if not self.has_input(position):
            raise damaged(f"operator {self.operator.index} ({self.operator.name}) has no input {position}")
        return self.operator.inputs[position]


_ACTIVATIONS = {4: "TANH", 5: "SIGN_BIT"}


def _operand_type(name: str) -> OperandType:
    if name not in _OPERAND_TYPES:
        raise UnsupportedError(f"a tensor of type {name}")
    return _OPERAND_TYPES[name]


def dimensions(tensor: Tensor) -> tuple[int, ...]:
    """A tensor's dimensions in NNAPI, where a scalar is a vector of one.

    Raises ``UnsupportedError`` for an empty tensor: NNAPI takes a 0 for a dimension that is unknown.
    """
    if 0 in tensor.shape:
        raise UnsupportedError(f"an empty tensor, of shape {list(tensor.shape)}")
    return tensor.shape or (1,)
