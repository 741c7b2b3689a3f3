"""TFLite files made by hand."""

from dataclasses import dataclass, field

import flatbuffers
import numpy as np
import tflite


@dataclass
class T:
    """A tensor; ``value``: a constant's array. ``sparsity``: (traversal order, block map, levels).

    ``quantization``: (scales, zero points, the dimension that they are along), arrays.
    """

    shape: tuple = ()
    type: str = "FLOAT32"
    value: np.ndarray | None = None
    sparsity: tuple | None = None
    buffer: int | None = None
    is_variable: bool = False
    quantization: tuple | None = None


@dataclass
class Op:
    """An operator: ``options`` are (the options table's name, its fields)."""

    name: str
    inputs: list
    outputs: list
    options: tuple = ()
    custom_options: bytes = b""


@dataclass
class Graph:
    tensors: list
    operators: list
    inputs: list = field(default_factory=lambda: [0])
    outputs: list | None = None


class Writer:
    """Writes a TFLite file with the generated builders."""

    def __init__(self):
        self.builder = flatbuffers.Builder(1024)
        self.codes, self.buffers = [], [b""]

    def file(self, graphs, version=3):
        subgraphs = [self.graph(graph) for graph in graphs]
        codes = [self.code(name) for name in self.codes]
        buffers = [self.table("Buffer", Data=self.bytes(data) if data else None) for data in self.buffers]
        vectors = {
            "Subgraphs": self.offsets(subgraphs), "OperatorCodes": self.offsets(codes), "Buffers": self.offsets(buffers)
        }  # fmt: skip
        root = self.table("Model", Version=version, **vectors)
        self.builder.Finish(root, b"TFL3")
        return bytes(self.builder.Output())

    def graph(self, graph):
        tensors = [self.tensor(tensor) for tensor in graph.tensors]
        operators = [self.operator(operator) for operator in graph.operators]
        outputs = graph.operators[-1].outputs if graph.outputs is None else graph.outputs
        return self.table(
            "SubGraph",
            Tensors=self.offsets(tensors),
            Operators=self.offsets(operators),
            Inputs=self.ints(graph.inputs),
            Outputs=self.ints(outputs),
        )

    def tensor(self, tensor):
        buffer, shape, kind = tensor.buffer or 0, tensor.shape, tensor.type
        if tensor.value is not None:
            buffer = len(self.buffers)
            self.buffers.append(tensor.value.tobytes())
            kind = tensor.value.dtype.name.upper()
            shape = tensor.value.shape if tensor.sparsity is None else shape
        return self.table(
            "Tensor",
            Shape=self.ints(shape),
            Type=getattr(tflite.TensorType, kind),
            Buffer=buffer,
            IsVariable=tensor.is_variable,
            Sparsity=None if tensor.sparsity is None else self.sparsity(*tensor.sparsity),
            Quantization=None if tensor.quantization is None else self.quantization(*tensor.quantization),
        )

    def quantization(self, scales, zero_points, dimension):
        return self.table(
            "QuantizationParameters",
            Scale=self.builder.CreateNumpyVector(np.asarray(scales, np.float32)),
            ZeroPoint=self.builder.CreateNumpyVector(np.asarray(zero_points, np.int64)),
            QuantizedDimension=dimension,
        )

    def sparsity(self, traversal_order, block_map, levels):
        metadata = []
        for level in levels:
            if isinstance(level, int):
                metadata.append(self.table("DimensionMetadata", Format=0, DenseSize=level))
            else:
                (segments_type, segments), (indices_type, indices) = map(self.index_vector, level)
                metadata.append(
                    self.table(
                        "DimensionMetadata",
                        Format=1,
                        ArraySegmentsType=segments_type,
                        ArraySegments=segments,
                        ArrayIndicesType=indices_type,
                        ArrayIndices=indices,
                    )
                )
        return self.table(
            "SparsityParameters",
            TraversalOrder=self.ints(traversal_order),
            BlockMap=self.ints(block_map),
            DimMetadata=self.offsets(metadata),
        )

    def index_vector(self, values):
        name = {"int32": "Int32Vector", "uint16": "Uint16Vector", "uint8": "Uint8Vector"}[values.dtype.name]
        table = self.table(name, Values=self.builder.CreateNumpyVector(values))
        return getattr(tflite.SparseIndexVector, name), table

    def operator(self, operator):
        if operator.name not in self.codes:
            self.codes.append(operator.name)
        options = {}
        if operator.options:
            kind, fields = operator.options
            fields = {name: self.ints(value) if isinstance(value, list) else value for name, value in fields.items()}
            options = {
                "BuiltinOptionsType": getattr(tflite.BuiltinOptions, kind),
                "BuiltinOptions": self.table(kind, **fields),
            }
        if operator.custom_options:
            options["CustomOptions"] = self.bytes(operator.custom_options)
        return self.table(
            "Operator",
            OpcodeIndex=self.codes.index(operator.name),
            Inputs=self.ints(operator.inputs),
            Outputs=self.ints(operator.outputs),
            **options,
        )

    def code(self, name):
        number = getattr(tflite.BuiltinOperator, name, None)
        custom = self.builder.CreateString(name) if number is None else None
        number = tflite.BuiltinOperator.CUSTOM if number is None else number
        return self.table(
            "OperatorCode",
            BuiltinCode=number,
            DeprecatedBuiltinCode=min(number, 127),
            CustomCode=custom,
            Version=1,
        )

    def table(self, kind, **fields):
        getattr(tflite, f"{kind}Start")(self.builder)
        for name, value in fields.items():
            if value is not None:
                getattr(tflite, f"{kind}Add{name}")(self.builder, value)
        return getattr(tflite, f"{kind}End")(self.builder)

    def ints(self, values):
        return self.builder.CreateNumpyVector(np.array(values, np.int32))

    def bytes(self, data):
        self.builder.StartVector(1, len(data), 16)  # LiteRT wants tensors aligned
        self.builder.head = head = self.builder.Head() - len(data)
        self.builder.Bytes[head : head + len(data)] = data
        return self.builder.EndVector()

    def offsets(self, offsets):
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()
