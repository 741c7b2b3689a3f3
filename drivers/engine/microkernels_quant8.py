"""Micro-kernels for 8-bit values, whose sums are int32: exact, so that no order of theirs matters.

How products get into the sums is a ``dots.Dot``. Sums become 8-bit results as ``kernels.fixed_point.rescaled`` has
it, by a table of constants for each vector of channels (``kernels.requantization``).

Imported only to compile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from drivers.engine import abi
from drivers.engine.abi import AFTER_ADD, AFTER_BOUNDS, AFTER_PRELU, ROUNDER, SUM_BITS, SUM_FIELDS, Ending
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
        self.reals = ir.VectorType(ir.FloatType(), self.held)

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

    def bounds(self, low: Any, high: Any) -> tuple[Any, Any]:
        """Both words as vectors of int32."""
        return self.splat(self.builder.trunc(low, _INT)), self.splat(self.builder.trunc(high, _INT))

    def leave(self, results: Any, pointer: Any, at: Any) -> None:
        """Write int32 ``results`` as int8."""
        values = self.builder.trunc(results, ir.VectorType(_BYTE, self.held))
        self.store(self.shuffled(values, values, range(self.lanes)) if self.held > self.lanes else values, pointer, at)

    def there(self, pointer: Any, at: Any) -> Any:
        """As many int8 as there are lanes, as int32."""
        return self.builder.sext(self.filled(self.load(pointer, at, ir.VectorType(_BYTE, self.lanes))), self.ints)

    def filled(self, vector: Any) -> Any:
        """``lanes`` elements as ``held`` ones."""
        room = [*range(self.lanes), *[0] * (self.held - self.lanes)]
        return self.shuffled(vector, vector, room) if self.held > self.lanes else vector

    def called(self, name: str, result: Any, *values: Any) -> Any:
        kinds = ir.FunctionType(result, [value.type for value in values])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kinds, name), values)

    def times(self, one: Any, other: Any) -> Any:
        """The product of float32, rounded: it doesn't become a part of an addition."""
        return self.called(f"llvm.arithmetic.fence.v{self.held}f32", self.reals, self.builder.fmul(one, other))

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
        """The group of values that is at a byte of ``pointer``, the same in each lane."""
        b = self.builder
        if self.group == 4:
            return self.splat(self.load(pointer, at, _INT))
        if self.group == 2:
            pairs = self.splat(self.load(pointer, at, _SHORT))
            values = b.bitcast(pairs, ir.VectorType(_BYTE, 2 * self.held))
            return b.sext(values, ir.VectorType(_SHORT, 2 * self.held))
        return self.splat(b.sext(self.load(pointer, at, _BYTE), _INT))

    def lane_values(self, rows: Sequence[Any]) -> Any:
        """A vector of each row of a group as they go into ``dot``: lane by lane. ``rows``: of int8, ``lanes`` each."""
        b = self.builder
        wide = [self.filled(row) for row in rows]
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


