"""8-bit convolutions and products by tiles: each tile at its edges, on some threads, equal to kernels without tiles."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dsp.numerics import DSP
from drivers.engine import lowering
from drivers.engine.abi import AFTER_ADD, AFTER_BOUNDS, AFTER_PRELU, Ending
from drivers.engine.dots import DOTS, held
from drivers.engine.numerics import EXACT
from drivers.kernels import tiled_quant8, tiles_quant8
from drivers.kernels.requantization import suiting
from drivers.kernels.tiles_quant8 import Tile8
from drivers.npu.numerics import NPU
from hal.model import Operand, PerChannelQuantization
from hal.types import FuseCode, OperandType
from hal.types import OperationType as O
from tests.drivers.engine import programs
from tests.drivers.kernels.walk import Walk
from tests.networks import Network

INT8 = OperandType.TENSOR_QUANT8_ASYMM_SIGNED
PRODUCTS, TAPS = "tiled_quant8.products_by_tile", "tiled_quant8.taps_by_tile"


PLAIN = Walk()
LEANING = Walk(3, 2, padding=(0, 1, 3, 1), strides=(1, 2), dilations=(2, 1))
SPREAD = Walk(2, 3, padding=(3, 1, 1, 0), strides=(3, 1), dilations=(1, 2))
SQUARE = Walk(3, 3, padding=(1, 1, 1, 1))

REALS = {Ending.SIMPLE: (2**-12, 2**-7), Ending.WIDE: (2**-12, 2.0), Ending.ANY: (2**-12, 2.0**24)}
"""The least and the greatest multiplier of an operation that ends so."""


def bytes_of(*shape, seed):
    values = np.random.default_rng([seed, *shape]).integers(-128, 128, shape).astype(np.int8)
    values.reshape(-1)[: min(values.size, 3)] = (-128, 127, -128)[: min(values.size, 3)]
    return values


@dataclass
class Convolution:
    """A convolution of 8-bit values with constants, whose multipliers make it end by ``ending``.

    ``followed``: by ADD and PRELU, which it takes in.
    """

    image: np.ndarray
    channels: int
    walk: Walk
    ending: Ending = Ending.SIMPLE
    depthwise: bool = False
    activation: FuseCode = FuseCode.NONE
    zero_point: int = 3
    followed: bool = False
    bias: np.ndarray = field(init=False)

    def __post_init__(self):
        self.bias = np.random.default_rng(self.channels).integers(-3000, 3000, self.channels).astype(np.int32)

    def model(self):
        walk, depth = self.walk, self.image.shape[3]
        taps = (
            (1, walk.rows, walk.columns, depth) if self.depthwise else (self.channels, walk.rows, walk.columns, depth)
        )
        filters = np.maximum(bytes_of(*taps, seed=1), -127)
        scales = np.geomspace(*REALS[self.ending], self.channels) if self.channels > 1 else REALS[self.ending][1:]
        per_channel = PerChannelQuantization(3 if self.depthwise else 0, tuple(np.float32(scales).tolist()))
        network = Network()
        x = network.input(*self.image.shape, like=Operand(INT8, scale=0.5, zero_point=self.zero_point))
        weights = network.constant(
            filters, Operand(OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL, per_channel=per_channel)
        )
        bias = network.constant(self.bias, Operand(OperandType.TENSOR_INT32))
        arguments = [*walk.padding, *walk.strides[::-1], self.activation, False, *walk.dilations[::-1]]
        if self.depthwise:
            arguments.insert(6, 1)
        kind = O.DEPTHWISE_CONV_2D if self.depthwise else O.CONV_2D
        like = Operand(INT8, scale=0.5, zero_point=-7)
        result = network.apply(kind, x, weights, bias, *arguments, like=like)
        return network.model(self._rest(network, result) if self.followed else result)

    def _rest(self, network, result):
        shape = network.operands[result.index].dimensions
        addend = network.constant(bytes_of(*shape, seed=12), Operand(INT8, scale=0.3, zero_point=20))
        slopes = network.constant(bytes_of(shape[3], seed=13), Operand(INT8, scale=0.011, zero_point=-5))
        total = network.apply(O.ADD, result, addend, self.activation, like=Operand(INT8, scale=0.7, zero_point=-9))
        return network.apply(O.PRELU, total, slopes, like=Operand(INT8, scale=0.45, zero_point=31))


@pytest.fixture(autouse=True)
def _shared_however_small(monkeypatch):
    """Threads have their part of every command."""
    monkeypatch.setattr(lowering, "WORTH_SHARING", 0)


@pytest.fixture
def only(monkeypatch):
    """Has a tile be the only one that there is, but for its ending."""

    def only(tile):
        for name in ("product_tiles", "tap_tiles"):
            monkeypatch.setattr(tiled_quant8, name, lambda *rest: [replace(tile, ending=rest[-2], after=rest[-1])])
        monkeypatch.setattr(tiled_quant8, "best_dot", lambda *_, **__: tile.dot)

    return only


def without_tiles(model, inputs, numerics=EXACT):
    """The output by kernels that have no tiles, which take nothing in."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fits_product_tiles", "fits_tap_tiles", "fits_matrix_products"):
            patch.setattr(tiled_quant8, name, lambda *_: False)
        (expected,), names = programs.run(model, inputs, numerics)
    assert not any(name.startswith("tiled_quant8.") for name in names)
    return expected


