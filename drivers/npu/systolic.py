"""How long a systolic array takes for a layer, and what it moves to and from memory meanwhile.

A layer is a product of matrices: [pixels, window] by [window, filters]. The array holds one matrix
still and lets the others flow through; which one is its dataflow. Two of the product's three
extents lie on the array, along its rows and along its columns, and what does not fit is done in
*folds*; the third extent is time:

    dataflow   rows     columns  time     lies still
    ws         window   filters  pixels   the weights
    os         pixels   filters  window   the sums
    is         window   pixels   filters  the feature map

Within a fold one value enters each row at a time, a cycle later with each row (``rows - 1`` cycles),
and leaves a cycle later with each column (``columns - 1``). A matrix that lies still takes another
``rows`` cycles to enter. Folds follow each other without overlap. That is how SCALE-Sim 3 counts;
its count is the number of the last cycle, the first being 0.

Memory has a scratchpad for each of the three matrices, in two halves: while the array works on a
fold, DMA brings the next fold's operands and takes away the previous one's results. A value has
8 bits, a sum that is not complete yet has 32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from itertools import product

from hal.errors import BadDataError

_SUM_BYTES = 4


class Dataflow(Enum):
    """Which matrix lies still in the array."""

    WEIGHTS = "ws"
    OUTPUTS = "os"
    INPUTS = "is"


class Order(Enum):
    """Which folds the outer loop goes over: those along the array's rows, or along its columns."""

    ROWS = "rows"
    COLUMNS = "columns"


@dataclass(frozen=True, slots=True)
class SystolicArray:
    """``rows`` by ``columns`` multiply-accumulators, each doing one a cycle."""

    rows: int
    columns: int
    dataflow: Dataflow

    def __post_init__(self) -> None:
        _check_positive(rows=self.rows, columns=self.columns)


@dataclass(frozen=True, slots=True)
class Scratchpads:
    """Bytes for each matrix, both halves together; SCALE-Sim's own default."""

    input: int = 64 * 1024
    filters: int = 64 * 1024
    output: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution without padding, of ``groups`` that see ``channels`` and have ``filters`` each.

    A filter that hangs over the far edge by less than a stride counts as one more step, as in SCALE-Sim.
    A fully connected layer has a feature map of 1 by 1. Raises ``BadDataError`` for what is below 1,
    and a filter that is larger than the feature map.
    """

    height: int
    width: int
    filter_height: int
    filter_width: int
    channels: int
    filters: int
    stride: int = 1
    groups: int = 1

    def __post_init__(self) -> None:
        _check_positive(
            height=self.height,
            width=self.width,
            filter_height=self.filter_height,
            filter_width=self.filter_width,
            channels=self.channels,
            filters=self.filters,
            stride=self.stride,
            groups=self.groups,
        )
        if self.filter_height > self.height or self.filter_width > self.width:
            raise BadDataError(
                f"a filter of {self.filter_height} by {self.filter_width} is larger than "
                f"its feature map of {self.height} by {self.width}"
            )

    @property
    def output_height(self) -> int:
        """Rows of the output."""
        return -(-(self.height - self.filter_height) // self.stride) + 1

    @property
    def output_width(self) -> int:
        """Columns of the output."""
        return -(-(self.width - self.filter_width) // self.stride) + 1

    @property
    def product(self) -> Product:
        """The layer as a product of matrices."""
        pixels = self.output_height * self.output_width
        return Product(pixels, self.filter_height * self.filter_width * self.channels, self.filters, self.groups)


@dataclass(frozen=True, slots=True)
class Product:
    """[pixels, window] by [window, filters], ``groups`` times with different matrices."""

    pixels: int
    window: int
    filters: int
    groups: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.pixels * self.window * self.filters * self.groups


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes between memory and the scratchpads; ``output`` with the sums that went out and came back."""

    input: int
    filters: int
    output: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.input + self.filters + self.output


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a layer takes.

    ``compute_cycles``: with operands always at hand. ``total_cycles``: with waiting for memory.
    ``utilization``: multiply-accumulates done out of those that the array could do in
    ``compute_cycles``, 0 to 1: SCALE-Sim's "overall utilization" of a run without stalls.
    """

    compute_cycles: int
    total_cycles: int
    utilization: float
    order: Order
    traffic: Traffic


def compute_cycles(work: Product, array: SystolicArray) -> int:
    """Cycles for ``work`` with operands always at hand, as SCALE-Sim 3 counts them."""
    folds = _Folds.of(work, array)
    return folds.count * folds.cycles - 1


def utilization(work: Product, array: SystolicArray) -> float:
    """``Estimate.utilization``. At most 1, though SCALE-Sim's count leaves out the first cycle."""
    possible = array.rows * array.columns * compute_cycles(work, array)
    return min(1.0, work.macs / possible) if possible else 1.0