class _Endings:
    """Rows of ``endings``: what a vector of sums begins with, and what becomes of it."""

    def __init__(self, code: _Code8, table: Any, kind: Ending, after: int = 0) -> None:
        self._code, self._table, self._kind, self._after = code, table, kind, after

    def bias(self, row: Any) -> Any:
        """What a vector's sums begin with."""
        return self._field(row, 0, self._code.ints)

    def rescaling(self, row: Any) -> Callable[[Any], Any]:
        """What makes results of sums, with the zero point added and not yet bounded."""
        if self._kind is Ending.ANY:
            return self._generally(row)
        if self._kind is Ending.FLOAT64:
            return self._as_reals(row)
        return self._widely(row) if self._kind is Ending.WIDE else self._simply(row)

    def _field(self, row: Any, field: int, kind: Any) -> Any:
        b, code = self._code.builder, self._code
        first = b.mul(row, code.word(abi.ending_fields(self._kind, self._after) * code.held))
        return code.load(self._table, b.add(first, code.word(field * code.held)), kind)

    def _simply(self, row: Any) -> Callable[[Any], Any]:
        """Even and odd lanes are multiplied apart, as unsigned numbers; the high halves are shifted together."""
        b, code = self._code.builder, self._code
        lower, half = code.every(code.words, (1 << 32) - 1), code.every(code.words, 32)
        twice = b.bitcast(self._field(row, 1, code.ints), code.words)
        even, odd = b.and_(twice, lower), b.lshr(twice, half)
        below, shifts = (self._field(row, field, code.ints) for field in (2, 3))
        even_offsets, odd_offsets = (self._field(row, field, code.words) for field in (4, 5))
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

    def _widely(self, row: Any) -> Callable[[Any], Any]:
        """``_simply`` of sums that are shifted up before, and with the zero point added after."""
        b, code = self._code.builder, self._code
        up, zeros, results = self._field(row, 6, code.ints), self._field(row, 7, code.ints), self._simply(row)
        return lambda sums: b.add(results(b.shl(sums, up)), zeros)

    def _generally(self, row: Any) -> Callable[[Any], Any]:
        b, code = self._code.builder, self._code
        wide = ir.VectorType(_WORD, code.held)
        mantissas, shifts, down, zeros = (b.sext(self._field(row, field, code.ints), wide) for field in range(1, 5))
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

    def _as_reals(self, row: Any) -> Callable[[Any], Any]:
        b, code = self._code.builder, self._code
        reals = ir.VectorType(ir.DoubleType(), code.held)
        scales, zeros = self._field(row, 1, reals), b.sitofp(self._field(row, 3, code.ints), reals)
        least, most = (ir.Constant(reals, [float(limit)] * code.held) for limit in (-(1 << 31), (1 << 31) - 1))

        def results(sums: Any) -> Any:
            scaled = b.fmul(b.sitofp(sums, reals), scales)
            whole = self._truncated(scaled)
            part = b.fsub(scaled, whole)
            nearest = b.fadd(b.fadd(whole, self._truncated(b.fadd(part, part))), zeros)
            nearest = b.select(b.fcmp_ordered("<", nearest, least), least, nearest)
            nearest = b.select(b.fcmp_ordered(">", nearest, most), most, nearest)
            return b.fptosi(nearest, code.ints)

        return results

    def _truncated(self, reals: Any) -> Any:
        return self._code.called(f"llvm.trunc.v{self._code.held}f64", reals.type, reals)

    def adding(self, row: Any) -> Callable[[Any, Any], Any]:
        """What makes sums of results and of what they are added to, within bounds."""
        b, code = self._code.builder, self._code
        own, other, rest, low, high = self._more(row, self._kind.value, [code.reals] * 3 + [code.ints] * 2)

        def results(values: Any, addends: Any) -> Any:
            values, addends = (b.sitofp(each, code.reals) for each in (values, addends))
            scaled = b.fadd(code.times(values, own), b.fadd(code.times(addends, other), rest))
            return code.kept(self._whole(scaled), low, high)

        return results

    def sloping(self, row: Any) -> Callable[[Any], Any]:
        """What has results go through PRELU, within bounds."""
        b, code = self._code.builder, self._code
        first = self._kind.value + (SUM_FIELDS if self._after & AFTER_ADD else 0)
        zero, *reals, low, high = self._more(row, first, [code.ints, *[code.reals] * 6, *[code.ints] * 2])

        def results(values: Any) -> Any:
            numbers = b.sub(values, zero)
            negative = b.icmp_signed("<", numbers, code.every(code.ints, 0))
            factor, share, rest = (b.select(negative, *pair) for pair in zip(reals[:3], reals[3:]))
            whole = self._rounded(code.times(b.sitofp(numbers, code.reals), factor))
            return code.kept(self._whole(b.fadd(code.times(whole, share), rest)), low, high)

        return results

    def _more(self, row: Any, first: int, kinds: Sequence[Any]) -> list[Any]:
        return [self._field(row, first + position, kind) for position, kind in enumerate(kinds)]

    def _whole(self, reals: Any) -> Any:
        """The whole numbers next to ``reals``, as int32."""
        return self._code.builder.fptosi(self._rounded(reals), self._code.ints)

    def _rounded(self, reals: Any) -> Any:
        b, rounder = self._code.builder, ir.Constant(self._code.reals, [ROUNDER] * self._code.held)
        return b.fsub(b.fadd(reals, rounder), rounder)


class _Ending8:
    """What becomes of a tile's sums: see ``abi.product_tile_quant8``'s parameters from ``endings`` on."""

    def __init__(self, code: _Code8, signature: Any, arguments: Sequence[Any], kind: Ending, after: int) -> None:
        endings, row, addend, out, at, step, room, low, high = arguments
        self._code, self._after = code, after
        self._endings = _Endings(code, code.address(signature[0], endings), kind, after)
        self._addend, self._out = (code.address(signature[i], array) for i, array in ((2, addend), (3, out)))
        self._row, self._at, self._step, self._room = row, at, step, room
        limits = code.every(code.ints, -128), code.every(code.ints, 127)
        self._bounds = code.bounds(low, high) if after & AFTER_BOUNDS else limits

    def bias(self, vector: int) -> Any:
        """What a vector's sums begin with."""
        return self._endings.bias(self._row_of(vector))

    def _row_of(self, vector: int) -> Any:
        return self._code.builder.add(self._row, self._code.word(vector))

    def _column(self, vector: int) -> Any:
        b, code = self._code.builder, self._code
        wanted, last = code.word(vector * code.lanes), b.sub(self._room, code.word(code.lanes))
        return b.select(b.icmp_signed("<", wanted, last), wanted, last)

    def store(self, tile: Sequence[Sequence[Any]]) -> None:
        """Finish a tile's rows of vectors."""
        b, code = self._code.builder, self._code
        for vector in range(len(tile[0])):
            ends = self._endings
            row_of_endings = self._row_of(vector)
            results = ends.rescaling(row_of_endings)
            adding = ends.adding(row_of_endings) if self._after & AFTER_ADD else None
            sloping = ends.sloping(row_of_endings) if self._after & AFTER_PRELU else None
            column = b.add(self._at, self._column(vector))
            for row in range(len(tile)):
                place = b.add(column, b.mul(self._step, code.word(row)))
                values = code.kept(results(tile[row][vector]), *self._bounds)
                if adding:
                    values = adding(values, code.there(self._addend, place))
                if sloping:
                    values = sloping(values)
                code.leave(values, self._out, place)