def check(model, inputs, kernel, numerics=EXACT):
    """Compute it by tiles on several threads, the kernel's name beginning so, and compare."""
    program, arguments, (actual,) = programs.lowered(model, inputs, numerics)
    names = [command.kernel.name for command in program.commands]
    assert any(name.startswith(kernel) for name in names), names
    expected = without_tiles(model, inputs, numerics)
    for number in (1, 2, 3):
        actual[...] = 77
        program.run(arguments, programs.threads(number))
        np.testing.assert_array_equal(actual, expected)
    return expected


def check_convolution(convolution, kernel):
    return check(convolution.model(), [convolution.image], kernel)


def here(sizes):
    """A parameter for each tile whose dot this processor has; all but a few for each dot and ending are slow.

    ``sizes``: rows and vectors by lanes. The second parameter: whether to see what results go through as well, which
    comes after any ending; with all endings for the few, for the others with the simplest.
    """
    able = [
        Tile8(*size, lanes, dot, ending)
        for lanes in sizes
        for size in sizes[lanes]
        for dot in DOTS.values()
        for ending in Ending
        if held(lanes) <= dot.most_lanes() or dot.group == 1
    ]
    chosen = set()
    for dot in DOTS.values():
        for lanes in {tile.lanes for tile in able}:
            alike = [tile for tile in able if (tile.dot, tile.lanes, tile.ending) == (dot, lanes, Ending.SIMPLE)]
            chosen |= {max(alike, key=lambda tile: (tile.rows * tile.vectors, tile.vectors))} if alike else set()
        for ending in REALS:
            alike = [tile for tile in able if (tile.dot, tile.ending) == (dot, ending) and tile.lanes >= 4]
            chosen |= set(alike[:1])
    parameters = [tile for tile in able if tile.ending in REALS]
    return [
        pytest.param(
            tile,
            tile in chosen or tile.ending is Ending.SIMPLE,
            id=tile.name,
            marks=() if tile in chosen else pytest.mark.slow,
        )
        for tile in parameters
    ]


