"""Compile functions to machine code with numba. Only this module imports numba, and only when needed.

What is compiled here allocates nothing and touches no Python object, so that its machine code can be
kept in a file and loaded without numba.
"""

from __future__ import annotations

import inspect
import types as python_types
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils, compiler, config, registry
from numba.core.cpu import FastMathOptions
from numba.extending import intrinsic
from numba.np import arrayobj

from drivers.engine import microkernels, microkernels_quant8, processor
from drivers.engine.abi import (
    DTYPES,
    SCRATCH,
    ArraySpec,
    Builtin,
    Helper,
    Kernel,
    copy_run,
    flat,
    float_to_half,
    half_to_float,
    multiply_add,
    scratch,
)

FAST_MATH = {"contract"}
"""Freedom to fuse a multiplication into an addition. Sums keep the order they are written in."""

config.CPU_NAME, config.CPU_FEATURES = llvm.get_host_cpu_name(), processor.target_features()

WORD = types.int64
WORDS = types.CPointer(WORD)
_JIT = {"_nrt": False, "error_model": "numpy", "fastmath": FAST_MATH}


def compile_kernel(kernel: Kernel) -> tuple[str, bytes]:
    """The symbol and the object file of a kernel behind the engine's calling convention."""
    lines, names = [], []
    word = 0
    for index, parameter in enumerate(kernel.parameters):
        name = f"argument_{index}"
        names.append(name)
        if isinstance(parameter, ArraySpec):
            dimensions = "".join(f"words[{word + 2 + axis}], " for axis in range(parameter.rank))
            lines.append(f"{name} = view_{parameter.dtype}(bases[words[{word}]] + words[{word + 1}], ({dimensions}))")
            word += 2 + parameter.rank
        else:
            lines.append(f"{name} = {'float_from_bits' if parameter is float else ''}(words[{word}])")
            word += 1
    entry = f"enter_{kernel.name.replace('.', '_')}"
    source = "\n    ".join([f"def {entry}(bases, words, begin, end):", *lines, f"body({', '.join(names)}, begin, end)"])
    scope: dict[str, Any] = {
        "body": njit(inline=_inline(kernel.function), **_JIT)(_with_compiled_helpers(kernel.function, kernel.variant)),
        "float_from_bits": _float_from_bits,
        **{f"view_{name}": _view(name) for name in DTYPES},
    }
    exec(source, scope)
    return compile_function(scope[entry], (WORDS, WORDS, types.int64, types.int64))


def _inline(function: Callable[..., Any]) -> str:
    """Whether numba puts a kernel's body into its entry: then it is compiled once, in half the time.

    It can't where the body takes any number of arguments.
    """
    return "never" if function.__code__.co_flags & inspect.CO_VARARGS else "always"


def compile_function(function: Callable[..., Any], arguments: Sequence[types.Type]) -> tuple[str, bytes]:
    """The symbol and the object file of ``function`` in numba's own calling convention, returning nothing."""
    flags = compiler.Flags()
    flags.no_cpython_wrapper = True
    flags.no_cfunc_wrapper = True
    flags.error_model = "numpy"
    flags.fastmath = FastMathOptions(FAST_MATH)
    target = registry.cpu_target
    result = compiler.compile_extra(
        target.typing_context,
        target.target_context,
        _with_compiled_helpers(function),
        tuple(arguments),
        types.void,
        flags,
        {},
    )
    _, _, (code, _) = result.library.serialize_using_object_code()
    return result.fndesc.llvm_func_name, code


def _with_compiled_helpers(function: Callable[..., Any], variant: str = "") -> Callable[..., Any]:
    """A copy of ``function`` in whose globals and closure every helper is compiled.

    Its symbol follows from its name and the kernel's variant, a pair that its module has once: two units
    that are linked into one process share a symbol only for the same code.
    """
    scope = dict(function.__globals__)
    for name in function.__code__.co_names:
        if name in scope:
            scope[name] = _compiled_if_helper(scope[name], variant)
    cells = tuple(
        python_types.CellType(_compiled_if_helper(c.cell_contents, variant)) for c in function.__closure__ or ()
    )
    name = f"{function.__name__}_{variant}"
    copy = python_types.FunctionType(function.__code__, scope, name, function.__defaults__, cells)
    copy.__module__, copy.__qualname__ = function.__module__, name
    return copy


