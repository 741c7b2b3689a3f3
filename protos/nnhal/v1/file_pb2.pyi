from protos.nnhal.v1 import model_pb2 as _model_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ModelFile(_message.Message):
    __slots__ = ("model", "constants", "metadata")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CONSTANTS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.Model
    constants: _containers.RepeatedCompositeFieldContainer[Constant]
    metadata: Metadata
    def __init__(self, model: _Optional[_Union[_model_pb2.Model, _Mapping]] = ..., constants: _Optional[_Iterable[_Union[Constant, _Mapping]]] = ..., metadata: _Optional[_Union[Metadata, _Mapping]] = ...) -> None: ...

class Constant(_message.Message):
    __slots__ = ("offset", "length", "sha256")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    offset: int
    length: int
    sha256: bytes
    def __init__(self, offset: _Optional[int] = ..., length: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class Metadata(_message.Message):
    __slots__ = ("name", "creator", "preprocessing")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    PREPROCESSING_FIELD_NUMBER: _ClassVar[int]
    name: str
    creator: str
    preprocessing: Preprocessing
    def __init__(self, name: _Optional[str] = ..., creator: _Optional[str] = ..., preprocessing: _Optional[_Union[Preprocessing, _Mapping]] = ...) -> None: ...

class Preprocessing(_message.Message):
    __slots__ = ("fit", "crop", "mean", "std", "layout")
    class Fit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FIT_STRETCH: _ClassVar[Preprocessing.Fit]
        FIT_COVER: _ClassVar[Preprocessing.Fit]
        FIT_CONTAIN: _ClassVar[Preprocessing.Fit]
    FIT_STRETCH: Preprocessing.Fit
    FIT_COVER: Preprocessing.Fit
    FIT_CONTAIN: Preprocessing.Fit
    class Layout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        LAYOUT_NHWC: _ClassVar[Preprocessing.Layout]
        LAYOUT_NCHW: _ClassVar[Preprocessing.Layout]
    LAYOUT_NHWC: Preprocessing.Layout
    LAYOUT_NCHW: Preprocessing.Layout
    FIT_FIELD_NUMBER: _ClassVar[int]
    CROP_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    fit: Preprocessing.Fit
    crop: float
    mean: _containers.RepeatedScalarFieldContainer[float]
    std: _containers.RepeatedScalarFieldContainer[float]
    layout: Preprocessing.Layout
    def __init__(self, fit: _Optional[_Union[Preprocessing.Fit, str]] = ..., crop: _Optional[float] = ..., mean: _Optional[_Iterable[float]] = ..., std: _Optional[_Iterable[float]] = ..., layout: _Optional[_Union[Preprocessing.Layout, str]] = ...) -> None: ...
