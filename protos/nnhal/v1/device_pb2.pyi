from protos.nnhal.v1 import model_pb2 as _model_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResultCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESULT_CODE_NO_ERROR: _ClassVar[ResultCode]
    RESULT_CODE_OUT_OF_MEMORY: _ClassVar[ResultCode]
    RESULT_CODE_INCOMPLETE: _ClassVar[ResultCode]
    RESULT_CODE_UNEXPECTED_NULL: _ClassVar[ResultCode]
    RESULT_CODE_BAD_DATA: _ClassVar[ResultCode]
    RESULT_CODE_OP_FAILED: _ClassVar[ResultCode]
    RESULT_CODE_BAD_STATE: _ClassVar[ResultCode]
    RESULT_CODE_UNMAPPABLE: _ClassVar[ResultCode]
    RESULT_CODE_OUTPUT_INSUFFICIENT_SIZE: _ClassVar[ResultCode]
    RESULT_CODE_UNAVAILABLE_DEVICE: _ClassVar[ResultCode]
    RESULT_CODE_MISSED_DEADLINE_TRANSIENT: _ClassVar[ResultCode]
    RESULT_CODE_MISSED_DEADLINE_PERSISTENT: _ClassVar[ResultCode]
    RESULT_CODE_RESOURCE_EXHAUSTED_TRANSIENT: _ClassVar[ResultCode]
    RESULT_CODE_RESOURCE_EXHAUSTED_PERSISTENT: _ClassVar[ResultCode]
    RESULT_CODE_DEAD_OBJECT: _ClassVar[ResultCode]

class DeviceType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEVICE_TYPE_UNKNOWN: _ClassVar[DeviceType]
    DEVICE_TYPE_OTHER: _ClassVar[DeviceType]
    DEVICE_TYPE_CPU: _ClassVar[DeviceType]
    DEVICE_TYPE_GPU: _ClassVar[DeviceType]
    DEVICE_TYPE_ACCELERATOR: _ClassVar[DeviceType]

class Preference(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PREFERENCE_LOW_POWER: _ClassVar[Preference]
    PREFERENCE_FAST_SINGLE_ANSWER: _ClassVar[Preference]
    PREFERENCE_SUSTAINED_SPEED: _ClassVar[Preference]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_LOW: _ClassVar[Priority]
    PRIORITY_MEDIUM: _ClassVar[Priority]
    PRIORITY_HIGH: _ClassVar[Priority]
RESULT_CODE_NO_ERROR: ResultCode
RESULT_CODE_OUT_OF_MEMORY: ResultCode
RESULT_CODE_INCOMPLETE: ResultCode
RESULT_CODE_UNEXPECTED_NULL: ResultCode
RESULT_CODE_BAD_DATA: ResultCode
RESULT_CODE_OP_FAILED: ResultCode
RESULT_CODE_BAD_STATE: ResultCode
RESULT_CODE_UNMAPPABLE: ResultCode
RESULT_CODE_OUTPUT_INSUFFICIENT_SIZE: ResultCode
RESULT_CODE_UNAVAILABLE_DEVICE: ResultCode
RESULT_CODE_MISSED_DEADLINE_TRANSIENT: ResultCode
RESULT_CODE_MISSED_DEADLINE_PERSISTENT: ResultCode
RESULT_CODE_RESOURCE_EXHAUSTED_TRANSIENT: ResultCode
RESULT_CODE_RESOURCE_EXHAUSTED_PERSISTENT: ResultCode
RESULT_CODE_DEAD_OBJECT: ResultCode
DEVICE_TYPE_UNKNOWN: DeviceType
DEVICE_TYPE_OTHER: DeviceType
DEVICE_TYPE_CPU: DeviceType
DEVICE_TYPE_GPU: DeviceType
DEVICE_TYPE_ACCELERATOR: DeviceType
PREFERENCE_LOW_POWER: Preference
PREFERENCE_FAST_SINGLE_ANSWER: Preference
PREFERENCE_SUSTAINED_SPEED: Preference
PRIORITY_UNSPECIFIED: Priority
PRIORITY_LOW: Priority
PRIORITY_MEDIUM: Priority
PRIORITY_HIGH: Priority

class Error(_message.Message):
    __slots__ = ("code", "message", "operand", "operation", "output_dimensions")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OPERAND_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    code: ResultCode
    message: str
    operand: int
    operation: int
    output_dimensions: _containers.RepeatedCompositeFieldContainer[Dimensions]
    def __init__(self, code: _Optional[_Union[ResultCode, str]] = ..., message: _Optional[str] = ..., operand: _Optional[int] = ..., operation: _Optional[int] = ..., output_dimensions: _Optional[_Iterable[_Union[Dimensions, _Mapping]]] = ...) -> None: ...

class Dimensions(_message.Message):
    __slots__ = ("sizes",)
    SIZES_FIELD_NUMBER: _ClassVar[int]
    sizes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, sizes: _Optional[_Iterable[int]] = ...) -> None: ...

class GetInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeviceInfo(_message.Message):
    __slots__ = ("name", "version", "type", "feature_level", "extensions", "model_cache_files", "data_cache_files", "memory_alignment", "memory_padding")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    FEATURE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    EXTENSIONS_FIELD_NUMBER: _ClassVar[int]
    MODEL_CACHE_FILES_FIELD_NUMBER: _ClassVar[int]
    DATA_CACHE_FILES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ALIGNMENT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_PADDING_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    type: DeviceType
    feature_level: int
    extensions: _containers.RepeatedScalarFieldContainer[str]
    model_cache_files: int
    data_cache_files: int
    memory_alignment: int
    memory_padding: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., type: _Optional[_Union[DeviceType, str]] = ..., feature_level: _Optional[int] = ..., extensions: _Optional[_Iterable[str]] = ..., model_cache_files: _Optional[int] = ..., data_cache_files: _Optional[int] = ..., memory_alignment: _Optional[int] = ..., memory_padding: _Optional[int] = ...) -> None: ...

class GetCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Performance(_message.Message):
    __slots__ = ("exec_time", "power_usage")
    EXEC_TIME_FIELD_NUMBER: _ClassVar[int]
    POWER_USAGE_FIELD_NUMBER: _ClassVar[int]
    exec_time: float
    power_usage: float
    def __init__(self, exec_time: _Optional[float] = ..., power_usage: _Optional[float] = ...) -> None: ...

class Transfer(_message.Message):
    __slots__ = ("seconds", "bytes_per_second")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    seconds: float
    bytes_per_second: float
    def __init__(self, seconds: _Optional[float] = ..., bytes_per_second: _Optional[float] = ...) -> None: ...

class OperandPerformance(_message.Message):
    __slots__ = ("type", "performance")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PERFORMANCE_FIELD_NUMBER: _ClassVar[int]
    type: _model_pb2.OperandType
    performance: Performance
    def __init__(self, type: _Optional[_Union[_model_pb2.OperandType, str]] = ..., performance: _Optional[_Union[Performance, _Mapping]] = ...) -> None: ...

class Capabilities(_message.Message):
    __slots__ = ("operand_performance", "relaxed_float32_to_float16_scalar", "relaxed_float32_to_float16_tensor", "if_performance", "while_performance", "transfer", "launch")
    OPERAND_PERFORMANCE_FIELD_NUMBER: _ClassVar[int]
    RELAXED_FLOAT32_TO_FLOAT16_SCALAR_FIELD_NUMBER: _ClassVar[int]
    RELAXED_FLOAT32_TO_FLOAT16_TENSOR_FIELD_NUMBER: _ClassVar[int]
    IF_PERFORMANCE_FIELD_NUMBER: _ClassVar[int]
    WHILE_PERFORMANCE_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    LAUNCH_FIELD_NUMBER: _ClassVar[int]
    operand_performance: _containers.RepeatedCompositeFieldContainer[OperandPerformance]
    relaxed_float32_to_float16_scalar: Performance
    relaxed_float32_to_float16_tensor: Performance
    if_performance: Performance
    while_performance: Performance
    transfer: Transfer
    launch: Cost
    def __init__(self, operand_performance: _Optional[_Iterable[_Union[OperandPerformance, _Mapping]]] = ..., relaxed_float32_to_float16_scalar: _Optional[_Union[Performance, _Mapping]] = ..., relaxed_float32_to_float16_tensor: _Optional[_Union[Performance, _Mapping]] = ..., if_performance: _Optional[_Union[Performance, _Mapping]] = ..., while_performance: _Optional[_Union[Performance, _Mapping]] = ..., transfer: _Optional[_Union[Transfer, _Mapping]] = ..., launch: _Optional[_Union[Cost, _Mapping]] = ...) -> None: ...

