"""Loops that do nothing but multiply and add, or move memory: what they reach is the most that a core can do.

Each is written for one width of the processor's vectors, since a compiler left to itself may choose another.
Only this module imports numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

CHAINS = 12
"""Sums that grow independently: more than a multiply-add's latency times how many begin in a cycle, and fewer than
there are registers."""

Loop = Callable[[int], float]
"""Does so many rounds; the result depends on all of them."""

_I16, _I32 = ir.IntType(16), ir.IntType(32)
_FLOAT = ir.FloatType()


def float_loop(bits: int) -> Loop:
    """``CHAINS`` fused multiply-adds of float32 vectors of so many bits in each round."""
    vector = ir.VectorType(_FLOAT, bits // 32)
    name = f"llvm.fma.v{bits // 32}f32"

    def step(builder: ir.IRBuilder, total: Any, factor: Any) -> Any:
        return _called(builder, name, vector, [total, factor, factor])

    return _looped(vector, _FLOAT(0.5), step)


def pair_loop(bits: int) -> Loop:
    """``CHAINS`` times int16 pairs multiplied, summed into int32 and added (``pmaddwd``, ``paddd``)."""
    result = ir.VectorType(_I32, bits // 32)
    pairs = ir.VectorType(_I16, bits // 16)
    name = {128: "llvm.x86.sse2.pmadd.wd", 256: "llvm.x86.avx2.pmadd.wd", 512: "llvm.x86.avx512.pmaddw.d.512"}[bits]

    def step(builder: ir.IRBuilder, total: Any, factor: Any) -> Any:
        # the sum so far is a factor as well, or the product would be the same in each round and done once
        factors = [builder.bitcast(each, pairs) for each in (total, factor)]
        return builder.add(total, _called(builder, name, result, factors))

    return _looped(result, _I32(0x00010001), step)


def dot_loop(bits: int) -> Loop:
    """``CHAINS`` times four int8 products summed into each int32 (``vpdpbusd``)."""
    result = ir.VectorType(_I32, bits // 32)
    name = f"llvm.x86.avx512.vpdpbusd.{bits}"

    def step(builder: ir.IRBuilder, total: Any, factor: Any) -> Any:
        return _called(builder, name, result, [total, factor, factor])

    return _looped(result, _I32(0x01010101), step)


def _called(builder: ir.IRBuilder, name: str, result: ir.Type, arguments: list[Any]) -> Any:
    """A call of one of LLVM's own functions, declared where it is not yet."""
    function = builder.module.globals.get(name)
    if function is None:
        kind = ir.FunctionType(result, [each.type for each in arguments])
        function = ir.Function(builder.module, kind, name)
    return builder.call(function, arguments)


def _looped(vector: ir.VectorType, value: Any, step: Callable[[ir.IRBuilder, Any, Any], Any]) -> Loop:
    """A loop over independent ``step``s, whose sums stay in registers; ``value``: each lane's factor."""

    @intrinsic
    def rounds(typing_context: Any, count: Any) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            (count,) = arguments
            before, loop, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
            factor = ir.Constant(vector, [value] * vector.count)
            builder.branch(loop)
            builder.position_at_end(loop)
            index = builder.phi(count.type)
            index.add_incoming(count.type(0), before)
            sums = [builder.phi(vector) for _ in range(CHAINS)]
            for number, each in enumerate(sums):
                each.add_incoming(ir.Constant(vector, [vector.element(number)] * vector.count), before)
            following = [step(builder, each, factor) for each in sums]
            for each, result in zip(sums, following):
                each.add_incoming(result, loop)
            counted = builder.add(index, count.type(1))
            index.add_incoming(counted, loop)
            builder.cbranch(builder.icmp_signed("<", counted, count), loop, after)
            builder.position_at_end(after)
            widened = builder.fpext if vector.element == _FLOAT else builder.sitofp
            total = ir.DoubleType()(0.0)
            for each in following:
                total = builder.fadd(total, widened(builder.extract_element(each, _I32(0)), ir.DoubleType()))
            return total

        return types.float64(types.int64), generate

    @njit(types.float64(types.int64), nogil=True)
    def loop(count: int) -> float:
        return rounds(count)

    return loop


@njit("void(float32[::1], float32[::1], float32[::1], int64)", nogil=True, fastmath=True)
def triad(
    result: NDArray[np.float32], first: NDArray[np.float32], second: NDArray[np.float32], times: int
) -> None:  # pragma: no cover -- it is compiled
    """``result = first + 3 * second``, so many times."""
    for _ in range(times):
        for index in range(result.size):
            result[index] = first[index] + np.float32(3) * second[index]
