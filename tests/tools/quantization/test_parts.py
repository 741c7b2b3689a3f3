"""What static quantisation is made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal import reference
from hal.operations.convolution import CONV_2D
from hal.types import FuseCode, PaddingCode
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.networks import Network
from tests.tools.quantization.networks import convolution, depthwise, random, samples, unbalanced
from tools.quantization.calibration import Calibration, Observation
from tools.quantization.correction import corrected_bias
from tools.quantization.equalization import equalised
from tools.quantization.grid import covering
from tools.quantization.histogram import Histogram
from tools.quantization.observing import observed
from tools.quantization.rephrasing import rephrased
from tools.quantization.rules import RELEVANT, fixed_grid
from tools.quantization.weights import for_data, quantised_bias

INT8, UINT8 = T.TENSOR_QUANT8_ASYMM_SIGNED, T.TENSOR_QUANT8_ASYMM
FINITE = st.floats(-1e6, 1e6, width=32)


@given(low=FINITE, high=FINITE, data_type=st.sampled_from([INT8, UINT8]))
def test_a_grid_covers_its_range_and_has_0(low, high, data_type):
    grid = covering(data_type, min(low, high), max(low, high))
    least, greatest = grid.bounds
    assert least <= min(low, high, 0) + grid.scale
    assert greatest >= max(low, high, 0) - grid.scale
    limits = np.iinfo(data_type.dtype.name)
    assert limits.min <= grid.zero_point <= limits.max
    assert grid.stored(np.zeros(1)) == grid.zero_point


@given(st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=20), min_size=1, max_size=6))
def test_a_histogram_counts_every_value_near_where_it_is(arrays):
    histogram = Histogram()
    for values in arrays:
        histogram.add(np.array(values, np.float32))
    assert histogram.counts.sum(axis=1).tolist() == [np.count_nonzero(np.float32(values)) for values in arrays]
    for row, values in zip(histogram.counts, arrays):
        seen = np.repeat(histogram.centres, row)
        exact = np.sort(np.float32(values)[np.float32(values) != 0]).astype(np.float64)
        np.testing.assert_allclose(seen, exact, rtol=1e-6, atol=histogram.width)


def observation(*arrays):
    made = Observation()
    for values in arrays:
        made.add(np.asarray(values, np.float32).reshape(1, -1))
    return made


def test_ranges_follow_the_calibration():
    usual = np.linspace(-1, 3, 1000)
    ranges = {each: observation(*[usual] * 5, [100.0]).range(each) for each in Calibration}
    assert ranges[Calibration.MIN_MAX] == (-1, 100)
    low, high = ranges[Calibration.MOVING_AVERAGE]
    assert (low, high) == (pytest.approx(-0.9), pytest.approx(0.9 * 3 + 0.1 * 100))
    assert ranges[Calibration.PERCENTILE][1] == pytest.approx(100, rel=0.01)  # 1 of 5001 is more than 0.01 %
    assert ranges[Calibration.MSE] == (pytest.approx(-1, abs=0.1), pytest.approx(3, abs=0.3))


def test_a_percentile_leaves_out_what_is_rare():
    values = np.append(np.linspace(-1, 1, 50_000), 1000)
    assert observation(values).range(Calibration.PERCENTILE)[1] == pytest.approx(1, abs=1)


@pytest.mark.parametrize("kind", ["normal", "laplace", "exponential", "uniform", "outlier"])
def test_no_calibration_has_less_error_than_the_least(kind):
    generator = np.random.default_rng(0)
    values = generator.normal(size=20_000) if kind == "outlier" else getattr(generator, kind)(size=20_000)
    if kind == "outlier":
        values[7] = 300
    seen, errors = observation(values), {}
    for calibration in Calibration:
        grid = covering(INT8, *seen.range(calibration))
        errors[calibration] = np.square((grid.stored(values) - float(grid.zero_point)) * grid.scale - values).mean()
    assert errors[Calibration.MSE] <= 1.05 * min(errors.values())


@given(st.floats(1e-30, 1e30), st.floats(-1e3, 1e3))
def test_scales_leave_room_for_the_bias(size, bias):
    weights = random(1, 2, 1, 1, 3) * np.float32(size)
    grid = covering(INT8, -1, 1)
    made = for_data(weights, np.array([bias, 0]), grid, 0, per_channel=True)
    stored = quantised_bias(np.array([bias, 0]), grid, made)
    assert stored.value[0] * grid.scale * made.scales[0] == pytest.approx(
        bias, rel=1e-3, abs=grid.scale * made.scales[0]
    )


def test_bias_correction_undoes_the_mean_shift():
    network = Network()
    convolution(network, network.input(1, 6, 6, 3), 1, 4)
    (operation,) = network.operations
    arguments = CONV_2D.bind([network.operands[index] for index in operation.inputs])
    error, mean = random(8, 4, 3, 3, 3).astype(np.float64), np.array([0.5, -1.0, 2.0])
    bias = corrected_bias(O.CONV_2D, arguments, np.zeros(4), error, mean)
    np.testing.assert_allclose(bias, -np.einsum("ohwi,i->o", error, mean))


@pytest.mark.parametrize("activation", [FuseCode.NONE, FuseCode.RELU, FuseCode.RELU6])
def test_equalised_channels_are_alike_large_and_results_stay(activation):
    model, inputs = unbalanced(activation), samples(6, 1, 8, 8, 3)
    (middle,) = model.main.operations[0].outputs
    changed = equalised(model, observed(model, [*model.main.operations[0].outputs, *model.main.outputs], inputs, quiet))
    for sample in inputs:
        values = [each.astype(np.float32) for each in sample]
        before, after = (reference.run(each, values)[0] for each in (model, changed))
        np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)
    (same,) = changed.main.operations[0].outputs
    spreads = []
    for each, index in ((model, middle), (changed, same)):
        peaks = observed(each, [index], inputs, quiet)[index].highest_peaks
        spreads.append(peaks.max() / peaks[peaks > 0].min())
    assert spreads[1] < 2.5 < spreads[0] / 4


def test_equalisation_passes_sums_and_padding_and_stops_at_what_mixes_channels():
    network = Network()
    gains = np.geomspace(0.01, 1, 4)
    first = convolution(network, network.input(1, 4, 4, 3), 1, 4, gains=gains)
    second = depthwise(network, network.apply(O.RELU, first), 3)
    total = network.apply(O.ADD, first, second, FuseCode.NONE)
    padded = network.apply(O.PAD, total, np.array([[0, 0], [0, 0], [0, 0], [1, 2]], np.int32))
    last = convolution(network, padded, 5, 3)
    model = network.model(network.apply(O.SOFTMAX, last, np.float32(1)))
    inputs = samples(4, 1, 4, 4, 3)
    tensors = [index for operation in model.main.operations for index in operation.outputs]
    changed = equalised(model, observed(model, tensors, inputs, quiet))
    filters = [
        [each.main.operands[operation.inputs[1]].value for operation in each.main.operations if operation.type == kind]
        for each in (model, changed)
        for kind in (O.CONV_2D,)
    ]
    assert not np.allclose(filters[0][0], filters[1][0])
    for sample in inputs:
        values = [each.astype(np.float32) for each in sample]
        results = [reference.run(each, values)[0] for each in (model, changed)]
        np.testing.assert_allclose(results[1], results[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("keep", [0, 1])
def test_rephrased_operations_do_the_same(keep):
    network = Network()
    source = network.input(1, 4, 4, 3)
    mean = network.apply(O.MEAN, source, np.array([1, -2], np.int32), keep)
    model = network.model(network.apply(O.FULLY_CONNECTED, mean, random(1, 5, 3), random(2, 5), FuseCode.RELU))
    changed = rephrased(model, per_channel=True)
    kinds = {operation.type for operation in changed.main.operations}
    assert not kinds & {O.MEAN, O.FULLY_CONNECTED}
    values = [random(7, 1, 4, 4, 3)]
    np.testing.assert_allclose(reference.run(changed, values)[0], reference.run(model, values)[0], rtol=1e-5, atol=1e-6)


def test_the_pool_of_a_whole_picture_is_a_mean():
    network = Network()
    pooled = network.apply(
        O.AVERAGE_POOL_2D, network.input(1, 16, 16, 3), PaddingCode.VALID, 16, 16, 16, 16, FuseCode.NONE
    )
    model = network.model(pooled)
    changed = rephrased(model, per_channel=True)
    assert [operation.type for operation in changed.main.operations] == [O.MEAN]
    values = [random(7, 1, 16, 16, 3)]
    np.testing.assert_allclose(reference.run(changed, values)[0], reference.run(model, values)[0], rtol=1e-6)


@pytest.mark.parametrize(("operation", "function"), [(O.LOGISTIC, lambda x: 1 / (1 + np.exp(-x))), (O.TANH, np.tanh)])
def test_what_is_relevant_reaches_all_that_a_fixed_grid_tells_apart(operation, function):
    grid, (low, high) = fixed_grid(operation, INT8), RELEVANT[operation]
    assert grid.stored(function(np.array([low - 1e-9, -50])))[0] == -128
    assert grid.stored(function(np.array([high + 1e-9])))[0] == 127
    assert grid.stored(function(np.array([low + 0.1])))[0] > -128
    assert grid.stored(function(np.array([high - 0.1])))[0] < 127


def quiet(*_news):
    pass
