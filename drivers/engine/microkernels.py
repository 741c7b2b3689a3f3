"""Micro-kernels as vector code: what compilers do not make of loops over arrays.

A micro-kernel computes a *tile* of an output: some pixels by some vectors of channels, whose sums
stay in registers while it walks what they are sums of. Kernels call it as a ``Builtin``; arrays come
with the index of an element in them, so that a kernel computes addresses and copies nothing.

Sums grow one product at a time, in the order of the walk, from the bias on: the order that tiles
are computed in and the size they have change no result.

Imported only to compile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from drivers.engine.abi import AFTER_ADD, AFTER_HARD_SWISH, AFTER_PRELU

_WORD = ir.IntType(64)
_FLOAT = ir.FloatType()


class Code:
    """LLVM code as it is written, for vectors of ``lanes`` elements."""

    def __init__(self, context: Any, builder: Any, lanes: int) -> None:
        self.context = context
        self.builder = builder
        self.lanes = lanes
        self.floats = ir.VectorType(_FLOAT, lanes)

    def address(self, array_type: Any, array: Any) -> Any:
        """The address of an array's first element."""
        return arrayobj.make_array(array_type)(self.context, self.builder, array).data

    def word(self, number: int) -> Any:
        """A constant of 64 bits."""
        return ir.Constant(_WORD, number)

    def load(self, pointer: Any, index: Any, kind: Any) -> Any:
        """A value of type ``kind`` from an element on."""
        b = self.builder
        return b.load(b.bitcast(b.gep(pointer, [index]), kind.as_pointer()), align=1)

    def store(self, value: Any, pointer: Any, index: Any) -> None:
        """Write a value from an element on."""
        b = self.builder
        b.store(value, b.bitcast(b.gep(pointer, [index]), value.type.as_pointer()), align=1)

    def zeros(self) -> Any:
        """The address of a vector of zeros."""
        kind = ir.ArrayType(_FLOAT, self.lanes)
        constant = cgutils.global_constant(self.builder.module, f"zeros{self.lanes}", ir.Constant(kind, None))
        return self.builder.bitcast(constant, _FLOAT.as_pointer())

    def spread(self, scalar: Any) -> Any:
        """A vector with ``scalar`` in every lane."""
        kind = ir.VectorType(scalar.type, self.lanes)
        first = self.builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
        order = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), order)

    def multiply_add(self, one: Any, other: Any, total: Any) -> Any:
        """``one`` * ``other`` + ``total``, rounded once where the processor can."""
        kind = self.floats
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(kind, [kind] * 3), f"llvm.fmuladd.v{self.lanes}f32"
        )
        return self.builder.call(function, [one, other, total])

    @contextmanager
    def loop(self, count: Any, carried: list[Any]) -> Iterator[Any]:
        """Code that is done ``count`` times, at least once; yields the index.

        ``carried``: values from one time to the next. Inside, the list has what they are now; what the
        body leaves there is what they become.
        """
        b = self.builder
        before, body, after = b.block, b.append_basic_block("body"), b.append_basic_block("after")
        b.branch(body)
        b.position_at_end(body)
        index = b.phi(_WORD)
        index.add_incoming(self.word(0), before)
        phis = []
        for position, value in enumerate(carried):
            phi = b.phi(value.type)
            phi.add_incoming(value, before)
            phis.append(phi)
            carried[position] = phi
        yield index
        following = b.add(index, self.word(1))
        index.add_incoming(following, b.block)
        for phi, value in zip(phis, carried):
            phi.add_incoming(value, b.block)
        b.cbranch(b.icmp_signed("<", following, count), body, after)
        b.position_at_end(after)

    def when(
        self, condition: Any, values: Sequence[Any], change: Callable[[Sequence[Any]], Sequence[Any]]
    ) -> list[Any]:
        """``values`` as they are, or as ``change`` makes them where ``condition`` holds."""
        b = self.builder
        before = b.block
        with b.if_then(condition):
            changed = change(values)
            inside = b.block
        results = []
        for value, other in zip(values, changed):
            phi = b.phi(value.type)
            phi.add_incoming(value, before)
            phi.add_incoming(other, inside)
            results.append(phi)
        return results


