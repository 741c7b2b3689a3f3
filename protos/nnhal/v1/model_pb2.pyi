from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OperandType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERAND_TYPE_FLOAT32: _ClassVar[OperandType]
    OPERAND_TYPE_INT32: _ClassVar[OperandType]
    OPERAND_TYPE_UINT32: _ClassVar[OperandType]
    OPERAND_TYPE_TENSOR_FLOAT32: _ClassVar[OperandType]
    OPERAND_TYPE_TENSOR_INT32: _ClassVar[OperandType]
    OPERAND_TYPE_TENSOR_QUANT8_ASYMM: _ClassVar[OperandType]
    OPERAND_TYPE_BOOL: _ClassVar[OperandType]
    OPERAND_TYPE_TENSOR_QUANT16_SYMM: _ClassVar[OperandType]
    OPERAND_TYPE_TENSOR_FLOAT16: _ClassVar[OperandType]
    OPERAND_TYPE_TENSOR_BOOL8: _ClassVar[OperandType]
    OPERAND_TYPE_FLOAT16: _ClassVar[OperandType]
    OPERAND_TYPE_TENSOR_QUANT8_SYMM_PER_CHANNEL: _ClassVar[OperandType]
    OPERAND_TYPE_TENSOR_QUANT16_ASYMM: _ClassVar[OperandType]
    OPERAND_TYPE_TENSOR_QUANT8_SYMM: _ClassVar[OperandType]
    OPERAND_TYPE_TENSOR_QUANT8_ASYMM_SIGNED: _ClassVar[OperandType]
    OPERAND_TYPE_MODEL: _ClassVar[OperandType]

