"""Well-known networks as canonical models, without their weights: what simulated devices are compared with phones by.

Weights are zeros, whose memory is never touched. A network is float32, or int8 with weights scaled by channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from hal.model import Dimensions, Lifetime, Model, Operand, Operation, PerChannelQuantization, Subgraph
from hal.operations import DECLARATIONS
from hal.types import FuseCode, OperandType, OperationType, PaddingCode

Network = Callable[[bool], Model]
"""Makes the model; in int8 if True."""

_T = OperandType
_SCALE = 1 / 16


class Builder:
    """Adds layer after layer to ``at``, the result so far: [1, height, width, channels]."""

    def __init__(self, quantized: bool, size: int) -> None:
        self._quantized = quantized
        self._type = _T.TENSOR_QUANT8_ASYMM_SIGNED if quantized else _T.TENSOR_FLOAT32
        self._operands: list[Operand] = []
        self._operations: list[Operation] = []
        self.at = self._add(self._tensor((1, size, size, 3), Lifetime.SUBGRAPH_INPUT))

    @property
    def channels(self) -> int:
        """Of the result so far."""
        return self._operands[self.at].dimensions[3]

    def convolve(
        self,
        filters: int,
        window: int | tuple[int, int] = 1,
        stride: int = 1,
        *,
        padding: PaddingCode = PaddingCode.SAME,
        activation: FuseCode = FuseCode.RELU6,
    ) -> Builder:
        """CONV_2D; ``window``: rows and columns of the filters."""
        rows, columns = window if isinstance(window, tuple) else (window, window)
        weights = self._weights((filters, rows, columns, self.channels), 0)
        return self._layer(OperationType.CONV_2D, weights, (padding, stride, stride, activation))

    def convolve_depthwise(self, window: int, stride: int = 1) -> Builder:
        """DEPTHWISE_CONV_2D with a filter for each channel."""
        weights = self._weights((1, window, window, self.channels), 3)
        return self._layer(
            OperationType.DEPTHWISE_CONV_2D, weights, (PaddingCode.SAME, stride, stride, 1, FuseCode.RELU6)
        )

    def pool(
        self, operation: OperationType, window: int, stride: int, padding: PaddingCode = PaddingCode.SAME
    ) -> Builder:
        """MAX_POOL_2D or AVERAGE_POOL_2D."""
        return self._layer(operation, [], (padding, stride, stride, window, window, FuseCode.NONE))

    def pool_all(self) -> Builder:
        """The mean of each channel."""
        return self.pool(OperationType.AVERAGE_POOL_2D, self._operands[self.at].dimensions[1], 1, PaddingCode.VALID)

    def add(self, other: int) -> Builder:
        """The sum with an earlier result."""
        return self._layer(OperationType.ADD, [other], (FuseCode.NONE,))

    def branch(self, *branches: Callable[[Builder], Builder]) -> Builder:
        """The results of all ``branches`` of this one, their channels side by side."""
        start, ends = self.at, []
        for make in branches:
            self.at = start
            ends.append(make(self).at)
        self.at = ends[0]
        return self._layer(OperationType.CONCATENATION, ends[1:], (3,))

    def model(self) -> Model:
        """All layers, of which the last one's result is the output; float32 may be computed as float16."""
        operands = list(self._operands)
        operands[self.at] = replace(operands[self.at], lifetime=Lifetime.SUBGRAPH_OUTPUT)
        return Model(Subgraph(tuple(operands), tuple(self._operations), (0,), (self.at,)), relaxed=True)

    def _layer(self, operation: OperationType, others: Sequence[int], settings: Sequence[int]) -> Builder:
        inputs = (self.at, *others, *map(self._setting, settings))
        declaration = DECLARATIONS[operation]
        (dimensions,) = declaration.infer(declaration.bind([self._operands[index] for index in inputs]))
        self.at = self._add(self._tensor(dimensions, Lifetime.TEMPORARY_VARIABLE))
        self._operations.append(Operation(operation, inputs, (self.at,)))
        return self

    def _weights(self, dimensions: Dimensions, channel_dim: int) -> list[int]:
        """Filters and biases."""
        channels = dimensions[channel_dim]
        if not self._quantized:
            return [self._zeros(Operand(_T.TENSOR_FLOAT32, each)) for each in (dimensions, (channels,))]
        scales = PerChannelQuantization(channel_dim, (_SCALE,) * channels)
        filters = Operand(_T.TENSOR_QUANT8_SYMM_PER_CHANNEL, dimensions, per_channel=scales)
        return [self._zeros(filters), self._zeros(Operand(_T.TENSOR_INT32, (channels,)))]

    def _zeros(self, operand: Operand) -> int:
        value = np.zeros(operand.dimensions, OperandType(operand.type).dtype)
        value.flags.writeable = False
        return self._add(replace(operand, lifetime=Lifetime.CONSTANT_COPY, value=value))

    def _setting(self, value: int) -> int:
        return self._add(Operand(_T.INT32, lifetime=Lifetime.CONSTANT_COPY, value=np.array(value, np.int32)))

    def _tensor(self, dimensions: Dimensions, lifetime: Lifetime) -> Operand:
        return Operand(self._type, dimensions, _SCALE if self._quantized else 0.0, lifetime=lifetime)

    def _add(self, operand: Operand) -> int:
        self._operands.append(operand)
        return len(self._operands) - 1


