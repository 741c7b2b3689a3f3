"""Every constant of the NNAPI, under its own name.

Values are those of Android's ``NeuralNetworksTypes.h``; a name is the C constant's without its
``ANEURALNETWORKS_`` prefix and without the words that its enumeration already says.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class OperandType(IntEnum):
    """What an operand holds: a scalar, a tensor, or a referenced model (NNAPI ``OperandCode``)."""

    FLOAT32 = 0
    INT32 = 1
    UINT32 = 2
    TENSOR_FLOAT32 = 3
    TENSOR_INT32 = 4
    TENSOR_QUANT8_ASYMM = 5
    BOOL = 6
    TENSOR_QUANT16_SYMM = 7
    TENSOR_FLOAT16 = 8
    TENSOR_BOOL8 = 9
    FLOAT16 = 10
    TENSOR_QUANT8_SYMM_PER_CHANNEL = 11
    TENSOR_QUANT16_ASYMM = 12
    TENSOR_QUANT8_SYMM = 13
    TENSOR_QUANT8_ASYMM_SIGNED = 14
    MODEL = 15

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The NumPy type of one stored element. ``MODEL`` stores none and raises ``KeyError``."""
        return _DTYPES[self]

    @property
    def is_tensor(self) -> bool:
        """Whether operands of this type have dimensions."""
        return self not in _NOT_TENSORS

    @property
    def zero_points(self) -> range:
        """The zero points that the type allows; only 0 where it is not asymmetrically quantised."""
        return _ZERO_POINTS.get(self, range(1))

    @property
    def has_scale(self) -> bool:
        """Whether the type needs a scale above 0."""
        return self in _SCALED


_DTYPES: dict[OperandType, np.dtype[np.generic]] = {
    operand_type: np.dtype(name)
    for operand_type, name in {
        OperandType.FLOAT32: "float32",
        OperandType.INT32: "int32",
        OperandType.UINT32: "uint32",
        OperandType.TENSOR_FLOAT32: "float32",
        OperandType.TENSOR_INT32: "int32",
        OperandType.TENSOR_QUANT8_ASYMM: "uint8",
        OperandType.BOOL: "bool",
        OperandType.TENSOR_QUANT16_SYMM: "int16",
        OperandType.TENSOR_FLOAT16: "float16",
        OperandType.TENSOR_BOOL8: "bool",
        OperandType.FLOAT16: "float16",
        OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL: "int8",
        OperandType.TENSOR_QUANT16_ASYMM: "uint16",
        OperandType.TENSOR_QUANT8_SYMM: "int8",
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED: "int8",
    }.items()
}
_NOT_TENSORS = frozenset(
    {
        OperandType.FLOAT32,
        OperandType.INT32,
        OperandType.UINT32,
        OperandType.BOOL,
        OperandType.FLOAT16,
        OperandType.MODEL,
    }
)
_ZERO_POINTS = {
    OperandType.TENSOR_QUANT8_ASYMM: range(256),
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: range(-128, 128),
    OperandType.TENSOR_QUANT16_ASYMM: range(65536),
}
_SCALED = frozenset(
    {
        OperandType.TENSOR_QUANT8_ASYMM,
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED,
        OperandType.TENSOR_QUANT8_SYMM,
        OperandType.TENSOR_QUANT16_SYMM,
        OperandType.TENSOR_QUANT16_ASYMM,
    }
)


OEM_SCALAR, TENSOR_OEM_BYTE = 10000, 10001
"""Operand types that NNAPI has deprecated: vendors gave them their meaning, where extensions now do."""

OEM_OPERATION = 10000
"""The deprecated operation type for vendors' own."""