class GetSupportedOperationsRequest(_message.Message):
    __slots__ = ("model", "preference")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PREFERENCE_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.Model
    preference: Preference
    def __init__(self, model: _Optional[_Union[_model_pb2.Model, _Mapping]] = ..., preference: _Optional[_Union[Preference, str]] = ...) -> None: ...

class Cost(_message.Message):
    __slots__ = ("seconds", "joules")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    JOULES_FIELD_NUMBER: _ClassVar[int]
    seconds: float
    joules: float
    def __init__(self, seconds: _Optional[float] = ..., joules: _Optional[float] = ...) -> None: ...

class OperationSupport(_message.Message):
    __slots__ = ("refusal", "cost")
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    refusal: str
    cost: Cost
    def __init__(self, refusal: _Optional[str] = ..., cost: _Optional[_Union[Cost, _Mapping]] = ...) -> None: ...

class GetSupportedOperationsResponse(_message.Message):
    __slots__ = ("operations",)
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[OperationSupport]
    def __init__(self, operations: _Optional[_Iterable[_Union[OperationSupport, _Mapping]]] = ...) -> None: ...

class Cache(_message.Message):
    __slots__ = ("token", "model_regions", "data_regions")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MODEL_REGIONS_FIELD_NUMBER: _ClassVar[int]
    DATA_REGIONS_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    model_regions: _containers.RepeatedScalarFieldContainer[str]
    data_regions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, token: _Optional[bytes] = ..., model_regions: _Optional[_Iterable[str]] = ..., data_regions: _Optional[_Iterable[str]] = ...) -> None: ...

class PrepareModelRequest(_message.Message):
    __slots__ = ("model", "preference", "priority", "timeout_ns", "cache", "attributes")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PREFERENCE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_NS_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.Model
    preference: Preference
    priority: Priority
    timeout_ns: int
    cache: Cache
    attributes: _containers.RepeatedCompositeFieldContainer[ExtensionAttribute]
    def __init__(self, model: _Optional[_Union[_model_pb2.Model, _Mapping]] = ..., preference: _Optional[_Union[Preference, str]] = ..., priority: _Optional[_Union[Priority, str]] = ..., timeout_ns: _Optional[int] = ..., cache: _Optional[_Union[Cache, _Mapping]] = ..., attributes: _Optional[_Iterable[_Union[ExtensionAttribute, _Mapping]]] = ...) -> None: ...

