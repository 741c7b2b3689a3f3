from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FaultKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAULT_KIND_UNSPECIFIED: _ClassVar[FaultKind]
    FAULT_KIND_DIE: _ClassVar[FaultKind]
    FAULT_KIND_HANG: _ClassVar[FaultKind]
    FAULT_KIND_SLOW: _ClassVar[FaultKind]
    FAULT_KIND_EXHAUSTED: _ClassVar[FaultKind]
    FAULT_KIND_WRONG_SIZES: _ClassVar[FaultKind]
    FAULT_KIND_REFUSE_CACHE: _ClassVar[FaultKind]
FAULT_KIND_UNSPECIFIED: FaultKind
FAULT_KIND_DIE: FaultKind
FAULT_KIND_HANG: FaultKind
FAULT_KIND_SLOW: FaultKind
FAULT_KIND_EXHAUSTED: FaultKind
FAULT_KIND_WRONG_SIZES: FaultKind
FAULT_KIND_REFUSE_CACHE: FaultKind

class Fault(_message.Message):
    __slots__ = ("kind", "at", "every", "probability", "seed", "factor")
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    EVERY_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    kind: FaultKind
    at: int
    every: int
    probability: float
    seed: int
    factor: float
    def __init__(self, kind: _Optional[_Union[FaultKind, str]] = ..., at: _Optional[int] = ..., every: _Optional[int] = ..., probability: _Optional[float] = ..., seed: _Optional[int] = ..., factor: _Optional[float] = ...) -> None: ...

class SetFaultsRequest(_message.Message):
    __slots__ = ("faults",)
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    faults: _containers.RepeatedCompositeFieldContainer[Fault]
    def __init__(self, faults: _Optional[_Iterable[_Union[Fault, _Mapping]]] = ...) -> None: ...

class SetFaultsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetDescriptionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetDescriptionResponse(_message.Message):
    __slots__ = ("toml",)
    TOML_FIELD_NUMBER: _ClassVar[int]
    toml: str
    def __init__(self, toml: _Optional[str] = ...) -> None: ...

class GetCommandsRequest(_message.Message):
    __slots__ = ("prepared_model",)
    PREPARED_MODEL_FIELD_NUMBER: _ClassVar[int]
    prepared_model: int
    def __init__(self, prepared_model: _Optional[int] = ...) -> None: ...

class GetCommandsResponse(_message.Message):
    __slots__ = ("commands",)
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    commands: str
    def __init__(self, commands: _Optional[str] = ...) -> None: ...