def _compiled_if_helper(value: Any, variant: str) -> Any:
    if isinstance(value, Builtin):
        return _MICROKERNELS[value.name](*value.sizes) if value.sizes else _BUILTINS[value.name]
    if not isinstance(value, Helper):
        return value
    return njit(forceinline=True, **_JIT)(
        _with_compiled_helpers(value.function, variant)
    )  # a call keeps a loop from vectors


def _view(dtype: str) -> Any:
    element = getattr(types, dtype)

    @intrinsic
    def view(typing_context: Any, address: Any, shape: Any) -> Any:
        array_type = types.Array(element, len(shape), "C")

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = arrayobj.make_array(array_type)(context, builder)
            dimensions = cgutils.unpack_tuple(builder, arguments[1])
            size = context.get_constant(types.intp, np.dtype(dtype).itemsize)
            strides = [size]
            for dimension in reversed(dimensions[1:]):
                strides.insert(0, builder.mul(strides[0], dimension))
            arrayobj.populate_array(
                array,
                data=builder.inttoptr(arguments[0], array.data.type),
                shape=dimensions,
                strides=strides,
                itemsize=size,
                meminfo=None,
            )
            return array._getvalue()

        return array_type(address, shape), generate

    return view


@intrinsic
def _float_from_bits(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@intrinsic
def _half_to_float(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.int16), generate


@intrinsic
def _float_to_half(typing_context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(builder.fptrunc(arguments[0], ir.HalfType()), ir.IntType(16))

    return types.int16(types.float32), generate


@intrinsic
def _multiply_add(typing_context: Any, total: Any, left: Any, right: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        addend, *factors = (
            context.cast(builder, argument, given, total) for argument, given in zip(arguments, signature.args)
        )
        if isinstance(total, types.Float):
            return builder.fadd(addend, builder.fmul(*factors))
        return builder.add(addend, builder.mul(*factors))

    return total(total, left, right), generate


def _one_dimension(context: Any, builder: Any, array_type: Any, data: Any, count: Any) -> Any:
    array = arrayobj.make_array(array_type)(context, builder)
    itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(array_type.dtype)))
    arrayobj.populate_array(array, data=data, shape=[count], strides=[itemsize], itemsize=itemsize, meminfo=None)
    return array._getvalue()


@intrinsic
def _flat(typing_context: Any, values: Any) -> Any:
    flattened = types.Array(values.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = arrayobj.make_array(values)(context, builder, arguments[0])
        return _one_dimension(context, builder, flattened, array.data, array.nitems)

    return flattened(values), generate


@intrinsic
def _copy_run(typing_context: Any, out: Any, at: Any, x: Any, first: Any, count: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, source = (
            builder.gep(arrayobj.make_array(kind)(context, builder, arguments[i]).data, [arguments[i + 1]])
            for i, kind in ((0, out), (2, x))
        )
        size = context.get_abi_sizeof(context.get_data_type(out.dtype))
        cgutils.raw_memcpy(builder, target, source, arguments[4], size)
        return context.get_dummy_value()

    return types.void(out, types.int64, x, types.int64, types.int64), generate


@intrinsic
def _scratch(typing_context: Any, like: Any) -> Any:
    array_type = types.Array(like.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count = context.get_constant(types.intp, SCRATCH)
        data = cgutils.alloca_once(builder, context.get_data_type(like.dtype), SCRATCH)
        return _one_dimension(context, builder, array_type, data, count)

    return array_type(like), generate


_BUILTINS = {
    copy_run.name: _copy_run,
    flat.name: _flat,
    scratch.name: _scratch,
    half_to_float.name: _half_to_float,
    float_to_half.name: _float_to_half,
    multiply_add.name: _multiply_add,
}

_MICROKERNELS = {**microkernels.BUILTINS, **microkernels_quant8.BUILTINS}
