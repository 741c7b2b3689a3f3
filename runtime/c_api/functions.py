"""The functions of NNAPI's C interface: their names, parameters and results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

PREFIX = "ANeuralNetworks"

CALLED = "nnhal_{}"
"""What the library's C side calls for a function: its name in Python, made of the function's."""

OBJECTS = ("Burst", "Compilation", "Device", "Event", "Execution", "Memory", "MemoryDesc", "Model")
"""The kinds of objects that C programs know by opaque pointers."""


class Role(Enum):
    """What a parameter is to its function."""

    VALUE = "a value, or a pointer that may be NULL"
    POINTER = "a pointer that must not be NULL"
    OBJECT = "an object"
    OBJECT_OR_NULL = "an object to be freed"
    NEW_OBJECT = "where the function's result, an object, goes"
    RESULT = "where the function's result goes"
    RESULTS = "the beginning of where the function's results go"


@dataclass(frozen=True)
class Parameter:
    """``on_failure``: what a result is set to when the function fails; None leaves it as it is."""

    type: str
    name: str
    role: Role = Role.VALUE
    on_failure: int | None = None

    @property
    def kind(self) -> str:
        """Which kind an object is of."""
        return self.type.removeprefix("const ").removeprefix(PREFIX).rstrip("*")


@dataclass(frozen=True)
class Function:
    """``result``: its C type; ``int`` is a result code. ``level``: NNAPI's feature level that introduced it."""

    name: str
    level: int
    parameters: tuple[Parameter, ...]
    result: str = "int"


def _object(kind: str, name: str = "", *, const: bool = False, role: Role = Role.OBJECT) -> Parameter:
    name = name or {"MemoryDesc": "desc"}.get(kind, kind.lower())
    return Parameter(f"{'const ' if const else ''}{PREFIX}{kind}*", name, role)


def _new(kind: str, name: str = "") -> Parameter:
    name = name or {"MemoryDesc": "desc"}.get(kind, kind.lower())
    return Parameter(f"{PREFIX}{kind}**", name, Role.NEW_OBJECT, 0)


def _value(type: str, name: str) -> Parameter:
    return Parameter(type, name)


def _pointer(type: str, name: str) -> Parameter:
    return Parameter(type, name, Role.POINTER)


def _result(type: str, name: str, on_failure: int | None = None) -> Parameter:
    return Parameter(type, name, Role.RESULT, on_failure)


def _free(kind: str, level: int) -> Function:
    return Function(f"{PREFIX}{kind}_free", level, (_object(kind, role=Role.OBJECT_OR_NULL),), "void")


_MODEL, _COMPILATION, _EXECUTION = _object("Model"), _object("Compilation"), _object("Execution")
_FINISHED = _object("Compilation", const=True)
_DEVICE = _object("Device", const=True)
_DESC = _object("MemoryDesc")
_MEMORY = _object("Memory", const=True)

_INDEX, _POSITION = _value("int32_t", "index"), _value("uint32_t", "index")
_TYPE = _value("const ANeuralNetworksOperandType*", "type")
_PART = (_value("size_t", "offset"), _value("size_t", "length"))
_BYTES = (_value("const void*", "buffer"), _value("size_t", "length"))
_DATA = (_value("const void*", "data"), _value("size_t", "length"))
_DURATION = _value("uint64_t", "duration")
_DEVICES = (_pointer("const ANeuralNetworksDevice* const*", "devices"), _value("uint32_t", "numDevices"))
_INPUTS_AND_OUTPUTS = (
    _value("uint32_t", "inputCount"),
    _pointer("const uint32_t*", "inputs"),
    _value("uint32_t", "outputCount"),
    _pointer("const uint32_t*", "outputs"),
)
_EXTENSION = _pointer("const char*", "extensionName")
_ATTRIBUTE = (_EXTENSION, _value("uint16_t", "attributeCodeWithinExtension"), *_DATA)
_ROLE = (_DESC, _FINISHED, _POSITION, _value("float", "frequency"))