def scratchpad_bytes(work: Product, array: SystolicArray) -> int:
    """Bytes that the array reads and writes in its scratchpads for ``work``: what flows, again for each fold across it.

    Sums that grow over several folds are read and written with each.
    """
    folds = _Folds.of(work, array)
    inputs, weights, results = work.pixels * work.window, work.window * work.filters, work.pixels * work.filters
    passes = {
        Dataflow.WEIGHTS: (folds.columns, 1, folds.rows),
        Dataflow.OUTPUTS: (folds.columns, folds.rows, 1),
        Dataflow.INPUTS: (1, folds.columns, folds.rows),
    }[array.dataflow]
    input_passes, weight_passes, result_passes = passes
    sums = results * _SUM_BYTES * (2 * result_passes - 1)
    return work.groups * (inputs * input_passes + weights * weight_passes + sums)


def estimate(
    layer: Layer, array: SystolicArray, scratchpads: Scratchpads = Scratchpads(), bandwidth: float = math.inf
) -> Estimate:
    """What ``layer`` takes on ``array``, in the order of folds that moves least.

    ``bandwidth``: bytes a cycle, of reads and writes together. Raises ``BadDataError`` where it is not above 0.
    """
    if not bandwidth > 0:
        raise BadDataError(f"a bandwidth of {bandwidth} bytes a cycle moves nothing; it must be above 0")
    work = layer.product
    schedules = [_Schedule(layer, array, scratchpads, order) for order in Order]
    schedule = min(schedules, key=lambda each: each.traffic.total)
    return Estimate(
        compute_cycles(work, array),
        schedule.total_cycles(bandwidth),
        utilization(work, array),
        schedule.order,
        schedule.traffic,
    )


