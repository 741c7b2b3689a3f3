"""How kernels are made that compute each element of their output alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from drivers.engine.abi import ArraySpec, Helper, Kernel, helper
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
            out[i] = function(x[i], *rest[:-2])

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
        width = out.shape[3]
        position = begin
        while position < end:
            row, first = position // width, position % width
            last = min(width, first + end - position)
            k = row % out.shape[2]
            j = row // out.shape[2] % out.shape[1]
            i = row // (out.shape[2] * out.shape[1])
            left = a[i % a.shape[0], j % a.shape[1], k % a.shape[2]]
            right = b[i % b.shape[0], j % b.shape[1], k % b.shape[2]]
            left = left[first:last] if len(left) == width else left
            right = right[first:last] if len(right) == width else right
            results = out[i, j, k, first:last]
            if len(left) == len(right):
                for n in range(len(results)):
                    results[n] = combine(left[n], right[n], *rest[:-2])
            elif len(left) == 1:
                for n in range(len(results)):
                    results[n] = combine(left[0], right[n], *rest[:-2])
            else:
                for n in range(len(results)):
                    results[n] = combine(left[n], right[0], *rest[:-2])
            position += last - first

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