@pytest.mark.parametrize(("tile", "through"), here(tiles_quant8.PRODUCT_SIZES))
def test_every_product_tile(only, tile, through):
    only(tile)
    kernel, lanes, width, ending = f"{PRODUCTS}.{tile.name}", tile.lanes, tile.width, tile.ending
    beyond, depth = tile.rows + tile.rows // 2 + 1, 5
    least = 2 if ending is not Ending.SIMPLE else 1  # one channel has one multiplier
    for channels in {max(lanes, least), max(width + lanes // 2 + 1, least)}:  # vectors over one another, panels too
        check_convolution(Convolution(bytes_of(2, 3, beyond, depth, seed=2), channels, PLAIN, ending), kernel)
    if through:
        image = bytes_of(2, 8, beyond, depth, seed=2)
        followed = Convolution(image, max(width + 1, least), PLAIN, ending, followed=True)
        check_convolution(followed, f"{kernel}_add_prelu")
    image = bytes_of(2, 7, LEANING.width_for(beyond), depth, seed=3)
    activation = FuseCode.RELU if through else FuseCode.NONE
    leaning = Convolution(image, max(width + 1, least), LEANING, ending, activation=activation)
    check_convolution(leaning, f"{kernel}_bounds" if through else kernel)
    image = bytes_of(2, 8, SPREAD.width_for(beyond), depth, seed=4)
    check_convolution(Convolution(image, max(2 * width, least), SPREAD, ending, zero_point=-128), kernel)


@pytest.mark.parametrize(("tile", "through"), here(tiles_quant8.TAP_SIZES))
def test_every_tap_tile(only, tile, through):
    only(tile)
    beyond, ending = tile.rows + tile.rows // 2 + 1, tile.ending
    least = 2 if ending is not Ending.SIMPLE else 1
    kernel = f"{TAPS}.{tile.name}"
    walks = [SQUARE, Walk(5, 5, (2, 1, 2, 3), (2, 2)), Walk(3, 3, (0, 2, 3, 1), (2, 3), (2, 1)), Walk(1, 4), Walk(7, 1)]
    for walk in walks:
        for channels in {max(tile.lanes, least), max(tile.lanes + tile.lanes // 2 + 1, least)}:
            image = bytes_of(2, 9, max(1, walk.width_for(beyond)), channels, seed=5)
            check_convolution(Convolution(image, channels, walk, ending, depthwise=True), kernel)
    if through:
        image = bytes_of(2, 8, SQUARE.width_for(beyond), tile.lanes + 1, seed=5)
        followed = Convolution(image, tile.lanes + 1, SQUARE, ending, depthwise=True, followed=True)
        check_convolution(followed, f"{kernel}_add_prelu")


@pytest.mark.parametrize("depthwise", [False, True], ids=["products", "taps"])
@pytest.mark.parametrize("numerics", [EXACT, DSP, NPU], ids=["CPU", "DSP", "NPU"])
@pytest.mark.parametrize("ending", REALS)
def test_numbers_of_each_device(depthwise, numerics, ending):
    channels = 21
    depth = channels if depthwise else 9
    convolution = Convolution(bytes_of(1, 7, 9, depth, seed=6), channels, SQUARE, ending, depthwise)
    kernel = TAPS if depthwise else PRODUCTS
    result = check(convolution.model(), [convolution.image], kernel, numerics)
    assert len(np.unique(result)) > 2


@pytest.mark.parametrize("depthwise", [False, True], ids=["products", "taps"])
@pytest.mark.parametrize("bias", [2**31 - 1, -(2**31), 2**30])
def test_sums_at_the_limits_of_32_bits(depthwise, bias):
    depth = 19 if depthwise else 6
    for ending in REALS:
        convolution = Convolution(bytes_of(1, 5, 6, depth, seed=7), 19, SQUARE, ending, depthwise)
        convolution.bias[::2] = bias
        check_convolution(convolution, "tiled_quant8.")


@pytest.mark.parametrize("width", [200, 1100])
def test_lines_longer_than_the_room_for_them(width):
    walk = Walk(5, 5, padding=(2, 2, 2, 2))
    check_convolution(Convolution(bytes_of(1, 3, width, 17, seed=8), 17, walk, depthwise=True), TAPS)


@pytest.mark.parametrize("channels", [1, 2, 3, 7, 24, 42, 130])
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 6, 33])
def test_depths_that_are_no_whole_groups(channels, depth):
    check_convolution(Convolution(bytes_of(1, 4, 5, depth, seed=9), channels, PLAIN), PRODUCTS)
    check_convolution(Convolution(bytes_of(1, 4, 5, depth, seed=9), channels, SQUARE), PRODUCTS)


@pytest.mark.parametrize("depth", [2000, 3000, 5000, 12000])
def test_images_too_deep_to_be_laid_out(depth):
    check_convolution(Convolution(bytes_of(1, 3, 4, depth, seed=14), 5, SQUARE), PRODUCTS)


@pytest.mark.parametrize("numerics", [EXACT, DSP], ids=["in float64", "in integers"])
@pytest.mark.parametrize("batches", [1, 2, 7, 113])
@pytest.mark.parametrize(("size", "units"), [(1, 1), (5, 3), (33, 19), (400, 70), (40000, 3)])
def test_fully_connected(numerics, batches, size, units):
    network, values = Network(), bytes_of(batches, size, seed=10)
    weights = np.maximum(bytes_of(units, size, seed=11), -127)
    x = network.input(batches, size, like=Operand(INT8, scale=0.5, zero_point=11))
    matrix = network.constant(weights, Operand(INT8, scale=0.25))
    bias = network.constant(np.arange(units) * 100 - 500, Operand(OperandType.TENSOR_INT32, scale=0.125))
    like = Operand(INT8, scale=2.0 * size, zero_point=-3)
    model = network.model(network.apply(O.FULLY_CONNECTED, x, matrix, bias, FuseCode.NONE, like=like))
    check(model, [values], PRODUCTS, numerics)


@given(
    mantissa=st.integers(2**30, 2**31 - 1),
    exponent=st.integers(-31, 31),
    largest=st.integers(0, 2**32),
    zero_point=st.integers(-128, 127),
)
def test_an_ending_is_chosen_by_what_fits_32_bits(mantissa, exponent, largest, zero_point):
    ending = suiting([(mantissa, exponent)], np.array([largest]), zero_point)
    scaled = largest * mantissa * 2.0 ** (exponent - 31)
    if largest >= 2**31 or scaled >= 2**31:
        assert ending is Ending.ANY
    if exponent > 0:
        assert ending is not Ending.SIMPLE


@given(
    pixels=st.integers(1, 5000),
    channels=st.integers(1, 5000),
    steps=st.integers(1, 9999),
    run=st.integers(1, 2000),
    signed=st.booleans(),
    ending=st.sampled_from(Ending),
)
def test_there_are_tiles_for_any_output(pixels, channels, steps, run, signed, ending):
    dot = tiles_quant8.best_dot(run, signed=signed)
    assert dot.group <= run
    assert not (signed and dot.added)
    products = tiles_quant8.product_tiles(pixels, channels, steps, dot, ending, 0)
    taps = tiles_quant8.tap_tiles(pixels, channels, ending, 0)
    assert {tile.dot for tile in products} == {dot}
    for tile in (*products, *taps):
        assert tiles_quant8.named(tile.name) == tile
        assert tile.rows <= pixels
        assert tile.lanes <= channels


@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("after", range(0, 2 * AFTER_BOUNDS, 3))
def test_names_tell_all(ending, after):
    after &= AFTER_BOUNDS | AFTER_ADD | AFTER_PRELU
    for dot in DOTS.values():
        tile = Tile8(3, 2, 8, dot, ending, after)
        assert tiles_quant8.named(tile.name) == tile
