"""Convolutions by tiles: each tile at its edges, on some threads, equal to the bit to kernels without tiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.engine import lowering
from drivers.kernels import tiled, tiles
from hal import reference
from hal.operations.window import Axis
from hal.types import FuseCode
from hal.types import OperationType as O
from tests.drivers.engine import programs
from tests.drivers.kernels.walk import Walk
from tests.networks import Network

PRODUCTS, TAPS = "tiled.products_by_tile", "tiled.taps_by_tile"
NONE, RELU6 = FuseCode.NONE, FuseCode.RELU6


PLAIN = Walk()
LEANING = Walk(3, 2, padding=(0, 1, 3, 1), strides=(1, 2), dilations=(2, 1))
SPREAD = Walk(2, 3, padding=(3, 1, 1, 0), strides=(3, 1), dilations=(1, 2))


def numbers(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


class Convolution:
    """A convolution and what follows it, as a model in which the filter is constant, or else an input."""

    def __init__(self, image, channels, walk, *, depthwise=False, activation=NONE, after=()):
        depth = image.shape[3]
        taps = (1, walk.rows, walk.columns, channels) if depthwise else (channels, walk.rows, walk.columns, depth)
        self.image, self.filter, self.bias = image, numbers(*taps, seed=1), numbers(channels, seed=2)
        self.depthwise, self.walk, self.activation, self.after = depthwise, walk, activation, after

    def model(self, constant_filter):
        """The model and its inputs; ADD in ``after`` is that of another input, PRELU by channel."""
        network, inputs = Network(), [self.image]
        x = network.input(*self.image.shape)
        taps = self.filter
        if not constant_filter:
            taps = network.input(*self.filter.shape)
            inputs.append(self.filter)
        arguments = self.walk.arguments(self.activation)
        if self.depthwise:
            arguments = *arguments[:6], self.filter.shape[3] // self.image.shape[3], *arguments[6:]
        value = network.apply(O.DEPTHWISE_CONV_2D if self.depthwise else O.CONV_2D, x, taps, self.bias, *arguments)
        for operation_type in self.after:
            shape = network.operands[value.index].dimensions
            if operation_type is O.ADD:
                inputs.append(numbers(*shape, seed=3))
                value = network.apply(O.ADD, network.input(*shape), value, NONE)
            elif operation_type is O.PRELU:
                value = network.apply(O.PRELU, value, numbers(shape[3], seed=4))
            else:
                value = network.apply(operation_type, value)
        return network.model(value), inputs


@pytest.fixture(autouse=True)
def _shared_however_small(monkeypatch):
    """Threads have their part of every command."""
    monkeypatch.setattr(lowering, "WORTH_SHARING", 0)


@pytest.fixture
def only(monkeypatch):
    """Has a tile be the only one that there is."""

    def only(tile):
        monkeypatch.setattr(tiled, "product_tiles", lambda *_: [tile])
        monkeypatch.setattr(tiled, "tap_tiles", lambda *_: [tile])

    return only


def check(convolution, kernel, commands=None):
    """Compute it by tiles, and compare with the reference, and to the bit with kernels that have no tiles.

    ``kernel``: how the name begins of the one that must be used. ``commands``: how many commands there must
    be. Returns that kernel's command.
    """
    model, inputs = convolution.model(constant_filter=True)
    program, arguments, (actual,) = programs.lowered(model, inputs)
    (command,) = (each for each in program.commands if each.kernel.name.startswith(kernel))
    assert commands is None or len(program.commands) == commands
    assert command.shared

    other, inputs = convolution.model(constant_filter=False)
    (expected,), names = programs.run(other, inputs)
    assert not any(name.startswith("tiled.") for name in names)
    for number in (1, 2, 3):
        actual[...] = -77
        program.run(arguments, programs.threads(number))
        np.testing.assert_array_equal(actual, expected)

    (exact,) = reference.run(other, inputs)
    products = convolution.filter[0].size if not convolution.depthwise else convolution.filter[..., 0].size
    np.testing.assert_allclose(actual, exact, rtol=1e-4, atol=1e-5 * products**0.5)
    return command


def sums(tile):
    """How many vectors of sums a tile has; where that is the same, which is the wider one."""
    if isinstance(tile, tiles.TapTile):
        return tile.lines * tile.pixels, tile.pixels
    return tile.rows * tile.vectors, tile.vectors


def quick(several):
    """A parameter for each of these tiles; all but a few for each number of lanes are slow."""
    chosen = set()
    for lanes in {tile.lanes for tile in several.values()}:
        alike = [tile for tile in several.values() if tile.lanes == lanes]
        chosen |= {alike[0], alike[-1], max(alike, key=sums)}
    slow = pytest.mark.slow
    return [pytest.param(tile, id=name, marks=() if tile in chosen else slow) for name, tile in sorted(several.items())]


@pytest.mark.parametrize("tile", quick(tiles.PRODUCT_TILES))
def test_every_product_tile(only, tile):
    only(tile)
    kernel, lanes, width = f"{PRODUCTS}.{tile.name}", tile.lanes, tile.width
    beyond = tile.rows + tile.rows // 2 + 1
    check(Convolution(numbers(1, 1, tile.rows, 5), lanes, PLAIN), kernel)  # vectors over one another
    check(Convolution(numbers(2, 3, beyond, 5), width + lanes // 2 + 1, PLAIN), kernel)
    check(Convolution(numbers(2, 7, LEANING.width_for(beyond), 3), width + 1, LEANING, activation=RELU6), kernel)
    check(Convolution(numbers(2, 8, SPREAD.width_for(beyond), 4), 2 * width, SPREAD), kernel)


@pytest.mark.parametrize("tile", quick(tiles.PRODUCT_TILES))
def test_sums_that_are_left_and_taken_up_again(only, tile):
    only(tile)
    kernel, half = f"{PRODUCTS}.{tile.name}", 6144 // tile.width
    deep = Convolution(
        numbers(1, 1, 2 * tile.rows, 2 * half), 2 * tile.width, PLAIN, activation=RELU6, after=[O.ADD, O.HARD_SWISH]
    )
    tall = Walk(rows=3, columns=3, padding=(1, 1, 1, 1))
    high = Convolution(numbers(1, 4, 2 * tile.rows, -(-half // 7)), tile.width, tall, after=[O.ADD, O.PRELU])
    for convolution in (deep, high):
        given = programs.by_name(check(convolution, kernel))
        assert given["together"] < given["taps"].shape[0]


@pytest.mark.parametrize("batches", [1, 2, 7, 113])
@pytest.mark.parametrize(("size", "units"), [(1, 1), (5, 3), (33, 19), (900, 70)])
def test_fully_connected(batches, size, units):
    """Each batch is a pixel."""
    weights, bias = numbers(units, size), numbers(units)
    results = []
    for constant_weights in (True, False):
        network, inputs = Network(), [numbers(batches, size)]
        x = network.input(batches, size)
        if not constant_weights:
            inputs.append(weights)
        matrix = weights if constant_weights else network.input(*weights.shape)
        model = network.model(network.apply(O.FULLY_CONNECTED, x, matrix, bias, RELU6))
        program, arguments, (actual,) = programs.lowered(model, inputs)
        assert constant_weights == any(each.kernel.name.startswith(PRODUCTS) for each in program.commands)
        for number in (1, 2, 3):
            actual[...] = -77
            program.run(arguments, programs.threads(number))
            results.append(actual.copy())
    for each in results:
        np.testing.assert_array_equal(each, results[-1])
    np.testing.assert_allclose(results[0], reference.run(model, inputs)[0], rtol=1e-4, atol=1e-5 * size**0.5)


@pytest.mark.parametrize("tile", quick(tiles.TAP_TILES))
def test_every_tap_tile(only, tile):
    only(tile)
    beyond, channels = tile.pixels + tile.pixels // 2 + 1, tile.lanes + tile.lanes // 2 + 1
    square = Walk(3, 3, padding=(1, 1, 1, 1))

    def depthwise(walk, height, pixels, channels, **more):
        image = numbers(2, height, walk.width_for(pixels), channels)
        stride = walk.strides[0] if tile.lines > 1 else 1
        kernel = f"{TAPS}.{tile.name}_{walk.rows}x{walk.columns}_{stride}"
        check(Convolution(image, channels, walk, depthwise=True, **more), kernel)

    for height in {max(1, tile.lines - 1), tile.lines, 2 * tile.lines + 1}:
        depthwise(square, height, tile.pixels, tile.lanes)
        depthwise(square, height, beyond, channels, activation=RELU6)
    for stride in (2, 3):
        walk = Walk(3, 3, (0, 2, 2, 1), (stride, 3), (1, 2))
        depthwise(walk, stride * tile.lines + 3, beyond, channels, after=[O.ADD, O.PRELU])
    depthwise(Walk(3, 3, (1, 0, 1, 0), (1, 1), (1, 2)), 7, beyond, 2 * tile.lanes, after=[O.HARD_SWISH])
    if tile.lines == 1:
        depthwise(Walk(3, 3, (0, 2, 3, 1), (2, 3), (2, 1)), 7, beyond, channels, after=[O.ADD, O.PRELU])


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 5), (5, 1), (2, 4), (5, 5), (7, 7)])
def test_windows_of_taps(rows, columns):
    walk = Walk(rows, columns, padding=(columns // 2, 0, 0, rows // 2))
    image = numbers(1, 8, 9, 19)
    check(Convolution(image, 19, walk, depthwise=True), f"{TAPS}.")


@pytest.mark.parametrize(
    "after",
    [
        [O.ADD],
        [O.PRELU],
        [O.HARD_SWISH],
        [O.RELU],
        [O.RELU1],
        [O.ADD, O.PRELU],
        [O.ADD, O.HARD_SWISH],
        [O.ADD, O.PRELU, O.RELU6],
        [O.ADD, O.HARD_SWISH, O.RELU1],
    ],
    ids=lambda after: "+".join(each.name for each in after),
)
@pytest.mark.parametrize("depthwise", [False, True], ids=["products", "taps"])
@pytest.mark.parametrize("content", ["numbers", "not all finite"])
def test_endings(after, depthwise, content):
    image = numbers(2, 5, 7, 21)
    if content == "not all finite":
        image[0, 0, 0, 3], image[0, 2, 6, 20], image[1, 4, 6, 0], image[1, 1, 3, 9] = np.nan, np.inf, -np.inf, np.nan
    convolution = Convolution(image, 21, PLAIN, depthwise=depthwise, after=after)
    check(convolution, TAPS if depthwise else PRODUCTS, commands=1)


@pytest.mark.parametrize("depthwise", [False, True], ids=["products", "taps"])
def test_what_is_not_a_number_stays_where_it_belongs(depthwise):
    """Also where zeros are put around the image, and where tiles go over one another."""
    image = numbers(2, 5, 7, 21)
    image[0, 0, 0], image[1, 4, 6, 20], image[1, 2, 3, 5] = np.nan, np.inf, -np.inf
    walk = Walk(3, 3, padding=(1, 1, 1, 1))
    check(Convolution(image, 21, walk, depthwise=depthwise, activation=RELU6), "tiled.")


@pytest.mark.parametrize("depthwise", [False, True], ids=["products", "taps"])
@pytest.mark.parametrize("weight", [np.inf, -np.inf, np.nan])
def test_weights_that_are_not_finite_see_no_zeros_around_the_image(depthwise, weight):
    convolution = Convolution(numbers(1, 5, 7, 21), 21, Walk(3, 3, padding=(1, 1, 1, 1)), depthwise=depthwise)
    convolution.filter[0, 0, 0, 0] = weight
    model, inputs = convolution.model(constant_filter=True)
    (actual,), names = programs.run(model, inputs)
    (expected,) = reference.run(model, inputs)
    assert np.isfinite(expected).any(axis=(1, 2)).all()  # where the weight meets no pixel
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)
    assert not any(name.startswith("tiled.") for name in names)


@pytest.mark.parametrize("depthwise", [False, True], ids=["products", "taps"])
def test_a_bias_may_be_anything(depthwise):
    convolution = Convolution(numbers(1, 5, 7, 21), 21, PLAIN, depthwise=depthwise)
    convolution.bias[[0, 7, 20]] = np.nan, np.inf, -np.inf
    check(convolution, "tiled.")


@pytest.mark.parametrize(
    "walk", [Walk(8, 7, padding=(3, 3, 4, 4)), Walk(3, 3)], ids=["50 taps and more", "two results a channel"]
)
def test_depthwise_filters_that_have_no_tiles(walk):
    depth = 6
    channels = depth if walk.rows > 3 else 2 * depth
    convolution = Convolution(numbers(1, 9, 9, depth), channels, walk, depthwise=True)
    model, inputs = convolution.model(constant_filter=True)
    (actual,), names = programs.run(model, inputs)
    np.testing.assert_allclose(actual, reference.run(model, inputs)[0], rtol=1e-4, atol=1e-4)
    assert not any(name.startswith("tiled.") for name in names)


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("channels", [1, 3, 19, 70])
def test_processors_with_other_vectors_compute_the_same(monkeypatch, lanes, channels):
    monkeypatch.setattr(tiles.processor, "lanes", lambda: lanes)
    walk = Walk(3, 3, padding=(1, 1, 1, 1))
    for depthwise in (False, True):
        depth = channels if depthwise else 5
        command = check(Convolution(numbers(1, 5, 9, depth), channels, walk, depthwise=depthwise), "tiled.")
        tile = command.kernel.variant.partition("_")[0]
        assert int(tile.rpartition("x")[2]) == max(each for each in (1, 2, 4, 8, 16) if each <= min(lanes, channels))


@given(
    pixels=st.integers(1, 5000),
    channels=st.integers(1, 5000),
    products=st.integers(1, 5000),
    lanes=st.sampled_from([4, 8, 16]),
)
def test_there_are_product_tiles_for_any_output(pixels, channels, products, lanes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles.processor, "lanes", lambda: lanes)
        candidates = tiles.product_tiles(pixels, channels, products)
    assert 1 <= len({tile.name for tile in candidates}) == len(candidates)
    for tile in candidates:
        assert tiles.PRODUCT_TILES[tile.name] is tile
        assert tile.rows <= pixels
        assert tile.lanes <= min(lanes, channels)


axes = st.builds(
    Axis, st.integers(49, 5000), st.integers(1, 7), st.integers(1, 4), st.integers(1, 8), *[st.just(0)] * 2
)


@given(vertical=axes, horizontal=axes, channels=st.integers(1, 5000), lanes=st.sampled_from([4, 8, 16]))
def test_there_are_tap_tiles_for_any_output(vertical, horizontal, channels, lanes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles.processor, "lanes", lambda: lanes)
        candidates = tiles.tap_tiles(vertical, horizontal, channels)
    assert 1 <= len({tile.name for tile in candidates}) == len(candidates)
    for tile in candidates:
        assert tiles.TAP_TILES[tile.name] is tile
        assert tile.lines <= vertical.output
        assert tile.pixels <= horizontal.output
        assert tile.lanes <= min(lanes, channels)
        assert tile.lines == 1 or vertical.dilation == 1
