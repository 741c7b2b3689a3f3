"""Cycles and traffic of a systolic array."""

import csv
import itertools
import math
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.npu.systolic import (
    Dataflow,
    Layer,
    Order,
    Product,
    Scratchpads,
    SystolicArray,
    compute_cycles,
    estimate,
    utilization,
)
from hal.errors import BadDataError

REFERENCE = Path(__file__).parents[3].parent / "shared" / "reference" / "systolic.csv"
BOUNDLESS = Scratchpads(2**40, 2**40, 2**40)


def test_cycles_are_scale_sims():
    if not REFERENCE.exists():
        pytest.skip(f"{REFERENCE} is not here")
    rows = list(csv.DictReader(REFERENCE.open()))
    assert len(rows) == 72
    for row in rows:
        array = SystolicArray(int(row["rows"]), int(row["cols"]), Dataflow(row["dataflow"]))
        sizes = ("ifmap_h", "ifmap_w", "filter_h", "filter_w", "channels", "filters", "stride")
        layer = Layer(*(int(row[size]) for size in sizes))
        assert compute_cycles(layer.product, array) == int(row["compute_cycles"]), row


@pytest.mark.parametrize(
    ("dataflow", "cycles"),
    [
        # A product [5, 7] x [7, 3] on 2 x 4, by hand: folds x (rows to enter + time + rows - 1 + columns - 1) - 1.
        ("ws", 4 * 1 * (2 + 5 + 1 + 3) - 1),
        ("os", 3 * 1 * (0 + 7 + 1 + 3) - 1),
        ("is", 4 * 2 * (2 + 3 + 1 + 3) - 1),
    ],
)
def test_cycles_by_hand(dataflow, cycles):
    array = SystolicArray(2, 4, Dataflow(dataflow))
    assert compute_cycles(Product(5, 7, 3), array) == cycles
    assert utilization(Product(5, 7, 3), array) == 5 * 7 * 3 / (8 * cycles)


def test_groups_follow_each_other():
    array = SystolicArray(4, 4, Dataflow.WEIGHTS)
    one, many = Product(10, 9, 1), Product(10, 9, 1, groups=6)
    assert compute_cycles(many, array) + 1 == 6 * (compute_cycles(one, array) + 1)


def test_a_filter_that_hangs_over_the_edge_is_one_more_step():
    layer = Layer(58, 57, 3, 3, 3, 32, stride=2)
    assert (layer.output_height, layer.output_width) == (29, 28)


def test_traffic_by_hand():
    """[4, 2] x [2, 4] on 2 x 2, output-stationary: two folds along the rows, two along the columns."""
    layer, array = Layer(2, 2, 1, 1, 2, 4), SystolicArray(2, 2, Dataflow.OUTPUTS)
    assert estimate(layer, array, BOUNDLESS).traffic.total == 8 + 8 + 16
    room_for_a_fold = estimate(layer, array, Scratchpads(8, 8, 8))
    assert room_for_a_fold.order is Order.ROWS
    assert (room_for_a_fold.traffic.input, room_for_a_fold.traffic.filters) == (8, 16)
    no_room = estimate(layer, array, Scratchpads(1, 1, 1)).traffic
    assert (no_room.input, no_room.filters, no_room.output) == (16, 16, 16)


def test_sums_that_find_no_room_go_to_memory_and_back():
    """[1, 4] x [4, 1] on 2 x 2, weight-stationary: the second fold adds to the first one's sums of 4 bytes."""
    layer, array = Layer(1, 1, 1, 1, 4, 1), SystolicArray(2, 2, Dataflow.WEIGHTS)
    assert estimate(layer, array, Scratchpads(64, 64, 8)).traffic.output == 1
    assert estimate(layer, array, Scratchpads(64, 64, 7)).traffic.output == 4 + 4 + 1


def test_waiting_by_hand():
    """One fold waits for its operands, and its results take their time after it."""
    layer, array = Layer(1, 1, 1, 1, 4, 3), SystolicArray(4, 4, Dataflow.OUTPUTS)
    computing = 4 + 3 + 3 - 1
    assert estimate(layer, array, BOUNDLESS, bandwidth=2).total_cycles == math.ceil((4 + 12) / 2 + computing + 3 / 2)


