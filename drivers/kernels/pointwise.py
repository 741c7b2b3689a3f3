"""How kernels are made that compute each element of their output alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from drivers.engine.abi import ArraySpec, Helper, Kernel, flat, helper, scratch
from drivers.engine.lowering import Builder, NoLoweringError
from drivers.engine.program import Tensor
from hal.model import Dimensions

ByType = Mapping[str, Kernel]
"""A kernel for each dtype that its inputs may have."""

Scalar = type[int] | type[float]

_FLOAT32 = ("float32",)


def mapping(
    name: str, function: Helper, *scalars: Scalar, dtypes: Sequence[str] = _FLOAT32, out_dtype: str | None = None
) -> ByType:
    """Kernels for ``out = function(x, *scalars)``, one for each of ``dtypes``; a unit of work is an element.

    ``scalars``: the types of the parameters that follow the arrays. ``out_dtype``: that of the output
    where it is not the input's. What is returned must be a variable called ``name`` in the module of
    ``function``.
    """

    def body(x, out, *rest):
        for i in range(rest[-2], rest[-1]):
            out[np.uint64(i)] = function(x[np.uint64(i)], *rest[:-2])  # what may be negative makes no vectors

    return {
        dtype: kernel_from(
            name, function, body, [ArraySpec(dtype, 1), ArraySpec(out_dtype or dtype, 1), *scalars], dtype
        )
        for dtype in dtypes
    }


def emit_mapping(builder: Builder, kernels: ByType, *scalars: int | float) -> None:
    """Emit the kernel for the type of the operation's first input, from there to its output."""
    source, out = builder.input(0).flat, builder.output().flat
    builder.emit(kernels[source.dtype], source, out, *scalars, work=out.shape[0])


def broadcasting(
    name: str, combine: Helper, *scalars: Scalar, dtypes: Sequence[str] = _FLOAT32, out_dtype: str | None = None
) -> ByType:
    """Kernels for ``out = combine(a, b, *scalars)`` where a and b are stretched to each other; else as ``mapping``."""

    def body(a, b, out, *rest):
        begin, end = rest[-2], rest[-1]
        lefts, rights, results = flat(a), flat(b), flat(out)
        left_copy, right_copy = scratch(a), scratch(b)
        width, size = out.shape[3], out.shape[2] * out.shape[3]
        whole_planes = a.shape[2] * a.shape[3] == size == b.shape[2] * b.shape[3]
        whole_rows = len(left_copy) // width * width  # as many as there is room for
        position = begin
        while position < end:
            plane = position // size
            i, j = plane // out.shape[1], plane % out.shape[1]
            left_plane = (i % a.shape[0] * a.shape[1] + j % a.shape[1]) * (a.shape[2] * a.shape[3])
            right_plane = (i % b.shape[0] * b.shape[1] + j % b.shape[1]) * (b.shape[2] * b.shape[3])
            last = min((plane + 1) * size, end)
            left_copied = right_copied = 0
            while position < last:
                at = position - plane * size
                row, column = at // width, at % width
                count = last - position
                if not whole_planes:
                    count = min(
                        count, whole_rows if whole_rows and column == 0 else min(width - column, len(left_copy))
                    )
                place = width, row, column, count
                left, one, left_copied = _run(lefts, left_plane, a.shape[2:], place, left_copy, left_copied)
                right, other, right_copied = _run(rights, right_plane, b.shape[2:], place, right_copy, right_copied)
                for n in range(count):
                    results[np.uint64(position + n)] = combine(
                        left[np.uint64(one + n)], right[np.uint64(other + n)], *rest[:-2]
                    )
                position += count

    return {
        dtype: kernel_from(
            name,
            combine,
            body,
            [ArraySpec(dtype, 4), ArraySpec(dtype, 4), ArraySpec(out_dtype or dtype, 4), *scalars],
            dtype,
        )
        for dtype in dtypes
    }


@helper
def _run(values, first, shape, place, copy, copied):
    """Elements of a plane that is stretched from ``shape``, side by side: an array and the index of the first of them.

    ``place``: the plane's width, the row and the column of the first element, how many there are. The
    plane's own elements are in ``values`` from ``first`` on; where stretching puts others between them,
    or repeats them, the result is ``copy``, of which ``copied`` elements of the plane's beginning are
    there already. Returned third: how many are then.
    """
    width, row, column, count = place
    rows, columns = shape
    if columns == width and (rows > 1 or count <= width - column):
        return values, first + (row * width if rows > 1 else 0) + column, copied
    if rows == 1 and column == 0 and count <= copied:
        return copy, 0, copied
    for n in range(0, count, width):
        source = first + (row + n // width if rows > 1 else 0)
        for k in range(n, min(n + width, count)):
            copy[np.uint64(k)] = values[np.uint64(source + (k - n if columns == width else 0))]
    return copy, 0, count if column == 0 else 0


def emit_broadcasting(builder: Builder, kernels: ByType, left: Tensor, right: Tensor, *scalars: int | float) -> None:
    """Emit the kernel for the type of ``left`` and ``right``, from there to the operation's output."""
    out = builder.output()
    shapes = _merged(left.shape, right.shape, out.shape)
    views = [tensor.viewed(*shape) for tensor, shape in zip((left, right, out), shapes)]
    builder.emit(kernels[left.dtype], *views, *scalars, work=math.prod(out.shape))


def _merged(left: Dimensions, right: Dimensions, out: Dimensions) -> list[Dimensions]:
    """The same elements in rank 4: dimensions of 1 are left out, and neighbours that are stretched alike become one.

    Raises ``NoLoweringError`` for what takes more dimensions than that.
    """
    columns: list[tuple[int, ...]] = []
    for sizes in zip(*((1,) * (len(out) - len(shape)) + shape for shape in (left, right, out))):
        stretched = [size == 1 for size in sizes]
        if columns and stretched == [size == 1 for size in columns[-1]]:
            columns[-1] = tuple(size * outer for size, outer in zip(sizes, columns[-1]))
        elif sizes[-1] != 1:
            columns.append(sizes)
    if len(columns) > 4:
        raise NoLoweringError("its inputs are stretched to each other in too many ways; kernels know four dimensions")
    return list(zip(*[(1, 1, 1)] * (4 - len(columns)), *columns))


def kernel_from(
    name: str,
    function: Helper,
    body: Callable[..., None],
    parameters: Sequence[ArraySpec | Scalar],
    dtype: str,
) -> Kernel:
    """The kernel for ``dtype`` that is ``body``, in the module of ``function``, which makes it what it is."""
    body.__name__, body.__module__ = name, function.function.__module__  # where a compiling process finds it
    module = body.__module__.rpartition(".")[2]
    return Kernel(f"{module}.{name}.{dtype}", body, tuple(parameters), dtype)


@helper
def greater(left, right):
    """The greater one; NaN if either is."""
    return left if left >= right or left != left else right


@helper
def less(left, right):
    """The lesser one; NaN if either is."""
    return left if left <= right or left != left else right