def _check_positive(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise BadDataError(f"{name.replace('_', ' ')} is {size}; it must be at least 1")


@dataclass(frozen=True, slots=True)
class _Folds:
    """How many folds a group has along the array's rows and columns, and the cycles of each."""

    rows: int
    columns: int
    groups: int
    cycles: int

    @classmethod
    def of(cls, work: Product, array: SystolicArray) -> _Folds:
        along_rows, along_columns, time = {
            Dataflow.WEIGHTS: (work.window, work.filters, work.pixels),
            Dataflow.OUTPUTS: (work.pixels, work.filters, work.window),
            Dataflow.INPUTS: (work.window, work.pixels, work.filters),
        }[array.dataflow]
        enter = 0 if array.dataflow is Dataflow.OUTPUTS else array.rows
        cycles = enter + time + (array.rows - 1) + (array.columns - 1)
        return cls(-(-along_rows // array.rows), -(-along_columns // array.columns), work.groups, cycles)

    @property
    def count(self) -> int:
        return self.rows * self.columns * self.groups


@dataclass(frozen=True, slots=True)
class _Stream:
    """A matrix on its way between memory and its scratchpad: ``size`` bytes with each fold that moves it.

    ``held``: only where the outer loop takes a step; ``once``: only in the outer loop's first step (its
    last, for results).
    """

    size: Fraction
    held: bool = False
    once: bool = False

    def moves(self, outer: bool, inner: bool) -> Fraction:
        """Bytes in a fold; ``outer`` and ``inner``: whether it is the loop's first (last, for results)."""
        return Fraction(0) if (self.held and not inner) or (self.once and not outer) else self.size


class _Schedule:
    """The folds of a layer in order, with what each moves.

    A matrix lies along one loop and is passed over by the other. Along the outer loop it is brought
    once if a fold's part fits into half of its scratchpad; along the inner one, if all of it does.
    """

    def __init__(self, layer: Layer, array: SystolicArray, scratchpads: Scratchpads, order: Order) -> None:
        self.order = order
        self._work = work = layer.product
        self._folds = folds = _Folds.of(work, array)
        self._outer, self._inner = (folds.rows, folds.columns) if order is Order.ROWS else (folds.columns, folds.rows)
        parts = {"rows": folds.rows, "columns": folds.columns, "all": folds.rows * folds.columns}
        image = layer.height * layer.width * layer.channels
        pixels = work.pixels * work.window  # the feature map as the array sees it, a pixel in each window it is in
        weights = work.window * work.filters
        results = work.pixels * work.filters
        along = {
            Dataflow.WEIGHTS: ("rows", "all", "columns"),
            Dataflow.OUTPUTS: ("rows", "columns", "all"),
            Dataflow.INPUTS: ("all", "rows", "columns"),
        }[array.dataflow]
        if image > scratchpads.input // 2:
            part = _lines(layer, array.rows) if array.dataflow is Dataflow.OUTPUTS else image
            image = max(image, min(pixels, parts[along[0]] * part))
        self._input = self._operand(image, along[0], parts, scratchpads.input // 2)
        self._filters = self._operand(weights, along[1], parts, scratchpads.filters // 2)
        self._output = _Stream(Fraction(results, parts[along[2]]))
        self._spilled = Fraction(0)
        if along[2] == "columns":  # sums grow over the folds along the rows
            sums = self._output.size * _SUM_BYTES
            if sums * (parts["columns"] if order is Order.ROWS else 1) <= scratchpads.output // 2:
                self._output = _Stream(self._output.size, held=order is Order.COLUMNS, once=order is Order.ROWS)
            else:
                self._spilled = sums

    def _operand(self, size: int, along: str, parts: dict[str, int], room: int) -> _Stream:
        part = Fraction(size, parts[along])
        if along == "all":
            return _Stream(part)
        if along == self.order.value:
            return _Stream(part, held=part <= room)
        return _Stream(part, once=size <= room)

    @property
    def traffic(self) -> Traffic:
        """Bytes, all groups together."""
        spills = self._folds.columns * (self._folds.rows - 1) * self._folds.groups
        output = self._repeated(self._output) + self._spilled * spills * 2
        if self._spilled:  # where a sum went out instead, no result did
            output -= self._output.size * spills
        return Traffic(int(self._repeated(self._input)), int(self._repeated(self._filters)), int(output))

    def _repeated(self, stream: _Stream) -> Fraction:
        outer = 1 if stream.once else self._outer
        inner = 1 if stream.held else self._inner
        return stream.size * outer * inner * self._folds.groups

    def total_cycles(self, bandwidth: float) -> int:
        """Cycles from the first byte's leaving memory to the last one's arrival."""
        cycles = self._folds.cycles
        if math.isinf(bandwidth):
            return self._folds.count * cycles - 1
        rate = Fraction(bandwidth)
        last = (self._folds.groups - 1, self._outer - 1, self._inner - 1)
        total = self._loads((0, 0, 0)) + self._stores(last)
        for fold, times in self._representatives():
            busy = (cycles - (fold == last)) * rate  # in bytes that could move meanwhile
            moved = self._loads(self._next(fold, 1)) + self._stores(self._next(fold, -1))
            total += times * max(busy, moved)
        return math.ceil(total / rate)

    def _representatives(self) -> Iterator[tuple[tuple[int, int, int], int]]:
        """Folds whose neighbours differ, and how many there are like each.

        Along each loop only the first two steps and the last two can differ from those between.
        """
        axes = [_ends(steps) for steps in (self._folds.groups, self._outer, self._inner)]
        for (group, groups), (outer, outers), (inner, inners) in product(*axes):
            yield (group, outer, inner), groups * outers * inners

    def _next(self, fold: tuple[int, int, int], step: int) -> tuple[int, int, int]:
        """The fold after (``step`` 1) or before (-1); its group is out of range where there is none."""
        group, outer, inner = fold
        number = (group * self._outer + outer) * self._inner + inner + step
        return number // (self._outer * self._inner), number // self._inner % self._outer, number % self._inner

    def _loads(self, fold: tuple[int, int, int]) -> Fraction:
        group, outer, inner = fold
        if group >= self._folds.groups:
            return Fraction(0)
        moved = [stream.moves(outer == 0, inner == 0) for stream in (self._input, self._filters)]
        step = outer if self.order is Order.ROWS else inner
        return sum(moved, self._spilled if step > 0 else Fraction(0))

    def _stores(self, fold: tuple[int, int, int]) -> Fraction:
        group, outer, inner = fold
        if group < 0:
            return Fraction(0)
        step = outer if self.order is Order.ROWS else inner
        if self._spilled and step < self._folds.rows - 1:
            return self._spilled
        return self._output.moves(outer == self._outer - 1, inner == self._inner - 1)


def _ends(steps: int) -> list[tuple[int, int]]:
    """Steps of a loop with how many are like each: the first two, one between for all, the last two."""
    if steps <= 5:
        return [(step, 1) for step in range(steps)]
    return [(0, 1), (1, 1), (2, steps - 4), (steps - 2, 1), (steps - 1, 1)]


def _lines(layer: Layer, pixels: int) -> int:
    """Bytes of the feature map's lines that ``pixels`` consecutive pixels of the output look at."""
    lines = min(layer.output_height, -(-(pixels - 1) // layer.output_width) + 1)
    height = min(layer.height, (lines - 1) * layer.stride + layer.filter_height)
    return height * layer.width * layer.channels
