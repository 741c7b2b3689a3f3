"""How a kernel is written, and the one calling convention that the engine calls it by.

A kernel is a plain function over arrays and numbers whose last two parameters are the range of work
``begin`` to ``end`` that this call is to do. It is written for numba: no objects, no allocation, no
exceptions. Importing a kernel compiles nothing and does not import numba.

The calling convention is ``kernel(bases, parameters, begin, end)``: ``bases`` holds the address of
each memory that an execution works on, ``parameters`` is the kernel's block of 64-bit words. An
array takes 2 + rank words: the index of its memory in ``bases``, its offset there in bytes, its
dimensions; a whole number takes one word; a float one word, the bits of a float64.
"""

from __future__ import annotations

import inspect
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated, Any, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """A C-contiguous array parameter."""

    dtype: str
    rank: int


F32x1 = Annotated[NDArray[np.float32], ArraySpec("float32", 1)]
F32x2 = Annotated[NDArray[np.float32], ArraySpec("float32", 2)]
F32x3 = Annotated[NDArray[np.float32], ArraySpec("float32", 3)]
F32x4 = Annotated[NDArray[np.float32], ArraySpec("float32", 4)]
F32x5 = Annotated[NDArray[np.float32], ArraySpec("float32", 5)]
I8x1 = Annotated[NDArray[np.int8], ArraySpec("int8", 1)]
I8x2 = Annotated[NDArray[np.int8], ArraySpec("int8", 2)]
I8x3 = Annotated[NDArray[np.int8], ArraySpec("int8", 3)]
I8x4 = Annotated[NDArray[np.int8], ArraySpec("int8", 4)]
I8x5 = Annotated[NDArray[np.int8], ArraySpec("int8", 5)]
I16x1 = Annotated[NDArray[np.int16], ArraySpec("int16", 1)]
I16x2 = Annotated[NDArray[np.int16], ArraySpec("int16", 2)]
I32x1 = Annotated[NDArray[np.int32], ArraySpec("int32", 1)]
I32x2 = Annotated[NDArray[np.int32], ArraySpec("int32", 2)]
I32x3 = Annotated[NDArray[np.int32], ArraySpec("int32", 3)]
I64x1 = Annotated[NDArray[np.int64], ArraySpec("int64", 1)]
I64x2 = Annotated[NDArray[np.int64], ArraySpec("int64", 2)]

ANY = "any"
Anyx1 = Annotated[NDArray[Any], ArraySpec(ANY, 1)]
Anyx2 = Annotated[NDArray[Any], ArraySpec(ANY, 2)]
Anyx3 = Annotated[NDArray[Any], ArraySpec(ANY, 3)]
Anyx4 = Annotated[NDArray[Any], ArraySpec(ANY, 4)]
Anyx5 = Annotated[NDArray[Any], ArraySpec(ANY, 5)]
"""For a ``generic`` kernel: arrays of one type, whichever."""

DTYPES = ("float32", "int8", "int16", "int32", "int64")
"""What arrays in programs are made of."""

Parameter = ArraySpec | type[int] | type[float]


@dataclass(frozen=True, slots=True)
class Helper:
    """A function that kernels call; it is compiled into each of them."""

    function: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        """Run it in plain Python."""
        return self.function(*arguments)


@dataclass(frozen=True, slots=True)
class Builtin:
    """A function that kernels call and that compiling provides, since Python can't say it.

    ``sizes``: of a micro-kernel, those that are part of its code.
    """

    name: str
    sizes: tuple[int, ...] = ()

    def __call__(self, *values: Any) -> Any:
        """Only compiled kernels call it."""
        raise NotImplementedError(self.name)


half_to_float = Builtin("half_to_float")
"""float32 from the bits of a float16, an int16."""

float_to_half = Builtin("float_to_half")
"""The bits, an int16, of the float16 nearest to a float32, halves to even."""

multiply_add = Builtin("multiply_add")
"""total + left * right in the type of ``total``: Python's operators would make int64 of int32."""

flat = Builtin("flat")
"""The elements of an array in one dimension."""

copy_run = Builtin("copy_run")
"""out[at + n] = x[first + n] for n below a count, as copy_run(out, at, x, first, count); the two don't overlap."""

scratch = Builtin("scratch")
"""``SCRATCH`` elements of the same type as an array's, for the call that asks for them. They begin as anything."""

SCRATCH = 2048
"""Few enough for the stack and the nearest cache, enough for loops to be long."""


AFTER_ADD, AFTER_PRELU, AFTER_HARD_SWISH = 1, 2, 4
"""What a tile's results go through before their bounds, in this order; bits of the tiles' ``after``."""

AFTER_BOUNDS = 8
"""Of an 8-bit tile: its sums' results are kept within bounds, narrower than those of int8, before all that."""


