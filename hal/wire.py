"""Between the contract's Python objects and the wire's messages, both ways.

What comes from the wire is checked for form only (known enumerators, sizes that agree, locations
that exist); ``hal.validation`` checks what it means.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hal.device import (
    LONGEST_DURATION,
    Argument,
    Attribute,
    Bytes,
    Capabilities,
    Cost,
    DeviceInfo,
    ExecutionResult,
    Performance,
    Request,
    Span,
    Support,
    Timing,
    Transfer,
)
from hal.errors import BadDataError, NnapiError, error_class
from hal.model import (
    EXTENSION_BITS,
    Dimensions,
    Extension,
    Lifetime,
    Location,
    Model,
    Operand,
    Operation,
    PerChannelQuantization,
    Subgraph,
    is_extension,
)
from hal.types import DeviceType, FeatureLevel, OperandType, OperationType, ResultCode
from hal.validation import check_extension_name
from protos.nnhal.v1 import device_pb2, model_pb2

INLINE_LIMIT = 128
"""Bytes: a constant up to this size travels in the message itself, as NNAPI copies it into the model."""

MESSAGE_LIMIT = 64 * 1024 * 1024
"""Bytes that a message may have."""

MOST_CACHE_FILES = 32
"""NNAPI's limit on the files of each kind that a device keeps a prepared model in."""

Place = Callable[[Bytes, "Location | None"], "Location | None"]
"""Says where in shared memory a constant's bytes are, given where they are already, if anywhere; None: inline."""

Resolve = Callable[[Location], Bytes]
"""The bytes of a shared location; raises ``BadDataError`` where there is none."""

_Enum = TypeVar("_Enum", bound=IntEnum)


def model_to_wire(model: Model, place: Place) -> model_pb2.Model:
    """The message for ``model``, with constants above ``INLINE_LIMIT`` wherever ``place`` puts them."""
    return model_pb2.Model(
        main=_subgraph_to_wire(model.main, place),
        referenced=[_subgraph_to_wire(subgraph, place) for subgraph in model.referenced],
        relax_computation_float32_to_float16=model.relaxed,
        extensions=[model_pb2.Extension(name=each.name, prefix=each.prefix) for each in model.extensions],
    )


def _subgraph_to_wire(subgraph: Subgraph, place: Place) -> model_pb2.Subgraph:
    return model_pb2.Subgraph(
        operands=[_operand_to_wire(operand, place) for operand in subgraph.operands],
        operations=[
            model_pb2.Operation(type=each.type, inputs=each.inputs, outputs=each.outputs)  # type: ignore[arg-type]
            for each in subgraph.operations
        ],
        inputs=subgraph.inputs,
        outputs=subgraph.outputs,
    )


def _operand_to_wire(operand: Operand, place: Place) -> model_pb2.Operand:
    message = model_pb2.Operand(
        type=operand.type,  # type: ignore[arg-type]
        dimensions=operand.dimensions,
        scale=operand.scale,
        zero_point=operand.zero_point,
        lifetime=operand.lifetime,  # type: ignore[arg-type]
        subgraph=operand.subgraph or 0,
        extension_data=operand.extension_data,
    )
    if operand.per_channel is not None:
        message.per_channel.channel_dim = operand.per_channel.channel_dim
        message.per_channel.scales.extend(operand.per_channel.scales)
    if operand.value is not None:
        message.location.CopyFrom(_value_to_wire(operand, place))
    return message


def _value_to_wire(operand: Operand, place: Place) -> model_pb2.Location:
    assert operand.value is not None
    if operand.value.nbytes > INLINE_LIMIT or operand.location is not None:
        data = np.ascontiguousarray(operand.value).reshape(-1).view(np.uint8)
        location = place(data, operand.location)
        if location is not None:
            return location_to_wire(location)
    return model_pb2.Location(inline=operand.value.tobytes())


def location_to_wire(location: Location) -> model_pb2.Location:
    """The message for a place in shared memory."""
    shared = model_pb2.Location.Shared(region=location.region, offset=location.offset, length=location.length)
    return model_pb2.Location(shared=shared)


def model_from_wire(message: model_pb2.Model, resolve: Resolve, *, in_place: bool = False) -> Model:
    """The model in ``message``; ``BadDataError`` when it has none.

    Integer constants are copied, floating ones above ``INLINE_LIMIT`` stay where they are: whoever
    shares the memory can still change a weight, but nothing that a driver decides by. ``in_place``:
    integers stay too, for who shares no memory with strangers.
    """
    return Model(
        _subgraph_from_wire(message.main, resolve, in_place),
        tuple(_subgraph_from_wire(each, resolve, in_place) for each in message.referenced),
        message.relax_computation_float32_to_float16,
        tuple(Extension(each.name, each.prefix) for each in message.extensions),
    )


