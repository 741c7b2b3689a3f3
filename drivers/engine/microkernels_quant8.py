"""Micro-kernels for 8-bit values, whose sums are int32: exact, so that no order of theirs matters.

How products get into the sums is a ``dots.Dot``. Sums become 8-bit results as ``kernels.fixed_point.rescaled`` has
it, by a table of constants for each vector of channels (``kernels.requantization``).

Imported only to compile.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from drivers.engine.abi import ANY_FIELDS, SIMPLE_FIELDS
from drivers.engine.dots import DOTS, held
from drivers.engine.microkernels import Code

_BYTE, _SHORT, _INT, _WORD = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_FLIPS = 0x80808080 - (1 << 32)
"""Turns four int8 into uint8 that are 128 more."""


class _Code8(Code):
    """LLVM code for ``lanes`` channels, ``held`` of which are in a vector: at least four, some then unused."""

    def __init__(self, context: Any, builder: Any, lanes: int, group: int) -> None:
        super().__init__(context, builder, lanes)
        self.group = group
        self.held = held(lanes)
        self.ints = ir.VectorType(_INT, self.held)
        self.words = ir.VectorType(_WORD, self.held // 2)

    def every(self, kind: Any, number: int) -> Any:
        return ir.Constant(kind, [number] * kind.count)

    def shuffled(self, one: Any, other: Any, order: Sequence[int]) -> Any:
        return self.builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(_INT, len(order)), list(order)))

    def splat(self, scalar: Any) -> Any:
        """A vector with ``scalar`` in each lane that is held."""
        kind = ir.VectorType(scalar.type, self.held)
        undefined = ir.Constant(kind, ir.Undefined)
        return self.shuffled(
            self.builder.insert_element(undefined, scalar, ir.Constant(_INT, 0)), undefined, [0] * self.held
        )

    def called(self, name: str, result: Any, *values: Any) -> Any:
        kinds = ir.FunctionType(result, [value.type for value in values])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kinds, name), values)

    def kept(self, value: Any, low: Any, high: Any) -> Any:
        """``value`` within ``low`` and ``high``, signed integers all."""
        b = self.builder
        value = b.select(b.icmp_signed("<", value, low), low, value)
        return b.select(b.icmp_signed(">", value, high), high, value)

    def dot(self, total: Any, values: Any, weights: Any) -> Any:
        """``total`` plus the products of a group's values with its weights, both as ``lane_values`` has them."""
        b = self.builder
        bits = 32 * self.held
        if self.group == 4:
            name = {512: "avx512.vpdpbusd.512", 256: "avx512.vpdpbusd.256", 128: "avx512.vpdpbusd.128"}[bits]
            return self.called(f"llvm.x86.{name}", self.ints, total, values, weights)
        if self.group == 2:
            name = {512: "avx512.pmaddw.d.512", 256: "avx2.pmadd.wd", 128: "sse2.pmadd.wd"}[bits]
            return b.add(total, self.called(f"llvm.x86.{name}", self.ints, values, weights))
        return b.add(total, b.mul(values, weights))

    def weights(self, pointer: Any, at: Any) -> Any:
        """A vector of weights from a byte of ``pointer`` on."""
        if self.group == 4:
            return self.load(pointer, at, self.ints)
        if self.group == 2:
            return self.load(pointer, at, ir.VectorType(_SHORT, 2 * self.held))
        return self.builder.sext(self.load(pointer, at, ir.VectorType(_BYTE, self.held)), self.ints)

    def same(self, pointer: Any, at: Any) -> Any:
        """The group of an image's values that is at a byte of ``pointer``, the same in each lane."""
        b = self.builder
        if self.group == 4:
            value = b.xor(self.load(pointer, at, _INT), ir.Constant(_INT, _FLIPS))
            return self.splat(value)
        if self.group == 2:
            pairs = self.splat(self.load(pointer, at, _SHORT))
            values = b.bitcast(pairs, ir.VectorType(_BYTE, 2 * self.held))
            return b.sext(values, ir.VectorType(_SHORT, 2 * self.held))
        return self.splat(b.sext(self.load(pointer, at, _BYTE), _INT))

    def lane_values(self, rows: Sequence[Any]) -> Any:
        """A vector of each row of a group as they go into ``dot``: lane by lane. ``rows``: of int8, ``lanes`` each."""
        b = self.builder
        room = [*range(self.lanes), *[0] * (self.held - self.lanes)]
        wide = [self.shuffled(row, row, room) if self.held > self.lanes else row for row in rows]
        if self.group == 1:
            return wide[0]
        order = [row * self.held + lane for lane in range(self.held) for row in range(self.group)]
        if self.group == 2:
            low, high = (b.sext(row, ir.VectorType(_SHORT, self.held)) for row in wide)
            return self.shuffled(low, high, order)
        both = range(2 * self.held)
        low, high = self.shuffled(wide[0], wide[1], both), self.shuffled(wide[2], wide[3], both)
        values = b.bitcast(self.shuffled(low, high, order), self.ints)
        return b.xor(values, self.every(self.ints, _FLIPS))

    def gathered(self, pointer: Any, at: Any) -> Any:
        """What ``lane_values`` has made, from memory."""
        kind = {4: self.ints, 2: ir.VectorType(_SHORT, 2 * self.held), 1: ir.VectorType(_BYTE, self.held)}[self.group]
        values = self.load(pointer, at, kind)
        return self.builder.sext(values, self.ints) if self.group == 1 else values