def mobilenet_v1(quantized: bool) -> Model:
    """MobileNet v1, 224 x 224 (A. Howard et al., "MobileNets", 2017)."""
    net = Builder(quantized, 224).convolve(32, 3, 2)
    blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for filters, stride in blocks:
        net.convolve_depthwise(3, stride).convolve(filters)
    return net.pool_all().convolve(1001, activation=FuseCode.NONE).model()


def mobilenet_v2(quantized: bool) -> Model:
    """MobileNet v2, 224 x 224 (M. Sandler et al., "MobileNetV2", CVPR 2018)."""
    net = Builder(quantized, 224).convolve(32, 3, 2)
    groups = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for expansion, filters, count, stride in groups:
        for number in range(count):
            _bottleneck(net, expansion, filters, 1 if number else stride)
    return net.convolve(1280).pool_all().convolve(1001, activation=FuseCode.NONE).model()


def mobilenet_edgetpu(quantized: bool) -> Model:
    """MobilenetEdgeTPU, 224 x 224 (tensorflow/models, research/slim/nets/mobilenet/mobilenet_v3.py)."""
    net = Builder(quantized, 224).convolve(32, 3, 2)
    _bottleneck(net, 1, 16, 1)
    for filters in (32, 48):
        for expansion, stride in ((8, 2), (4, 1), (4, 1), (4, 1)):
            _bottleneck(net, expansion, filters, stride, fused=True)
    for filters, window, stride in ((96, 3, 2), (96, 3, 1), (160, 5, 2)):
        _bottleneck(net, 8, filters, stride, window, residual=False)
        for _ in range(3):
            _bottleneck(net, 4, filters, 1, window)
    _bottleneck(net, 8, 192, 1)
    return net.convolve(1280).pool_all().convolve(1001, activation=FuseCode.NONE).model()


def _bottleneck(
    net: Builder,
    expansion: int,
    filters: int,
    stride: int,
    window: int = 3,
    *,
    fused: bool = False,
    residual: bool = True,
) -> None:
    """Wider, filtered, narrower again, and added to what there was; ``fused``: the first two in one convolution."""
    start, channels = net.at, net.channels
    if fused:
        net.convolve(channels * expansion, window, stride)
    else:
        if expansion > 1:
            net.convolve(channels * expansion)
        net.convolve_depthwise(window, stride)
    net.convolve(filters, activation=FuseCode.NONE)
    if residual and stride == 1 and channels == filters:
        net.add(start)


def inception_v4(quantized: bool) -> Model:
    """Inception v4, 299 x 299 (C. Szegedy et al., "Inception-v4, Inception-ResNet", AAAI 2017)."""
    valid = PaddingCode.VALID

    def largest(net: Builder) -> Builder:
        return net.pool(OperationType.MAX_POOL_2D, 3, 2, valid)

    def mean(net: Builder) -> Builder:
        return net.pool(OperationType.AVERAGE_POOL_2D, 3, 1)

    net = Builder(quantized, 299).convolve(32, 3, 2, padding=valid).convolve(32, 3, padding=valid).convolve(64, 3)
    net.branch(largest, lambda b: b.convolve(96, 3, 2, padding=valid))
    net.branch(
        lambda b: b.convolve(64).convolve(96, 3, padding=valid),
        lambda b: b.convolve(64).convolve(64, (7, 1)).convolve(64, (1, 7)).convolve(96, 3, padding=valid),
    )
    net.branch(lambda b: b.convolve(192, 3, 2, padding=valid), largest)
    for _ in range(4):
        net.branch(
            lambda b: b.convolve(96),
            lambda b: b.convolve(64).convolve(96, 3),
            lambda b: b.convolve(64).convolve(96, 3).convolve(96, 3),
            lambda b: mean(b).convolve(96),
        )
    net.branch(
        lambda b: b.convolve(384, 3, 2, padding=valid),
        lambda b: b.convolve(192).convolve(224, 3).convolve(256, 3, 2, padding=valid),
        largest,
    )
    for _ in range(7):
        net.branch(
            lambda b: b.convolve(384),
            lambda b: b.convolve(192).convolve(224, (1, 7)).convolve(256, (7, 1)),
            lambda b: (
                b.convolve(192).convolve(192, (7, 1)).convolve(224, (1, 7)).convolve(224, (7, 1)).convolve(256, (1, 7))
            ),
            lambda b: mean(b).convolve(128),
        )
    net.branch(
        lambda b: b.convolve(192).convolve(192, 3, 2, padding=valid),
        lambda b: b.convolve(256).convolve(256, (1, 7)).convolve(320, (7, 1)).convolve(320, 3, 2, padding=valid),
        largest,
    )

    def both_ways(net: Builder) -> Builder:
        return net.branch(lambda b: b.convolve(256, (1, 3)), lambda b: b.convolve(256, (3, 1)))

    for _ in range(3):
        net.branch(
            lambda b: b.convolve(256),
            lambda b: both_ways(b.convolve(384)),
            lambda b: both_ways(b.convolve(384).convolve(448, (3, 1)).convolve(512, (1, 3))),
            lambda b: mean(b).convolve(256),
        )
    return net.pool_all().convolve(1001, activation=FuseCode.NONE).model()
