"""Typical operations, and how a device's estimates for them compare with the CPU's.

The work of an image classifier or detector for phones (MobileNet's layers): convolutions of 3 x 3 and
1 x 1, depthwise ones, a fully connected layer, additions, pooling and activations. Types that
networks do not compute in have the operations that NNAPI gives them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from drivers.cpu.description import DEFAULT, CpuDescription
from drivers.cpu.performance import CpuPerformance
from drivers.simulation.description import Description, Level, describe
from drivers.simulation.estimate import PerformanceModel, works
from hal.device import Capabilities, Cost, Performance, Transfer
from hal.model import Dimensions, Lifetime, Model, Operand, Operation, PerChannelQuantization, Subgraph
from hal.types import OperandType, OperationType, PaddingCode
from hal.workload import Workload

Refusals = Callable[[Model], list[str]]

_T = OperandType
_IMAGE = (1, 28, 28, 128)
_NETWORKS = (_T.TENSOR_FLOAT32, _T.TENSOR_FLOAT16, _T.TENSOR_QUANT8_ASYMM, _T.TENSOR_QUANT8_ASYMM_SIGNED)
_SCALARS = {
    _T.FLOAT32: _T.TENSOR_FLOAT32,
    _T.FLOAT16: _T.TENSOR_FLOAT16,
    _T.INT32: _T.TENSOR_INT32,
    _T.UINT32: _T.TENSOR_INT32,
    _T.BOOL: _T.TENSOR_BOOL8,
}
_SCALE = 1 / 64
_UNTAKEN = Performance(math.inf, math.inf)


def capabilities(description: Description, performance: PerformanceModel, refusals: Refusals) -> Capabilities:
    """What a device promises, computed: nothing is claimed that its estimates do not say.

    A type's figures are geometric means over the typical operations in it that the device takes, of
    its estimate at its highest level over the CPU's. A type of which it takes none is missing; a
    scalar has the figures of tensors. Relaxed float32 and control flow that it does not take are
    infinitely slow.
    """
    level = description.power.levels[-1]
    found: dict[OperandType, Performance] = {}
    for operand_type in OperandType:
        if operand_type.is_tensor:
            ratio = _ratio(_typical(operand_type), performance, level, refusals)
            if ratio is not None:
                found[operand_type] = ratio
    found |= {scalar: found[tensor] for scalar, tensor in _SCALARS.items() if tensor in found}
    relaxed = _ratio(_typical(_T.TENSOR_FLOAT32, relaxed=True), performance, level, refusals) or _UNTAKEN
    within = found.get(_T.TENSOR_FLOAT32, _UNTAKEN)
    return Capabilities(
        found,
        relaxed_scalar=relaxed,
        relaxed_tensor=relaxed,
        if_=_UNTAKEN if any(refusals(_conditional())) else within,
        while_=_UNTAKEN if any(refusals(_loop())) else within,
        transfer=Transfer(description.host.transfer_seconds, description.host.bytes_per_second),
        launch=Cost(description.host.launch_seconds, description.host.launch_seconds * description.power.static_watts),
    )


def _ratio(
    models: Sequence[Model], performance: PerformanceModel, level: Level, refusals: Refusals
) -> Performance | None:
    taken = [_work(model) for model in models if not any(refusals(model))]
    if not taken:
        return None
    reference, highest = _reference()
    pairs = [(performance.operation(work, level), reference.operation(work, highest)) for work in taken]
    return Performance(
        _mean([own.seconds / cpu.seconds for own, cpu in pairs]), _mean([own.joules / cpu.joules for own, cpu in pairs])
    )


def _mean(ratios: Sequence[float]) -> float:
    return math.exp(math.fsum(map(math.log, ratios)) / len(ratios))


@functools.cache
def _reference() -> tuple[PerformanceModel, Level]:
    """The CPU's default description."""
    _, description = describe("drivers.cpu", None, CpuDescription, DEFAULT)
    return CpuPerformance(description), description.power.levels[-1]


def _work(model: Model) -> Workload:
    _, (work,) = works(model.main, [model.main.operands[index].dimensions for index in model.main.inputs])
    assert work is not None
    return work


def _typical(operand_type: OperandType, *, relaxed: bool = False) -> list[Model]:
    """A model for each typical operation in a type; none for a type that NNAPI has no such operation for."""
    if operand_type in _NETWORKS:
        images = (operand_type, _IMAGE)
        models = [
            _product(OperationType.CONV_2D, *images, (128, 3, 3, 128)),
            _product(OperationType.CONV_2D, *images, (128, 1, 1, 128)),
            _product(OperationType.DEPTHWISE_CONV_2D, *images, (1, 3, 3, 128)),
            _product(OperationType.FULLY_CONNECTED, operand_type, (1, 1024), (1000, 1024)),
            _single(OperationType.ADD, [_input(*images), _input(*images), _integer(0)], _tensor(*images)),
            _single(
                OperationType.MAX_POOL_2D,
                [_input(*images), _integer(PaddingCode.VALID), *map(_integer, (2, 2, 2, 2, 0))],
                _tensor(operand_type, (1, 14, 14, 128)),
            ),
            _single(OperationType.LOGISTIC, [_input(*images)], _sigmoid(operand_type)),
        ]
    elif operand_type is _T.TENSOR_INT32:
        images = (operand_type, _IMAGE)
        models = [
            _single(OperationType.ADD, [_input(*images), _input(*images), _integer(0)], _tensor(*images)),
            _single(OperationType.LESS, [_input(*images), _input(*images)], _tensor(_T.TENSOR_BOOL8, _IMAGE)),
        ]
    elif operand_type is _T.TENSOR_BOOL8:
        images = (operand_type, _IMAGE)
        models = [_single(OperationType.LOGICAL_AND, [_input(*images), _input(*images)], _tensor(*images))]
    elif operand_type in (_T.TENSOR_QUANT8_SYMM, _T.TENSOR_QUANT8_SYMM_PER_CHANNEL):
        models = [_single(OperationType.DEQUANTIZE, [_input(operand_type, _IMAGE)], _tensor(_T.TENSOR_FLOAT32, _IMAGE))]
    else:
        images = (operand_type, _IMAGE)
        models = [_single(OperationType.CAST, [_input(*images)], _tensor(*images))]
    return [Model(each.main, relaxed=relaxed) for each in models]