class _Ending8:
    """What becomes of int32 sums: see ``abi.product_tile_quant8``'s parameters from ``endings`` on.

    ``simple``: whether every channel's multiplier is below 1, and nothing on the way leaves 32 bits.
    """

    def __init__(self, code: _Code8, signature: Any, arguments: Sequence[Any], *, simple: bool) -> None:
        endings, row, out, at, step, room, low, high = arguments
        self._code, self._simple = code, simple
        self._table = code.address(signature[0], endings)
        self._out = code.address(signature[2], out)
        self._row, self._at, self._step, self._room = row, at, step, room
        self._low, self._high = (code.splat(code.builder.trunc(bound, _INT)) for bound in (low, high))

    def _field(self, vector: int, field: int, kind: Any) -> Any:
        code = self._code
        fields = SIMPLE_FIELDS if self._simple else ANY_FIELDS
        b = code.builder
        row = b.mul(b.add(self._row, code.word(vector)), code.word(fields * code.held))
        return code.load(self._table, b.add(row, code.word(field * code.held)), kind)

    def bias(self, vector: int) -> Any:
        """What a vector's sums begin with."""
        return self._field(vector, 0, self._code.ints)

    def _column(self, vector: int) -> Any:
        b, code = self._code.builder, self._code
        wanted, last = code.word(vector * code.lanes), b.sub(self._room, code.word(code.lanes))
        return b.select(b.icmp_signed("<", wanted, last), wanted, last)

    def store(self, tile: Sequence[Sequence[Any]]) -> None:
        """Finish a tile's rows of vectors."""
        b, code = self._code.builder, self._code
        for vector in range(len(tile[0])):
            results = self._simply(vector) if self._simple else self._generally(vector)
            column = b.add(self._at, self._column(vector))
            for row in range(len(tile)):
                kept = code.kept(results(tile[row][vector]), self._low, self._high)
                values = b.trunc(kept, ir.VectorType(_BYTE, code.held))
                if code.held > code.lanes:
                    values = code.shuffled(values, values, range(code.lanes))
                code.store(values, self._out, b.add(column, b.mul(self._step, code.word(row))))

    def _simply(self, vector: int) -> Any:
        """Even and odd lanes are multiplied apart, as unsigned numbers; the high halves are shifted together."""
        b, code = self._code.builder, self._code
        lower, half = code.every(code.words, (1 << 32) - 1), code.every(code.words, 32)
        twice = b.bitcast(self._field(vector, 1, code.ints), code.words)
        even, odd = b.and_(twice, lower), b.lshr(twice, half)
        below, shifts = (self._field(vector, field, code.ints) for field in (2, 3))
        even_offsets, odd_offsets = (self._field(vector, field, code.words) for field in (4, 5))
        order = [lane for i in range(1, code.held, 2) for lane in (i, code.held + i)]
        zero = code.every(code.ints, 0)

        def results(sums: Any) -> Any:
            words = b.bitcast(sums, code.words)
            evens = b.add(b.mul(b.and_(words, lower), even), even_offsets)
            odds = b.add(b.mul(b.lshr(words, half), odd), odd_offsets)
            high = code.shuffled(b.bitcast(evens, code.ints), b.bitcast(odds, code.ints), order)
            high = b.sub(high, b.select(b.icmp_signed("<", sums, zero), below, zero))
            return b.ashr(high, shifts)

        return results

    def _generally(self, vector: int) -> Any:
        b, code = self._code.builder, self._code
        wide = ir.VectorType(_WORD, code.held)
        mantissas, shifts, down, zeros = (b.sext(self._field(vector, field, code.ints), wide) for field in range(1, 5))
        zero, one = code.every(wide, 0), code.every(wide, 1)
        half, half_down = (b.lshr(b.shl(one, bits), one) for bits in (shifts, down))
        least, most = code.every(wide, -(1 << 31)), code.every(wide, (1 << 31) - 1)

        def results(sums: Any) -> Any:
            product = b.ashr(b.add(b.mul(b.sext(sums, wide), mantissas), half), shifts)
            product = code.kept(product, least, most)
            lower = b.and_(b.icmp_signed("<", product, zero), b.icmp_signed(">", down, zero))
            halves = b.sub(half_down, b.zext(lower, wide))
            rounded = b.add(b.ashr(b.add(product, halves), down), zeros)
            return b.trunc(code.kept(rounded, least, most), code.ints)

        return results


