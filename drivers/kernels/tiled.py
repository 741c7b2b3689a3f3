"""Convolutions and products of float32 by tiles: walks over an output whose tiles micro-kernels compute."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from drivers.engine import abi
from drivers.engine.abi import F32x1, I64x1, Sized
from drivers.engine.fusion import fuses
from drivers.engine.lowering import Builder, command
from drivers.engine.program import Command, Tensor
from drivers.kernels.fused import bounds
from drivers.kernels.layout import nhwc_input, nhwc_output
from drivers.kernels.padding import emit_padded, zero_of
from drivers.kernels.tiles import PRODUCT_TILES, TAP_TILES, TapTile, Tile, panels, product_tiles, tap_tiles
from hal.operations.convolution import conv_axes
from hal.operations.declaration import Arguments, Array
from hal.operations.window import Axis


def _product_walk(tile: Tile) -> Callable[..., None]:
    compute = abi.product_tile(tile.rows, tile.vectors, tile.lanes)
    rows, width = tile.rows, tile.width

    def products_by_tile(
        x: F32x1,
        taps: I64x1,
        weights: F32x1,
        bias: F32x1,
        addend: F32x1,
        slopes: F32x1,
        out: F32x1,
        run: int,
        pixels: int,
        pixel_step: int,
        lines: int,
        line_step: int,
        image_step: int,
        together: int,
        after: int,
        low: float,
        high: float,
        begin: int,
        end: int,
    ) -> None:
        """Sums of products for lines of pixels.

        A unit of work is a panel of weights (``tiles.panels``) for a line of ``pixels`` output pixels, whose
        input pixels are ``pixel_step`` elements apart. There are ``lines`` of them, ``line_step`` apart, in
        each of the images, ``image_step`` apart; where the last one has fewer pixels it begins earlier. All of a
        line's pixels have their products with the weights of ``together`` taps before those of the next ones
        are read.
        """
        least, most, unbounded = np.float32(low), np.float32(high), np.float32(np.inf)
        channels = len(bias)
        panels = (channels + width - 1) // width
        total = len(out) // channels
        for unit in range(begin, end):
            line, panel = unit // panels, unit % panels
            first = min(line * pixels, total - pixels)
            back = (line * pixels - first) * pixel_step
            start = line // lines * image_step + line % lines * line_step - back
            channel = panel * width
            for tap in range(0, len(taps), together):
                count = min(together, len(taps) - tap)
                last = tap + count == len(taps)
                for ahead in range(0, pixels, rows):
                    pixel = min(ahead, pixels - rows)
                    compute(
                        x,
                        start + pixel * pixel_step,
                        pixel_step,
                        taps,
                        tap,
                        count,
                        run,
                        weights,
                        (panel * len(taps) + tap) * run * width,
                        bias,
                        np.int64(tap > 0),
                        out,
                        (first + pixel) * channels + channel,
                        channels,
                        channel,
                        channels - channel,
                        after if last else 0,
                        addend,
                        slopes,
                        least if last else -unbounded,
                        most if last else unbounded,
                    )

    return products_by_tile


products_by_tile = Sized(lambda name: _product_walk(PRODUCT_TILES[name]))


def _tap_walk(tile: TapTile, rows: int, columns: int, stride: int) -> Callable[..., None]:
    sizes = tile.lines, tile.pixels, tile.lanes, rows, columns, stride
    compute, compute_at_edge = (abi.tap_tile(*sizes, at_edge=at_edge) for at_edge in (False, True))
    tile_lines, pixels, lanes = tile.lines, tile.pixels, tile.lanes
    tile_rows = (tile.lines - 1) * stride + rows

    def taps_by_tile(
        x: F32x1,
        weights: F32x1,
        bias: F32x1,
        addend: F32x1,
        slopes: F32x1,
        out: F32x1,
        out_height: int,
        out_width: int,
        height: int,
        width: int,
        stride_y: int,
        stride_x: int,
        dilation_y: int,
        dilation_x: int,
        top: int,
        left: int,
        after: int,
        low: float,
        high: float,
        begin: int,
        end: int,
    ) -> None:
        """Depthwise sums with weights as [column, row, channel]. A unit of work is a line of the output.

        What is outside the image counts as 0.
        """
        channels = len(bias)
        line_step = width * channels
        least, most = np.float32(low), np.float32(high)
        line = begin
        while line < end:
            count = min(tile_lines, end - line, out_height - line % out_height)
            y = line % out_height * stride_y - top
            bottom = min(height, y + (count - 1) * stride_y + (rows - 1) * dilation_y + 1)
            inside_rows = y >= 0 and y + (tile_rows - 1) * dilation_y < bottom
            for ahead in range(0, out_width, pixels):
                pixel = min(ahead, out_width - pixels)
                column = pixel * stride_x - left
                last = column + (pixels - 1) * stride_x + (columns - 1) * dilation_x
                start = (line // out_height * height + y) * line_step + column * channels
                at = (line * out_width + pixel) * channels
                # Two loops: what only tiles at the edge have to know is not found out for all.
                if inside_rows and column >= 0 and last < width:
                    for block in range(0, channels, lanes):
                        channel = min(block, channels - lanes)
                        compute(
                            x, start + channel, stride_x * channels, dilation_y * line_step, dilation_x * channels,
                            weights, channel, channels, bias,
                            y, dilation_y, bottom, column, stride_x, dilation_x, width, count, out_width * channels,
                            out, at + channel, channels, channel, lanes, after, addend, slopes, least, most,
                        )  # fmt: skip
                else:
                    for block in range(0, channels, lanes):
                        channel = min(block, channels - lanes)
                        compute_at_edge(
                            x, start + channel, stride_x * channels, dilation_y * line_step, dilation_x * channels,
                            weights, channel, channels, bias,
                            y, dilation_y, bottom, column, stride_x, dilation_x, width, count, out_width * channels,
                            out, at + channel, channels, channel, lanes, after, addend, slopes, least, most,
                        )  # fmt: skip
            line += count

    return taps_by_tile


def _tap_kernel(name: str) -> Callable[..., None]:
    tile, window, stride = name.split("_")
    rows, columns = (int(size) for size in window.split("x"))
    return _tap_walk(TAP_TILES[tile], rows, columns, int(stride))


taps_by_tile = Sized(_tap_kernel)
"""By tile, window and vertical stride: "4x3x16_3x3_1"."""


_PANEL = 6144
"""Weights that stay in the nearest cache beside the image: half of what the smallest ones hold."""

_BLOCK = 112
"""Pixels about that go together where nothing forces another number: few enough to stay in the nearest cache."""


def fits_product_tiles(builder: Builder, arguments: Arguments) -> bool:
    """Whether CONV_2D's or GROUPED_CONV_2D's filter is one group of constants, so that it can be laid out ahead."""
    return (
        builder.is_constant(1)
        and getattr(arguments, "groups", 1) == 1
        and bool(np.isfinite(arguments.filter.value).all())
    )


def emit_product_tiles(builder: Builder, arguments: Arguments) -> None:
    """Emit a convolution in float32: padded first where its filter reaches past the image."""
    vertical, horizontal = conv_axes(arguments)
    image = _padded(builder, nhwc_input(builder, arguments.nchw), vertical, horizontal)
    with nhwc_output(builder, arguments.nchw) as out:
        emit_products(builder, image, vertical, horizontal, builder.bias(), out, bounds(arguments.activation))


def by_product(filters: Array) -> Array:
    """A filter [out, row, column, in] as [product, out]."""
    return filters.reshape(len(filters), -1).T


def emit_products(
    builder: Builder,
    image: Tensor,
    vertical: Axis,
    horizontal: Axis,
    bias: Tensor,
    out: Tensor,
    limits: tuple[float, float],
    matrix: Callable[[Array], Array] = by_product,
) -> None:
    """Emit the products of ``image``, which has its padding, with input 1's filter, and the bias.

    ``matrix``: makes [product, out channel] of that filter.
    """
    batches, height, width, depth = image.shape
    rows, columns, channels = vertical.window, horizontal.window, out.shape[3]
    products, total = rows * columns * depth, math.prod(out.shape[:3])
    flat = rows == columns == vertical.stride == horizontal.stride == 1

    def command_of(name: str, weights: Tensor, bias: Tensor) -> Command:
        tile = PRODUCT_TILES[name]
        if flat:
            pixels = _block(total, tile)
            lines, walk = -(-total // pixels), (1, 0, pixels * depth)
        else:
            pixels, lines = out.shape[2], batches * out.shape[1]
            walk = out.shape[1], vertical.stride * width * depth, height * width * depth
        # Sums are left and taken up again only where no tile goes over another one's.
        exact = total % pixels == pixels % tile.rows == channels % tile.width == 0
        run, taps = _taps(vertical, horizontal, image, tile if exact else None)
        return command(
            products_by_tile[name],
            image.flat,
            builder.table(np.array(taps, np.int64)),
            weights.flat,
            bias,
            bias,
            bias,
            out.flat,
            run,
            pixels,
            horizontal.stride * depth,
            *walk,
            max(1, _PANEL // (run * tile.width)) if exact else len(taps),
            0,
            *limits,
            work=lines * -(-channels // tile.width),
            operations=math.prod(out.shape) * products,
        )

    def trial(name: str) -> Command:
        tile = PRODUCT_TILES[name]
        size = -(-channels // tile.width) * tile.width * products
        return command_of(name, builder.temporary(size), builder.temporary(channels))

    candidates = [tile.name for tile in product_tiles(total if flat else out.shape[2], channels, products)]
    question = f"products {image.shape} {out.shape} {vertical} {horizontal}"
    name = builder.tuner.choose(question, candidates, trial)
    tile = PRODUCT_TILES[name]
    layout = f"panels {matrix.__name__} {name}"
    weights = builder.packed(1, layout, lambda value: panels(matrix(value), tile))
    builder.commands.append(command_of(name, weights, bias))


def emit_matrix_products(
    builder: Builder,
    rows: Tensor,
    bias: Tensor,
    out: Tensor,
    limits: tuple[float, float],
    matrix: Callable[[Array], Array] = by_product,
) -> None:
    """``emit_products`` for a matrix: each of its ``rows`` is a pixel."""
    count, depth = rows.shape
    image, results = rows.viewed(1, 1, count, depth), out.viewed(1, 1, *out.shape)
    emit_products(builder, image, pixel_axis(1), pixel_axis(count), bias, results, limits, matrix)


def pixel_axis(count: int) -> Axis:
    """A window of one element."""
    return Axis(count, window=1, stride=1, dilation=1, before=0, after=0)


def _taps(vertical: Axis, horizontal: Axis, image: Tensor, tile: Tile | None) -> tuple[int, list[int]]:
    """The values that a pixel is the sum over: how many there are in a run, and where the runs begin.

    ``tile``: that of which the weights of a run shall stay in the nearest cache.
    """
    width, depth = image.shape[2:]
    if horizontal.dilation == 1:  # a filter's row is one run of values
        run, offsets = horizontal.window * depth, [0]
    else:
        run, offsets = depth, [column * horizontal.dilation * depth for column in range(horizontal.window)]
    if vertical.window == 1 and len(offsets) == 1 and tile is not None:
        parts = next(parts for parts in range(1, run + 1) if run % parts == 0 and run // parts * tile.width <= _PANEL)
        return run // parts, [part * (run // parts) for part in range(parts)]
    return run, [row * vertical.dilation * width * depth + each for row in range(vertical.window) for each in offsets]


def _block(total: int, tile: Tile) -> int:
    """How many of ``total`` pixels in a row make a line: whole tiles, and lines all alike where that can be."""
    sizes = range(tile.rows, min(total, _BLOCK) + 1, tile.rows)
    alike = [size for size in sizes if total % size == 0 and 2 * size > min(total, _BLOCK)]
    return max(alike or sizes)


def _padded(builder: Builder, image: Tensor, vertical: Axis, horizontal: Axis) -> Tensor:
    """``image`` with zeros around it wherever a window reaches past it."""
    around = [(0, 0), *((axis.before, _missing(axis)) for axis in (vertical, horizontal)), (0, 0)]
    if not any(before or after for before, after in around):
        return image
    sizes = [size + before + after for size, (before, after) in zip(image.shape, around)]
    padded = builder.temporary(*sizes, dtype=image.dtype)
    emit_padded(builder, image, padded, around, zero_of(image, 0))
    return padded


def _missing(axis: Axis) -> int:
    """How far the last window reaches past the end."""
    return max(0, (axis.output - 1) * axis.stride + axis.extent - axis.before - axis.input)


_MOST_TAPS = 49
"""Of a depthwise filter that is written out tap by tap."""


def fits_tap_tiles(builder: Builder, arguments: Arguments) -> bool:
    """Whether DEPTHWISE_CONV_2D has constant weights, few taps, and a multiplier of 1."""
    _, rows, columns, _ = arguments.filter.shape
    return _constant(builder, arguments) and rows * columns <= _MOST_TAPS and arguments.depth_multiplier == 1


def _constant(builder: Builder, arguments: Arguments) -> bool:
    """Whether the filter is constant, so that it can be laid out ahead, and 0 times each weight is 0."""
    return builder.is_constant(1) and bool(np.isfinite(arguments.filter.value).all())


def _tap_name(tile: TapTile, vertical: Axis, horizontal: Axis) -> str:
    """The kernel's name; one line is the same at any stride."""
    stride = vertical.stride if tile.lines > 1 else 1
    return f"{tile.name}_{vertical.window}x{horizontal.window}_{stride}"


