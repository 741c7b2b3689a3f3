"""ADD and PRELU of 8-bit values as the end of a convolution: every pair of bytes, and what must stay by itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.dsp.numerics import DSP
from drivers.engine import executable
from drivers.engine.numerics import EXACT
from drivers.npu.numerics import NPU
from hal.model import Operand, PerChannelQuantization
from hal.types import FuseCode, OperandType
from hal.types import OperationType as O
from tests.drivers.engine import programs
from tests.networks import Network

INT8 = OperandType.TENSOR_QUANT8_ASYMM_SIGNED
PRODUCTS, TAPS = "tiled_quant8.products_by_tile", "tiled_quant8.taps_by_tile"
PAIRS = "elementwise_quant8.pairs"
ALL_PAIRS = 1, 64, 64, 16


def every_pair():
    """All pairs of bytes, as two images of ``ALL_PAIRS``."""
    return [each.astype(np.int8).reshape(ALL_PAIRS) for each in np.mgrid[-128:128, -128:128]]


def like(scale, zero_point):
    return Operand(INT8, scale=scale, zero_point=zero_point)


class Net(Network):
    """A network of 8-bit values."""

    def copied(self, x, scale, zero_point, *, depthwise=False):
        """A convolution whose result has the bytes of ``x``, but another scale, and ``-zero_point``."""
        channels = self.operands[x.index].dimensions[3]
        filters = np.ones((1, 1, 1, channels)) if depthwise else np.eye(channels).reshape(channels, 1, 1, channels)
        per_channel = PerChannelQuantization(3 if depthwise else 0, (scale,) * channels)
        kind = Operand(OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL, per_channel=per_channel)
        weights = self.constant(filters.astype(np.int8), kind)
        bias = self.constant(np.full(channels, zero_point), Operand(OperandType.TENSOR_INT32))
        rest = [1, 1, 1, 1, FuseCode.NONE] if depthwise else [1, 1, 1, FuseCode.NONE]
        operation = O.DEPTHWISE_CONV_2D if depthwise else O.CONV_2D
        return self.apply(operation, x, weights, bias, *rest, like=like(scale, -zero_point))

    def image(self, scale=1.0, zero_point=0, shape=ALL_PAIRS):
        return self.input(*shape, like=like(scale, zero_point))


def compare(model, inputs, numerics=EXACT):
    """The kernels, and the output, which must be what it is where nothing is fused."""
    (actual,), names = programs.run(model, inputs, numerics)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executable, "fused", list)
        (expected,), more = programs.run(model, inputs, numerics)
    np.testing.assert_array_equal(actual, expected)
    assert len(more) >= len(names)
    return names, actual


def sums(scales, zero_points, *, turned=False, activation=FuseCode.NONE, numerics=EXACT, depthwise=False):
    """``compare`` ADD of a convolution and an image, of all pairs. Scales and zero points: of both and of the sum."""
    net = Net()
    x = net.image()
    other = net.image(scales[1], zero_points[1])
    one = net.copied(x, scales[0], -zero_points[0], depthwise=depthwise)
    operands = (other, one) if turned else (one, other)
    total = net.apply(O.ADD, *operands, activation, like=like(scales[2], zero_points[2]))
    return compare(net.model(total), every_pair(), numerics)


@pytest.mark.parametrize("depthwise", [False, True], ids=["products", "taps"])
@pytest.mark.parametrize("turned", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("numerics", [EXACT, DSP, NPU], ids=["CPU", "DSP", "NPU"])
def test_a_sum(numerics, turned, depthwise):
    scales, zero_points = (0.31, 0.07, 0.29), (3, -128, 11)
    names, result = sums(scales, zero_points, turned=turned, numerics=numerics, depthwise=depthwise)
    if numerics is EXACT:
        assert names == [TAPS if depthwise else PRODUCTS]
    assert len(np.unique(result)) == 256


def test_a_bounded_sum():
    names, result = sums((0.31, 0.07, 0.29), (3, -128, 11), activation=FuseCode.RELU)
    assert names == [PRODUCTS]
    assert result.min() == 11


def test_sums_that_float32_does_not_round_alike_stay_by_themselves():
    """Halves are rounded away from zero, to either side."""
    names, _ = sums((0.5, 0.5, 1.0), (0, 0, 0))
    assert names == [PRODUCTS, PAIRS]


@pytest.mark.parametrize(
    ("scales", "zero_points"), [((54.5, 0.99998999, 1.853041172027588), (39, 116, 1)), ((0.31, 0.07, 0.2), (3, 9, 0))]
)
def test_products_are_rounded_before_they_are_added(scales, zero_points):
    """One rounding less gives another result for some pair."""
    sums(scales, zero_points)


_SCALES = st.floats(2**-10, 2**6).map(np.float32).map(float)
_ZERO_POINTS = st.integers(-128, 127)


@settings(max_examples=60, deadline=None)
@given(scales=st.tuples(*[_SCALES] * 3), zero_points=st.tuples(*[_ZERO_POINTS] * 3))
def test_any_sums(scales, zero_points):
    sums(scales, zero_points)


def slopes_of(scales, zero_points, *, numerics=EXACT, depthwise=False):
    """``compare`` PRELU of every byte with every slope; scales and zero points of the values, slopes and result."""
    net = Net()
    x = net.image(shape=(1, 16, 16, 256))
    slopes = net.constant(np.arange(-128, 128).astype(np.int8), like(scales[1], zero_points[1]))
    copied = net.copied(x, scales[0], -zero_points[0], depthwise=depthwise)
    result = net.apply(O.PRELU, copied, slopes, like=like(scales[2], zero_points[2]))
    values = np.broadcast_to(np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16, 1), (1, 16, 16, 256))
    return compare(net.model(result), [np.ascontiguousarray(values)], numerics)


@pytest.mark.parametrize("depthwise", [False, True], ids=["products", "taps"])
@pytest.mark.parametrize("numerics", [EXACT, DSP, NPU], ids=["CPU", "DSP", "NPU"])
@pytest.mark.parametrize("scales", [(0.31, 0.011, 0.29), (0.31, 0.011, 0.35), (0.5, 0.01, 0.5), (0.3, 0.02, 0.1)])
def test_slopes(scales, numerics, depthwise):
    names, result = slopes_of(scales, (3, -7, 11), numerics=numerics, depthwise=depthwise)
    if numerics is EXACT:
        assert names == [TAPS if depthwise else PRODUCTS]
    assert len(np.unique(result)) > 100


@settings(max_examples=40, deadline=None)
@given(scales=st.tuples(*[_SCALES] * 3), zero_points=st.tuples(*[_ZERO_POINTS] * 3))
def test_any_slopes(scales, zero_points):
    slopes_of(scales, zero_points)


SHAPE = 2, 5, 6, 24


def bytes_of(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).integers(-128, 128, shape).astype(np.int8)


def chain(net):
    """A convolution in the midst of residuals, as networks have them."""
    x = net.image(0.871, 7, shape=SHAPE)
    slopes = net.constant(bytes_of(SHAPE[3]), like(0.01, 4))
    total = net.apply(O.ADD, net.copied(x, 0.3137, 3), x, FuseCode.NONE, like=like(0.9173, 2))
    return net.apply(O.PRELU, total, slopes, like=like(0.8291, 1))


def test_a_sum_and_slopes_are_one_end():
    net = Net()
    names, _ = compare(net.model(chain(net)), [bytes_of(*SHAPE)])
    assert names == [PRODUCTS]


def with_slopes(shape, *, constant=True):
    def network(net):
        copied = net.copied(net.image(shape=SHAPE), 0.3137, 3)
        slopes = like(0.01, 4)
        right = net.constant(bytes_of(*shape), slopes) if constant else net.input(*shape, like=slopes)
        return net.apply(O.PRELU, copied, right, like=like(0.2931, 1))

    return network


def slopes_first(net):
    slopes = net.constant(bytes_of(SHAPE[3]), like(0.01, 4))
    x = net.image(shape=SHAPE)
    sloped = net.apply(O.PRELU, net.copied(x, 0.3137, 3), slopes, like=like(0.2931, 1))
    return net.apply(O.ADD, sloped, x, FuseCode.NONE, like=like(0.9173, 2))


def by_channel(net):
    copied = net.copied(net.image(shape=SHAPE), 0.3137, 3)
    return net.apply(O.ADD, copied, net.constant(bytes_of(SHAPE[3]), like(0.2, 4)), FuseCode.NONE, like=like(0.2931, 1))


def product(net):
    x = net.image(shape=SHAPE)
    return net.apply(O.MUL, net.copied(x, 0.3137, 3), x, FuseCode.NONE, like=like(9.0, 1))


@pytest.mark.parametrize(
    "network",
    [with_slopes(SHAPE[1:]), with_slopes(SHAPE[3:], constant=False), slopes_first, by_channel, product],
    ids=["slopes by pixel", "slopes that are given", "a sum after slopes", "a sum by channel", "a product"],
)
def test_what_stays_by_itself(network):
    net = Net()
    model = net.model(network(net))
    given = [net.operands[index].dimensions for index in net.inputs]
    names, _ = compare(model, [bytes_of(*shape, seed=1) for shape in given])
    assert names == [PRODUCTS, PAIRS]
