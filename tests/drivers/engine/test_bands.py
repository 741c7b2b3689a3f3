"""Chains: which commands go band by band, in bands of any size, on some threads, and that it changes no bit."""

import numpy as np
import pytest

from drivers.engine import bands, executable, lowering
from drivers.kernels import tiled, tiles
from hal import reference
from hal.types import FuseCode
from hal.types import OperationType as O
from tests.drivers.engine import programs
from tests.networks import Network

PRODUCTS, TAPS = "tiled.products_by_tile", "tiled.taps_by_tile"
RELU6 = FuseCode.RELU6


def numbers(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


class Net(Network):
    """A network of convolutions over one image."""

    def image(self, height, width, channels, batches=1):
        return self.input(batches, height, width, channels)

    def shape(self, x):
        return self.operands[x.index].dimensions

    def point(self, x, channels, activation=RELU6):
        """CONV_2D whose filter is one pixel."""
        depth = self.shape(x)[3]
        weights = numbers(channels, 1, 1, depth) / np.float32(depth**0.5)
        return self.apply(O.CONV_2D, x, weights, numbers(channels), 2, 1, 1, activation)

    def depthwise(self, x, size=3, stride=1, dilation=1, activation=RELU6):
        """DEPTHWISE_CONV_2D, padded such that all pixels count."""
        channels = self.shape(x)[3]
        padding = [(size - 1) * dilation // 2] * 4
        walk = stride, stride, 1, activation, False, dilation, dilation
        weights, bias = numbers(1, size, size, channels), numbers(channels)
        return self.apply(O.DEPTHWISE_CONV_2D, x, weights, bias, *padding, *walk)

    def programs(self, *outputs):
        """The program, and its outputs on some threads, which must be those without chains."""
        model = self.model(*outputs)
        inputs = [numbers(*self.operands[index].dimensions, seed=index) for index in self.inputs]
        program, arguments, results = programs.lowered(model, inputs)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(executable, "banded", list)
            apart, others, expected = programs.lowered(model, inputs)
        apart.run(others, programs.threads(1))
        for result, other in zip(expected, reference.run(model, inputs)):
            np.testing.assert_allclose(result, other, rtol=1e-3, atol=1e-3)
        for number in (1, 2, 3):
            for result in results:
                result[...] = -77
            program.run(arguments, programs.threads(number))
            for result, other in zip(results, expected):
                assert result.tobytes() == other.tobytes()
        return program, apart


@pytest.fixture
def net():
    return Net()


@pytest.fixture(autouse=True)
def _however_small(monkeypatch):
    monkeypatch.setattr(bands, "LEAST", 0)
    monkeypatch.setattr(bands, "_WASTE", float("inf"))
    monkeypatch.setattr(lowering, "WORTH_SHARING", 0)


@pytest.fixture
def step(monkeypatch):
    """Has bands be of so many lines."""

    plan = bands._plan

    def step(lines):
        monkeypatch.setattr(
            bands, "_plan", lambda cut, between, size: plan(cut, between, size) if size == lines else None
        )

    return step


def chained(program):
    """For each chain, the families of its commands' kernels."""
    found, commands = [], list(program.commands)
    while commands:
        count = 1 if commands[0].band is None else 1 + commands[0].band.following
        if count > 1:
            found.append([each.kernel.name.rpartition(".")[0] for each in commands[:count]])
        del commands[:count]
    return found


@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize(("stride", "height", "width"), [(1, 12, 9), (1, 7, 14), (2, 24, 17), (3, 36, 26)])
def test_bands_of_every_size(monkeypatch, step, rows, size, stride, height, width):
    """With products in tiles of some pixels."""
    monkeypatch.setattr(tiled, "product_tiles", lambda *_: [tiles.PRODUCT_TILES[f"{rows}x1x4"]])
    lines = (height + (size - 1) // 2 * 2 - size) // stride + 1
    for each in range(1, lines // 2 + 1):
        if lines % each == 0:
            step(each)
            net = Net()
            x = net.image(height, width, 11)
            program, _ = net.programs(net.point(net.depthwise(net.point(x, 37), size, stride), 19))
            assert chained(program) == [[PRODUCTS, TAPS, PRODUCTS]]
            assert program.commands[0].band.bands == lines // each
            assert program.arena_size == 0


def test_ends_of_chains(net):
    """A residual ADD of what the chain begins with, and PRELU."""
    x = net.image(12, 14, 16)
    y = net.point(net.depthwise(net.point(x, 48)), 16, FuseCode.NONE)
    z = net.apply(O.PRELU, net.apply(O.ADD, y, x, FuseCode.NONE), numbers(16))
    program, _ = net.programs(z)
    assert chained(program) == [[PRODUCTS, TAPS, PRODUCTS]]


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (lambda net, x: net.point(net.depthwise(x), 20), [TAPS, PRODUCTS]),
        (lambda net, x: net.depthwise(net.point(x, 20)), [PRODUCTS, TAPS]),
        (lambda net, x: net.point(net.depthwise(x, dilation=2), 20), [TAPS, PRODUCTS]),
        (lambda net, x: net.point(net.point(net.depthwise(x), 20), 24), [TAPS, PRODUCTS, PRODUCTS]),
    ],
    ids=["depthwise first", "depthwise last", "dilated", "depthwise, two points"],
)
def test_what_becomes_a_chain(net, network, expected):
    program, apart = net.programs(network(net, net.image(24, 20, 17)))
    assert chained(program) == [expected]
    assert chained(apart) == []
    assert program.arena_size < apart.arena_size


def twice(net, x):
    y = net.depthwise(x)
    return net.apply(O.ADD, net.point(y, 17), y, FuseCode.NONE)


@pytest.mark.parametrize(
    "network",
    [
        twice,
        lambda net, x: net.depthwise(net.depthwise(x)),
        lambda net, x: net.point(net.point(x, 20), 24),
        lambda net, x: net.apply(O.CONV_2D, net.depthwise(x), numbers(5, 3, 3, 17), numbers(5), 1, 1, 1, 0),
    ],
    ids=["a result that is read twice", "two windows", "no window", "a convolution over several pixels"],
)
def test_what_becomes_none(net, network):
    program, _ = net.programs(network(net, net.image(24, 20, 17)))
    assert chained(program) == []


def test_several_images_are_no_chain(net):
    program, _ = net.programs(net.point(net.depthwise(net.image(24, 20, 17, batches=2)), 20))
    assert chained(program) == []


def test_a_result_that_the_model_leaves_is_there_as_a_whole(net):
    y = net.depthwise(net.image(24, 20, 17))
    program, _ = net.programs(y, net.point(y, 20))
    assert chained(program) == []


def test_small_results_are_no_chain(net, monkeypatch):
    monkeypatch.undo()
    program, _ = net.programs(net.point(net.depthwise(net.image(24, 20, 17)), 20))
    assert chained(program) == []


def test_large_results_are_a_chain(net, monkeypatch):
    monkeypatch.undo()
    program, apart = net.programs(net.point(net.depthwise(net.point(net.image(96, 96, 8), 48)), 8))
    assert chained(program) == [[PRODUCTS, TAPS, PRODUCTS]]
    assert program.arena_size < apart.arena_size