def emit_tap_tiles(builder: Builder, arguments: Arguments) -> None:
    """Emit a depthwise convolution in float32."""
    vertical, horizontal = conv_axes(arguments)
    image = nhwc_input(builder, arguments.nchw)
    weights = builder.packed(1, "by column", lambda value: value[0].transpose(1, 0, 2))
    rows, columns = vertical.window, horizontal.window
    with nhwc_output(builder, arguments.nchw) as out:
        batches, height, width, channels = out.shape

        def command_of(name: str, weights: Tensor, bias: Tensor) -> Command:
            return command(
                taps_by_tile[name],
                image.flat,
                weights.flat,
                bias,
                bias,
                bias,
                out.flat,
                height,
                width,
                vertical.input,
                horizontal.input,
                vertical.stride,
                horizontal.stride,
                vertical.dilation,
                horizontal.dilation,
                vertical.before,
                horizontal.before,
                0,
                *bounds(arguments.activation),
                work=batches * height,
                operations=math.prod(out.shape) * rows * columns,
            )

        candidates = [_tap_name(tile, vertical, horizontal) for tile in tap_tiles(vertical, horizontal, channels)]
        question = f"taps {image.shape} {out.shape} {vertical} {horizontal}"
        name = builder.tuner.choose(
            question,
            candidates,
            lambda name: command_of(name, builder.temporary(rows * columns * channels), builder.temporary(channels)),
        )
        builder.commands.append(command_of(name, weights, builder.bias()))