def product_tile(rows: int, vectors: int, lanes: int) -> Builtin:
    """A micro-kernel for sums of products: ``rows`` pixels by ``vectors`` times ``lanes`` channels of float32.

    As a function of x, start, pixel_step, taps, first_tap, count, run, weights, first, bias, begun, and of
    what every tile ends with: out, at, step, channel, room, after, addend, slopes, low, high.

    The first pixel's values are ``run`` elements of ``x`` from ``start`` + each of ``count`` of the ``taps`` on,
    the next pixel's ``pixel_step`` elements further. ``weights`` has, from ``first`` on, a row of all the
    tile's channels for each of these values in turn. Sums begin with ``bias``, or where they are ``begun``
    (1) with what is in ``out``. The results go to ``out`` from ``at`` on, a pixel's ``step`` elements after the
    last one's. ``channel`` is the tile's first one, in ``bias`` and ``slopes``, ``room`` how many there are from
    there on: vectors that reach past them lie further to the left, over others. ``after`` says what
    results go through: ``addend`` is addressed like ``out``; at last they are kept within ``low`` and ``high``.
    """
    return Builtin("product_tile", (rows, vectors, lanes))


def tap_tile(lines: int, pixels: int, lanes: int, rows: int, columns: int, stride: int, *, at_edge: bool) -> Builtin:
    """A micro-kernel for depthwise sums: ``lines`` of ``pixels`` pixels by ``lanes`` channels of float32.

    As a function of x, start, pixel_step, row_step, column_step, weights, first, channels, bias, of y, down,
    bottom, left, along, across, width, of count, line_step, and of what ``product_tile`` ends with.

    A channel of the first pixel is the sum over ``columns`` and ``rows``, columns outermost, of the
    value of ``x`` that is so many of their steps from ``start`` and the next value of ``weights``, which are
    ``channels`` elements apart, from ``first`` on. The next line's values are ``stride`` rows further, and its results
    ``line_step`` elements. Only the first ``count`` lines are there. ``at_edge``: values outside the image count as 0.
    The first pixel's first value is in line ``y`` and column ``left``, the next row ``down`` lines further, the next
    pixel ``along`` columns, the next column ``across``. The image has ``width`` columns, and ends where line ``bottom``
    would begin.
    """
    return Builtin("tap_tile", (lines, pixels, lanes, rows, columns, stride, int(at_edge)))


class Ending(Enum):
    """Kinds of rows of ``endings`` (``requantization``), which 8-bit tiles end by: how many int32 for each lane."""

    SIMPLE = 6
    WIDE = 8
    ANY = 5
    FLOAT64 = 4


SUM_FIELDS, SLOPE_FIELDS = 5, 9
"""How many more numbers a row of ``endings`` has for each lane where results are added to, or go through PRELU."""


ROUNDER = 1.5 * 2.0**23
"""A float32 whose last bit counts ones: adding it, and taking it away, rounds to whole numbers, halves to even."""


def ending_fields(ending: Ending, after: int) -> int:
    """How many int32 a row of ``endings`` has for each lane, with what results go through ``after`` it."""
    return ending.value + SUM_FIELDS * bool(after & AFTER_ADD) + SLOPE_FIELDS * bool(after & AFTER_PRELU)


def product_tile_quant8(rows: int, vectors: int, lanes: int, group: int, ending: Ending, after: int) -> Builtin:
    """``product_tile`` for 8-bit values, whose products ``dots.DOTS[group]`` adds.

    As a function of x, start, pixel_step, taps, run, weights, first, and of what every tile ends with: endings, row,
    addend, out, at, step, room, low, high.

    A run has at least ``group`` values; its last ``group`` ones are taken together, also where that takes some
    twice: those weights are 0. ``weights`` are bytes. ``endings`` (``requantization``) has rows of numbers for vectors
    of channels, the tile's from ``row`` on, of the kind ``ending``. Results go through what the bits of ``after`` say:
    with AFTER_BOUNDS they are first kept within ``low`` and ``high``. For AFTER_ADD and AFTER_PRELU rows have more
    numbers (``endings_quant8``); ``addend`` is addressed like ``out``.
    """
    return Builtin("product_tile_quant8", (rows, vectors, lanes, group, ending.value, after))


def gather_rows(lanes: int, group: int) -> Builtin:
    """A micro-kernel that lays out ``group`` rows of an image for ``tap_tile_quant8``: for ``lanes`` channels.

    As a function of x, start, row_step, inside, outside, pixel_step, zeros, count, target, to.

    ``count`` pixels are written to ``target`` from ``to`` on. The rows from ``inside`` to ``outside`` are in ``x``,
    where row 0 begins at ``start``; the others have ``zeros`` in every pixel.
    """
    return Builtin("gather_rows", (lanes, group))


