"""Which commands become the end of a convolution's, which must not, and that it changes no bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.engine import executable
from drivers.engine.numerics import EXACT
from drivers.gpu.numerics import HALF
from hal import reference
from hal.model import Operand
from hal.types import FuseCode, OperandType
from hal.types import OperationType as O
from tests.drivers.engine import programs
from tests.networks import Network

SHAPE = 1, 3, 5, 17
CHANNELS = SHAPE[3]
TILED = "tiled.products_by_tile"
NONE, RELU, RELU6 = FuseCode.NONE, FuseCode.RELU, FuseCode.RELU6


def numbers(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


class Net(Network):
    """A network over images of ``SHAPE``."""

    def image(self):
        return self.input(*SHAPE)

    def products(self, x, activation=NONE):
        """CONV_2D whose filter is one pixel."""
        return self.apply(O.CONV_2D, x, numbers(CHANNELS, 1, 1, CHANNELS), numbers(CHANNELS), 2, 1, 1, activation)

    def taps(self, x, activation=NONE):
        """DEPTHWISE_CONV_2D over 3 x 3 pixels."""
        weights, bias = numbers(1, 3, 3, CHANNELS), numbers(CHANNELS)
        return self.apply(O.DEPTHWISE_CONV_2D, x, weights, bias, 1, 1, 1, 1, activation)

    def add(self, one, other, activation=NONE):
        return self.apply(O.ADD, one, other, activation)

    def values(self):
        """Of its inputs."""
        given = [(self.operands[index], index) for index in self.inputs]
        return [numbers(*each.dimensions, seed=index).astype(each.type.dtype) for each, index in given]

    def compare(self, *outputs, numerics=EXACT):
        """These outputs and the kernels that compute them; unfused ones must give the same, to the bit."""
        model, inputs = self.model(*outputs), self.values()
        results, names = programs.run(model, inputs, numerics)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(executable, "fused", list)
            unfused, more = programs.run(model, inputs, numerics)
        assert len(more) >= len(names)
        for result, other in zip(results, unfused):
            assert result.tobytes() == other.tobytes()
        return results, names

    def run(self, *outputs, numerics=EXACT):
        """The kernels that compute these outputs, which must be the references', too."""
        results, names = self.compare(*outputs, numerics=numerics)
        if numerics is EXACT:
            tolerance = 1e-2 if results[0].dtype == np.float16 else 1e-4
            for result, expected in zip(results, reference.run(self.model(*outputs), self.values())):
                np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance)
        return names


@pytest.fixture
def net():
    return Net()


SLOPES = numbers(CHANNELS, seed=9)
ENDINGS = {
    "a sum": lambda net, x: net.add(x, net.image()),
    "a sum, turned": lambda net, x: net.add(net.image(), x),
    "a sum with a constant": lambda net, x: net.add(x, numbers(*SHAPE)),
    "a bounded sum": lambda net, x: net.add(x, net.image(), RELU6),
    "slopes": lambda net, x: net.apply(O.PRELU, x, SLOPES),
    "slopes of rank 3": lambda net, x: net.apply(O.PRELU, x, SLOPES.reshape(1, 1, CHANNELS)),
    "HARD_SWISH": lambda net, x: net.apply(O.HARD_SWISH, x),
    "RELU": lambda net, x: net.apply(O.RELU, x),
    "RELU1": lambda net, x: net.apply(O.RELU1, x),
    "a sum, slopes, bounds": lambda net, x: net.apply(O.RELU6, net.apply(O.PRELU, net.add(x, net.image()), SLOPES)),
    "a sum, HARD_SWISH": lambda net, x: net.apply(O.HARD_SWISH, net.add(net.image(), x)),
    "other dimensions, then a sum": lambda net, x: net.add(
        net.apply(O.RESHAPE, x, np.array([15, 17])), net.input(15, 17)
    ),
    "other dimensions, then slopes": lambda net, x: net.apply(
        O.PRELU, net.apply(O.RESHAPE, x, np.array([5, 3, 17])), SLOPES
    ),
}


@pytest.mark.parametrize("convolution", [Net.products, Net.taps])
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_what_follows_a_convolution_is_its_end(net, convolution, ending):
    names = net.run(ending(net, convolution(net, net.image())))
    assert not {name.partition(".")[0] for name in names} & {"elementwise", "activation"}
    assert sum(name.startswith("tiled.") for name in names) == 1


def test_a_sum_that_two_convolutions_are_added_in(net):
    """One takes it in; the other one's result is what it adds."""
    x = net.image()
    assert net.run(net.add(net.products(x), net.products(x))) == [TILED, TILED]


def test_the_sum_moves_to_where_both_of_its_operands_are(net):
    """The other operand is computed after the convolution, and the convolution's image is not touched meanwhile."""
    x, y = net.image(), net.image()
    assert net.run(net.add(net.products(x), net.apply(O.ABS, y)))[-1] == TILED


