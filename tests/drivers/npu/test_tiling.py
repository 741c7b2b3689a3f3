"""Cuts of operations into tiles that fit."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drivers.npu.description import ArraySection, ScratchpadSection
from drivers.npu.device import NpuDevice
from drivers.npu.systolic import Dataflow
from drivers.npu.tiling import tiles
from hal.types import OperandType, OperationType
from hal.workload import Matrix, Workload

INT8 = OperandType.TENSOR_QUANT8_ASYMM_SIGNED
NPU = NpuDevice("ethos-u65").description.npu


def convolution(matrix):
    results = matrix.groups * matrix.rows * matrix.columns
    image = matrix.height * matrix.width * matrix.channels
    weights = matrix.groups * matrix.columns * (matrix.inner + 4)
    return Workload(
        OperationType.CONV_2D, INT8, matrix.macs, results, 3 * results, image, weights + 64, results, matrix
    )


sizes = st.integers(1, 12)


@st.composite
def matrices(draw):
    height, width, taps_y, taps_x, stride = draw(st.tuples(sizes, sizes, st.integers(1, 3), st.integers(1, 3), sizes))
    groups, channels, columns = draw(st.tuples(st.integers(1, 6), st.integers(1, 60), st.integers(1, 80)))
    rows = -(-height // stride) * -(-width // stride)
    inner = taps_y * taps_x * channels
    return Matrix(rows, inner, columns, groups, taps_y, taps_x, stride, stride, height, width, groups * channels)


pads = st.builds(ScratchpadSection, *[st.integers(1024, 6000)] * 3, picojoules_per_byte=st.just(1.0))
parts = st.builds(
    lambda scratchpads, rows, columns, dataflow, lanes: replace(
        NPU, scratchpads=scratchpads, array=ArraySection(rows, columns, dataflow), vector_lanes=lanes
    ),
    pads,
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(Dataflow),
    st.sampled_from([1, 64]),
)


@given(matrices(), parts, st.floats(0.1, 100))
def test_products_are_computed_whole_in_tiles_that_fit(matrix, npu, rate):
    work = convolution(matrix)
    cut = tiles(work, npu, rate)
    room = npu.scratchpads
    assert all(tile.input is None or tile.input.size <= room.input_bytes // 2 for tile in cut)
    assert all(tile.weights is None or tile.weights.size <= room.weight_bytes // 2 for tile in cut)
    written = [tile.output for tile in cut if tile.output is not None]
    assert [piece.offset for piece in written] == [sum(p.size for p in written[:i]) for i in range(len(written))]
    assert sum(piece.size for piece in written) == work.output_bytes
    assert sum(tile.weights.size for tile in cut if tile.weights) >= work.weight_bytes - 64
    assert any(tile.input is not None for tile in cut)
    if cut[0].unit == "array":
        assert sum(tile.macs for tile in cut) == matrix.macs
        assert sum(tile.scalars for tile in cut) == work.arithmetic
        assert all(piece.size * 4 <= room.output_bytes // 2 for piece in written)
    else:
        assert matrix.groups > 1
        assert sum(tile.scalars for tile in cut) == work.arithmetic + matrix.macs
    assert all(tile.cycles >= 1 for tile in cut)


@given(st.integers(0, 10**5), st.integers(0, 10**5), st.integers(1, 10**5), st.integers(0, 10**6), parts)
def test_everything_else_is_cut_evenly(input_bytes, weight_bytes, output_bytes, arithmetic, npu):
    assume(input_bytes or weight_bytes)
    work = Workload(OperationType.ADD, INT8, 0, output_bytes, arithmetic, input_bytes, weight_bytes, output_bytes)
    cut = tiles(work, npu, 1.0)
    room = npu.scratchpads
    for name, size, half in (
        ("input", input_bytes, room.input_bytes // 2),
        ("output", output_bytes, room.output_bytes // 2),
        ("weights", weight_bytes, room.weight_bytes // 2),
    ):
        pieces = [piece for tile in cut if (piece := getattr(tile, name)) is not None]
        assert all(piece.size <= half for piece in pieces)
        if name != "weights" or size > 64 or not input_bytes:
            assert sum(piece.size for piece in pieces) == size
    assert sum(tile.scalars for tile in cut) == arithmetic
    assert {tile.unit for tile in cut} == {"vector" if arithmetic else ""}


def test_weights_that_fit_stay():
    """One tile of weights, several of rows: it is loaded with the first."""
    work = convolution(Matrix(56 * 56, 64, 64, height=56, width=56, channels=64))
    cut = tiles(work, NPU, 4.0)
    assert len(cut) > 1
    assert [tile.weights is not None for tile in cut] == [True] + [False] * (len(cut) - 1)


def test_sums_grow_where_weights_are_longer_than_their_scratchpad():
    work = convolution(Matrix(1, 100_000, 10, channels=100_000))
    cut = tiles(work, NPU, 4.0)
    assert len(cut) > 1
    assert [tile.output is not None for tile in cut] == [False] * (len(cut) - 1) + [True]


@pytest.mark.parametrize(("lanes", "unit"), [(8, "vector"), (1, "array")])
def test_single_channels_are_computed_by_the_faster_unit(lanes, unit):
    work = convolution(Matrix(28 * 28, 9, 1, 32, 3, 3, 1, 1, 28, 28, 32))
    assert {tile.unit for tile in tiles(work, replace(NPU, vector_lanes=lanes), 4.0)} == {unit}