def tap_tile_quant8(pixels: int, lanes: int, group: int, ending: Ending, after: int) -> Builtin:
    """``tap_tile`` for 8-bit values, over rows that ``gather_rows`` has laid out: ``groups`` of so many.

    As a function of gathered, start, pixel_step, group_step, column_step, groups, columns, weights, first, and of what
    ``product_tile_quant8`` ends with. Steps in ``gathered`` are bytes.
    """
    return Builtin("tap_tile_quant8", (pixels, lanes, group, ending.value, after))


SUM, PRODUCT, LEAKY = range(3)
"""What ``pair_quant8`` computes: ADD, MUL, PRELU."""

SUM_BITS = 20
"""How far LiteRT shifts 8-bit numbers up before it adds them: what rounding loses is below the result's last bit."""


def pair_quant8(function: int, vectors: int, lanes: int) -> Builtin:
    """A micro-kernel for ``function`` of two arrays of 8-bit values: ``vectors`` of ``lanes`` elements.

    As a function of a, first, b, other, out, at, endings, low, high. Reads from ``first`` and ``other`` on, writes from
    ``at`` on. ``endings`` has simple rows: what is added to the numbers of a and b is the bias of the first two. A
    sum's inputs are rescaled by those, the sum by the third; a product by the first. PRELU ends by the second where a
    is negative, else by the first, shifted up before by the third one's bias.
    """
    return Builtin("pair_quant8", (function, vectors, lanes))


def workspace(size: int) -> Builtin:
    """Gives an array of ``size`` bytes that lasts as long as the kernel's call."""
    return Builtin("workspace", (size,))


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel's function, its parameters but for the range, and its name: module and function.

    ``variant``: of a kernel that there are several of, the type or the sizes it is for.
    """

    name: str
    function: Callable[..., None]
    parameters: tuple[Parameter, ...]
    variant: str = ""

    def words(self, arguments: Sequence[Placed | int | float]) -> list[int]:
        """The parameter block for ``arguments``; ``TypeError`` when they are not what the kernel takes."""
        if len(arguments) != len(self.parameters):
            raise TypeError(f"{self.name} takes {len(self.parameters)} arguments, not {len(arguments)}")
        words: list[int] = []
        for parameter, argument in zip(self.parameters, arguments):
            if isinstance(parameter, ArraySpec):
                if not isinstance(argument, Placed) or (argument.dtype, len(argument.shape)) != (
                    parameter.dtype,
                    parameter.rank,
                ):
                    raise TypeError(f"{self.name} takes {parameter}, not {argument}")
                words += [argument.memory, argument.offset, *argument.shape]
            elif isinstance(argument, Placed):
                raise TypeError(f"{self.name} takes {parameter.__name__}, not {argument}")
            elif parameter is float:
                words += struct.unpack("<q", struct.pack("<d", argument))
            else:
                words.append(int(argument))
        return words


@dataclass(frozen=True, slots=True)
class Placed:
    """An array as a kernel finds it: memory, offset in bytes, dtype, shape."""

    memory: int
    offset: int
    dtype: str
    shape: tuple[int, ...]


def kernel(function: Callable[..., None]) -> Kernel:
    """Declare a kernel; its annotations say what it takes."""
    hints = get_type_hints(function, include_extras=True)
    names = list(inspect.signature(function).parameters)
    if names[-2:] != ["begin", "end"]:
        raise TypeError(f"{function.__name__}: a kernel's last parameters are begin and end")
    parameters = tuple(_parameter(hints[name]) for name in names[:-2])
    return Kernel(f"{function.__module__.rpartition('.')[2]}.{function.__name__}", function, parameters)


class Sized:
    """Kernels that differ in the sizes of their tiles, by names that say which; each is made when it is asked for."""

    def __init__(self, make: Callable[[str], Callable[..., None]]) -> None:
        self._make = make
        self._made: dict[str, Kernel] = {}

    def __getitem__(self, name: str) -> Kernel:
        """The kernel of this name."""
        if name not in self._made:
            made = kernel(self._make(name))
            self._made[name] = replace(made, name=f"{made.name}.{name}", variant=name)
        return self._made[name]


def generic(function: Callable[..., None]) -> Mapping[str, Kernel]:
    """Declare a kernel for arrays of any type; returns a kernel for each of ``DTYPES``."""
    general = kernel(function)
    return {
        dtype: Kernel(
            f"{general.name}.{dtype}",
            function,
            tuple(
                ArraySpec(dtype, each.rank) if isinstance(each, ArraySpec) and each.dtype == ANY else each
                for each in general.parameters
            ),
            dtype,
        )
        for dtype in DTYPES
    }


def _parameter(hint: Any) -> Parameter:
    if hint in (int, float):
        return hint
    spec = get_args(hint)[1]
    assert isinstance(spec, ArraySpec)
    return spec


def helper(function: Callable[..., Any]) -> Helper:
    """Declare a function that kernels call."""
    return Helper(function)
