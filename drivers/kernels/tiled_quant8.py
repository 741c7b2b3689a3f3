"""Convolutions and products of 8-bit values by tiles: walks over an output whose tiles micro-kernels compute."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from drivers.engine import abi
from drivers.engine.abi import Ending, I8x1, I32x1, I64x1, Sized
from drivers.engine.dots import DOTS
from drivers.engine.lowering import Builder
from drivers.engine.program import Tensor
from drivers.kernels.fused import quantized_bounds
from drivers.kernels.layout import nhwc_input, nhwc_output
from drivers.kernels.padding import emit_padded, zero_of
from drivers.kernels.requantization import endings, suiting
from drivers.kernels.tiled import pixel_axis
from drivers.kernels.tiles_quant8 import (
    PRODUCT_TILES,
    TAP_TILES,
    Tile8,
    panels,
    product_tile,
    tap_panels,
    tap_tile,
    vectors,
)
from hal.operations.convolution import conv_axes
from hal.operations.declaration import Arguments, TensorSpec
from hal.operations.window import Axis

_ROOM = 32 << 10
"""Bytes for rows that are laid out for depthwise sums: they stay in the nearest cache."""


def _product_walk(tile: Tile8) -> Callable[..., None]:
    compute = abi.product_tile_quant8(tile.rows, tile.vectors, tile.lanes, tile.dot.group, tile.ending)
    rows, width, count = tile.rows, tile.width, tile.vectors
    group, vector_bytes = tile.dot.group, tile.dot.vector_bytes(tile.lanes)

    def products_by_tile(
        x: I8x1,
        taps: I64x1,
        weights: I8x1,
        endings: I32x1,
        out: I8x1,
        run: int,
        pixels: int,
        pixel_step: int,
        lines: int,
        line_step: int,
        image_step: int,
        channels: int,
        low: int,
        high: int,
        begin: int,
        end: int,
    ) -> None:
        """``tiled.products_by_tile`` for 8-bit values."""
        panels = (channels + width - 1) // width
        panel_bytes = len(taps) * ((run + group - 1) // group) * count * vector_bytes
        total = len(out) // channels
        for unit in range(begin, end):
            line, panel = unit // panels, unit % panels
            first = min(line * pixels, total - pixels)
            back = (line * pixels - first) * pixel_step
            start = line // lines * image_step + line % lines * line_step - back
            channel = panel * width
            for ahead in range(0, pixels, rows):
                pixel = min(ahead, pixels - rows)
                compute(
                    x,
                    start + pixel * pixel_step,
                    pixel_step,
                    taps,
                    run,
                    weights,
                    panel * panel_bytes,
                    endings,
                    panel * count,
                    out,
                    (first + pixel) * channels + channel,
                    channels,
                    channels - channel,
                    low,
                    high,
                )

    return products_by_tile


products_by_tile = Sized(lambda name: _product_walk(PRODUCT_TILES[name]))


def _tap_walk(tile: Tile8) -> Callable[..., None]:
    lanes, group = tile.lanes, tile.dot.group
    compute = abi.tap_tile_quant8(tile.rows, lanes, group, tile.ending)
    compute_one = abi.tap_tile_quant8(1, lanes, group, tile.ending)
    gather = abi.gather_rows(lanes, group)
    workspace = abi.workspace(_ROOM)
    pixels, vector_bytes = tile.rows, tile.dot.vector_bytes(lanes)

    def taps_by_tile(
        x: I8x1,
        zeros: I8x1,
        weights: I8x1,
        endings: I32x1,
        out: I8x1,
        channels: int,
        in_height: int,
        in_width: int,
        height: int,
        width: int,
        block: int,
        filter_rows: int,
        filter_columns: int,
        stride_y: int,
        stride_x: int,
        dilation_y: int,
        dilation_x: int,
        top: int,
        left: int,
        low: int,
        high: int,
        begin: int,
        end: int,
    ) -> None:
        """Depthwise sums with weights as ``tiles_quant8.tap_panels``. A unit of work is a line of the output.

        Of ``block`` pixels at a time the rows of the image that they need are laid out with ``zeros`` around them.
        """
        gathered = workspace()
        groups = (filter_rows + group - 1) // group
        panel_bytes = groups * filter_columns * vector_bytes
        extent = (filter_columns - 1) * dilation_x + 1
        row_step = in_width * channels
        for line in range(begin, end):
            y = line % height * stride_y - top
            first_row = max(0, (dilation_y - 1 - y) // dilation_y)
            last_row = min(filter_rows, (in_height - 1 - y) // dilation_y + 1)
            image = (line // height * in_height + y) * row_step
            for begun in range(0, width, block):
                count = min(block, width - begun)
                columns = (count - 1) * stride_x + extent
                column = begun * stride_x - left
                before = min(max(0, -column), columns)
                inside = max(0, min(columns, in_width - column) - before)
                for panel in range((channels + lanes - 1) // lanes):
                    channel = min(panel * lanes, channels - lanes)
                    for rows in range(groups):
                        start = image + rows * group * dilation_y * row_step + channel
                        here = rows * columns * vector_bytes
                        least, most = first_row - rows * group, last_row - rows * group
                        if before > 0:
                            gather(x, start, 0, 0, 0, 0, zeros, before, gathered, here)
                        if inside > 0:
                            gather(
                                x,
                                start + (column + before) * channels,
                                dilation_y * row_step,
                                least,
                                most,
                                channels,
                                zeros,
                                inside,
                                gathered,
                                here + before * vector_bytes,
                            )
                        after = columns - before - inside
                        if after > 0:
                            gather(
                                x, start, 0, 0, 0, 0, zeros, after, gathered, here + (before + inside) * vector_bytes
                            )
                    pixel = 0
                    while pixel < count:
                        if count >= pixels:
                            pixel = min(pixel, count - pixels)
                            compute(
                                gathered,
                                pixel * stride_x * vector_bytes,
                                stride_x * vector_bytes,
                                columns * vector_bytes,
                                dilation_x * vector_bytes,
                                groups,
                                filter_columns,
                                weights,
                                panel * panel_bytes,
                                endings,
                                panel,
                                out,
                                (line * width + begun + pixel) * channels + channel,
                                channels,
                                lanes,
                                low,
                                high,
                            )
                            pixel += pixels
                        else:
                            compute_one(
                                gathered,
                                pixel * stride_x * vector_bytes,
                                stride_x * vector_bytes,
                                columns * vector_bytes,
                                dilation_x * vector_bytes,
                                groups,
                                filter_columns,
                                weights,
                                panel * panel_bytes,
                                endings,
                                panel,
                                out,
                                (line * width + begun + pixel) * channels + channel,
                                channels,
                                lanes,
                                low,
                                high,
                            )
                            pixel += 1

    return taps_by_tile


taps_by_tile = Sized(lambda name: _tap_walk(TAP_TILES[name]))

_BLOCK = 96
"""Pixels about that go together where nothing forces another number."""


def fits_product_tiles(builder: Builder, arguments: Arguments) -> bool:
    """Whether a convolution's filter is one group of constants whose zero point is 0, and its bias is constant."""
    return _has_constants(builder, arguments.filter) and getattr(arguments, "groups", 1) == 1