class _Finish:
    """What becomes of a tile of float32 sums: see ``abi.product_tile``'s parameters from ``out`` on."""

    def __init__(self, code: Code, signature: Any, arguments: Sequence[Any]) -> None:
        out, at, step, channel, room, after, addend, slopes, low, high = arguments
        self._code = code
        self._out = code.address(signature[0], out)
        self._addend = code.address(signature[6], addend)
        self._slopes = code.address(signature[7], slopes)
        self._at, self._step, self.channel, self._room, self._after = at, step, channel, room, after
        self._low, self._high = code.spread(low), code.spread(high)

    def column(self, vector: int) -> Any:
        """Where a vector's channels begin, counted from the tile's first: the last one ends with the last channel."""
        b, code = self._code.builder, self._code
        wanted, last = code.word(vector * code.lanes), b.sub(self._room, code.word(code.lanes))
        return b.select(b.icmp_signed("<", wanted, last), wanted, last)

    def there(self, rows: int, vectors: int) -> list[Any]:
        """What stands where the tile goes: sums that are to go on."""
        return [self._code.load(self._out, place, self._code.floats) for place in self._places(rows, vectors)]

    def _places(self, rows: int, vectors: int) -> list[Any]:
        b, code = self._code.builder, self._code
        columns = [self.column(vector) for vector in range(vectors)]
        return [
            b.add(b.add(self._at, b.mul(self._step, code.word(row))), column)
            for row in range(rows)
            for column in columns
        ]

    def store(self, tile: Sequence[Sequence[Any]], starts: Sequence[Any] | None = None) -> None:
        """Finish a tile's rows of vectors, in this order; ``starts``: where rows go that are no pixels in a row."""
        b, code = self._code.builder, self._code
        columns = [self.column(vector) for vector in range(len(tile[0]))]
        places = self._places(len(tile), len(columns)) if starts is None else starts
        values = [vector for row in tile for vector in row]

        def added(values: Sequence[Any]) -> list[Any]:
            return [b.fadd(v, code.load(self._addend, place, code.floats)) for v, place in zip(values, places)]

        def sloped(values: Sequence[Any]) -> list[Any]:
            slopes = [code.load(self._slopes, b.add(self.channel, column), code.floats) for column in columns]
            zero = ir.Constant(code.floats, [0.0] * code.lanes)
            return [
                b.select(b.fcmp_ordered(">=", v, zero), v, b.fmul(v, slopes[i % len(slopes)]))
                for i, v in enumerate(values)
            ]

        def swished(values: Sequence[Any]) -> list[Any]:
            three, six, sixth, zero = (
                ir.Constant(code.floats, [number] * code.lanes) for number in (3.0, 6.0, np.float32(1 / 6), 0.0)
            )
            return [b.fmul(b.fmul(v, self._within(b.fadd(v, three), zero, six)), sixth) for v in values]

        for flag, change in ((AFTER_ADD, added), (AFTER_PRELU, sloped), (AFTER_HARD_SWISH, swished)):
            values = code.when(
                b.trunc(b.lshr(self._after, code.word(flag.bit_length() - 1)), ir.IntType(1)), values, change
            )
        for value, place in zip(values, places):
            code.store(self._within(value, self._low, self._high), self._out, place)

    def store_lines(self, lines: Sequence[Sequence[Any]], count: Any, step: Any) -> None:
        """Finish lines of pixels, one vector each, ``step`` apart; only the first ``count`` of them are there.

        The others are written first, where the last line goes that is there.
        """
        b, code = self._code.builder, self._code
        last = b.sub(count, code.word(1))
        values, starts = [], []
        for number, line in reversed(list(enumerate(lines))):
            here = b.icmp_signed("<", code.word(number), last)
            start = b.add(self._at, b.mul(step, b.select(here, code.word(number), last)))
            values += [[value] for value in line]
            starts += [b.add(start, b.mul(self._step, code.word(pixel))) for pixel in range(len(line))]
        self.store(values, starts)

    def _within(self, value: Any, low: Any, high: Any) -> Any:
        """``value`` kept within bounds; NaN stays NaN."""
        b = self._code.builder
        value = b.select(b.fcmp_ordered("<", value, low), low, value)
        return b.select(b.fcmp_ordered(">", value, high), high, value)


