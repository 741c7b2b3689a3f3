"""A TFLite file on its way: the tensors and operators made so far, by LiteRT's own schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hal.model import Operand, Operation, Subgraph
from hal.operations.declaration import Arguments
from hal.types import FuseCode, OperandType
from tools.extras import needs

Array = NDArray[Any]

_VERSION = 3
_IDENTIFIER = b"TFL3"

_TYPES = {
    OperandType.TENSOR_FLOAT32: "FLOAT32",
    OperandType.TENSOR_FLOAT16: "FLOAT16",
    OperandType.TENSOR_INT32: "INT32",
    OperandType.TENSOR_BOOL8: "BOOL",
    OperandType.TENSOR_QUANT8_ASYMM: "UINT8",
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: "INT8",
    OperandType.TENSOR_QUANT8_SYMM: "INT8",
    OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL: "INT8",
}
_ACTIVATIONS = {FuseCode.NONE: "NONE", FuseCode.RELU: "RELU", FuseCode.RELU1: "RELU_N1_TO_1", FuseCode.RELU6: "RELU6"}


class InexpressibleError(Exception):
    """Something about an operation that TFLite has no words for; the message says what."""


class Exporter:
    """One subgraph on its way into a file."""

    def __init__(self, subgraph: Subgraph) -> None:
        with needs("bench"):
            from ai_edge_litert import schema_py_generated as schema
        self.schema: Any = schema
        self.subgraph = subgraph
        self._tensors: list[Any] = []
        self._buffers: list[Any] = [schema.BufferT()]  # the first one stands for no value
        self._codes: list[int] = []
        self._operators: list[Any] = []
        self._made: dict[tuple[int, tuple[float, ...] | None], int] = {}

    def tensor(self, index: int, scales: tuple[float, ...] | None = None) -> int:
        """The tensor that stands for an operand; ``scales``: of a bias's values, where NNAPI leaves them out."""
        if (index, scales) not in self._made:
            operand = self.subgraph.operands[index]
            self._made[index, scales] = self._add(
                f"operand_{index}",
                _type(operand),
                operand.dimensions,
                operand.value,
                self._quantization(operand) if scales is None else self._scaled(scales, [0] * len(scales), 0),
            )
        return self._made[index, scales]

    def constant(self, value: Array | Sequence[int] | Sequence[tuple[int, int]]) -> int:
        """A new constant tensor of int32."""
        array = np.asarray(value, np.int32)
        return self._add(f"constant_{len(self._tensors)}", "INT32", array.shape, array, None)

    def value(self, like: int, dimensions: Sequence[int]) -> int:
        """A new tensor of an operand's type and scale, with other dimensions."""
        operand = self.subgraph.operands[like]
        name = f"value_{len(self._tensors)}"
        return self._add(name, _type(operand), dimensions, None, self._quantization(operand))

    def emit(
        self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: str = "", **fields: object
    ) -> None:
        """Add the operator ``name`` over tensors, with the ``fields`` of its table of ``options``."""
        schema = self.schema
        code = getattr(schema.BuiltinOperator, name)
        if code not in self._codes:
            self._codes.append(code)
        operator = schema.OperatorT(self._codes.index(code), list(inputs), list(outputs))
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, f"{options}T")(**fields)
        self._operators.append(operator)

    def content(self) -> bytes:
        """The file's bytes."""
        with needs("bench"):
            import flatbuffers
        schema = self.schema
        ends = [[self.tensor(index) for index in each] for each in (self.subgraph.inputs, self.subgraph.outputs)]
        graph = schema.SubGraphT(self._tensors, *ends, self._operators, "main")
        placeholder = schema.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES
        codes = [schema.OperatorCodeT(min(code, placeholder), builtinCode=code) for code in self._codes]
        model = schema.ModelT(_VERSION, codes, [graph], "nnhal", self._buffers)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), _IDENTIFIER)
        return bytes(builder.Output())

    def _add(self, name: str, kind: str, dimensions: Sequence[int], value: Array | None, quantization: object) -> int:
        buffer = 0
        if value is not None:
            buffer = len(self._buffers)
            self._buffers.append(self.schema.BufferT(np.ascontiguousarray(value).reshape(-1).view(np.uint8)))
        shape = np.array(dimensions, np.int32)
        kind_code = getattr(self.schema.TensorType, kind)
        self._tensors.append(self.schema.TensorT(shape, kind_code, buffer, name, quantization))
        return len(self._tensors) - 1

    def _quantization(self, operand: Operand) -> object:
        if operand.per_channel is not None:
            scales = operand.per_channel.scales
            return self._scaled(scales, [0] * len(scales), operand.per_channel.channel_dim)
        if not operand.scale:
            return None
        return self._scaled((operand.scale,), [operand.zero_point], 0)

    def _scaled(self, scales: Sequence[float], zero_points: Sequence[int], dimension: int) -> object:
        return self.schema.QuantizationParametersT(
            scale=np.array(scales, np.float32), zeroPoint=np.array(zero_points, np.int64), quantizedDimension=dimension
        )


class Conversion:
    """One operation being converted: what its function in ``operators`` reads and emits. ``arguments``: its inputs."""

    def __init__(self, exporter: Exporter, operation: Operation, arguments: Arguments) -> None:
        self.exporter = exporter
        self.operation = operation
        self.arguments = arguments

    def operand(self, position: int) -> Operand:
        """An input's operand."""
        return self.exporter.subgraph.operands[self.operation.inputs[position]]

    @property
    def result(self) -> Operand:
        """The first output's operand."""
        return self.exporter.subgraph.operands[self.operation.outputs[0]]

    def input(self, position: int, scales: tuple[float, ...] | None = None) -> int:
        """An input's tensor."""
        return self.exporter.tensor(self.operation.inputs[position], scales)

    def constant(self, position: int) -> int:
        """The tensor of an input that TFLite needs to be a constant."""
        if self.operand(position).value is None:
            raise InexpressibleError(f"an input {position} that is no constant")
        return self.input(position)

    def bias(self) -> int:
        """The third input's tensor; quantised ones get the scales that their sums have."""
        first, weights = self.operand(0), self.operand(1)
        if not first.scale:
            return self.input(2)
        channels = (weights.scale,) if weights.per_channel is None else weights.per_channel.scales
        return self.input(2, tuple(float(np.float32(first.scale) * np.float32(each)) for each in channels))

    def activation(self) -> int:
        """TFLite's number of the fused activation."""
        name = _ACTIVATIONS[FuseCode(self.arguments.activation)]
        return int(getattr(self.exporter.schema.ActivationFunctionType, name))

    def refuse_nchw(self) -> None:
        """Raise ``InexpressibleError`` for images whose channels come first."""
        if self.arguments.nchw:
            raise InexpressibleError("images whose channels come first")

    def emit(self, name: str, inputs: Sequence[int], options: str = "", **fields: object) -> None:
        """Add the operator that computes the operation's outputs."""
        outputs = [self.exporter.tensor(index) for index in self.operation.outputs]
        self.exporter.emit(name, inputs, outputs, options, **fields)


def _type(operand: Operand) -> str:
    known = _TYPES.get(OperandType(operand.type)) if isinstance(operand.type, OperandType) else None
    if known is None:
        raise InexpressibleError(f"an operand of type {operand.type!r}")
    return known
