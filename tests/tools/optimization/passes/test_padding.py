import numpy as np
import pytest

from hal.model import Operand
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.networks import Network

SAME, VALID = 1, 2
PADS = np.array([[0, 0], [1, 2], [2, 0], [0, 0]], np.int32)


def filters(*dimensions):
    return np.random.default_rng(1).normal(size=dimensions).astype(np.float32)


def convolved(network, x, padding, *, size=3, strides=(2, 1), nchw=False):
    return network.apply(O.CONV_2D, x, filters(4, size, size, 2), np.ones(4, np.float32), *padding, *strides, 1, nchw)


@pytest.mark.parametrize("padding", [[SAME], [VALID], [0, 0, 0, 0], [0, 1, 1, 0]])
def test_padding_of_pixels_goes_into_the_convolution(improved, padding):
    network = Network()
    y = network.apply(O.PAD, network.input(2, 5, 6, 2), PADS)
    assert improved(network.model(convolved(network, y, padding, size=5)), "padding", "dead") == ["CONV_2D"]


def test_nchw(improved):
    network = Network()
    y = network.apply(O.PAD, network.input(2, 2, 5, 6), PADS[[0, 3, 1, 2]])
    assert improved(network.model(convolved(network, y, [VALID], nchw=True)), "padding", "dead") == ["CONV_2D"]


def test_depthwise_dilated(improved):
    network = Network()
    y = network.apply(O.PAD, network.input(1, 5, 6, 2), PADS)
    y = network.apply(
        O.DEPTHWISE_CONV_2D, y, filters(1, 2, 2, 4), np.ones(4, np.float32), VALID, 1, 1, 2, 0, False, 3, 3
    )
    assert improved(network.model(y), "padding", "dead") == ["DEPTHWISE_CONV_2D"]


def test_quantized_zero_is_the_zero_point(improved):
    like = Operand(T.TENSOR_QUANT8_ASYMM, (), 0.5, 100)
    for value, left in ((100, ["CONV_2D"]), (0, ["PAD_V2", "CONV_2D"])):
        network = Network()
        y = network.apply(O.PAD_V2, network.input(1, 5, 6, 2, like=like), PADS, value)
        weights = network.constant(np.arange(72).reshape(4, 3, 3, 2), Operand(like.type, (), 0.25, 30))
        bias = network.constant(np.arange(4), Operand(T.TENSOR_INT32, (), 0.125))
        y = network.apply(O.CONV_2D, y, weights, bias, VALID, 1, 1, 0, like=Operand(like.type, (), 9.0, 120))
        assert improved(network.model(y), "padding", "dead") == left


@pytest.mark.parametrize(
    ("pads", "value"),
    [
        (PADS + np.array([[0, 0], [0, 1], [0, 0], [0, 0]], np.int32), 0.0),  # a window would lie in padding alone
        (PADS, 1.0),
        (np.array([[0, 1], [1, 1], [1, 1], [0, 0]], np.int32), 0.0),
        (np.array([[0, 0], [1, 1], [1, 1], [1, 0]], np.int32), 0.0),
    ],
)
def test_other_padding_stays(improved, pads, value):
    network = Network()
    y = network.apply(O.PAD_V2, network.input(1, 5, 6, 2 - int(pads[3].sum())), pads, value)
    assert improved(network.model(convolved(network, y, [VALID])), "padding", "dead") == ["PAD_V2", "CONV_2D"]


def test_poolings_count_padding_otherwise(improved):
    network = Network()
    y = network.apply(O.PAD, network.input(1, 5, 6, 2), PADS)
    y = network.apply(O.AVERAGE_POOL_2D, y, VALID, 1, 1, 3, 3, 0)
    assert improved(network.model(y), "padding", "dead") == ["PAD", "AVERAGE_POOL_2D"]


def test_padding_that_others_read_stays_for_them(improved):
    network = Network()
    y = network.apply(O.PAD, network.input(1, 5, 6, 2), PADS)
    model = network.model(convolved(network, y, [VALID]), network.apply(O.ABS, y))
    assert sorted(improved(model, "padding", "dead")) == ["ABS", "CONV_2D", "PAD"]
