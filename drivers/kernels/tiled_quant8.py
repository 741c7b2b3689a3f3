"""Convolutions and products of 8-bit values by tiles: walks over an output whose tiles micro-kernels compute."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from drivers.engine import abi
from drivers.engine.abi import AFTER_BOUNDS, Ending, I8x1, I32x1, I64x1, Sized, helper
from drivers.engine.dots import DOTS
from drivers.engine.lowering import Builder, command
from drivers.engine.program import Command, Tensor
from drivers.kernels.fused import quantized_bounds
from drivers.kernels.layout import nhwc_input, nhwc_output
from drivers.kernels.padding import emit_padded, zero_of
from drivers.kernels.requantization import endings, suiting
from drivers.kernels.tiled import pixel_axis
from drivers.kernels.tiles_quant8 import Tile8, best_dot, named, panels, product_tiles, tap_panels, tap_tiles, vectors
from hal.operations.convolution import conv_axes
from hal.operations.declaration import Arguments, Array, TensorSpec
from hal.operations.window import Axis

_ROOM = 32 << 10
"""Bytes for what is laid out anew of an image: they stay in the nearest cache."""


def _product_walk(tile: Tile8) -> Callable[..., None]:
    compute = abi.product_tile_quant8(tile.rows, tile.vectors, tile.lanes, tile.dot.group, tile.ending, tile.after)
    workspace = abi.workspace(_ROOM)
    rows, width, count = tile.rows, tile.width, tile.vectors
    group, vector_bytes, flips = tile.dot.group, tile.dot.vector_bytes(tile.lanes), tile.dot.added

    def products_by_tile(
        x: I8x1,
        taps: I64x1,
        places: I64x1,
        weights: I8x1,
        endings: I32x1,
        addend: I8x1,
        out: I8x1,
        run: int,
        pixels: int,
        pixel_step: int,
        out_width: int,
        out_height: int,
        line_step: int,
        image_step: int,
        channels: int,
        low: int,
        high: int,
        begin: int,
        end: int,
    ) -> None:
        """Sums of products of 8-bit values for lines of pixels.

        A unit of work is a panel of weights (``tiles_quant8.panels``) for ``pixels`` of a line of the output, whose
        input pixels are ``pixel_step`` elements apart. There are ``out_height`` lines of ``out_width`` pixels,
        ``line_step`` elements apart, in each of the images, ``image_step`` apart. The last pixels of a line may go
        over some of those before. For a dot of unsigned values they are written anew, each tap's at one of ``places``.
        """
        panels = (channels + width - 1) // width
        parts = (out_width + pixels - 1) // pixels
        panel_bytes = len(taps) * ((run + group - 1) // group) * count * vector_bytes
        flipped, done = workspace(), -1
        for unit in range(begin, end):
            block, panel = unit // panels, unit % panels
            line = block // parts
            first = min(block % parts * pixels, out_width - pixels)
            start = line // out_height * image_step + line % out_height * line_step + first * pixel_step
            if flips and block != done:
                for tap in range(len(taps)):
                    _flip(x, start + taps[tap], flipped, places[tap], (pixels - 1) * pixel_step + run)
                done = block
            channel = panel * width
            for ahead in range(0, pixels, rows):
                pixel = min(ahead, pixels - rows)
                compute(
                    flipped if flips else x,
                    pixel * pixel_step if flips else start + pixel * pixel_step,
                    pixel_step,
                    places if flips else taps,
                    run,
                    weights,
                    panel * panel_bytes,
                    endings,
                    panel * count,
                    addend,
                    out,
                    (line * out_width + first + pixel) * channels + channel,
                    channels,
                    channels - channel,
                    low,
                    high,
                )

    return products_by_tile


@helper
def _flip(x, first, out, at, count):
    """Write ``count`` int8 as the uint8 that are 128 more."""
    for n in range(count):
        out[np.uint64(at + n)] = np.int8(x[np.uint64(first + n)] ^ np.int8(-128))


products_by_tile = Sized(lambda name: _product_walk(named(name)))


def _tap_walk(tile: Tile8) -> Callable[..., None]:
    lanes, group = tile.lanes, tile.dot.group
    compute = abi.tap_tile_quant8(tile.rows, lanes, group, tile.ending, tile.after)
    compute_one = abi.tap_tile_quant8(1, lanes, group, tile.ending, tile.after)
    gather = abi.gather_rows(lanes, group)
    workspace = abi.workspace(_ROOM)
    pixels, vector_bytes = tile.rows, tile.dot.vector_bytes(lanes)

    def taps_by_tile(
        x: I8x1,
        zeros: I8x1,
        weights: I8x1,
        endings: I32x1,
        addend: I8x1,
        out: I8x1,
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
        channels: int,
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
                                addend,
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
                                addend,
                                out,
                                (line * width + begun + pixel) * channels + channel,
                                channels,
                                lanes,
                                low,
                                high,
                            )
                            pixel += 1

    return taps_by_tile


taps_by_tile = Sized(lambda name: _tap_walk(named(name)))

_BLOCK = 112
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
        sums = _Sums(builder, arguments, arguments.filter, by_channel)
        _emit_products(builder, image, vertical, horizontal, sums, out)


def by_channel(filters: Array) -> Array:
    """A filter [out, ...] as [out channel, product]."""
    return filters.reshape(len(filters), -1)


def fits_matrix_products(builder: Builder, filters: TensorSpec) -> bool:
    """Whether ``filters`` are constants whose zero point is 0, and the bias is constant."""
    return _has_constants(builder, filters)


def emit_matrix_products(
    builder: Builder,
    arguments: Arguments,
    filters: TensorSpec,
    rows: Tensor,
    out: Tensor,
    matrix: Callable[[Array], Array] = by_channel,
    *,
    in_float64: bool = False,
) -> None:
    """Emit products of ``rows``, each of which is a pixel, with ``filters``, and the bias.

    ``matrix``: makes [out channel, product] of them; ``in_float64``: sums are scaled as real numbers.
    """
    count, depth = rows.shape
    sums = _Sums(builder, arguments, filters, matrix, in_float64=in_float64)
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
    if rows == columns == vertical.stride == horizontal.stride == 1:  # all pixels are one line
        lines, line, walk = 1, math.prod(out.shape[:3]), (1, 0, 0)
    else:
        lines, line = batches * out.shape[1], out.shape[2]
        walk = out.shape[1], vertical.stride * width * depth, height * width * depth
    room = (_ROOM // len(taps) - run) // step + 1
    dot = best_dot(run, signed=room < 1)
    most = min(line, _BLOCK, room) if dot.added else min(line, _BLOCK)

    def command_of(tile: Tile8, weights: Tensor, endings: Tensor) -> Command:
        pixels = _part(line, most, tile.rows)
        places = [index * ((pixels - 1) * step + run) for index in range(len(taps))]
        return command(
            products_by_tile[tile.name],
            image.flat,
            builder.table(np.array(taps, np.int64)),
            builder.table(np.array(places, np.int64)),
            weights,
            endings,
            weights,
            out.flat,
            run,
            pixels,
            step,
            line,
            *walk,
            channels,
            *sums.bounds,
            work=lines * -(-line // pixels) * -(-channels // tile.width),
            operations=math.prod(out.shape) * rows * columns * depth,
        )

    def panels_of(value: Array, tile: Tile8) -> Array:
        return panels(sums.matrix(value).reshape(channels, len(taps), run).transpose(1, 2, 0), tile)

    question = f"products quant8 {image.shape} {out.shape} {vertical} {horizontal} {sums.ending} {sums.after}"
    candidates = product_tiles(most, channels, len(taps) * -(-run // dot.group), dot, sums.ending, sums.after)
    _emit_quickest(builder, question, candidates, command_of, f"panels {sums.matrix.__name__} {run}", panels_of, sums)


def _part(line: int, most: int, rows: int) -> int:
    """How many pixels of a ``line`` go together: at most so many, whole tiles if they can be."""
    least = -(-line // -(-line // most))
    whole = -(-least // rows) * rows
    return whole if whole <= most else least


def _emit_quickest(
    builder: Builder,
    question: str,
    candidates: Sequence[Tile8],
    command_of: Callable[[Tile8, Tensor, Tensor], Command],
    layout: str,
    pack: Callable[[Array, Tile8], Array],
    sums: _Sums,
) -> None:
    """Emit the command of the tile that is the quickest here.

    ``command_of``: with weights and endings; ``pack``: lays input 1's out for a tile, in a ``layout``.
    """
    tiles = {tile.name: tile for tile in candidates}

    def trial(name: str) -> Command:
        tile = tiles[name]
        size = pack(np.broadcast_to(np.int8(0), sums.shape), tile).nbytes
        return command_of(tile, builder.temporary(size, dtype="int8"), sums.table(tile))

    tile = tiles[builder.tuner.choose(question, list(tiles), trial)]
    weights = builder.packed(1, f"{layout} {tile.name}", lambda value: pack(value, tile))
    builder.commands.append(command_of(tile, weights, sums.table(tile)))


class _Sums:
    """The sums of an operation's products, what they begin with and how they become its output.

    ``matrix``: makes [out channel, product] of ``filters``; ``in_float64``: sums are scaled as real numbers.
    """

    def __init__(
        self,
        builder: Builder,
        arguments: Arguments,
        filters: TensorSpec,
        matrix: Callable[[Array], Array],
        *,
        in_float64: bool = False,
    ) -> None:
        assert filters.value is not None
        weights = matrix(filters.value).astype(np.int64)
        channels, bias = len(weights), arguments.bias.value.astype(np.int64)
        output = builder.output_spec()
        scales = [filters.scale] * len(bias) if filters.per_channel is None else filters.per_channel.scales
        times = channels // len(bias)
        scales = [*scales] * times
        self._builder = builder
        self.shape = filters.value.shape
        self.matrix = matrix
        self._bias = np.tile(bias, times)
        self._totals = weights.sum(axis=1)
        self._zero_points = arguments.input.zero_point, output.zero_point
        self.bounds = quantized_bounds(arguments.activation, output)
        self.after = 0 if self.bounds == (-128, 127) else AFTER_BOUNDS
        self._factors: list[float] | list[tuple[int, int]]
        if in_float64:
            self._factors = [arguments.input.scale * scale / output.scale for scale in scales]
            self.ending = Ending.FLOAT64
        else:
            self._factors = [builder.multiplier(arguments.input.scale * scale / output.scale) for scale in scales]
            farthest = max(127 - arguments.input.zero_point, arguments.input.zero_point + 128)
            largest = np.abs(self._bias) + farthest * np.abs(weights).sum(axis=1)
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


def _taps_by_channel(filters: Array) -> Array:
    """A filter [1, row, column, channel] as [channel, tap]."""
    return filters.reshape(-1, filters.shape[3]).T


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
        sums = _Sums(builder, arguments, arguments.filter, _taps_by_channel)
        rows, columns = vertical.window, horizontal.window

        def command_of(tile: Tile8, weights: Tensor, endings: Tensor) -> Command:
            return command(
                taps_by_tile[tile.name],
                image.flat,
                builder.table(np.full(tile.lanes, arguments.input.zero_point, np.int8)),
                weights,
                endings,
                weights,
                out.flat,
                vertical.input,
                horizontal.input,
                height,
                width,
                block,
                rows,
                columns,
                vertical.stride,
                horizontal.stride,
                vertical.dilation,
                horizontal.dilation,
                vertical.before,
                horizontal.before,
                channels,
                *sums.bounds,
                work=batches * height,
                operations=math.prod(out.shape) * rows * columns,
            )

        question = f"taps quant8 {image.shape} {out.shape} {vertical} {horizontal} {sums.ending} {sums.after}"
        candidates = tap_tiles(block, channels, sums.ending, sums.after)
        _emit_quickest(
            builder, question, candidates, command_of, "panels", lambda value, tile: tap_panels(value[0], tile), sums
        )