@lru_cache(None)
def product_tile_quant8(rows: int, vectors: int, lanes: int, group: int, simple: int) -> Any:
    """``abi.product_tile_quant8``."""

    @intrinsic
    def product_tile_quant8(
        typing_context, x, start, pixel_step, taps, run, weights, first,
        endings, row, out, at, step, room, low, high,
    ):  # fmt: skip
        given = (x, start, pixel_step, taps, run, weights, first, endings, row, out, at, step, room, low, high)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = _Code8(context, builder, lanes, group)
            x, start, pixel_step, taps, run, weights, first = arguments[:7]
            ending = _Ending8(code, signature.args[7:], arguments[7:], simple=bool(simple))
            image, table, weights = (
                code.address(signature.args[i], array) for i, array in ((0, x), (3, taps), (5, weights))
            )
            count = arrayobj.make_array(signature.args[3])(context, builder, taps).nitems
            width = DOTS[group].vector_bytes(lanes)
            walked = [ending.bias(j) for _ in range(rows) for j in range(vectors)]
            walked.append(first)
            steps = [builder.mul(pixel_step, code.word(each)) for each in range(rows)]
            groups = builder.sdiv(builder.add(run, code.word(group - 1)), code.word(group))
            last = builder.sub(run, code.word(group))
            with code.loop(count, walked) as tap:
                pixel = builder.gep(image, [builder.add(start, code.load(table, tap, _WORD))])
                with code.loop(groups, walked) as k:
                    wanted = builder.mul(k, code.word(group))
                    place = builder.select(builder.icmp_signed("<", wanted, last), wanted, last)
                    at = walked[-1]
                    factors = [code.weights(weights, builder.add(at, code.word(j * width))) for j in range(vectors)]
                    for i in range(rows):
                        values = code.same(pixel, builder.add(place, steps[i]))
                        for j in range(vectors):
                            walked[i * vectors + j] = code.dot(walked[i * vectors + j], values, factors[j])
                    walked[-1] = builder.add(at, code.word(vectors * width))
            ending.store([walked[i * vectors : (i + 1) * vectors] for i in range(rows)])
            return context.get_dummy_value()

        return types.void(*given), generate

    return product_tile_quant8


