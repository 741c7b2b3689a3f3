"""Where a model loses accuracy."""

import math
import xml.etree.ElementTree as ET

import numpy as np

from hal.types import FuseCode
from hal.types import OperationType as O
from runtime.model import Model
from tests.networks import Network
from tests.tools.quantization.networks import convolution, depthwise, residual, samples, unbalanced
from tools.accuracy.measuring import measure
from tools.accuracy.picture import picture
from tools.quantization import quantize


def quiet(*_news):
    pass


def measured(model, reference, inputs):
    return measure(Model.from_canonical(model), Model.from_canonical(reference), inputs, quiet)


def test_a_model_is_as_accurate_as_itself():
    accuracy = measured(residual(), residual(), samples(2, 1, 8, 8, 3))
    assert [each.layer.name for each in accuracy.layers] == ["CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "RELU"]
    assert all(each.sqnr == each.worst == math.inf and each.cosine == 1 for each in accuracy.layers)
    assert accuracy.outputs[0].sqnr == math.inf


def test_a_quantised_model_is_measured_layer_by_layer():
    inputs = samples(4, 1, 8, 8, 3)
    model = unbalanced(FuseCode.RELU)
    result, _ = quantize(Model.from_canonical(model), inputs)
    accuracy = measured(result.canonical, model, inputs)
    assert [each.layer.name for each in accuracy.layers] == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    assert all(20 < each.worst <= each.sqnr < 60 for each in accuracy.layers)  # though its channels have other factors


def test_the_layer_that_is_wrong_is_where_accuracy_falls():
    def model(broken):
        network = Network()
        first = convolution(network, network.input(1, 8, 8, 3), 1, 4)
        second = depthwise(network, first, 30 if broken else 3)
        return network.model(network.apply(O.TANH, second))

    layers = measured(model(True), model(False), samples(3, 1, 8, 8, 3)).layers
    assert layers[0].sqnr == math.inf
    assert layers[1].sqnr < 10
    assert layers[2].sqnr < 10


def test_models_without_a_common_layer_have_their_outputs_compared():
    def model(operation):
        network = Network()
        return network.model(network.apply(operation, network.input(1, 4)))

    accuracy = measured(model(O.TANH), model(O.LOGISTIC), [[np.ones((1, 4))]])
    assert accuracy.layers == ()
    assert accuracy.outputs[0].max_abs > 0.01


def test_the_picture_is_svg_with_a_point_for_each_layer():
    inputs = samples(2, 1, 8, 8, 3)
    for reference in (residual(), unbalanced(FuseCode.NONE)):
        result, _ = quantize(Model.from_canonical(reference), inputs)
        layers = measured(result.canonical, reference, inputs).layers
        root = ET.fromstring(picture("a < b", layers))
        points = root.findall("{http://www.w3.org/2000/svg}circle")
        assert len(points) == len(layers) > 0
        assert all(0 <= float(point.get("cy")) <= float(root.get("height")) for point in points)