@fuses("padding.pad", "tiled.taps_by_tile")
def _without_padding(producer: Command, consumer: Command) -> Command | None:
    """Depthwise sums over an image with zeros around it: what is outside counts as 0 anyway."""
    image, value, walk, padded = (each for each in producer.arguments if isinstance(each, Tensor))
    tensors = [each for each in consumer.arguments if isinstance(each, Tensor)]
    numbers = [each for each in consumer.arguments if not isinstance(each, Tensor)]
    assert value.buffer.array is not None
    assert walk.buffer.array is not None
    if tensors[0].buffer is not padded.buffer or value.buffer.array[0] != 0:
        return None
    height, width = (int(size) for size in numbers[_HEIGHT : _WIDTH + 1])
    inside = _inside(walk.buffer.array.T.tolist(), padded.flat.shape[0], height, width, tensors[2].flat.shape[0])
    if inside is None:
        return None
    numbers[_HEIGHT], numbers[_WIDTH], above, beside = inside
    numbers[_TOP] += above
    numbers[_LEFT] += beside
    return replace(consumer, arguments=(image, *tensors[1:], *numbers))


def _inside(
    walk: list[list[int]], elements: int, height: int, width: int, channels: int
) -> tuple[int, int, int, int] | None:
    """Height and width of the image that is inside padded ones, and where it begins there; None for other paddings.

    ``walk``: that of ``padding.pad``, its columns. The padded images have as many ``elements``, ``height``,
    ``width`` and ``channels``.
    """
    row = width * channels
    images = elements // (height * row)
    rows, columns = [height, 0, height], [row, 0, row]
    if [each[2] for each in walk] == [images, height, row]:
        whole, rows, columns = walk
    elif [each[2] for each in walk] == [images * height, row]:
        whole, columns = walk
    elif [each[2] for each in walk] == [images, height * row] and not any(size % row for size in walk[1]):
        whole, rows = walk[0], [size // row for size in walk[1]]
    else:
        return None
    if whole[0] != whole[2] or any(size % channels for size in columns):
        return None
    return rows[0], columns[0] // channels, rows[1], columns[1] // channels


_HEIGHT, _WIDTH, _TOP, _LEFT = 2, 3, 8, 9
"""Where the numbers that ``taps_by_tile`` takes have the image's height and width, and what is before it."""