@lru_cache(None)
def gather_rows(lanes: int, group: int) -> Any:
    """``abi.gather_rows``."""

    @intrinsic
    def gather_rows(
        typing_context, x, start, row_step, inside, outside, pixel_step, zeros, count, target, to
    ):  # fmt: skip
        given = (x, start, row_step, inside, outside, pixel_step, zeros, count, target, to)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = _Code8(context, builder, lanes, group)
            x, start, row_step, inside, outside, pixel_step, zeros, count, target, to = arguments
            image, zeros, target = (
                code.address(signature.args[i], array) for i, array in ((0, x), (6, zeros), (8, target))
            )
            pointers, steps = [], []
            for row in range(group):
                there = builder.and_(
                    builder.icmp_signed(">=", code.word(row), inside), builder.icmp_signed("<", code.word(row), outside)
                )
                pointer = builder.gep(image, [builder.add(start, builder.mul(row_step, code.word(row)))])
                pointers.append(builder.select(there, pointer, zeros))
                steps.append(builder.select(there, pixel_step, code.word(0)))
            kind = ir.VectorType(_BYTE, lanes)
            with code.loop(count, []) as pixel:
                rows = [code.load(p, builder.mul(pixel, s), kind) for p, s in zip(pointers, steps)]
                values = code.lane_values(rows)
                size = DOTS[group].vector_bytes(lanes)
                code.store(values, target, builder.add(to, builder.mul(pixel, code.word(size))))
            return context.get_dummy_value()

        return types.void(*given), generate

    return gather_rows


@lru_cache(None)
def tap_tile_quant8(pixels: int, lanes: int, group: int, simple: int) -> Any:
    """``abi.tap_tile_quant8``."""

    @intrinsic
    def tap_tile_quant8(
        typing_context, gathered, start, pixel_step, group_step, column_step, groups, columns, weights, first,
        endings, row, out, at, step, room, low, high,
    ):  # fmt: skip
        given = (
            gathered, start, pixel_step, group_step, column_step, groups, columns, weights, first,
            endings, row, out, at, step, room, low, high,
        )  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = _Code8(context, builder, lanes, group)
            gathered, start, pixel_step, group_step, column_step, groups, columns, weights, first = arguments[:9]
            ending = _Ending8(code, signature.args[9:], arguments[9:], simple=bool(simple))
            image, weights = (code.address(signature.args[i], array) for i, array in ((0, gathered), (7, weights)))
            walked = [ending.bias(0)] * pixels
            walked.append(first)
            size = code.word(DOTS[group].vector_bytes(lanes))
            steps = [builder.mul(pixel_step, code.word(pixel)) for pixel in range(pixels)]
            with code.loop(groups, walked) as rows:
                left = builder.add(start, builder.mul(rows, group_step))
                with code.loop(columns, walked) as column:
                    at = walked[-1]
                    factors = code.weights(weights, at)
                    tap = builder.gep(image, [builder.add(left, builder.mul(column, column_step))])
                    for pixel in range(pixels):
                        walked[pixel] = code.dot(walked[pixel], code.gathered(tap, steps[pixel]), factors)
                    walked[-1] = builder.add(at, size)
            ending.store([[sums] for sums in walked[:-1]])
            return context.get_dummy_value()

        return types.void(*given), generate

    return tap_tile_quant8


@lru_cache(None)
def workspace(size: int) -> Any:
    """``abi.workspace``."""

    @intrinsic
    def workspace(typing_context):
        array_type = types.Array(types.int8, 1, "C")

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            with builder.goto_entry_block():
                room = builder.alloca(_BYTE, size)
            room.align = 64
            array = arrayobj.make_array(array_type)(context, builder)
            count = context.get_constant(types.intp, size)
            arrayobj.populate_array(
                array,
                data=room,
                shape=[count],
                strides=[context.get_constant(types.intp, 1)],
                itemsize=context.get_constant(types.intp, 1),
                meminfo=None,
            )
            return array._getvalue()

        return array_type(), generate

    return workspace


BUILTINS = {each.__wrapped__.__name__: each for each in (product_tile_quant8, gather_rows, tap_tile_quant8, workspace)}