def _has_constants(builder: Builder, filters: TensorSpec) -> bool:
    return builder.is_constant(1) and builder.is_constant(2) and filters.zero_point == 0


def emit_product_tiles(builder: Builder, arguments: Arguments) -> None:
    """Emit a convolution of 8-bit values: padded first where its filter reaches past the image."""
    vertical, horizontal = conv_axes(arguments)
    image = _padded(builder, nhwc_input(builder, arguments.nchw), vertical, horizontal, arguments.input.zero_point)
    with nhwc_output(builder, arguments.nchw) as out:
        sums = _Sums(builder, arguments, arguments.filter, channel_axis=0)
        _emit_products(builder, image, vertical, horizontal, sums, out)


def fits_matrix_products(builder: Builder, arguments: Arguments) -> bool:
    """Whether FULLY_CONNECTED has constant weights whose zero point is 0, and a constant bias."""
    return _has_constants(builder, arguments.weights)


def emit_matrix_products(builder: Builder, arguments: Arguments, rows: Tensor, out: Tensor) -> None:
    """Emit FULLY_CONNECTED of 8-bit values: each of its ``rows`` is a pixel."""
    count, depth = rows.shape
    sums = _Sums(builder, arguments, arguments.weights, channel_axis=0, in_float64=builder.numerics.scales_in_float64)
    image, results = rows.viewed(1, 1, count, depth), out.viewed(1, 1, *out.shape)
    _emit_products(builder, image, pixel_axis(1), pixel_axis(count), sums, results)