class OperationType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_TYPE_ADD: _ClassVar[OperationType]
    OPERATION_TYPE_AVERAGE_POOL_2D: _ClassVar[OperationType]
    OPERATION_TYPE_CONCATENATION: _ClassVar[OperationType]
    OPERATION_TYPE_CONV_2D: _ClassVar[OperationType]
    OPERATION_TYPE_DEPTHWISE_CONV_2D: _ClassVar[OperationType]
    OPERATION_TYPE_DEPTH_TO_SPACE: _ClassVar[OperationType]
    OPERATION_TYPE_DEQUANTIZE: _ClassVar[OperationType]
    OPERATION_TYPE_EMBEDDING_LOOKUP: _ClassVar[OperationType]
    OPERATION_TYPE_FLOOR: _ClassVar[OperationType]
    OPERATION_TYPE_FULLY_CONNECTED: _ClassVar[OperationType]
    OPERATION_TYPE_HASHTABLE_LOOKUP: _ClassVar[OperationType]
    OPERATION_TYPE_L2_NORMALIZATION: _ClassVar[OperationType]
    OPERATION_TYPE_L2_POOL_2D: _ClassVar[OperationType]
    OPERATION_TYPE_LOCAL_RESPONSE_NORMALIZATION: _ClassVar[OperationType]
    OPERATION_TYPE_LOGISTIC: _ClassVar[OperationType]
    OPERATION_TYPE_LSH_PROJECTION: _ClassVar[OperationType]
    OPERATION_TYPE_LSTM: _ClassVar[OperationType]
    OPERATION_TYPE_MAX_POOL_2D: _ClassVar[OperationType]
    OPERATION_TYPE_MUL: _ClassVar[OperationType]
    OPERATION_TYPE_RELU: _ClassVar[OperationType]
    OPERATION_TYPE_RELU1: _ClassVar[OperationType]
    OPERATION_TYPE_RELU6: _ClassVar[OperationType]
    OPERATION_TYPE_RESHAPE: _ClassVar[OperationType]
    OPERATION_TYPE_RESIZE_BILINEAR: _ClassVar[OperationType]
    OPERATION_TYPE_RNN: _ClassVar[OperationType]
    OPERATION_TYPE_SOFTMAX: _ClassVar[OperationType]
    OPERATION_TYPE_SPACE_TO_DEPTH: _ClassVar[OperationType]
    OPERATION_TYPE_SVDF: _ClassVar[OperationType]
    OPERATION_TYPE_TANH: _ClassVar[OperationType]
    OPERATION_TYPE_BATCH_TO_SPACE_ND: _ClassVar[OperationType]
    OPERATION_TYPE_DIV: _ClassVar[OperationType]
    OPERATION_TYPE_MEAN: _ClassVar[OperationType]
    OPERATION_TYPE_PAD: _ClassVar[OperationType]
    OPERATION_TYPE_SPACE_TO_BATCH_ND: _ClassVar[OperationType]
    OPERATION_TYPE_SQUEEZE: _ClassVar[OperationType]
    OPERATION_TYPE_STRIDED_SLICE: _ClassVar[OperationType]
    OPERATION_TYPE_SUB: _ClassVar[OperationType]
    OPERATION_TYPE_TRANSPOSE: _ClassVar[OperationType]
    OPERATION_TYPE_ABS: _ClassVar[OperationType]
    OPERATION_TYPE_ARGMAX: _ClassVar[OperationType]
    OPERATION_TYPE_ARGMIN: _ClassVar[OperationType]
    OPERATION_TYPE_AXIS_ALIGNED_BBOX_TRANSFORM: _ClassVar[OperationType]
    OPERATION_TYPE_BIDIRECTIONAL_SEQUENCE_LSTM: _ClassVar[OperationType]
    OPERATION_TYPE_BIDIRECTIONAL_SEQUENCE_RNN: _ClassVar[OperationType]
    OPERATION_TYPE_BOX_WITH_NMS_LIMIT: _ClassVar[OperationType]
    OPERATION_TYPE_CAST: _ClassVar[OperationType]
    OPERATION_TYPE_CHANNEL_SHUFFLE: _ClassVar[OperationType]
    OPERATION_TYPE_DETECTION_POSTPROCESSING: _ClassVar[OperationType]
    OPERATION_TYPE_EQUAL: _ClassVar[OperationType]
    OPERATION_TYPE_EXP: _ClassVar[OperationType]
    OPERATION_TYPE_EXPAND_DIMS: _ClassVar[OperationType]
    OPERATION_TYPE_GATHER: _ClassVar[OperationType]
    OPERATION_TYPE_GENERATE_PROPOSALS: _ClassVar[OperationType]
    OPERATION_TYPE_GREATER: _ClassVar[OperationType]
    OPERATION_TYPE_GREATER_EQUAL: _ClassVar[OperationType]
    OPERATION_TYPE_GROUPED_CONV_2D: _ClassVar[OperationType]
    OPERATION_TYPE_HEATMAP_MAX_KEYPOINT: _ClassVar[OperationType]
    OPERATION_TYPE_INSTANCE_NORMALIZATION: _ClassVar[OperationType]
    OPERATION_TYPE_LESS: _ClassVar[OperationType]
    OPERATION_TYPE_LESS_EQUAL: _ClassVar[OperationType]
    OPERATION_TYPE_LOG: _ClassVar[OperationType]
    OPERATION_TYPE_LOGICAL_AND: _ClassVar[OperationType]
    OPERATION_TYPE_LOGICAL_NOT: _ClassVar[OperationType]
    OPERATION_TYPE_LOGICAL_OR: _ClassVar[OperationType]
    OPERATION_TYPE_LOG_SOFTMAX: _ClassVar[OperationType]
    OPERATION_TYPE_MAXIMUM: _ClassVar[OperationType]
    OPERATION_TYPE_MINIMUM: _ClassVar[OperationType]
    OPERATION_TYPE_NEG: _ClassVar[OperationType]
    OPERATION_TYPE_NOT_EQUAL: _ClassVar[OperationType]
    OPERATION_TYPE_PAD_V2: _ClassVar[OperationType]
    OPERATION_TYPE_POW: _ClassVar[OperationType]
    OPERATION_TYPE_PRELU: _ClassVar[OperationType]
    OPERATION_TYPE_QUANTIZE: _ClassVar[OperationType]
    OPERATION_TYPE_QUANTIZED_16BIT_LSTM: _ClassVar[OperationType]
    OPERATION_TYPE_RANDOM_MULTINOMIAL: _ClassVar[OperationType]
    OPERATION_TYPE_REDUCE_ALL: _ClassVar[OperationType]
    OPERATION_TYPE_REDUCE_ANY: _ClassVar[OperationType]
    OPERATION_TYPE_REDUCE_MAX: _ClassVar[OperationType]
    OPERATION_TYPE_REDUCE_MIN: _ClassVar[OperationType]
    OPERATION_TYPE_REDUCE_PROD: _ClassVar[OperationType]
    OPERATION_TYPE_REDUCE_SUM: _ClassVar[OperationType]
    OPERATION_TYPE_ROI_ALIGN: _ClassVar[OperationType]
    OPERATION_TYPE_ROI_POOLING: _ClassVar[OperationType]
    OPERATION_TYPE_RSQRT: _ClassVar[OperationType]
    OPERATION_TYPE_SELECT: _ClassVar[OperationType]
    OPERATION_TYPE_SIN: _ClassVar[OperationType]
    OPERATION_TYPE_SLICE: _ClassVar[OperationType]
    OPERATION_TYPE_SPLIT: _ClassVar[OperationType]
    OPERATION_TYPE_SQRT: _ClassVar[OperationType]
    OPERATION_TYPE_TILE: _ClassVar[OperationType]
    OPERATION_TYPE_TOPK_V2: _ClassVar[OperationType]
    OPERATION_TYPE_TRANSPOSE_CONV_2D: _ClassVar[OperationType]
    OPERATION_TYPE_UNIDIRECTIONAL_SEQUENCE_LSTM: _ClassVar[OperationType]
    OPERATION_TYPE_UNIDIRECTIONAL_SEQUENCE_RNN: _ClassVar[OperationType]
    OPERATION_TYPE_RESIZE_NEAREST_NEIGHBOR: _ClassVar[OperationType]
    OPERATION_TYPE_QUANTIZED_LSTM: _ClassVar[OperationType]
    OPERATION_TYPE_IF: _ClassVar[OperationType]
    OPERATION_TYPE_WHILE: _ClassVar[OperationType]
    OPERATION_TYPE_ELU: _ClassVar[OperationType]
    OPERATION_TYPE_HARD_SWISH: _ClassVar[OperationType]
    OPERATION_TYPE_FILL: _ClassVar[OperationType]
    OPERATION_TYPE_RANK: _ClassVar[OperationType]
    OPERATION_TYPE_BATCH_MATMUL: _ClassVar[OperationType]
    OPERATION_TYPE_PACK: _ClassVar[OperationType]
    OPERATION_TYPE_MIRROR_PAD: _ClassVar[OperationType]
    OPERATION_TYPE_REVERSE: _ClassVar[OperationType]
    OPERATION_TYPE_DENSIFY: _ClassVar[OperationType]