def test_a_chain_of_residuals(net):
    x = net.image()
    for _ in range(3):
        x = net.apply(O.RELU, net.add(net.products(x), x))
    assert net.run(x) == [TILED] * 3


def kept(net, x):
    """A convolution and the ABS of ``x`` between it and their sum, which needs both."""
    image = net.apply(O.ABS, x)
    convolution = net.products(image)
    return net.add(convolution, net.apply(O.ABS, image))


def twice(net, x):
    convolution = net.products(x)
    return net.add(net.apply(O.RELU, convolution), net.apply(O.ABS, convolution))


NOT_ENDINGS = {
    "its result is used twice": (twice, {"activation.clamp"}),
    "both operands are touched between": (kept, {"elementwise.add"}),
    "it is added to itself": (lambda net, x: net.add(c := net.products(x), c), {"elementwise.add"}),
    "bounds before a sum": (lambda net, x: net.add(net.products(x, RELU), net.image()), {"elementwise.add"}),
    "bounds before slopes": (lambda net, x: net.apply(O.PRELU, net.products(x, RELU6), SLOPES), {"elementwise.prelu"}),
    "bounds before bounds": (lambda net, x: net.apply(O.RELU1, net.products(x, RELU)), {"activation.clamp"}),
    "bounds before HARD_SWISH": (
        lambda net, x: net.apply(O.HARD_SWISH, net.products(x, RELU)),
        {"activation.hard_swish"},
    ),
    "slopes before a sum": (
        lambda net, x: net.add(net.apply(O.PRELU, net.products(x), SLOPES), net.image()),
        {"elementwise.add"},
    ),
    "slopes after HARD_SWISH": (
        lambda net, x: net.apply(O.PRELU, net.apply(O.HARD_SWISH, net.products(x)), SLOPES),
        {"elementwise.prelu"},
    ),
    "HARD_SWISH twice": (
        lambda net, x: net.apply(O.HARD_SWISH, net.apply(O.HARD_SWISH, net.products(x))),
        {"activation.hard_swish"},
    ),
    "a stretched sum": (lambda net, x: net.add(net.products(x), net.input(1, 1, 1, CHANNELS)), {"elementwise.add"}),
    "one number is added": (lambda net, x: net.add(net.products(x), net.input(1)), {"elementwise.add"}),
    "one slope": (lambda net, x: net.apply(O.PRELU, net.products(x), numbers(1)), {"elementwise.prelu"}),
    "slopes of pixels": (lambda net, x: net.apply(O.PRELU, net.products(x), numbers(*SHAPE)), {"elementwise.prelu"}),
    "it has the slopes": (lambda net, x: net.apply(O.PRELU, net.image(), net.products(x)), {"elementwise.prelu"}),
}


@pytest.mark.parametrize(("build", "alone"), NOT_ENDINGS.values(), ids=NOT_ENDINGS)
def test_what_is_no_end_of_a_convolution(net, build, alone):
    assert alone <= set(net.run(build(net, net.image())))


def test_a_stretched_convolution_is_no_part_of_the_sum(net):
    pixel = net.input(1, 1, 1, CHANNELS)
    assert net.run(net.add(net.products(pixel), net.image())) == [TILED, "elementwise.add"]


def test_slopes_that_are_the_convolution_itself(net):
    convolution = net.products(net.input(1, 1, 1, CHANNELS))
    assert net.run(net.apply(O.PRELU, convolution, convolution)) == [TILED, "elementwise.prelu"]


def test_what_the_model_returns_is_computed(net):
    convolution = net.products(net.image())
    assert net.run(convolution, net.apply(O.RELU, convolution)) == [TILED, "activation.clamp"]


@pytest.mark.parametrize("like", ["relaxed float32 of the GPU", "float16"])
def test_results_that_are_rounded_stay_results(net, like):
    numerics, image = HALF, net.image()
    if like == "float16":
        numerics, half = EXACT, Operand(OperandType.TENSOR_FLOAT16)
        image = net.input(*SHAPE, like=half)
        weights, bias = (net.constant(numbers(*s), half) for s in ((CHANNELS, 1, 1, CHANNELS), (CHANNELS,)))
        convolution = net.apply(O.CONV_2D, image, weights, bias, 2, 1, 1, NONE)
    else:
        convolution = net.products(image)
    names = net.run(net.apply(O.RELU, net.add(convolution, image)), numerics=numerics)
    assert {TILED, "elementwise.add", "activation.clamp"} <= set(names)


def padded_taps(net, shape, around, seen_as=None, value=None):
    """DEPTHWISE_CONV_2D with a padding of its own, of an image that was padded, and then may have other dimensions."""
    more = [] if value is None else [value]
    padded = net.apply(O.PAD_V2 if more else O.PAD, net.input(*shape), np.array(around, np.int32), *more)
    if seen_as is not None:
        padded = net.apply(O.RESHAPE, padded, np.array(seen_as))
    channels = net.operands[padded.index].dimensions[3]
    weights, bias = numbers(1, 3, 3, channels), numbers(channels)
    return net.apply(O.DEPTHWISE_CONV_2D, padded, weights, bias, 1, 1, 1, 1, NONE)