def _subgraph_from_wire(message: model_pb2.Subgraph, resolve: Resolve, in_place: bool) -> Subgraph:
    return Subgraph(
        tuple(_operand_from_wire(index, each, resolve, in_place) for index, each in enumerate(message.operands)),
        tuple(
            Operation(_code(OperationType, each.type, "operation"), tuple(each.inputs), tuple(each.outputs))
            for each in message.operations
        ),
        tuple(message.inputs),
        tuple(message.outputs),
    )


def _operand_from_wire(index: int, message: model_pb2.Operand, resolve: Resolve, in_place: bool) -> Operand:
    operand_type = _code(OperandType, message.type, "operand")
    lifetime = _enumerator(Lifetime, message.lifetime, f"operand {index}'s lifetime")
    dimensions = tuple(message.dimensions)
    value, location = None, None
    if lifetime in (Lifetime.CONSTANT_COPY, Lifetime.CONSTANT_REFERENCE):
        try:
            data = bytes_from_wire(message.location, resolve)
            value = _value(operand_type, dimensions, data, in_place)
        except NnapiError as error:
            raise BadDataError(f"operand {index}: {error}", operand=index) from error
        if lifetime is Lifetime.CONSTANT_REFERENCE:
            location = location_from_wire(message.location)
    per_channel = None
    if message.HasField("per_channel"):
        per_channel = PerChannelQuantization(message.per_channel.channel_dim, tuple(message.per_channel.scales))
    return Operand(
        operand_type,
        dimensions,
        message.scale,
        message.zero_point,
        lifetime,
        value,
        location,
        per_channel,
        message.subgraph if lifetime is Lifetime.SUBGRAPH else None,
        message.extension_data,
    )


def _value(operand_type: OperandType | int, dimensions: Dimensions, data: Bytes, in_place: bool) -> NDArray[np.generic]:
    stays = in_place and data.size > INLINE_LIMIT
    if not isinstance(operand_type, OperandType):
        return _frozen(data.view() if stays else data.copy())
    if operand_type is OperandType.MODEL:
        raise BadDataError("a MODEL operand is no constant; its lifetime must be SUBGRAPH")
    dtype = operand_type.dtype
    needed = math.prod(dimensions) * dtype.itemsize
    if data.size != needed:
        raise BadDataError(
            f"its value has {data.size} bytes; {operand_type.name} {list(dimensions)} must have {needed}"
        )
    if dtype.kind == "b":
        return _frozen((data != 0).reshape(dimensions))
    stays = stays or (dtype.kind == "f" and data.size > INLINE_LIMIT)
    if not stays or data.ctypes.data % dtype.itemsize:
        data = data.copy()
    return _frozen(data.view(dtype).reshape(dimensions))


def _frozen(array: NDArray[np.generic]) -> NDArray[np.generic]:
    array.flags.writeable = False
    return array


def bytes_from_wire(message: model_pb2.Location, resolve: Resolve) -> Bytes:
    """The bytes at a location, shared or inline; ``BadDataError`` when it is unset."""
    location = location_from_wire(message)
    if location is not None:
        return resolve(location)
    if message.WhichOneof("place") is None:
        raise BadDataError("its location is missing; it must be shared memory or inline")
    return np.frombuffer(message.inline, np.uint8)


def location_from_wire(message: model_pb2.Location) -> Location | None:
    """The place in shared memory that a location names; None if it names none."""
    if message.WhichOneof("place") != "shared":
        return None
    return Location(message.shared.region, message.shared.offset, message.shared.length)


def _code(known: type[_Enum], value: int, what: str) -> _Enum | int:
    if is_extension(value):
        return value
    return _enumerator(known, value, f"{what} type")


def _enumerator(known: type[_Enum], value: int, what: str) -> _Enum:
    try:
        return known(value)
    except ValueError:
        raise BadDataError(f"{what} {value} is unknown; it must be one of {known.__name__}'s") from None


def argument_to_wire(argument: Argument, *, local: bool, output: bool) -> device_pb2.Argument:
    """The message for an input or output; on the device or in shared memory for a ``local`` one, else inline."""
    message = device_pb2.Argument()
    if argument.dimensions:
        message.dimensions.sizes.extend(argument.dimensions)
    if argument.memory is not None:
        message.memory = argument.memory.token
        return message
    if argument.data is None:
        return message
    if local and argument.location is not None:
        message.location.CopyFrom(location_to_wire(argument.location))
    else:
        message.location.inline = b"" if output else argument.data.tobytes()
        message.room = argument.data.size if output else 0
    return message