class Lifetime(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LIFETIME_TEMPORARY_VARIABLE: _ClassVar[Lifetime]
    LIFETIME_SUBGRAPH_INPUT: _ClassVar[Lifetime]
    LIFETIME_SUBGRAPH_OUTPUT: _ClassVar[Lifetime]
    LIFETIME_CONSTANT_COPY: _ClassVar[Lifetime]
    LIFETIME_CONSTANT_REFERENCE: _ClassVar[Lifetime]
    LIFETIME_NO_VALUE: _ClassVar[Lifetime]
    LIFETIME_SUBGRAPH: _ClassVar[Lifetime]
OPERAND_TYPE_FLOAT32: OperandType
OPERAND_TYPE_INT32: OperandType
OPERAND_TYPE_UINT32: OperandType
OPERAND_TYPE_TENSOR_FLOAT32: OperandType
OPERAND_TYPE_TENSOR_INT32: OperandType
OPERAND_TYPE_TENSOR_QUANT8_ASYMM: OperandType
OPERAND_TYPE_BOOL: OperandType
OPERAND_TYPE_TENSOR_QUANT16_SYMM: OperandType
OPERAND_TYPE_TENSOR_FLOAT16: OperandType
OPERAND_TYPE_TENSOR_BOOL8: OperandType
OPERAND_TYPE_FLOAT16: OperandType
OPERAND_TYPE_TENSOR_QUANT8_SYMM_PER_CHANNEL: OperandType
OPERAND_TYPE_TENSOR_QUANT16_ASYMM: OperandType
OPERAND_TYPE_TENSOR_QUANT8_SYMM: OperandType
OPERAND_TYPE_TENSOR_QUANT8_ASYMM_SIGNED: OperandType
OPERAND_TYPE_MODEL: OperandType
OPERATION_TYPE_ADD: OperationType
OPERATION_TYPE_AVERAGE_POOL_2D: OperationType
OPERATION_TYPE_CONCATENATION: OperationType
OPERATION_TYPE_CONV_2D: OperationType
OPERATION_TYPE_DEPTHWISE_CONV_2D: OperationType
OPERATION_TYPE_DEPTH_TO_SPACE: OperationType
OPERATION_TYPE_DEQUANTIZE: OperationType
OPERATION_TYPE_EMBEDDING_LOOKUP: OperationType
OPERATION_TYPE_FLOOR: OperationType
OPERATION_TYPE_FULLY_CONNECTED: OperationType
OPERATION_TYPE_HASHTABLE_LOOKUP: OperationType
OPERATION_TYPE_L2_NORMALIZATION: OperationType
OPERATION_TYPE_L2_POOL_2D: OperationType
OPERATION_TYPE_LOCAL_RESPONSE_NORMALIZATION: OperationType
OPERATION_TYPE_LOGISTIC: OperationType
OPERATION_TYPE_LSH_PROJECTION: OperationType
OPERATION_TYPE_LSTM: OperationType
OPERATION_TYPE_MAX_POOL_2D: OperationType
OPERATION_TYPE_MUL: OperationType
OPERATION_TYPE_RELU: OperationType
OPERATION_TYPE_RELU1: OperationType
OPERATION_TYPE_RELU6: OperationType
OPERATION_TYPE_RESHAPE: OperationType
OPERATION_TYPE_RESIZE_BILINEAR: OperationType
OPERATION_TYPE_RNN: OperationType
OPERATION_TYPE_SOFTMAX: OperationType
OPERATION_TYPE_SPACE_TO_DEPTH: OperationType
OPERATION_TYPE_SVDF: OperationType
OPERATION_TYPE_TANH: OperationType
OPERATION_TYPE_BATCH_TO_SPACE_ND: OperationType
OPERATION_TYPE_DIV: OperationType
OPERATION_TYPE_MEAN: OperationType
OPERATION_TYPE_PAD: OperationType
OPERATION_TYPE_SPACE_TO_BATCH_ND: OperationType
OPERATION_TYPE_SQUEEZE: OperationType
OPERATION_TYPE_STRIDED_SLICE: OperationType
OPERATION_TYPE_SUB: OperationType
OPERATION_TYPE_TRANSPOSE: OperationType
OPERATION_TYPE_ABS: OperationType
OPERATION_TYPE_ARGMAX: OperationType
OPERATION_TYPE_ARGMIN: OperationType
OPERATION_TYPE_AXIS_ALIGNED_BBOX_TRANSFORM: OperationType
OPERATION_TYPE_BIDIRECTIONAL_SEQUENCE_LSTM: OperationType
OPERATION_TYPE_BIDIRECTIONAL_SEQUENCE_RNN: OperationType
OPERATION_TYPE_BOX_WITH_NMS_LIMIT: OperationType
OPERATION_TYPE_CAST: OperationType
OPERATION_TYPE_CHANNEL_SHUFFLE: OperationType
OPERATION_TYPE_DETECTION_POSTPROCESSING: OperationType
OPERATION_TYPE_EQUAL: OperationType
OPERATION_TYPE_EXP: OperationType
OPERATION_TYPE_EXPAND_DIMS: OperationType
OPERATION_TYPE_GATHER: OperationType
OPERATION_TYPE_GENERATE_PROPOSALS: OperationType
OPERATION_TYPE_GREATER: OperationType
OPERATION_TYPE_GREATER_EQUAL: OperationType
OPERATION_TYPE_GROUPED_CONV_2D: OperationType
OPERATION_TYPE_HEATMAP_MAX_KEYPOINT: OperationType
OPERATION_TYPE_INSTANCE_NORMALIZATION: OperationType
OPERATION_TYPE_LESS: OperationType
OPERATION_TYPE_LESS_EQUAL: OperationType
OPERATION_TYPE_LOG: OperationType
OPERATION_TYPE_LOGICAL_AND: OperationType
OPERATION_TYPE_LOGICAL_NOT: OperationType
OPERATION_TYPE_LOGICAL_OR: OperationType
OPERATION_TYPE_LOG_SOFTMAX: OperationType
OPERATION_TYPE_MAXIMUM: OperationType
OPERATION_TYPE_MINIMUM: OperationType
OPERATION_TYPE_NEG: OperationType
OPERATION_TYPE_NOT_EQUAL: OperationType
OPERATION_TYPE_PAD_V2: OperationType
OPERATION_TYPE_POW: OperationType
OPERATION_TYPE_PRELU: OperationType
OPERATION_TYPE_QUANTIZE: OperationType
OPERATION_TYPE_QUANTIZED_16BIT_LSTM: OperationType
OPERATION_TYPE_RANDOM_MULTINOMIAL: OperationType
OPERATION_TYPE_REDUCE_ALL: OperationType
OPERATION_TYPE_REDUCE_ANY: OperationType
OPERATION_TYPE_REDUCE_MAX: OperationType
OPERATION_TYPE_REDUCE_MIN: OperationType
OPERATION_TYPE_REDUCE_PROD: OperationType
OPERATION_TYPE_REDUCE_SUM: OperationType
OPERATION_TYPE_ROI_ALIGN: OperationType
OPERATION_TYPE_ROI_POOLING: OperationType
OPERATION_TYPE_RSQRT: OperationType
OPERATION_TYPE_SELECT: OperationType
OPERATION_TYPE_SIN: OperationType
OPERATION_TYPE_SLICE: OperationType
OPERATION_TYPE_SPLIT: OperationType
OPERATION_TYPE_SQRT: OperationType
OPERATION_TYPE_TILE: OperationType
OPERATION_TYPE_TOPK_V2: OperationType
OPERATION_TYPE_TRANSPOSE_CONV_2D: OperationType
OPERATION_TYPE_UNIDIRECTIONAL_SEQUENCE_LSTM: OperationType
OPERATION_TYPE_UNIDIRECTIONAL_SEQUENCE_RNN: OperationType
OPERATION_TYPE_RESIZE_NEAREST_NEIGHBOR: OperationType
OPERATION_TYPE_QUANTIZED_LSTM: OperationType
OPERATION_TYPE_IF: OperationType
OPERATION_TYPE_WHILE: OperationType
OPERATION_TYPE_ELU: OperationType
OPERATION_TYPE_HARD_SWISH: OperationType
OPERATION_TYPE_FILL: OperationType
OPERATION_TYPE_RANK: OperationType
OPERATION_TYPE_BATCH_MATMUL: OperationType
OPERATION_TYPE_PACK: OperationType
OPERATION_TYPE_MIRROR_PAD: OperationType
OPERATION_TYPE_REVERSE: OperationType
OPERATION_TYPE_DENSIFY: OperationType
LIFETIME_TEMPORARY_VARIABLE: Lifetime
LIFETIME_SUBGRAPH_INPUT: Lifetime
LIFETIME_SUBGRAPH_OUTPUT: Lifetime
LIFETIME_CONSTANT_COPY: Lifetime
LIFETIME_CONSTANT_REFERENCE: Lifetime
LIFETIME_NO_VALUE: Lifetime
LIFETIME_SUBGRAPH: Lifetime

class Location(_message.Message):
    __slots__ = ("shared", "inline")
    class Shared(_message.Message):
        __slots__ = ("region", "offset", "length")
        REGION_FIELD_NUMBER: _ClassVar[int]
        OFFSET_FIELD_NUMBER: _ClassVar[int]
        LENGTH_FIELD_NUMBER: _ClassVar[int]
        region: str
        offset: int
        length: int
        def __init__(self, region: _Optional[str] = ..., offset: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...
    SHARED_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    shared: Location.Shared
    inline: bytes
    def __init__(self, shared: _Optional[_Union[Location.Shared, _Mapping]] = ..., inline: _Optional[bytes] = ...) -> None: ...

class PerChannelQuantization(_message.Message):
    __slots__ = ("channel_dim", "scales")
    CHANNEL_DIM_FIELD_NUMBER: _ClassVar[int]
    SCALES_FIELD_NUMBER: _ClassVar[int]
    channel_dim: int
    scales: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, channel_dim: _Optional[int] = ..., scales: _Optional[_Iterable[float]] = ...) -> None: ...

class Operand(_message.Message):
    __slots__ = ("type", "dimensions", "scale", "zero_point", "lifetime", "location", "per_channel", "subgraph", "extension_data")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    ZERO_POINT_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    PER_CHANNEL_FIELD_NUMBER: _ClassVar[int]
    SUBGRAPH_FIELD_NUMBER: _ClassVar[int]
    EXTENSION_DATA_FIELD_NUMBER: _ClassVar[int]
    type: OperandType
    dimensions: _containers.RepeatedScalarFieldContainer[int]
    scale: float
    zero_point: int
    lifetime: Lifetime
    location: Location
    per_channel: PerChannelQuantization
    subgraph: int
    extension_data: bytes
    def __init__(self, type: _Optional[_Union[OperandType, str]] = ..., dimensions: _Optional[_Iterable[int]] = ..., scale: _Optional[float] = ..., zero_point: _Optional[int] = ..., lifetime: _Optional[_Union[Lifetime, str]] = ..., location: _Optional[_Union[Location, _Mapping]] = ..., per_channel: _Optional[_Union[PerChannelQuantization, _Mapping]] = ..., subgraph: _Optional[int] = ..., extension_data: _Optional[bytes] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("type", "inputs", "outputs")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    type: OperationType
    inputs: _containers.RepeatedScalarFieldContainer[int]
    outputs: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, type: _Optional[_Union[OperationType, str]] = ..., inputs: _Optional[_Iterable[int]] = ..., outputs: _Optional[_Iterable[int]] = ...) -> None: ...

class Subgraph(_message.Message):
    __slots__ = ("operands", "operations", "inputs", "outputs")
    OPERANDS_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    operands: _containers.RepeatedCompositeFieldContainer[Operand]
    operations: _containers.RepeatedCompositeFieldContainer[Operation]
    inputs: _containers.RepeatedScalarFieldContainer[int]
    outputs: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, operands: _Optional[_Iterable[_Union[Operand, _Mapping]]] = ..., operations: _Optional[_Iterable[_Union[Operation, _Mapping]]] = ..., inputs: _Optional[_Iterable[int]] = ..., outputs: _Optional[_Iterable[int]] = ...) -> None: ...

class Extension(_message.Message):
    __slots__ = ("name", "prefix")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    name: str
    prefix: int
    def __init__(self, name: _Optional[str] = ..., prefix: _Optional[int] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("main", "referenced", "relax_computation_float32_to_float16", "extensions")
    MAIN_FIELD_NUMBER: _ClassVar[int]
    REFERENCED_FIELD_NUMBER: _ClassVar[int]
    RELAX_COMPUTATION_FLOAT32_TO_FLOAT16_FIELD_NUMBER: _ClassVar[int]
    EXTENSIONS_FIELD_NUMBER: _ClassVar[int]
    main: Subgraph
    referenced: _containers.RepeatedCompositeFieldContainer[Subgraph]
    relax_computation_float32_to_float16: bool
    extensions: _containers.RepeatedCompositeFieldContainer[Extension]
    def __init__(self, main: _Optional[_Union[Subgraph, _Mapping]] = ..., referenced: _Optional[_Iterable[_Union[Subgraph, _Mapping]]] = ..., relax_computation_float32_to_float16: _Optional[bool] = ..., extensions: _Optional[_Iterable[_Union[Extension, _Mapping]]] = ...) -> None: ...