class OperationType(IntEnum):
    """What an operation computes (NNAPI ``OperationCode``)."""

    ADD = 0
    AVERAGE_POOL_2D = 1
    CONCATENATION = 2
    CONV_2D = 3
    DEPTHWISE_CONV_2D = 4
    DEPTH_TO_SPACE = 5
    DEQUANTIZE = 6
    EMBEDDING_LOOKUP = 7
    FLOOR = 8
    FULLY_CONNECTED = 9
    HASHTABLE_LOOKUP = 10
    L2_NORMALIZATION = 11
    L2_POOL_2D = 12
    LOCAL_RESPONSE_NORMALIZATION = 13
    LOGISTIC = 14
    LSH_PROJECTION = 15
    LSTM = 16
    MAX_POOL_2D = 17
    MUL = 18
    RELU = 19
    RELU1 = 20
    RELU6 = 21
    RESHAPE = 22
    RESIZE_BILINEAR = 23
    RNN = 24
    SOFTMAX = 25
    SPACE_TO_DEPTH = 26
    SVDF = 27
    TANH = 28
    BATCH_TO_SPACE_ND = 29
    DIV = 30
    MEAN = 31
    PAD = 32
    SPACE_TO_BATCH_ND = 33
    SQUEEZE = 34
    STRIDED_SLICE = 35
    SUB = 36
    TRANSPOSE = 37
    ABS = 38
    ARGMAX = 39
    ARGMIN = 40
    AXIS_ALIGNED_BBOX_TRANSFORM = 41
    BIDIRECTIONAL_SEQUENCE_LSTM = 42
    BIDIRECTIONAL_SEQUENCE_RNN = 43
    BOX_WITH_NMS_LIMIT = 44
    CAST = 45
    CHANNEL_SHUFFLE = 46
    DETECTION_POSTPROCESSING = 47
    EQUAL = 48
    EXP = 49
    EXPAND_DIMS = 50
    GATHER = 51
    GENERATE_PROPOSALS = 52
    GREATER = 53
    GREATER_EQUAL = 54
    GROUPED_CONV_2D = 55
    HEATMAP_MAX_KEYPOINT = 56
    INSTANCE_NORMALIZATION = 57
    LESS = 58
    LESS_EQUAL = 59
    LOG = 60
    LOGICAL_AND = 61
    LOGICAL_NOT = 62
    LOGICAL_OR = 63
    LOG_SOFTMAX = 64
    MAXIMUM = 65
    MINIMUM = 66
    NEG = 67
    NOT_EQUAL = 68
    PAD_V2 = 69
    POW = 70
    PRELU = 71
    QUANTIZE = 72
    QUANTIZED_16BIT_LSTM = 73
    RANDOM_MULTINOMIAL = 74
    REDUCE_ALL = 75
    REDUCE_ANY = 76
    REDUCE_MAX = 77
    REDUCE_MIN = 78
    REDUCE_PROD = 79
    REDUCE_SUM = 80
    ROI_ALIGN = 81
    ROI_POOLING = 82
    RSQRT = 83
    SELECT = 84
    SIN = 85
    SLICE = 86
    SPLIT = 87
    SQRT = 88
    TILE = 89
    TOPK_V2 = 90
    TRANSPOSE_CONV_2D = 91
    UNIDIRECTIONAL_SEQUENCE_LSTM = 92
    UNIDIRECTIONAL_SEQUENCE_RNN = 93
    RESIZE_NEAREST_NEIGHBOR = 94
    QUANTIZED_LSTM = 95
    IF = 96
    WHILE = 97
    ELU = 98
    HARD_SWISH = 99
    FILL = 100
    RANK = 101
    BATCH_MATMUL = 102
    PACK = 103
    MIRROR_PAD = 104
    REVERSE = 105
    DENSIFY = 20000  # experimental in Android


class FuseCode(IntEnum):
    """The activation that an operation applies to its result."""

    NONE = 0
    RELU = 1
    RELU1 = 2
    RELU6 = 3


class PaddingCode(IntEnum):
    """Implicit padding: ``SAME`` keeps ceil(size / stride), ``VALID`` pads nothing."""

    SAME = 1
    VALID = 2


class PreferenceCode(IntEnum):
    """What a compilation optimises for."""

    LOW_POWER = 0
    FAST_SINGLE_ANSWER = 1
    SUSTAINED_SPEED = 2


class DeviceType(IntEnum):
    """The kind of a device (NNAPI ``DeviceTypeCode``)."""

    UNKNOWN = 0
    OTHER = 1
    CPU = 2
    GPU = 3
    ACCELERATOR = 4


class FeatureLevel(IntEnum):
    """NNAPI's feature levels; levels 1 to 5 carry the Android API level that introduced them."""

    LEVEL_1 = 27
    LEVEL_2 = 28
    LEVEL_3 = 29
    LEVEL_4 = 30
    LEVEL_5 = 31
    LEVEL_6 = 1000006
    LEVEL_7 = 1000007
    LEVEL_8 = 1000008


class ResultCode(IntEnum):
    """How a call ended."""

    NO_ERROR = 0
    OUT_OF_MEMORY = 1
    INCOMPLETE = 2
    UNEXPECTED_NULL = 3
    BAD_DATA = 4
    OP_FAILED = 5
    BAD_STATE = 6
    UNMAPPABLE = 7
    OUTPUT_INSUFFICIENT_SIZE = 8
    UNAVAILABLE_DEVICE = 9
    MISSED_DEADLINE_TRANSIENT = 10
    MISSED_DEADLINE_PERSISTENT = 11
    RESOURCE_EXHAUSTED_TRANSIENT = 12
    RESOURCE_EXHAUSTED_PERSISTENT = 13
    DEAD_OBJECT = 14


class DurationCode(IntEnum):
    """Which duration of an execution is asked for."""

    ON_HARDWARE = 0
    IN_DRIVER = 1
    FENCED_ON_HARDWARE = 2
    FENCED_IN_DRIVER = 3


class Priority(IntEnum):
    """How urgent a compilation's executions are, relative to the same application's others."""

    LOW = 90
    MEDIUM = 100
    HIGH = 110
    DEFAULT = 100