class ExtensionAttribute(_message.Message):
    __slots__ = ("extension", "code", "data")
    EXTENSION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    extension: str
    code: int
    data: bytes
    def __init__(self, extension: _Optional[str] = ..., code: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class PrepareModelFromCacheRequest(_message.Message):
    __slots__ = ("cache", "preference", "priority", "timeout_ns", "attributes")
    CACHE_FIELD_NUMBER: _ClassVar[int]
    PREFERENCE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_NS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    cache: Cache
    preference: Preference
    priority: Priority
    timeout_ns: int
    attributes: _containers.RepeatedCompositeFieldContainer[ExtensionAttribute]
    def __init__(self, cache: _Optional[_Union[Cache, _Mapping]] = ..., preference: _Optional[_Union[Preference, str]] = ..., priority: _Optional[_Union[Priority, str]] = ..., timeout_ns: _Optional[int] = ..., attributes: _Optional[_Iterable[_Union[ExtensionAttribute, _Mapping]]] = ...) -> None: ...

class PrepareModelUpdate(_message.Message):
    __slots__ = ("progress", "prepared")
    class Progress(_message.Message):
        __slots__ = ("activity", "done", "total")
        ACTIVITY_FIELD_NUMBER: _ClassVar[int]
        DONE_FIELD_NUMBER: _ClassVar[int]
        TOTAL_FIELD_NUMBER: _ClassVar[int]
        activity: str
        done: int
        total: int
        def __init__(self, activity: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...
    class Prepared(_message.Message):
        __slots__ = ("token", "cost")
        TOKEN_FIELD_NUMBER: _ClassVar[int]
        COST_FIELD_NUMBER: _ClassVar[int]
        token: int
        cost: Cost
        def __init__(self, token: _Optional[int] = ..., cost: _Optional[_Union[Cost, _Mapping]] = ...) -> None: ...
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    PREPARED_FIELD_NUMBER: _ClassVar[int]
    progress: PrepareModelUpdate.Progress
    prepared: PrepareModelUpdate.Prepared
    def __init__(self, progress: _Optional[_Union[PrepareModelUpdate.Progress, _Mapping]] = ..., prepared: _Optional[_Union[PrepareModelUpdate.Prepared, _Mapping]] = ...) -> None: ...

class Role(_message.Message):
    __slots__ = ("prepared_model", "index")
    PREPARED_MODEL_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    prepared_model: int
    index: int
    def __init__(self, prepared_model: _Optional[int] = ..., index: _Optional[int] = ...) -> None: ...

class AllocateRequest(_message.Message):
    __slots__ = ("dimensions", "inputs", "outputs")
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    dimensions: Dimensions
    inputs: _containers.RepeatedCompositeFieldContainer[Role]
    outputs: _containers.RepeatedCompositeFieldContainer[Role]
    def __init__(self, dimensions: _Optional[_Union[Dimensions, _Mapping]] = ..., inputs: _Optional[_Iterable[_Union[Role, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[Role, _Mapping]]] = ...) -> None: ...

class AllocateUpdate(_message.Message):
    __slots__ = ("memory",)
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    memory: int
    def __init__(self, memory: _Optional[int] = ...) -> None: ...

class CopyRequest(_message.Message):
    __slots__ = ("memory", "location", "to_device", "dimensions")
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    TO_DEVICE_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    memory: int
    location: _model_pb2.Location
    to_device: bool
    dimensions: Dimensions
    def __init__(self, memory: _Optional[int] = ..., location: _Optional[_Union[_model_pb2.Location, _Mapping]] = ..., to_device: _Optional[bool] = ..., dimensions: _Optional[_Union[Dimensions, _Mapping]] = ...) -> None: ...

class CopyResponse(_message.Message):
    __slots__ = ("dimensions", "inline")
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    dimensions: Dimensions
    inline: bytes
    def __init__(self, dimensions: _Optional[_Union[Dimensions, _Mapping]] = ..., inline: _Optional[bytes] = ...) -> None: ...

class Argument(_message.Message):
    __slots__ = ("location", "memory", "dimensions", "room")
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    location: _model_pb2.Location
    memory: int
    dimensions: Dimensions
    room: int
    def __init__(self, location: _Optional[_Union[_model_pb2.Location, _Mapping]] = ..., memory: _Optional[int] = ..., dimensions: _Optional[_Union[Dimensions, _Mapping]] = ..., room: _Optional[int] = ...) -> None: ...

class ExecuteRequest(_message.Message):
    __slots__ = ("prepared_model", "inputs", "outputs", "measure_timing", "timeout_ns", "loop_timeout_ns", "trace", "attributes")
    PREPARED_MODEL_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    MEASURE_TIMING_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_NS_FIELD_NUMBER: _ClassVar[int]
    LOOP_TIMEOUT_NS_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    prepared_model: int
    inputs: _containers.RepeatedCompositeFieldContainer[Argument]
    outputs: _containers.RepeatedCompositeFieldContainer[Argument]
    measure_timing: bool
    timeout_ns: int
    loop_timeout_ns: int
    trace: bool
    attributes: _containers.RepeatedCompositeFieldContainer[ExtensionAttribute]
    def __init__(self, prepared_model: _Optional[int] = ..., inputs: _Optional[_Iterable[_Union[Argument, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[Argument, _Mapping]]] = ..., measure_timing: _Optional[bool] = ..., timeout_ns: _Optional[int] = ..., loop_timeout_ns: _Optional[int] = ..., trace: _Optional[bool] = ..., attributes: _Optional[_Iterable[_Union[ExtensionAttribute, _Mapping]]] = ...) -> None: ...

class Timing(_message.Message):
    __slots__ = ("on_hardware_ns", "in_driver_ns", "energy_nj")
    ON_HARDWARE_NS_FIELD_NUMBER: _ClassVar[int]
    IN_DRIVER_NS_FIELD_NUMBER: _ClassVar[int]
    ENERGY_NJ_FIELD_NUMBER: _ClassVar[int]
    on_hardware_ns: int
    in_driver_ns: int
    energy_nj: int
    def __init__(self, on_hardware_ns: _Optional[int] = ..., in_driver_ns: _Optional[int] = ..., energy_nj: _Optional[int] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("track", "name", "start_ns", "duration_ns", "operation")
    TRACK_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    START_NS_FIELD_NUMBER: _ClassVar[int]
    DURATION_NS_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    track: str
    name: str
    start_ns: int
    duration_ns: int
    operation: int
    def __init__(self, track: _Optional[str] = ..., name: _Optional[str] = ..., start_ns: _Optional[int] = ..., duration_ns: _Optional[int] = ..., operation: _Optional[int] = ...) -> None: ...

class Output(_message.Message):
    __slots__ = ("dimensions", "inline")
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    dimensions: Dimensions
    inline: bytes
    def __init__(self, dimensions: _Optional[_Union[Dimensions, _Mapping]] = ..., inline: _Optional[bytes] = ...) -> None: ...

class ExecuteResponse(_message.Message):
    __slots__ = ("outputs", "timing", "spans", "computing_ns")
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    COMPUTING_NS_FIELD_NUMBER: _ClassVar[int]
    outputs: _containers.RepeatedCompositeFieldContainer[Output]
    timing: Timing
    spans: _containers.RepeatedCompositeFieldContainer[Span]
    computing_ns: int
    def __init__(self, outputs: _Optional[_Iterable[_Union[Output, _Mapping]]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ..., spans: _Optional[_Iterable[_Union[Span, _Mapping]]] = ..., computing_ns: _Optional[int] = ...) -> None: ...

class ExecuteFencedRequest(_message.Message):
    __slots__ = ("request", "wait_for", "fence", "duration_ns")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    WAIT_FOR_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    DURATION_NS_FIELD_NUMBER: _ClassVar[int]
    request: ExecuteRequest
    wait_for: _containers.RepeatedScalarFieldContainer[str]
    fence: str
    duration_ns: int
    def __init__(self, request: _Optional[_Union[ExecuteRequest, _Mapping]] = ..., wait_for: _Optional[_Iterable[str]] = ..., fence: _Optional[str] = ..., duration_ns: _Optional[int] = ...) -> None: ...

class OpenBurstRequest(_message.Message):
    __slots__ = ("prepared_model", "request_ring", "result_ring")
    PREPARED_MODEL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_RING_FIELD_NUMBER: _ClassVar[int]
    RESULT_RING_FIELD_NUMBER: _ClassVar[int]
    prepared_model: int
    request_ring: str
    result_ring: str
    def __init__(self, prepared_model: _Optional[int] = ..., request_ring: _Optional[str] = ..., result_ring: _Optional[str] = ...) -> None: ...

class OpenBurstUpdate(_message.Message):
    __slots__ = ("burst",)
    BURST_FIELD_NUMBER: _ClassVar[int]
    burst: int
    def __init__(self, burst: _Optional[int] = ...) -> None: ...