def request_to_wire(prepared_model: int, request: Request, *, local: bool) -> device_pb2.ExecuteRequest:
    """The message for a request."""
    message = device_pb2.ExecuteRequest(
        prepared_model=prepared_model,
        inputs=[argument_to_wire(each, local=local, output=False) for each in request.inputs],
        outputs=[argument_to_wire(each, local=local, output=True) for each in request.outputs],
        measure_timing=request.measure,
        trace=request.trace,
        attributes=attributes_to_wire(request.attributes),
    )
    if request.timeout is not None:
        message.timeout_ns = nanoseconds(request.timeout)
    if request.loop_timeout is not None:
        message.loop_timeout_ns = nanoseconds(request.loop_timeout)
    return message


def attributes_to_wire(attributes: Iterable[Attribute]) -> list[device_pb2.ExtensionAttribute]:
    """The messages for extensions' attributes."""
    return [
        device_pb2.ExtensionAttribute(extension=each.extension, code=each.code, data=each.data) for each in attributes
    ]


def attributes_from_wire(messages: Iterable[device_pb2.ExtensionAttribute]) -> tuple[Attribute, ...]:
    """The attributes; ``BadDataError`` for a name or a number that can't be."""
    attributes = tuple(Attribute(each.extension, each.code, each.data) for each in messages)
    for each in attributes:
        check_extension_name(each.extension)
        if each.code >> EXTENSION_BITS:
            raise BadDataError(f"attribute {each.code} of extension '{each.extension}' must be from 0 to 65535")
    return attributes


def nanoseconds(seconds: float) -> int:
    """A duration as the wire has it."""
    return min(max(round(seconds * 1e9), 0), 2**64 - 1)


def seconds(nanoseconds: int) -> float:
    """A duration that the wire has, at most ``LONGEST_DURATION``."""
    return min(nanoseconds / 1e9, LONGEST_DURATION)


def result_to_wire(result: ExecutionResult, inline: Sequence[Bytes | None]) -> device_pb2.ExecuteResponse:
    """The message for an execution's result; ``inline``: the bytes of each output that goes inline."""
    response = device_pb2.ExecuteResponse(timing=device_pb2.Timing())
    for dimensions, data in zip(result.output_dimensions, inline):
        output = response.outputs.add()
        output.dimensions.sizes.extend(dimensions)
        if data is not None:
            output.inline = data.tobytes()
    if result.timing.on_hardware is not None:
        response.timing.on_hardware_ns = result.timing.on_hardware
    if result.timing.in_driver is not None:
        response.timing.in_driver_ns = result.timing.in_driver
    if result.timing.energy is not None:
        response.timing.energy_nj = result.timing.energy
    if result.computing is not None:
        response.computing_ns = result.computing
    for span in result.spans:
        response.spans.add(
            track=span.track,
            name=span.name,
            start_ns=span.start,
            duration_ns=span.duration,
            operation=span.operation,
        )
    return response


def result_from_wire(message: device_pb2.ExecuteResponse) -> ExecutionResult:
    """The result in ``message``."""
    timing = message.timing
    return ExecutionResult(
        tuple(tuple(output.dimensions.sizes) for output in message.outputs),
        Timing(
            timing.on_hardware_ns if timing.HasField("on_hardware_ns") else None,
            timing.in_driver_ns if timing.HasField("in_driver_ns") else None,
            timing.energy_nj if timing.HasField("energy_nj") else None,
        ),
        tuple(
            Span(
                span.track,
                span.name,
                span.start_ns,
                span.duration_ns,
                span.operation if span.HasField("operation") else None,
            )
            for span in message.spans
        ),
        message.computing_ns if message.HasField("computing_ns") else None,
    )


def support_to_wire(supports: Sequence[Support]) -> device_pb2.GetSupportedOperationsResponse:
    """The message for which operations a device takes."""
    return device_pb2.GetSupportedOperationsResponse(
        operations=[
            device_pb2.OperationSupport(refusal=support.refusal, cost=cost_to_wire(support.cost))
            for support in supports
        ]
    )


def support_from_wire(message: device_pb2.GetSupportedOperationsResponse) -> list[Support]:
    """Which operations the device takes; ``BadDataError`` when a cost is none."""
    return [
        Support(each.refusal, cost_from_wire(each.cost) if each.HasField("cost") else None)
        for each in message.operations
    ]


def cost_to_wire(cost: Cost | None) -> device_pb2.Cost | None:
    """The message for a cost, if there is one."""
    return None if cost is None else device_pb2.Cost(seconds=cost.seconds, joules=cost.joules)


def cost_from_wire(message: device_pb2.Cost) -> Cost:
    """The cost in ``message``; ``BadDataError`` when it is negative or infinite."""
    if not (0 <= message.seconds < math.inf and 0 <= message.joules < math.inf):
        raise BadDataError(f"a cost is {message.seconds} s and {message.joules} J; both must be finite, from 0 on")
    return Cost(message.seconds, message.joules)


