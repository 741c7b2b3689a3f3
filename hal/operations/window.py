"""Sliding windows: the geometry that convolutions and poolings share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hal.errors import BadDataError
from hal.operations.declaration import Arguments, int32
from hal.types import PaddingCode

PADDINGS = tuple(int32(f"padding_{side}", minimum=0) for side in ("left", "right", "top", "bottom"))
STRIDES = (int32("stride_width", minimum=1), int32("stride_height", minimum=1))


@dataclass(frozen=True, slots=True)
class Axis:
    """A window's walk along one spatial axis, in elements of the input.

    ``extent`` is the window's reach with its dilation, ``output`` how many places it stops at.
    """

    input: int
    window: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def extent(self) -> int:
        """Input elements from the window's first to its last, inclusive."""
        return (self.window - 1) * self.dilation + 1

    @property
    def output(self) -> int:
        """Number of window positions."""
        return (self.input + self.before + self.after - self.extent) // self.stride + 1

    def overlap(self, tap: int) -> tuple[slice, slice]:
        """The places where the window's element ``tap`` lies on the input, and the input's elements it lies on."""
        offset = tap * self.dilation - self.before
        first = max(0, -(offset // self.stride))
        last = min(self.output, (self.input - 1 - offset) // self.stride + 1)
        if last <= first:
            return slice(0), slice(0)
        begin = first * self.stride + offset
        return slice(first, last), slice(begin, begin + (last - first) * self.stride, self.stride)

    def covered(self, place: int) -> slice:
        """The input's elements that an undilated window at ``place`` lies on, padding left out."""
        first = place * self.stride - self.before
        return slice(max(first, 0), min(first + self.extent, self.input))


@dataclass(frozen=True, slots=True)
class Tap:
    """One element of a filter, and indexes of NHWC images: the places where it lies on the input, the pixels there."""

    row: int
    column: int
    places: tuple[slice, slice, slice]
    pixels: tuple[slice, slice, slice]


def taps(vertical: Axis, horizontal: Axis) -> Iterator[Tap]:
    """Every element of a filter that walks along two axes."""
    batches = slice(None)
    for row in range(vertical.window):
        down, rows = vertical.overlap(row)
        for column in range(horizontal.window):
            across, columns = horizontal.overlap(column)
            yield Tap(row, column, (batches, down, across), (batches, rows, columns))


def window_axes(
    arguments: Arguments, height: int, width: int, filter_height: int, filter_width: int
) -> tuple[Axis, Axis]:
    """Vertical and horizontal walk of a window over ``height`` x ``width`` elements.

    Reads the padding (explicit, or implicit as a ``PaddingCode``), the strides and, where the
    operation has them, the dilations. Raises ``BadDataError`` when the window does not fit.
    """
    vertical = _window_axis(arguments, "height", height, filter_height)
    return vertical, _window_axis(arguments, "width", width, filter_width)


def _window_axis(arguments: Arguments, name: str, size: int, window: int) -> Axis:
    stride = getattr(arguments, f"stride_{name}")
    dilation = getattr(arguments, f"dilation_{name}", 1)
    if hasattr(arguments, "padding"):
        before, after = implicit_padding(arguments.padding, size, window, stride, dilation)
    else:
        before, after = explicit_padding(arguments, name)
    axis = Axis(size, window, stride, dilation, before, after)
    if max(before, after) >= axis.extent:
        raise BadDataError(
            f"its padding of {name}, {before} and {after}, must each be less than the "
            f"{axis.extent} that its window reaches over: no window may lie in padding alone"
        )
    if axis.output < 1:
        raise BadDataError(
            f"its window reaches over {axis.extent} elements of {name}, "
            f"more than the input's {size} with padding {before} and {after}"
        )
    return axis


def explicit_padding(arguments: Arguments, name: str) -> tuple[int, int]:
    """Elements to pad before and after along ``name``, "height" or "width"."""
    before, after = ("top", "bottom") if name == "height" else ("left", "right")
    return getattr(arguments, f"padding_{before}"), getattr(arguments, f"padding_{after}")


def implicit_padding(padding: int, size: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    """Elements to pad before and after, the odd one after (NNAPI ``PaddingCode``)."""
    if padding == PaddingCode.VALID:
        return 0, 0
    extent = (window - 1) * dilation + 1
    total = max(0, (-(-size // stride) - 1) * stride + extent - size)
    return total // 2, total - total // 2
