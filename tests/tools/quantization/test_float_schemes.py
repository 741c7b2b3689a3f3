"""Schemes that compute in floating point."""

import numpy as np
import pytest

from hal import reference
from hal.errors import BadDataError
from hal.types import FuseCode
from hal.types import OperandType as T
from hal.types import OperationType as O
from runtime.model import Model
from tests.networks import Network
from tests.tools.quantization.networks import convolution, random, residual
from tools.quantization import quantize

IMAGE = random(5, 1, 8, 8, 3)


def wide():
    network = Network()
    first = convolution(network, network.input(1, 8, 8, 3), 1, 64, activation=FuseCode.RELU)
    return network.model(convolution(network, first, 3, 4))


def converted(model, scheme, **options):
    return quantize(Model.from_canonical(model), scheme=scheme, **options)


@pytest.mark.parametrize("weights", ["per-channel", "per-tensor"])
def test_dynamic_range_keeps_weights_alone_in_8_bits(weights):
    model = wide()
    result, report = converted(model, "dynamic", weights=weights)
    small = result.canonical
    assert {small.main.operands[index].type for index in (*small.main.inputs, *small.main.outputs)} == {
        T.TENSOR_FLOAT32
    }
    assert [each.type for each in small.main.operations].count(O.DEQUANTIZE) == 2
    assert report.weights_after < report.weights_before * 0.3
    one, other = (reference.run(each, [IMAGE])[0] for each in (model, small))
    assert 0 < np.abs(one - other).max() < 0.05 * np.abs(one).max()


def test_float16_halves_all_but_inputs_and_outputs():
    model = residual()
    result, report = converted(model, "float16")
    half = result.canonical
    assert [each.type for each in half.main.operations] == [O.CAST, O.CONV_2D, O.DEPTHWISE_CONV_2D, O.ADD, O.CAST]
    assert report.weights_after < report.weights_before * 0.55
    one, other = (reference.run(each, [IMAGE])[0] for each in (model, half))
    assert 0 < np.abs(one - other).max() < 0.01 * np.abs(one).max()


def test_constants_that_float16_can_t_hold_are_refused():
    network = Network()
    model = network.model(network.apply(O.MUL, network.input(4), np.float32([1e6]), FuseCode.NONE))
    with pytest.raises(BadDataError, match="beyond 65504"):
        converted(model, "float16")


@pytest.mark.parametrize("scheme", ["dynamic", "float16"])
def test_nothing_to_do_is_refused(scheme):
    network = Network()
    model = network.model(network.apply(O.CAST, network.input(4)))
    with pytest.raises(BadDataError, match="nothing to quantise"):
        converted(model, scheme)
