"""The simulated devices against published measurements of the parts that they stand for."""

import pytest

from drivers.simulation.estimate import graph
from hal.validation import validate_model
from tools.measurements import MEASUREMENTS
from tools.networks import inception_v4, mobilenet_edgetpu, mobilenet_v1, mobilenet_v2


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda each: f"{each.description}: {each.title}")
def test_estimates_are_within_a_factor_of_two(measurement):
    ratio = measurement.simulated().seconds * 1e3 / measurement.milliseconds
    assert 0.5 < ratio < 2


@pytest.mark.parametrize(
    ("network", "millions"),
    [
        (mobilenet_v1, 569),  # the paper's table 8
        (mobilenet_v2, 300),  # table 4
        (mobilenet_edgetpu, 990),  # tensorflow/models, research/slim/nets/mobilenet
        (inception_v4, 12_270),  # T. Bianco et al., "Benchmark Analysis of Representative Deep Neural Networks", 2018
    ],
)
@pytest.mark.parametrize("quantized", [False, True])
def test_networks_have_the_work_that_is_published(network, millions, quantized):
    model = network(quantized)
    validate_model(model)
    main = model.main
    works = graph(main, [main.operands[index].dimensions for index in main.inputs]).works
    assert sum(work.macs for work in works) / 1e6 == pytest.approx(millions, rel=0.01)