def _emit_products(builder: Builder, image: Tensor, vertical: Axis, horizontal: Axis, sums: _Sums, out: Tensor) -> None:
    """Emit the products of input 1's filter with ``image``, which has its padding."""
    batches, height, width, depth = image.shape
    rows, columns, channels = vertical.window, horizontal.window, out.shape[3]
    if horizontal.dilation == 1:  # a filter's row is one run of values
        run, offsets = columns * depth, [0]
    else:
        run, offsets = depth, [column * horizontal.dilation * depth for column in range(columns)]
    taps = [row * vertical.dilation * width * depth + offset for row in range(rows) for offset in offsets]
    step = horizontal.stride * depth
    if rows == columns == vertical.stride == horizontal.stride == 1:
        total = batches * height * width
        tile = product_tile(min(total, _BLOCK), channels, len(taps), run, sums.ending)
        pixels = min(total, _BLOCK // tile.rows * tile.rows)
        lines, walk = -(-total // pixels), (1, 0, pixels * step)
    else:
        pixels, lines = out.shape[2], batches * out.shape[1]
        tile = product_tile(pixels, channels, len(taps), run, sums.ending)
        walk = out.shape[1], vertical.stride * width * depth, height * width * depth
    packed = builder.packed(
        1,
        f"panels {run} {tile.name}",
        lambda value: panels(value.reshape(channels, len(taps), run).transpose(1, 2, 0), tile),
    )
    builder.emit(
        products_by_tile[tile.name],
        image.flat,
        builder.table(np.array(taps, np.int64)),
        packed,
        sums.table(tile),
        out.flat,
        run,
        pixels,
        step,
        *walk,
        channels,
        *sums.bounds,
        work=lines * -(-channels // tile.width),
        operations=math.prod(out.shape) * rows * columns * depth,
    )


class _Sums:
    """The sums of an operation's products, what they begin with and how they become its output.

    ``channel_axis``: that of the output's channels in ``filters``; ``in_float64``: sums are scaled as real numbers.
    """

    def __init__(
        self,
        builder: Builder,
        arguments: Arguments,
        filters: TensorSpec,
        channel_axis: int,
        *,
        in_float64: bool = False,
    ) -> None:
        assert filters.value is not None
        weights = np.moveaxis(filters.value, channel_axis, -1)
        weights = weights.reshape(-1, weights.shape[-1]).astype(np.int64)
        channels = weights.shape[1]
        output = builder.output_spec()
        scales = [filters.scale] * channels if filters.per_channel is None else filters.per_channel.scales
        self._builder = builder
        self._bias = arguments.bias.value.astype(np.int64)
        self._totals = weights.sum(axis=0)
        self._zero_points = arguments.input.zero_point, output.zero_point
        self.bounds = quantized_bounds(arguments.activation, output)
        self._factors: list[float] | list[tuple[int, int]]
        if in_float64:
            self._factors = [arguments.input.scale * scale / output.scale for scale in scales]
            self.ending = Ending.FLOAT64
        else:
            self._factors = [builder.multiplier(arguments.input.scale * scale / output.scale) for scale in scales]
            farthest = max(127 - arguments.input.zero_point, arguments.input.zero_point + 128)
            largest = np.abs(self._bias) + farthest * np.abs(weights).sum(axis=0)
            self.ending = suiting(self._factors, largest, output.zero_point)

    def table(self, tile: Tile8) -> Tensor:
        """What ``tile`` begins and ends by."""
        zero_point, out_zero_point = self._zero_points
        bias = self._bias - (zero_point + tile.dot.added) * self._totals
        rows = vectors(len(bias), tile)
        return self._builder.table(endings(bias, self._factors, out_zero_point, rows, tile.ending).reshape(-1))


def _padded(builder: Builder, image: Tensor, vertical: Axis, horizontal: Axis, zero_point: int) -> Tensor:
    """``image`` with zeros around it wherever a window reaches past it."""
    around = [(0, 0), *((axis.before, _missing(axis)) for axis in (vertical, horizontal)), (0, 0)]
    if not any(before or after for before, after in around):
        return image
    sizes = [size + before + after for size, (before, after) in zip(image.shape, around)]
    padded = builder.temporary(*sizes, dtype=image.dtype)
    emit_padded(builder, image, padded, around, zero_of(image, zero_point))
    return padded


def _missing(axis: Axis) -> int:
    """How far the last window reaches past the end."""
    return max(0, (axis.output - 1) * axis.stride + axis.extent - axis.before - axis.input)


def fits_tap_tiles(builder: Builder, arguments: Arguments) -> bool:
    """Whether DEPTHWISE_CONV_2D has constant weights with a zero point of 0, a constant bias and a multiplier of 1."""
    return (
        _has_constants(builder, arguments.filter)
        and arguments.depth_multiplier == 1
        and _line_block(*conv_axes(arguments)) > 0
    )


def _line_block(vertical: Axis, horizontal: Axis) -> int:
    """How many pixels of a line have room for what they need of the image, by any tile."""
    largest = max(-(-vertical.window // dot.group) * dot.vector_bytes(dot.lanes[0][0]) for dot in DOTS.values())
    return min((_ROOM // largest - horizontal.extent) // horizontal.stride + 1, horizontal.output)


def emit_tap_tiles(builder: Builder, arguments: Arguments) -> None:
    """Emit a depthwise convolution of 8-bit values."""
    vertical, horizontal = conv_axes(arguments)
    image, block = nhwc_input(builder, arguments.nchw), _line_block(vertical, horizontal)
    with nhwc_output(builder, arguments.nchw) as out:
        batches, height, width, channels = out.shape
        sums = _Sums(builder, arguments, arguments.filter, channel_axis=3)
        tile = tap_tile(block, channels, sums.ending)
        builder.emit(
            taps_by_tile[tile.name],
            image.flat,
            builder.table(np.full(tile.lanes, arguments.input.zero_point, np.int8)),
            builder.packed(1, f"panels {tile.name}", lambda value: tap_panels(value[0], tile)),
            sums.table(tile),
            out.flat,
            channels,
            vertical.input,
            horizontal.input,
            height,
            width,
            block,
            vertical.window,
            horizontal.window,
            vertical.stride,
            horizontal.stride,
            vertical.dilation,
            horizontal.dilation,
            vertical.before,
            horizontal.before,
            *sums.bounds,
            work=batches * height,
            operations=math.prod(out.shape) * vertical.window * horizontal.window,
        )