@lru_cache(None)
def product_tile(rows: int, vectors: int, lanes: int) -> Any:
    """``abi.product_tile`` for ``rows`` pixels by ``vectors`` of ``lanes`` channels."""

    @intrinsic
    def product_tile(
        typing_context, x, start, pixel_step, taps, first_tap, count, run, weights, first, bias, begun,
        out, at, step, channel, room, after, addend, slopes, low, high,
    ):  # fmt: skip
        given = (
            x, start, pixel_step, taps, first_tap, count, run, weights, first, bias, begun,
            out, at, step, channel, room, after, addend, slopes, low, high,
        )  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = Code(context, builder, lanes)
            x, start, pixel_step, taps, first_tap, count, run, weights, first, bias, begun = arguments[:11]
            finish = _Finish(code, signature.args[11:], arguments[11:])
            image, table, weights, bias = (
                code.address(signature.args[i], array) for i, array in ((0, x), (3, taps), (7, weights), (9, bias))
            )
            biases = [
                code.load(bias, builder.add(finish.channel, finish.column(j)), code.floats) for j in range(vectors)
            ]
            sums = code.when(
                builder.trunc(begun, ir.IntType(1)),
                [vector for _ in range(rows) for vector in biases],
                lambda _: finish.there(rows, vectors),
            )
            walked = [*sums, first]
            steps = [builder.mul(pixel_step, code.word(row)) for row in range(rows)]
            with code.loop(count, walked) as tap:
                offset = code.load(table, builder.add(first_tap, tap), _WORD)
                pixel = builder.gep(image, [builder.add(start, offset)])
                with code.loop(run, walked) as k:
                    at = walked[-1]
                    factors = [
                        code.load(weights, builder.add(at, code.word(j * lanes)), code.floats) for j in range(vectors)
                    ]
                    for row in range(rows):
                        value = code.spread(code.load(pixel, builder.add(k, steps[row]), _FLOAT))
                        for j in range(vectors):
                            place = row * vectors + j
                            walked[place] = code.multiply_add(value, factors[j], walked[place])
                    walked[-1] = builder.add(at, code.word(vectors * lanes))
            finish.store([walked[row * vectors : (row + 1) * vectors] for row in range(rows)])
            return context.get_dummy_value()

        return types.void(*given), generate

    return product_tile


@lru_cache(None)
def tap_tile(lines: int, pixels: int, lanes: int, rows: int, columns: int, stride: int, at_edge: int) -> Any:
    """``abi.tap_tile``: each value of the image is loaded once for all lines of the tile that it is in."""

    @intrinsic
    def tap_tile(
        typing_context, x, start, pixel_step, row_step, column_step, weights, first, channels, bias,
        y, down, bottom, left, along, across, width, count, line_step,
        out, at, step, channel, room, after, addend, slopes, low, high,
    ):  # fmt: skip
        given = (
            x, start, pixel_step, row_step, column_step, weights, first, channels, bias,
            y, down, bottom, left, along, across, width, count, line_step,
            out, at, step, channel, room, after, addend, slopes, low, high,
        )  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = Code(context, builder, lanes)
            x, start, pixel_step, row_step, column_step, weights, first, channels, bias = arguments[:9]
            y, down, bottom, left, along, across, width, count, line_step = arguments[9:18]
            finish = _Finish(code, signature.args[18:], arguments[18:])
            image, weights, bias = (
                code.address(signature.args[i], array) for i, array in ((0, x), (5, weights), (8, bias))
            )
            zeros = code.zeros()

            def within(position: Any, size: Any) -> Any:
                return builder.icmp_unsigned("<", position, size)  # a negative one is a large one

            read = (lines - 1) * stride + rows
            within_rows = [within(builder.add(y, builder.mul(down, code.word(row))), bottom) for row in range(read)]
            places = [builder.add(left, builder.mul(along, code.word(pixel))) for pixel in range(pixels)]
            steps = [builder.mul(pixel_step, code.word(pixel)) for pixel in range(pixels)]
            sums = [[code.load(bias, finish.channel, code.floats)] * pixels for _ in range(lines)]
            corner, tap = builder.gep(image, [start]), builder.gep(weights, [first])
            for column in range(columns):
                offset = builder.mul(across, code.word(column))
                within_columns = [within(builder.add(place, offset), width) for place in places]
                factors = []
                for _ in range(rows):
                    factors.append(code.load(tap, code.word(0), code.floats))
                    tap = builder.gep(tap, [channels])
                source = corner
                for row in range(read):
                    users = [(line, row - line * stride) for line in range(lines) if 0 <= row - line * stride < rows]
                    for pixel in range(pixels):
                        values = builder.gep(source, [steps[pixel]])
                        if at_edge:
                            fits = builder.and_(within_rows[row], within_columns[pixel])
                            values = builder.select(fits, values, zeros)
                        value = code.load(values, code.word(0), code.floats)
                        for line, factor in users:
                            sums[line][pixel] = code.multiply_add(value, factors[factor], sums[line][pixel])
                    source = builder.gep(source, [row_step])
                corner = builder.gep(corner, [column_step])
            finish.store_lines(sums, count, line_step)
            return context.get_dummy_value()

        return types.void(*given), generate

    return tap_tile


BUILTINS = {"product_tile": product_tile, "tap_tile": tap_tile}