FUNCTIONS = (
    # The runtime and its devices.
    Function("ANeuralNetworks_getRuntimeFeatureLevel", 5, (), "int64_t"),
    Function("ANeuralNetworks_getDefaultLoopTimeout", 4, (), "uint64_t"),
    Function("ANeuralNetworks_getMaximumLoopTimeout", 4, (), "uint64_t"),
    Function("ANeuralNetworks_getDeviceCount", 3, (_result("uint32_t*", "numDevices"),)),
    Function("ANeuralNetworks_getDevice", 3, (_value("uint32_t", "devIndex"), _new("Device"))),
    Function("ANeuralNetworksDevice_getName", 3, (_DEVICE, _result("const char**", "name"))),
    Function("ANeuralNetworksDevice_getVersion", 3, (_DEVICE, _result("const char**", "version"))),
    Function("ANeuralNetworksDevice_getType", 3, (_DEVICE, _result("int32_t*", "type"))),
    Function("ANeuralNetworksDevice_getFeatureLevel", 3, (_DEVICE, _result("int64_t*", "featureLevel"))),
    Function("ANeuralNetworksDevice_wait", 4, (_DEVICE,)),
    # Models.
    Function("ANeuralNetworksModel_create", 1, (_new("Model"),)),
    _free("Model", 1),
    Function("ANeuralNetworksModel_finish", 1, (_MODEL,)),
    Function("ANeuralNetworksModel_addOperand", 1, (_MODEL, _pointer(_TYPE.type, _TYPE.name))),
    Function("ANeuralNetworksModel_setOperandValue", 1, (_MODEL, _INDEX, *_BYTES)),
    Function("ANeuralNetworksModel_setOperandValueFromMemory", 1, (_MODEL, _INDEX, _MEMORY, *_PART)),
    Function(
        "ANeuralNetworksModel_setOperandValueFromModel", 4, (_MODEL, _INDEX, _object("Model", "value", const=True))
    ),
    Function(
        "ANeuralNetworksModel_setOperandSymmPerChannelQuantParams",
        3,
        (_MODEL, _INDEX, _pointer("const ANeuralNetworksSymmPerChannelQuantParams*", "channelQuant")),
    ),
    Function(
        "ANeuralNetworksModel_addOperation",
        1,
        (_MODEL, _value("ANeuralNetworksOperationType", "type"), *_INPUTS_AND_OUTPUTS),
    ),
    Function("ANeuralNetworksModel_identifyInputsAndOutputs", 1, (_MODEL, *_INPUTS_AND_OUTPUTS)),
    Function("ANeuralNetworksModel_relaxComputationFloat32toFloat16", 2, (_MODEL, _value("bool", "allow"))),
    Function(
        "ANeuralNetworksModel_getSupportedOperationsForDevices",
        3,
        (_object("Model", const=True), *_DEVICES, Parameter("bool*", "supportedOps", Role.RESULTS)),
    ),
    # Compilations.
    Function("ANeuralNetworksCompilation_create", 1, (_MODEL, _new("Compilation"))),
    Function("ANeuralNetworksCompilation_createForDevices", 3, (_MODEL, *_DEVICES, _new("Compilation"))),
    _free("Compilation", 1),
    Function("ANeuralNetworksCompilation_setPreference", 1, (_COMPILATION, _value("int32_t", "preference"))),
    Function("ANeuralNetworksCompilation_setPriority", 4, (_COMPILATION, _value("int", "priority"))),
    Function("ANeuralNetworksCompilation_setTimeout", 4, (_COMPILATION, _DURATION)),
    Function(
        "ANeuralNetworksCompilation_setCaching",
        3,
        (_COMPILATION, _pointer("const char*", "cacheDir"), _pointer("const uint8_t*", "token")),
    ),
    Function("ANeuralNetworksCompilation_finish", 1, (_COMPILATION,)),
    *(
        Function(
            f"ANeuralNetworksCompilation_getPreferredMemory{what}For{which}",
            5,
            (_FINISHED, _POSITION, _result("uint32_t*", what.lower())),
        )
        for which in ("Input", "Output")
        for what in ("Alignment", "Padding")
    ),
    # Executions.
    Function("ANeuralNetworksExecution_create", 1, (_COMPILATION, _new("Execution"))),
    _free("Execution", 1),
    Function("ANeuralNetworksExecution_setInput", 1, (_EXECUTION, _INDEX, _TYPE, *_BYTES)),
    Function("ANeuralNetworksExecution_setInputFromMemory", 1, (_EXECUTION, _INDEX, _TYPE, _MEMORY, *_PART)),
    Function(
        "ANeuralNetworksExecution_setOutput",
        1,
        (_EXECUTION, _INDEX, _TYPE, _value("void*", "buffer"), _value("size_t", "length")),
    ),
    Function("ANeuralNetworksExecution_setOutputFromMemory", 1, (_EXECUTION, _INDEX, _TYPE, _MEMORY, *_PART)),
    Function("ANeuralNetworksExecution_setMeasureTiming", 3, (_EXECUTION, _value("bool", "measure"))),
    Function("ANeuralNetworksExecution_setTimeout", 4, (_EXECUTION, _DURATION)),
    Function("ANeuralNetworksExecution_setLoopTimeout", 4, (_EXECUTION, _DURATION)),
    Function("ANeuralNetworksExecution_setReusable", 5, (_EXECUTION, _value("bool", "reusable"))),
    Function("ANeuralNetworksExecution_enableInputAndOutputPadding", 5, (_EXECUTION, _value("bool", "enable"))),
    Function("ANeuralNetworksExecution_compute", 3, (_EXECUTION,)),
    Function("ANeuralNetworksExecution_burstCompute", 3, (_EXECUTION, _object("Burst"))),
    Function("ANeuralNetworksExecution_startCompute", 1, (_EXECUTION, _new("Event"))),
    Function(
        "ANeuralNetworksExecution_startComputeWithDependencies",
        4,
        (
            _EXECUTION,
            _value("const ANeuralNetworksEvent* const*", "dependencies"),
            _value("uint32_t", "num_dependencies"),
            _DURATION,
            _new("Event"),
        ),
    ),
    Function("ANeuralNetworksExecution_getOutputOperandRank", 3, (_EXECUTION, _INDEX, _pointer("uint32_t*", "rank"))),
    Function(
        "ANeuralNetworksExecution_getOutputOperandDimensions",
        3,
        (_EXECUTION, _INDEX, _pointer("uint32_t*", "dimensions")),
    ),
    Function(
        "ANeuralNetworksExecution_getDuration",
        3,
        (
            _object("Execution", const=True),
            _value("int32_t", "durationCode"),
            _result("uint64_t*", "duration", 2**64 - 1),
        ),
    ),
    # Bursts and events.
    Function("ANeuralNetworksBurst_create", 3, (_COMPILATION, _new("Burst"))),
    _free("Burst", 3),
    Function("ANeuralNetworksEvent_wait", 1, (_object("Event"),)),
    _free("Event", 1),
    Function("ANeuralNetworksEvent_createFromSyncFenceFd", 4, (_value("int", "sync_fence_fd"), _new("Event"))),
    Function(
        "ANeuralNetworksEvent_getSyncFenceFd", 4, (_object("Event", const=True), _result("int*", "sync_fence_fd", -1))
    ),
    # Memories.
    Function(
        "ANeuralNetworksMemory_createFromFd",
        1,
        (
            _value("size_t", "size"),
            _value("int", "protect"),
            _value("int", "fd"),
            _value("size_t", "offset"),
            _new("Memory"),
        ),
    ),
    Function(
        "ANeuralNetworksMemory_createFromAHardwareBuffer",
        3,
        (_pointer("const AHardwareBuffer*", "ahwb"), _new("Memory")),
    ),
    Function("ANeuralNetworksMemory_createFromDesc", 4, (_object("MemoryDesc", const=True), _new("Memory"))),
    Function(
        "ANeuralNetworksMemory_copy", 4, (_object("Memory", "src", const=True), _object("Memory", "dst", const=True))
    ),
    _free("Memory", 1),
    Function("ANeuralNetworksMemoryDesc_create", 4, (_new("MemoryDesc"),)),
    _free("MemoryDesc", 4),
    Function("ANeuralNetworksMemoryDesc_addInputRole", 4, _ROLE),
    Function("ANeuralNetworksMemoryDesc_addOutputRole", 4, _ROLE),
    Function(
        "ANeuralNetworksMemoryDesc_setDimensions",
        4,
        (_DESC, _value("uint32_t", "rank"), _value("const uint32_t*", "dimensions")),
    ),
    Function("ANeuralNetworksMemoryDesc_finish", 4, (_DESC,)),
    # Vendors' extensions.
    Function(
        "ANeuralNetworksDevice_getExtensionSupport", 3, (_DEVICE, _EXTENSION, _result("bool*", "isExtensionSupported"))
    ),
    Function(
        "ANeuralNetworksModel_getExtensionOperandType",
        3,
        (_MODEL, _EXTENSION, _value("uint16_t", "operandCodeWithinExtension"), _result("int32_t*", "type")),
    ),
    Function(
        "ANeuralNetworksModel_getExtensionOperationType",
        3,
        (
            _MODEL,
            _EXTENSION,
            _value("uint16_t", "operationCodeWithinExtension"),
            _result("ANeuralNetworksOperationType*", "type"),
        ),
    ),
    Function("ANeuralNetworksModel_setOperandExtensionData", 3, (_MODEL, _INDEX, *_DATA)),
    Function("ANeuralNetworksCompilation_addExtensionAttribute", 8, (_COMPILATION, *_ATTRIBUTE)),
    Function("ANeuralNetworksExecution_addExtensionAttribute", 8, (_EXECUTION, *_ATTRIBUTE)),
)