def info_to_wire(info: DeviceInfo) -> device_pb2.DeviceInfo:
    """The message for what a device is."""
    return device_pb2.DeviceInfo(
        name=info.name,
        version=info.version,
        type=info.type,  # type: ignore[arg-type]
        feature_level=info.feature_level,
        extensions=info.extensions,
        model_cache_files=info.model_cache_files,
        data_cache_files=info.data_cache_files,
        memory_alignment=info.memory_alignment,
        memory_padding=info.memory_padding,
    )


def info_from_wire(message: device_pb2.DeviceInfo) -> DeviceInfo:
    """What the device in ``message`` is; ``BadDataError`` when it says nonsense."""
    for what, size in (("alignment", message.memory_alignment), ("padding", message.memory_padding)):
        if size & (size - 1):
            raise BadDataError(f"the device's memory {what} is {size} bytes; it must be a power of two")
    files = message.model_cache_files, message.data_cache_files
    if max(files) > MOST_CACHE_FILES:
        raise BadDataError(f"the device keeps a model in {files} files; {MOST_CACHE_FILES} of each kind are the most")
    return DeviceInfo(
        message.name,
        message.version,
        _enumerator(DeviceType, message.type, "device type"),
        _enumerator(FeatureLevel, message.feature_level, "feature level"),
        tuple(message.extensions),
        message.memory_alignment or 1,
        message.memory_padding or 1,
        *files,
    )


def capabilities_to_wire(capabilities: Capabilities) -> device_pb2.Capabilities:
    """The message for what a device promises."""
    return device_pb2.Capabilities(
        operand_performance=[
            device_pb2.OperandPerformance(
                type=operand_type,  # type: ignore[arg-type]
                performance=_performance_to_wire(performance),
            )
            for operand_type, performance in capabilities.operand_performance.items()
        ],
        relaxed_float32_to_float16_scalar=_performance_to_wire(capabilities.relaxed_scalar),
        relaxed_float32_to_float16_tensor=_performance_to_wire(capabilities.relaxed_tensor),
        if_performance=_performance_to_wire(capabilities.if_),
        while_performance=_performance_to_wire(capabilities.while_),
        transfer=None
        if capabilities.transfer is None
        else device_pb2.Transfer(
            seconds=capabilities.transfer.seconds, bytes_per_second=capabilities.transfer.bytes_per_second
        ),
        launch=cost_to_wire(capabilities.launch),
    )


def capabilities_from_wire(message: device_pb2.Capabilities) -> Capabilities:
    """What the device in ``message`` promises; ``BadDataError`` when it says nonsense."""
    transfer = Transfer(message.transfer.seconds, message.transfer.bytes_per_second)
    if message.HasField("transfer") and not (0 <= transfer.seconds < math.inf and transfer.bytes_per_second > 0):
        raise BadDataError(f"the device promises {transfer}; both must be positive")
    return Capabilities(
        {
            _enumerator(OperandType, each.type, "operand type"): _performance_from_wire(each.performance)
            for each in message.operand_performance
        },
        _performance_from_wire(message.relaxed_float32_to_float16_scalar),
        _performance_from_wire(message.relaxed_float32_to_float16_tensor),
        _performance_from_wire(message.if_performance),
        _performance_from_wire(message.while_performance),
        transfer if message.HasField("transfer") else None,
        cost_from_wire(message.launch) if message.HasField("launch") else None,
    )


def _performance_to_wire(performance: Performance) -> device_pb2.Performance:
    return device_pb2.Performance(exec_time=performance.exec_time, power_usage=performance.power_usage)


def _performance_from_wire(message: device_pb2.Performance) -> Performance:
    return Performance(message.exec_time, message.power_usage)


def error_to_wire(error: NnapiError) -> device_pb2.Error:
    """The message for an error."""
    return device_pb2.Error(
        code=error.code,  # type: ignore[arg-type]
        message=str(error),
        operand=error.operand,
        operation=error.operation,
        output_dimensions=[device_pb2.Dimensions(sizes=each) for each in error.dimensions],
    )


def error_from_wire(message: device_pb2.Error) -> NnapiError:
    """The error in ``message``; an unknown code becomes ``OP_FAILED``."""
    code = ResultCode(message.code) if 0 < message.code <= max(ResultCode) else ResultCode.OP_FAILED
    return error_class(code)(
        message.message,
        operand=message.operand if message.HasField("operand") else None,
        operation=message.operation if message.HasField("operation") else None,
        dimensions=tuple(tuple(each.sizes) for each in message.output_dimensions),
    )
