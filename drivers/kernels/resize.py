"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from drivers.engine.abi import (
    Anyx4,
    F32x1,
    F32x4,
    Helper,
    I8x4,
    I32x1,
    flat,
    generic,
    helper,
    kernel,
    multiply_add,
    scratch,
)
from drivers.engine.lowering import Builder, lowers
from drivers.engine.program import Tensor
from drivers.kernels.layout import nhwc_input, nhwc_output
from hal.operations.declaration import Arguments, Array
from hal.operations.resize import nearest, sources
from hal.types import OperandType, OperationType


def _stretching(across: Helper, down: Helper) -> Helper:
    """How RESIZE_BILINEAR walks an output; ``across`` mixes two elements of a row, ``down`` those of two rows.

    Rows of the input are stretched once for all that are between the same two, to ``above`` and ``below``.
    """

    @helper
    def stretch_row(values, start, first, last, columns, right, size, depth, channels, zero, mixed):
        """The row of ``size`` pixels that begins at ``start``, stretched to the places ``first`` to ``last``."""
        for j in range(first, last):
            left = start + columns[j] * depth
            far = start + min(columns[j] + 1, size - 1) * depth
            share, at = right[j], (j - first) * channels
            for n in range(channels):
                a, b = values[np.uint64(left + n)], values[np.uint64(far + n)]
                mixed[np.uint64(at + n)] = across(a, b, share, zero)

    @helper
    def stretch(x, rows, shares, columns, right, out, above, below, zero, begin, end):
        values, results = flat(x), flat(out)
        height, size, depth, width = x.shape[1], x.shape[2], x.shape[3], out.shape[2]
        channels, pixels = min(depth, len(above)), max(1, len(above) // depth)
        for piece in range(0, -(-depth // channels) * width, pixels):
            first, channel = piece % width, piece // width * channels
            last, some = min(first + pixels, width), min(channels, depth - channel)
            upper_held = lower_held = -1
            for line in range(begin, end):
                batch, i = line // out.shape[1], line % out.shape[1]
                upper, lower = batch * height + rows[i], batch * height + min(rows[i] + 1, height - 1)
                if upper != upper_held and upper == lower_held:
                    above, below, upper_held, lower_held = below, above, lower_held, upper_held
                if upper != upper_held:
                    start = upper * size * depth + channel
                    stretch_row(values, start, first, last, columns, right, size, depth, some, zero, above)
                    upper_held = upper
                if lower != lower_held:
                    start = lower * size * depth + channel
                    stretch_row(values, start, first, last, columns, right, size, depth, some, zero, below)
                    lower_held = lower
                at, share = (line * width + first) * depth + channel, shares[i]
                for n in range((last - first) * some):
                    results[np.uint64(at + n)] = down(above[n], below[n], share, zero)

    return stretch


@helper
def _mix(a, b, share, zero):
    return a + share * (b - a)


_stretch = _stretching(_mix, _mix)


@kernel
def resize_bilinear(
    x: F32x4, rows: I32x1, down: F32x1, columns: I32x1, right: F32x1, out: F32x4, begin: int, end: int
) -> None:
    """RESIZE_BILINEAR. A unit of work is a row of the output's pixels.

    ``rows`` and ``columns`` are the input element before each output element's place, ``down`` and
    ``right`` how far beyond it the place is.
    """
    _stretch(x, rows, down, columns, right, out, scratch(x), scratch(x), 0, begin, end)


_FRACTION_BITS = 11
"""Of a place between two elements: 8-bit numbers times two such fractions fit an int32, and lose an eighth at most."""


@helper
def _mix_int8(a, b, share, zero):
    """Two numbers less their zero point, by fractions that count in 2^11, as int32."""
    one = np.int32(1 << _FRACTION_BITS)
    return multiply_add(multiply_add(multiply_add(np.int32(0), a, one - share), b, share), -zero, one)


@helper
def _mix_int32(above, below, share, zero):
    """The int8 that two such numbers make, halves rounded away from the zero point."""
    mixed = multiply_add(multiply_add(np.int32(0), above, (1 << _FRACTION_BITS) - share), below, share)
    nearest = multiply_add(np.int32(mixed >> 31), mixed, 1)
    return np.int8((multiply_add(np.int32(1 << (2 * _FRACTION_BITS - 1)), nearest, 1) >> (2 * _FRACTION_BITS)) + zero)


_stretch_int8 = _stretching(_mix_int8, _mix_int32)


@kernel
def resize_bilinear_int8(
    x: I8x4, rows: I32x1, down: I32x1, columns: I32x1, right: I32x1, out: I8x4, zero_point: int, begin: int, end: int
) -> None:
    """The same in integers: ``down`` and ``right`` count fractions of 2^11; halves are rounded from the zero point."""
    _stretch_int8(x, rows, down, columns, right, out, scratch(rows), scratch(rows), zero_point, begin, end)


@generic
def resize_nearest_neighbor(x: Anyx4, rows: I32x1, columns: I32x1, out: Anyx4, begin: int, end: int) -> None:
    """RESIZE_NEAREST_NEIGHBOR from the given rows and columns. A unit of work is a row of the output's pixels."""
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        for j in range(out.shape[2]):
            pixel, results = x[batch, rows[i], columns[j]], out[batch, i, j]
            for n in range(len(results)):
                results[n] = pixel[n]


_QUANTIZED = (OperandType.TENSOR_QUANT8_ASYMM_SIGNED,)


@lowers(OperationType.RESIZE_BILINEAR)
def _lower_resize_bilinear(builder: Builder, arguments: Arguments) -> None:
    x = nhwc_input(builder, arguments.nchw)
    with nhwc_output(builder, arguments.nchw) as out:
        tables = _places(builder, arguments, x, out, lambda beyond: beyond.astype(np.float32))
        builder.emit(resize_bilinear, x, *tables, out, work=out.shape[0] * out.shape[1])


@lowers(OperationType.RESIZE_BILINEAR, data=_QUANTIZED)
def _lower_quantized_resize_bilinear(builder: Builder, arguments: Arguments) -> None:
    x, zero_point = nhwc_input(builder, arguments.nchw), arguments.input.zero_point
    with nhwc_output(builder, arguments.nchw) as out:
        tables = _places(
            builder, arguments, x, out, lambda beyond: np.rint(beyond * 2**_FRACTION_BITS).astype(np.int32)
        )
        builder.emit(resize_bilinear_int8, x, *tables, out, zero_point, work=out.shape[0] * out.shape[1])


def _places(
    builder: Builder, arguments: Arguments, x: Tensor, out: Tensor, fraction: Callable[[Array], Array]
) -> list[Tensor]:
    """For rows, then for columns: the element before each output element's place, and how far beyond it that is."""
    tables = []
    for axis in (1, 2):
        places = sources(x.shape[axis], out.shape[axis], arguments.align_corners, arguments.half_pixel_centers)
        before = np.floor(places)
        tables += [builder.table(before.astype(np.int32)), builder.table(fraction(places - before))]
    return tables


@lowers(OperationType.RESIZE_NEAREST_NEIGHBOR, data=(OperandType.TENSOR_FLOAT32, *_QUANTIZED))
def _lower_resize_nearest_neighbor(builder: Builder, arguments: Arguments) -> None:
    x = nhwc_input(builder, arguments.nchw)
    with nhwc_output(builder, arguments.nchw) as out:
        tables = []
        for axis in (1, 2):
            chosen = nearest(x.shape[axis], out.shape[axis], arguments.align_corners, arguments.half_pixel_centers)
            tables.append(builder.table(chosen.astype(np.int32)))
        builder.emit(resize_nearest_neighbor[x.dtype], x, *tables, out, work=out.shape[0] * out.shape[1])