NO = (0, 0)


@pytest.mark.parametrize(
    ("shape", "around"),
    [
        ((2, 4, 6, 8), (NO, (1, 2), (2, 1), NO)),
        ((2, 4, 6, 8), (NO, (0, 1), NO, NO)),
        ((2, 4, 6, 8), (NO, NO, (3, 0), NO)),
        ((3, 1, 6, 8), (NO, (1, 1), NO, NO)),
        ((3, 1, 6, 8), (NO, NO, (1, 1), NO)),
        ((1, 5, 1, 1), (NO, NO, (1, 1), NO)),
    ],
    ids=str,
)
@pytest.mark.parametrize("value", [None, 0.0, -0.0])
def test_zeros_around_a_depthwise_convolutions_image_need_no_padding(net, shape, around, value):
    assert net.run(padded_taps(net, shape, around, value=value)) == ["tiled.taps_by_tile"]


@pytest.mark.parametrize(
    ("shape", "around", "seen_as", "value"),
    [
        ((2, 4, 6, 8), (NO, (1, 1), (1, 1), NO), None, 0.5),
        ((2, 4, 6, 8), (NO, (1, 1), (1, 1), NO), None, np.nan),
        ((1, 4, 6, 8), (NO, NO, NO, (0, 8)), None, None),
        ((1, 1, 6, 8), (NO, (1, 1), NO, (0, 8)), None, None),
        ((1, 4, 6, 8), (NO, NO, (1, 1), (8, 0)), None, None),
        ((1, 4, 6, 8), ((0, 1), (1, 0), NO, NO), None, None),
        ((1, 4, 6, 8), ((1, 1), NO, NO, NO), None, None),
        ((1, 4, 6, 8), ((0, 1), (1, 0), (1, 1), (8, 0)), None, None),
        ((1, 4, 6, 8), (NO, (1, 1), (2, 1), NO), (1, 9, 6, 8), None),
        ((1, 4, 6, 8), (NO, (1, 1), (1, 1), NO), (2, 3, 8, 8), None),
        ((2, 4, 6, 8), (NO, (1, 1), NO, NO), (1, 12, 6, 8), None),
    ],
    ids=str,
)
def test_what_else_is_around_it_is_put_there(net, shape, around, seen_as, value):
    names = net.run(padded_taps(net, shape, around, seen_as, value))
    assert names == ["padding.pad", "tiled.taps_by_tile"]


@st.composite
def padded(draw):
    """A small image, what is around it, and the dimensions that it is seen in then."""
    sizes, edges = st.integers(1, 4), st.sampled_from([NO, NO, (1, 0), (0, 2), (1, 1), (2, 1)])
    shape, around = (draw(st.tuples(*[each] * 4)) for each in (sizes, edges))
    whole = [size + sum(each) for size, each in zip(shape, around)]
    return shape, around, draw(st.one_of(st.none(), st.permutations(whole)))


@settings(max_examples=150)
@given(padded())
def test_paddings_of_any_kind(case):
    net = Net()
    net.run(padded_taps(net, *case))


@st.composite
def graphs(draw):
    """A network of what fuses and of what does not, and some of its values."""
    net = Net()
    values = [net.image() for _ in range(draw(st.integers(1, 2)))]
    activations = st.sampled_from(FuseCode)

    def value():
        return draw(st.sampled_from(values[-4:]))

    def reshaped():
        other = net.apply(O.RESHAPE, value(), np.array([5, 3, CHANNELS]))
        return net.apply(O.RESHAPE, net.apply(O.PRELU, other, SLOPES), np.array(SHAPE))

    choices = [
        lambda: net.products(value(), draw(activations)),
        lambda: net.products(value()),
        lambda: net.taps(value()),
        lambda: net.add(value(), value(), draw(activations)),
        lambda: net.add(value(), value()),
        lambda: net.add(value(), numbers(draw(st.sampled_from([1, CHANNELS])))),
        lambda: net.apply(O.PRELU, value(), SLOPES),
        lambda: net.apply(O.PRELU, value(), value()),
        lambda: net.apply(draw(st.sampled_from([O.RELU, O.RELU1, O.RELU6, O.HARD_SWISH, O.ABS])), value()),
        reshaped,
    ]
    for choose in draw(st.lists(st.sampled_from(choices), min_size=1, max_size=9)):
        values.append(choose())
    computed = values[len(net.inputs) :]
    return net, [*draw(st.lists(st.sampled_from(computed), min_size=1, max_size=3, unique=True)), computed[-1]]


@settings(max_examples=150)
@given(graphs())
def test_fusion_changes_no_bit(graph):
    net, outputs = graph
    net.compare(*dict.fromkeys(outputs))