@lru_cache(None)
def product_tile_quant8(rows: int, vectors: int, lanes: int, group: int, ending_kind: int, after: int) -> Any:
    """``abi.product_tile_quant8``."""

    @intrinsic
    def product_tile_quant8(
        typing_context, x, start, pixel_step, taps, run, weights, first,
        endings, row, addend, out, at, step, room, low, high,
    ):  # fmt: skip
        given = (
            x, start, pixel_step, taps, run, weights, first,
            endings, row, addend, out, at, step, room, low, high,
        )  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = _Code8(context, builder, lanes, group)
            x, start, pixel_step, taps, run, weights, first = arguments[:7]
            ending = _Ending8(code, signature.args[7:], arguments[7:], Ending(ending_kind), after)
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
def tap_tile_quant8(pixels: int, lanes: int, group: int, ending_kind: int, after: int) -> Any:
    """``abi.tap_tile_quant8``."""

    @intrinsic
    def tap_tile_quant8(
        typing_context, gathered, start, pixel_step, group_step, column_step, groups, columns, weights, first,
        endings, row, addend, out, at, step, room, low, high,
    ):  # fmt: skip
        given = (
            gathered, start, pixel_step, group_step, column_step, groups, columns, weights, first,
            endings, row, addend, out, at, step, room, low, high,
        )  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = _Code8(context, builder, lanes, group)
            gathered, start, pixel_step, group_step, column_step, groups, columns, weights, first = arguments[:9]
            ending = _Ending8(code, signature.args[9:], arguments[9:], Ending(ending_kind), after)
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


def _sum(code: _Code8, endings: _Endings, values: Sequence[Any]) -> Any:
    """ADD: both inputs far up, each in units of the one with the larger scale."""
    b = code.builder
    bits = code.every(code.ints, SUM_BITS)
    parts = []
    for row, value in enumerate(values):
        number = b.add(b.shl(value, bits), endings.bias(code.word(row)))
        parts.append(endings.rescaling(code.word(row))(number))
    return endings.rescaling(code.word(2))(b.add(*parts))


def _product(code: _Code8, endings: _Endings, values: Sequence[Any]) -> Any:
    """MUL."""
    left, right = (code.builder.add(value, endings.bias(code.word(row))) for row, value in enumerate(values))
    return endings.rescaling(code.word(0))(code.builder.mul(left, right))


def _leaky(code: _Code8, endings: _Endings, values: Sequence[Any]) -> Any:
    """PRELU."""
    b = code.builder
    value, slope = (b.add(value, endings.bias(code.word(row))) for row, value in enumerate(values))
    straight = endings.rescaling(code.word(0))(b.shl(value, endings.bias(code.word(2))))
    sloped = endings.rescaling(code.word(1))(b.mul(value, slope))
    return b.select(b.icmp_signed("<", value, code.every(code.ints, 0)), sloped, straight)


_PAIRS = {abi.SUM: _sum, abi.PRODUCT: _product, abi.LEAKY: _leaky}


@lru_cache(None)
def pair_quant8(function: int, vectors: int, lanes: int) -> Any:
    """``abi.pair_quant8``."""

    @intrinsic
    def pair_quant8(typing_context, a, first, b, other, out, at, endings, low, high):
        given = (a, first, b, other, out, at, endings, low, high)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            code = _Code8(context, builder, lanes, 1)
            a, first, b, other, out, at, table, low, high = arguments
            a, b, out, table = (
                code.address(signature.args[i], array) for i, array in ((0, a), (2, b), (4, out), (6, table))
            )
            endings = _Endings(code, table, Ending.SIMPLE)
            bounds = code.bounds(low, high)
            results = []
            for vector in range(vectors):
                step = code.word(vector * lanes)
                values = [code.weights(array, builder.add(place, step)) for array, place in ((a, first), (b, other))]
                results.append(_PAIRS[function](code, endings, values))
            for vector, result in enumerate(results):
                code.leave(code.kept(result, *bounds), out, builder.add(at, code.word(vector * lanes)))
            return context.get_dummy_value()

        return types.void(*given), generate

    return pair_quant8


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


BUILTINS = {
    each.__wrapped__.__name__: each
    for each in (product_tile_quant8, gather_rows, tap_tile_quant8, pair_quant8, workspace)
}
