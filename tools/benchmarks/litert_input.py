"""A TFLite file in the form that LiteRT's quantiser can do most with; its outputs stay the same to the bit.

MediaPipe's files are older than that quantiser, and not what its documentation asks for (float32). It takes
every operator of a file without the newer field for operator codes for ADD, weights behind a DEQUANTIZE for
activations, and leaves custom operators float. A RELU that stands alone is rounded twice, and has half of its
input's grid below zero.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

from hal.errors import BadDataError

SIGNATURE = "serving_default"
"""By what name calibration calls the network."""

_Code = schema.BuiltinOperator
_ENDING = (_Code.RESHAPE, _Code.CONCATENATION, _Code.LOGISTIC)
_FUSING = (_Code.CONV_2D, _Code.DEPTHWISE_CONV_2D, _Code.ADD)
_PADDINGS = {1: schema.Padding.SAME, 2: schema.Padding.VALID}


class FloatFile:
    """A TFLite file of one subgraph with constant weights, rewritten.

    Raises ``BadDataError`` for a constant DEQUANTIZE of anything but float16, and for custom operators other
    than MediaPipe's transposed convolution.
    """

    def __init__(self, content: bytes) -> None:
        self._model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
        (self._graph,) = self._model.subgraphs
        for code in self._model.operatorCodes:
            code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
        self._fold_dequantize()
        self._fuse_relu()
        self._name_transposed_convolutions()
        self._sign()

    @property
    def content(self) -> bytes:
        """The file."""
        return bytes(flatbuffer_utils.convert_object_to_bytearray(self._model))

    @property
    def ending(self) -> list[str]:
        """The results of operators that only bring results in form on their way to the outputs.

        ``nnhal.quantize`` leaves such operations on small tensors float where outputs are.
        """
        tail: list[str] = []
        leading_out = {index for index in self._graph.outputs if not self._readers(index)}
        for operator in reversed(self._graph.operators):
            if leading_out.issuperset(operator.outputs) and self._code(operator) in _ENDING:
                tail += [self._graph.tensors[index].name.decode() for index in operator.outputs]
                leading_out |= {index for index in operator.inputs if len(self._readers(index)) == 1}
        return tail

    def _code(self, operator: schema.OperatorT) -> int:
        return self._model.operatorCodes[operator.opcodeIndex].builtinCode

    def _readers(self, index: int) -> list[schema.OperatorT]:
        return [operator for operator in self._graph.operators if index in operator.inputs]

    def _drop(self, operators: list[schema.OperatorT]) -> None:
        self._graph.operators = [each for each in self._graph.operators if not any(each is gone for gone in operators)]

    def _add_buffer(self, values: NDArray[Any]) -> int:
        buffer = schema.BufferT()
        buffer.data = values.view(np.uint8)
        self._model.buffers.append(buffer)
        return len(self._model.buffers) - 1

    def _fold_dequantize(self) -> None:
        folded = []
        for operator in self._graph.operators:
            source = self._graph.tensors[operator.inputs[0]]
            data = self._model.buffers[source.buffer].data
            if self._code(operator) != _Code.DEQUANTIZE or data is None or not len(data):
                continue
            if source.type != schema.TensorType.FLOAT16:
                raise BadDataError(f"{source.name.decode()} is no float16 weight; only those can be made float32")
            half = np.frombuffer(bytes(bytearray(data)), np.float16)
            self._graph.tensors[operator.outputs[0]].buffer = self._add_buffer(half.astype(np.float32))
            folded.append(operator)
        self._drop(folded)

    def _fuse_relu(self) -> None:
        fused = []
        writers = {index: operator for operator in self._graph.operators for index in operator.outputs}
        for operator in self._graph.operators:
            source = operator.inputs[0]
            writer = writers.get(source)
            if self._code(operator) != _Code.RELU or writer is None or self._code(writer) not in _FUSING:
                continue
            is_free = writer.builtinOptions.fusedActivationFunction == schema.ActivationFunctionType.NONE
            if is_free and len(self._readers(source)) == 1 and source not in self._graph.outputs:
                writer.builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.RELU
                writer.outputs = operator.outputs
                fused.append(operator)
        self._drop(fused)

    def _name_transposed_convolutions(self) -> None:
        """TFLite's own TRANSPOSE_CONV for MediaPipe's custom operator with the same arithmetic."""
        for operator in self._graph.operators:
            if self._code(operator) != _Code.CUSTOM:
                continue
            name = self._model.operatorCodes[operator.opcodeIndex].customCode.decode()
            if name != "Convolution2DTransposeBias":
                raise BadDataError(f"'{name}' is a custom operator; the only one known is Convolution2DTransposeBias")
            padding, width, height = struct.unpack_from("<3i", bytes(bytearray(operator.customOptions)))
            source, weights, bias = operator.inputs
            sizes = np.array(self._graph.tensors[operator.outputs[0]].shape, np.int32)
            shape = schema.TensorT()
            shape.name, shape.shape, shape.type = f"{name}/shape".encode(), [4], schema.TensorType.INT32
            shape.buffer = self._add_buffer(sizes)
            self._graph.tensors.append(shape)
            operator.inputs = [len(self._graph.tensors) - 1, weights, source, bias]
            options = schema.TransposeConvOptionsT()
            options.padding, options.strideW, options.strideH = _PADDINGS[padding], width, height
            operator.builtinOptions = options
            operator.builtinOptionsType = schema.BuiltinOptions.TransposeConvOptions
            operator.customOptions = None
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = _Code.TRANSPOSE_CONV
            code.version = 3  # the first with a bias
            self._model.operatorCodes.append(code)
            operator.opcodeIndex = len(self._model.operatorCodes) - 1

    def _sign(self) -> None:
        signature = schema.SignatureDefT()
        signature.signatureKey = SIGNATURE.encode()
        signature.subgraphIndex = 0
        signature.inputs = [self._named(index) for index in self._graph.inputs]
        signature.outputs = [self._named(index) for index in self._graph.outputs]
        self._model.signatureDefs = [signature]

    def _named(self, index: int) -> schema.TensorMapT:
        named = schema.TensorMapT()
        named.name, named.tensorIndex = self._graph.tensors[index].name, index
        return named
