"""An operation in parts that fit the scratchpads.

A product of matrices is cut along its rows (pixels), its columns (filters), its inner dimension (whose sums then
grow in the output scratchpad over several tiles) and its groups. All cuts that fit are weighed by what
takes longer, the array or the memory. Everything else is cut evenly, and computed by the vector unit or, where it only
moves values, by nobody. So are products of small groups (DEPTHWISE_CONV_2D), which leave most of an array
idle, where the vector unit is faster.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from drivers.npu.description import NpuSection
from drivers.npu.systolic import Product, compute_cycles, scratchpad_bytes
from hal.workload import Matrix, Workload

SUM_BYTES = 4

IN_COMMAND = 64
"""Bytes of constants that a command itself has room for: scalars, paddings, axes."""


@dataclass(frozen=True, slots=True)
class Piece:
    """``size`` bytes from ``offset``."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of an operation. None: what it needs is in the scratchpad already, or its result stays there.

    ``unit``: "array", "vector", or "" where values only move; ``cycles`` of it. ``scalars``: the
    vector unit's instructions, or those on results as they leave the array. ``touched``: bytes that the
    unit reads and writes in the scratchpads.
    """

    shape: str
    input: Piece | None
    weights: Piece | None
    output: Piece | None
    unit: str
    cycles: int
    macs: int = 0
    scalars: int = 0
    touched: int = 0


def tiles(work: Workload, npu: NpuSection, bytes_per_cycle: float) -> list[Tile]:
    """The operation's tiles in order; ``bytes_per_cycle``: of the memory behind the scratchpads."""
    if work.matrix is None:
        return _evenly(work, npu)
    cut = min(_cuts(work.matrix, npu), key=lambda each: each.cost(bytes_per_cycle))
    if work.matrix.groups > 1 and -(-work.macs // npu.vector_lanes) < cut.cycles:
        return _evenly(work, npu)
    return list(cut.tiles(work))


def _evenly(work: Workload, npu: NpuSection) -> list[Tile]:
    """As few equal parts as fit; weights are brought once if they fit as a whole."""
    room, weight_room = npu.scratchpads, npu.scratchpads.weight_bytes // 2
    constants = work.weight_bytes if work.weight_bytes > IN_COMMAND or not work.input_bytes else 0
    together = constants <= weight_room
    count = max(
        1,
        -(-work.input_bytes // (room.input_bytes // 2)),
        -(-work.output_bytes // (room.output_bytes // 2)),
        1 if together else -(-constants // weight_room),
    )
    scalars = work.arithmetic + work.macs
    unit = "vector" if scalars else ""
    result = []
    for number in range(count):
        here, there, there_too = (
            _share(size, number, count) for size in (work.input_bytes, constants, work.output_bytes)
        )
        computed = _share(scalars, number, count).size
        weights = Piece(0, constants if number == 0 else 0) if together else there
        result.append(
            Tile(
                f"part {number + 1} of {count}",
                _or_none(here),
                _or_none(weights),
                _or_none(there_too),
                unit,
                -(-computed // npu.vector_lanes),
                scalars=computed,
                touched=here.size + there.size + there_too.size if unit else 0,
            )
        )
    return result


def _share(size: int, number: int, count: int) -> Piece:
    """The part called ``number`` of ``size`` bytes in ``count`` equal parts."""
    start, end = size * number // count, size * (number + 1) // count
    return Piece(start, end - start)


def _or_none(piece: Piece) -> Piece | None:
    return piece if piece.size else None


def _cuts(matrix: Matrix, npu: NpuSection) -> Iterator[_Cut]:
    """The cuts that fill the scratchpads: wider and wider tiles of filters, with as much else as fits beside."""
    room = npu.scratchpads
    input_room, weight_room, output_room = room.input_bytes // 2, room.weight_bytes // 2, room.output_bytes // 2
    columns = min(npu.array.columns, matrix.columns, output_room // SUM_BYTES, weight_room // (1 + SUM_BYTES))
    while True:
        inner = min(matrix.inner, weight_room // columns - SUM_BYTES, input_room)
        if inner < matrix.inner and inner > npu.array.rows:
            inner -= inner % npu.array.rows
        if inner < 1:
            return
        rows = _most(min(matrix.rows, output_room // (SUM_BYTES * columns)), matrix, inner, input_room)
        groups = 1
        if (rows, inner, columns) == (matrix.rows, matrix.inner, matrix.columns):
            groups = min(
                matrix.groups,
                input_room // _input_bytes(matrix, rows, inner, 1),
                weight_room // (columns * (inner + SUM_BYTES)),
                output_room // (SUM_BYTES * rows * columns),
            )
        for weights_first in (False, True):
            yield _Cut(matrix, npu, rows, inner, columns, groups, weights_first)
        if columns == matrix.columns or 2 * columns * SUM_BYTES > output_room:
            return
        columns = min(2 * columns, matrix.columns)


def _most(rows: int, matrix: Matrix, inner: int, room: int) -> int:
    """The most rows up to ``rows`` whose input fits; a single one always does."""
    low = 1
    while low < rows:
        middle = (low + rows + 1) // 2
        if _input_bytes(matrix, middle, inner, 1) <= room:
            low = middle
        else:
            rows = middle - 1
    return low


def _image_bytes(matrix: Matrix) -> int:
    """Bytes of all that the product reads on its left side."""
    if matrix.height * matrix.width > 1:
        return matrix.height * matrix.width * matrix.channels
    return matrix.groups * matrix.rows * matrix.inner


def _input_bytes(matrix: Matrix, rows: int, inner: int, groups: int) -> int:
    """Bytes that ``rows`` by ``inner`` of the left matrix are made of: the lines under its windows.

    Or the windows themselves, one by one, where that is less.
    """
    lines = -(-rows * matrix.height // matrix.rows) + max(matrix.filter_height - matrix.stride_height, 0)
    image = _image_bytes(matrix) * min(lines, matrix.height) * inner * groups
    return max(1, min(-(-image // (matrix.height * matrix.inner * matrix.groups)), rows * inner * groups))


@dataclass(frozen=True, slots=True)
class _Cut:
    """A product cut into tiles of ``rows`` by ``inner`` by ``columns``, for ``groups`` at once.

    ``weights_first``: the weights stay while all rows pass by; otherwise the rows stay.
    """

    matrix: Matrix
    npu: NpuSection
    rows: int
    inner: int
    columns: int
    groups: int
    weights_first: bool

    @property
    def _counts(self) -> tuple[int, int, int, int]:
        matrix = self.matrix
        pairs = (
            (matrix.groups, self.groups),
            (matrix.rows, self.rows),
            (matrix.columns, self.columns),
            (matrix.inner, self.inner),
        )
        by_groups, by_rows, by_columns, by_inner = (-(-whole // part) for whole, part in pairs)
        return by_groups, by_rows, by_columns, by_inner

    @property
    def cycles(self) -> int:
        """Of the array, as if all tiles were full."""
        by_groups, by_rows, by_columns, by_inner = self._counts
        product = Product(self.rows, self.inner, self.columns, self.groups)
        return (compute_cycles(product, self.npu.systolic) + 1) * by_groups * by_rows * by_columns * by_inner

    def cost(self, bytes_per_cycle: float) -> tuple[float, float]:
        """Cycles of the array or of DMA, whichever are more; and the others."""
        by_groups, by_rows, by_columns, by_inner = self._counts
        inputs, weights = by_rows * by_inner, by_columns * by_inner
        if by_inner > 1 or (self.weights_first and by_rows > 1):
            inputs *= by_columns
        if by_inner > 1 or (not self.weights_first and by_columns > 1):
            weights *= by_rows
        moved = inputs * _input_bytes(self.matrix, self.rows, self.inner, self.groups)
        moved += weights * self.inner * self.columns * self.groups
        moving = by_groups * (moved / bytes_per_cycle + (inputs + weights) * self.npu.dma_cycles)
        return max(float(self.cycles), moving), min(float(self.cycles), moving)

    def tiles(self, work: Workload) -> Iterator[Tile]:
        """The tiles in order. Weights lie in memory as the tiles need them, and so do results."""
        matrix = self.matrix
        results = matrix.groups * matrix.rows * matrix.columns
        image = _image_bytes(matrix)
        bias = SUM_BYTES if work.weight_bytes > IN_COMMAND else 0
        last_input = last_weights = None
        done = 0
        for group, row, column, inner in self._steps():
            groups, rows = min(self.groups, matrix.groups - group), min(self.rows, matrix.rows - row)
            columns, depth = min(self.columns, matrix.columns - column), min(self.inner, matrix.inner - inner)
            product = Product(rows, depth, columns, groups)
            new_input, new_weights = (group, row, inner), (group, column, inner)
            size = _input_bytes(matrix, rows, depth, groups)
            start = image * (group * matrix.rows + row) // (matrix.groups * matrix.rows) + inner
            taken = Piece(max(min(start, image - size), 0), size)
            start = (group * matrix.columns + column) * (matrix.inner + bias) + columns * (
                inner + (bias if inner else 0)
            )
            brought = Piece(start, groups * columns * (depth + (0 if inner else bias)))
            before, written = done, None
            if inner + depth == matrix.inner:
                done += groups * rows * columns
                start = work.output_bytes * before // results
                written = Piece(start, work.output_bytes * done // results - start)
            yield Tile(
                f"{rows} x {depth} x {columns}" + (f" in {groups} groups" if groups > 1 else ""),
                None if new_input == last_input else taken,
                None if new_weights == last_weights else brought,
                written,
                "array",
                compute_cycles(product, self.npu.systolic) + 1,
                product.macs,
                work.arithmetic * done // results - work.arithmetic * before // results,
                scratchpad_bytes(product, self.npu.systolic),
            )
            last_input, last_weights = new_input, new_weights

    def _steps(self) -> Iterator[tuple[int, int, int, int]]:
        """Where each tile begins: its group, row, column and inner position."""
        matrix = self.matrix
        rows, columns = range(0, matrix.rows, self.rows), range(0, matrix.columns, self.columns)
        for group in range(0, matrix.groups, self.groups):
            pairs = list(itertools.product(rows, columns))
            if self.weights_first:
                pairs.sort(key=lambda pair: pair[1])
            for row, column in pairs:
                for inner in range(0, matrix.inner, self.inner):
                    yield group, row, column, inner