def walked(layer, array, scratchpads, bandwidth):
    """Cycles of an output-stationary array, walked fold by fold, in the order that moves least."""
    work, room = layer.product, (scratchpads.input // 2, scratchpads.filters // 2)
    pixels, filters = -(-work.pixels // array.rows), -(-work.filters // array.columns)
    image, weights = layer.height * layer.width * layer.channels, work.window * work.filters
    if image > room[0]:
        lines = min(layer.output_height, -(-(array.rows - 1) // layer.output_width) + 1)
        part = min(layer.height, (lines - 1) * layer.stride + layer.filter_height) * layer.width * layer.channels
        image = max(image, min(work.pixels * work.window, pixels * part))
    best = None
    for by_rows in (True, False):
        loads = []
        for _, outer, inner in itertools.product(
            range(work.groups), range(pixels if by_rows else filters), range(filters if by_rows else pixels)
        ):
            loaded = Fraction(0)
            for whole, parts, space, is_outer in (
                (image, pixels, room[0], by_rows),
                (weights, filters, room[1], not by_rows),
            ):
                part = Fraction(whole, parts)
                again = part > space if is_outer else whole > space
                if again or (inner if is_outer else outer) == 0:
                    loaded += part
            loads.append(loaded)
        if best is None or sum(loads) < sum(best):
            best = loads
    stored = Fraction(work.pixels * work.filters, pixels * filters)
    cycles = work.window + array.rows + array.columns - 2
    rate, total = Fraction(bandwidth), (best[0] + stored) / Fraction(bandwidth)
    for fold in range(len(best)):
        moved = best[fold + 1] if fold + 1 < len(best) else 0
        moved += stored if fold > 0 else 0
        total += max(cycles - (fold + 1 == len(best)), moved / rate)
    return math.ceil(total)


sizes = st.integers(1, 9)
layers = st.builds(
    lambda height, width, filter_height, filter_width, *rest: Layer(
        height + filter_height - 1, width + filter_width - 1, filter_height, filter_width, *rest
    ),
    *(sizes, sizes, st.integers(1, 4), st.integers(1, 4), sizes, st.integers(1, 30), st.integers(1, 3)),
    st.integers(1, 7),
)
arrays = st.builds(SystolicArray, sizes, sizes, st.sampled_from(Dataflow))
scratchpads = st.builds(Scratchpads, *[st.integers(1, 2000)] * 3)
bandwidths = st.floats(0.01, 1e4)


@given(layers, sizes, sizes, scratchpads, bandwidths)
def test_cycles_are_those_of_a_walk_over_all_folds(layer, rows, columns, scratchpads, bandwidth):
    array = SystolicArray(rows, columns, Dataflow.OUTPUTS)
    assert estimate(layer, array, scratchpads, bandwidth).total_cycles == walked(layer, array, scratchpads, bandwidth)


@given(layers, arrays, scratchpads, bandwidths)
def test_no_faster_than_computing_or_moving_and_no_slower_than_both(layer, array, scratchpads, bandwidth):
    result = estimate(layer, array, scratchpads, bandwidth)
    moving = Fraction(result.traffic.total) / Fraction(bandwidth)
    assert max(result.compute_cycles, moving) <= result.total_cycles <= math.ceil(result.compute_cycles + moving)
    assert 0 < result.utilization <= 1


@given(layers, arrays, scratchpads, bandwidths)
def test_more_bandwidth_or_memory_is_never_slower(layer, array, scratchpads, bandwidth):
    result = estimate(layer, array, scratchpads, bandwidth)
    assert estimate(layer, array, scratchpads, bandwidth * 2).total_cycles <= result.total_cycles
    assert estimate(layer, array, scratchpads).total_cycles == result.compute_cycles
    assert estimate(layer, array, BOUNDLESS).traffic.total <= result.traffic.total


@given(layers, arrays, scratchpads)
def test_everything_is_moved_at_least_once(layer, array, scratchpads):
    traffic = estimate(layer, array, scratchpads).traffic
    assert traffic.input >= layer.height * layer.width * layer.channels * layer.groups
    assert traffic.filters >= layer.product.window * layer.filters * layer.groups
    assert traffic.output >= layer.product.pixels * layer.filters * layer.groups
    kept = estimate(layer, array, BOUNDLESS).traffic
    assert kept.total == layer.groups * (
        layer.height * layer.width * layer.channels
        + layer.product.window * layer.filters
        + layer.product.pixels * layer.filters
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: Layer(4, 4, 5, 1, 1, 1), "a filter of 5 by 1 is larger than its feature map of 4 by 4"),
        (lambda: Layer(4, 4, 1, 1, 0, 1), "channels is 0; it must be at least 1"),
        (lambda: SystolicArray(0, 4, Dataflow.INPUTS), "rows is 0; it must be at least 1"),
        (lambda: estimate(Layer(4, 4, 1, 1, 1, 1), SystolicArray(1, 1, Dataflow.INPUTS), bandwidth=0), "above 0"),
    ],
)
def test_refusals(wrong, words):
    with pytest.raises(BadDataError, match=words):
        wrong()
