"""Small float networks with weights of their own, and samples for them."""

import numpy as np

from hal.types import FuseCode, PaddingCode
from hal.types import OperationType as O
from tests.networks import Network

SAME = PaddingCode.SAME
RELU, RELU6 = FuseCode.RELU, FuseCode.RELU6


def random(seed, *shape, size=1.0):
    return (np.random.default_rng(seed).normal(size=shape) * size).astype(np.float32)


def samples(count, *shape, seed=0):
    return [[each.astype(np.float64)] for each in random(seed, count, *shape)]


def convolution(network, source, seed, channels, *, activation=FuseCode.NONE, gains=1.0):
    """A 3 by 3 convolution; ``gains``: of each result's channel."""
    depth = network.operands[source.index].dimensions[3]
    weights = random(seed, channels, 3, 3, depth, size=0.2) * np.reshape(gains, (-1, 1, 1, 1)).astype(np.float32)
    bias = random(seed + 1, channels) * np.asarray(gains, np.float32)
    return network.apply(O.CONV_2D, source, weights, bias, SAME, 1, 1, activation)


def depthwise(network, source, seed, *, activation=FuseCode.NONE, gains=1.0):
    channels = network.operands[source.index].dimensions[3]
    weights = random(seed, 1, 3, 3, channels, size=0.3) * np.asarray(gains, np.float32)
    return network.apply(O.DEPTHWISE_CONV_2D, source, weights, random(seed + 1, channels), SAME, 1, 1, 1, activation)


def residual():
    """A convolution, a depthwise one, their sum, and a RELU of its own."""
    network = Network()
    image = network.input(1, 8, 8, 3)
    first = convolution(network, image, 1, 6, activation=RELU6)
    second = depthwise(network, first, 3)
    total = network.apply(O.ADD, first, second, FuseCode.NONE)
    return network.model(network.apply(O.RELU, total))


def unbalanced(activation):
    """A product whose channels are of very different sizes, and one that makes them alike again."""
    network = Network()
    gains = np.geomspace(0.01, 1, 8)
    first = convolution(network, network.input(1, 8, 8, 3), 1, 8, activation=activation, gains=gains)
    return network.model(depthwise(network, first, 3, gains=1 / gains))
