"""What operations over images are given: convolutions, poolings, resizing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hal.types import OperationType as O
from hal.types import PaddingCode
from tools.conformance.generated.draw import Draw, Given


def _walk(draw: Draw, rows: int, columns: int, dilations: tuple[int, int] = (1, 1)) -> list[Given]:
    """Padding, explicit or implicit, and strides. ``dilations``: of width and height."""
    strides = [draw.scalar(draw.whole(1, 3)) for _ in range(2)]
    if draw.chance():
        return [draw.scalar(draw.choice(tuple(PaddingCode)).value), *strides]
    reaches = ((columns - 1) * dilations[0], (rows - 1) * dilations[1])
    return [*(draw.scalar(draw.whole(0, reach)) for reach in reaches for _ in range(2)), *strides]


def _filter(draw: Draw, shape: tuple[int, ...], channel_dim: int) -> Given:
    """Weights, for quantised data often with a scale for each channel."""
    if draw.data_type.has_scale and draw.chance():
        return draw.per_channel(shape, channel_dim)
    return draw.weights(shape)


def _conv_2d(draw: Draw) -> list[Given]:
    nchw, rows, columns = draw.chance(), draw.whole(1, 4), draw.whole(1, 4)
    shape = draw.image(nchw, least=7)
    depth, channels = shape[1] if nchw else shape[3], draw.whole(1, 20)
    draw.terms = rows * columns * depth
    dilations = (draw.whole(1, 2), draw.whole(1, 2)) if draw.chance() else (1, 1)
    weights = _filter(draw, (channels, rows, columns, depth), 0)
    image = draw.tensor(shape)
    walk = _walk(draw, rows, columns, dilations)
    operands = [image, weights, draw.bias(image, weights, channels), *walk, draw.activation()]
    return [*operands, *_layout(draw, nchw, dilations)]


def _layout(draw: Draw, nchw: bool, dilations: tuple[int, int]) -> list[Given]:
    """The optional ends of the operand list, as far as they must or may be there."""
    if dilations != (1, 1) or draw.chance(0.2):
        return [draw.scalar(nchw), *(draw.scalar(dilation) for dilation in dilations)]
    return [draw.scalar(nchw)] if nchw or draw.chance() else []


def _depthwise_conv_2d(draw: Draw) -> list[Given]:
    nchw, rows, columns, multiplier = draw.chance(), draw.whole(1, 4), draw.whole(1, 4), draw.whole(1, 3)
    shape = draw.image(nchw, least=7)
    channels = (shape[1] if nchw else shape[3]) * multiplier
    draw.terms = rows * columns
    dilations = (draw.whole(1, 2), draw.whole(1, 2)) if draw.chance() else (1, 1)
    image = draw.tensor(shape)
    weights = _filter(draw, (1, rows, columns, channels), 3)
    walk = _walk(draw, rows, columns, dilations)
    operands = [image, weights, draw.bias(image, weights, channels), *walk, draw.scalar(multiplier)]
    return [*operands, draw.activation(), *_layout(draw, nchw, dilations)]


def _grouped_conv_2d(draw: Draw) -> list[Given]:
    nchw, rows, columns, groups = draw.chance(), draw.whole(1, 3), draw.whole(1, 3), draw.whole(1, 4)
    depth, channels = draw.whole(1, 4), groups * draw.whole(1, 4)
    draw.terms = rows * columns * depth
    image = draw.tensor(draw.image(nchw, channels=groups * depth, least=4))
    weights = _filter(draw, (channels, rows, columns, depth), 0)
    operands = [image, weights, draw.bias(image, weights, channels), *_walk(draw, rows, columns)]
    return [*operands, draw.scalar(groups), draw.activation(), draw.scalar(nchw)]


def _transpose_conv_2d(draw: Draw) -> list[Given]:
    nchw, rows, columns = draw.chance(), draw.whole(1, 4), draw.whole(1, 4)
    shape = draw.image(nchw, most=8)
    depth, channels = shape[1] if nchw else shape[3], draw.whole(1, 9)
    height, width = shape[2:] if nchw else shape[1:3]
    draw.terms = rows * columns * depth
    image = draw.tensor(shape)
    weights = _filter(draw, (channels, rows, columns, depth), 0)
    tensors = [image, weights, draw.bias(image, weights, channels)]
    stride_width, stride_height = draw.whole(1, 3), draw.whole(1, 3)
    rest = [draw.scalar(stride_width), draw.scalar(stride_height), draw.activation(), draw.scalar(nchw)]
    if draw.chance():
        left, right = _cut(draw, width, columns, stride_width)
        top, bottom = _cut(draw, height, rows, stride_height)
        return [*tensors, *(draw.scalar(side) for side in (left, right, top, bottom)), *rest]
    sizes = (height * stride_height, width * stride_width)  # SAME: the input has ceil(size / stride)
    target = (shape[0], channels, *sizes) if nchw else (shape[0], *sizes, channels)
    return [*tensors, draw.shaping(target), draw.scalar(PaddingCode.SAME.value), *rest]


def _cut(draw: Draw, size: int, window: int, stride: int) -> tuple[int, int]:
    """What explicit padding takes from the two ends of a transposed convolution's output, which must remain."""
    full = (size - 1) * stride + window
    before = draw.whole(0, min(window - 1, full - 1))
    return before, draw.whole(0, min(window - 1, full - 1 - before))


def _pool(draw: Draw) -> list[Given]:
    nchw, rows, columns = draw.chance(), draw.whole(1, 4), draw.whole(1, 4)
    draw.terms = rows * columns
    image = draw.tensor(draw.image(nchw, least=4))
    operands = [image, *_walk(draw, rows, columns), draw.scalar(columns), draw.scalar(rows), draw.activation()]
    return [*operands, *([draw.scalar(nchw)] if nchw or draw.chance() else [])]


def _resize(draw: Draw) -> list[Given]:
    nchw, corners = draw.chance(), draw.whole(0, 2)
    image = draw.tensor(draw.image(nchw, least=2))
    if draw.chance():
        size = [draw.scalar(draw.whole(1, 20)) for _ in range(2)]
    else:
        size = [draw.real(draw.whole(2, 12) / 4) for _ in range(2)]
    return [image, *size, draw.scalar(nchw), draw.scalar(corners == 1), draw.scalar(corners == 2)]


GENERATORS: Mapping[O, Callable[[Draw], list[Given]]] = {
    O.AVERAGE_POOL_2D: _pool,
    O.CONV_2D: _conv_2d,
    O.DEPTHWISE_CONV_2D: _depthwise_conv_2d,
    O.GROUPED_CONV_2D: _grouped_conv_2d,
    O.L2_POOL_2D: _pool,
    O.MAX_POOL_2D: _pool,
    O.RESIZE_BILINEAR: _resize,
    O.RESIZE_NEAREST_NEIGHBOR: _resize,
    O.TRANSPOSE_CONV_2D: _transpose_conv_2d,
}