def _product(operation: OperationType, operand_type: OperandType, dimensions: Dimensions, weights: Dimensions) -> Model:
    """A product with weights, a convolution's over signed 8-bit data scaled by channel; strides are 1."""
    data = _input(operand_type, dimensions)
    channel_dim = 3 if operation is OperationType.DEPTHWISE_CONV_2D else 0
    channels = weights[channel_dim]
    settings = [_integer(PaddingCode.SAME), _integer(1), _integer(1), _integer(0)]
    if operation is OperationType.DEPTHWISE_CONV_2D:
        settings.insert(3, _integer(1))
    elif operation is OperationType.FULLY_CONNECTED:
        settings = [_integer(0)]
    if operand_type is _T.TENSOR_QUANT8_ASYMM_SIGNED and operation is not OperationType.FULLY_CONNECTED:
        scales = PerChannelQuantization(channel_dim, (_SCALE,) * channels)
        filters = _constant(Operand(_T.TENSOR_QUANT8_SYMM_PER_CHANNEL, weights, per_channel=scales))
        bias = _constant(Operand(_T.TENSOR_INT32, (channels,)))
    else:
        filters = _constant(_tensor(operand_type, weights))
        bias_type = _T.TENSOR_INT32 if operand_type.has_scale else operand_type
        bias = _constant(Operand(bias_type, (channels,), _SCALE * _SCALE if operand_type.has_scale else 0.0))
    output = _tensor(operand_type, (*dimensions[:-1], channels))
    return _single(operation, [data, filters, bias, *settings], output)


def _conditional() -> Model:
    """IF over two subgraphs of one RELU each."""
    inner = _single(OperationType.RELU, [_input(_T.TENSOR_FLOAT32, _IMAGE)], _tensor(_T.TENSOR_FLOAT32, _IMAGE)).main
    condition, data = _input(_T.TENSOR_BOOL8, (1,)), _input(_T.TENSOR_FLOAT32, _IMAGE)
    outer = _single(
        OperationType.IF, [condition, _subgraph(0), _subgraph(1), data], _tensor(_T.TENSOR_FLOAT32, _IMAGE)
    ).main
    return Model(outer, (inner, inner))


def _loop() -> Model:
    """WHILE over two subgraphs of one LOGICAL_NOT each."""
    flag = _input(_T.TENSOR_BOOL8, (1,))
    inner = _single(OperationType.LOGICAL_NOT, [flag], _tensor(_T.TENSOR_BOOL8, (1,))).main
    outer = _single(OperationType.WHILE, [_subgraph(0), _subgraph(1), flag], _tensor(_T.TENSOR_BOOL8, (1,))).main
    return Model(outer, (inner, inner))


def _single(operation: OperationType, inputs: Sequence[Operand], output: Operand) -> Model:
    operands = (*inputs, replace(output, lifetime=Lifetime.SUBGRAPH_OUTPUT))
    given = tuple(index for index, operand in enumerate(inputs) if operand.lifetime is Lifetime.SUBGRAPH_INPUT)
    last = len(inputs)
    return Model(Subgraph(operands, (Operation(operation, tuple(range(last)), (last,)),), given, (last,)))


def _tensor(operand_type: OperandType, dimensions: Dimensions) -> Operand:
    return Operand(operand_type, dimensions, _SCALE if operand_type.has_scale else 0.0)


def _sigmoid(operand_type: OperandType) -> Operand:
    """What LOGISTIC gives: NNAPI fixes its scale and zero point."""
    lowest = -128 if operand_type is _T.TENSOR_QUANT8_ASYMM_SIGNED else 0
    return replace(_tensor(operand_type, _IMAGE), scale=1 / 256 if operand_type.has_scale else 0.0, zero_point=lowest)


def _input(operand_type: OperandType, dimensions: Dimensions) -> Operand:
    per_channel = None
    if operand_type is _T.TENSOR_QUANT8_SYMM_PER_CHANNEL:
        per_channel = PerChannelQuantization(3, (_SCALE,) * dimensions[3])
    return replace(_tensor(operand_type, dimensions), lifetime=Lifetime.SUBGRAPH_INPUT, per_channel=per_channel)


def _constant(operand: Operand) -> Operand:
    value = np.zeros(operand.dimensions, OperandType(operand.type).dtype)
    value.flags.writeable = False
    return replace(operand, lifetime=Lifetime.CONSTANT_COPY, value=value)


def _integer(value: int) -> Operand:
    return replace(_constant(Operand(_T.INT32)), value=np.array(value, np.int32))


def _subgraph(number: int) -> Operand:
    return Operand(_T.MODEL, lifetime=Lifetime.SUBGRAPH, subgraph=number)
