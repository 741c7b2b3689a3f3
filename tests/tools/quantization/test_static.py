"""Static quantisation, through the API that people call."""

import subprocess
import sys

import numpy as np
import pytest

from drivers.npu.device import NpuDevice
from hal import reference
from hal.errors import BadDataError
from hal.model import is_fully_specified
from hal.types import FuseCode, PaddingCode
from hal.types import OperandType as T
from hal.types import OperationType as O
from runtime.model import Model
from tests.networks import Network
from tests.tools.quantization.networks import RELU6, SAME, convolution, depthwise, random, residual, samples, unbalanced
from tools.deviation import deviation
from tools.graph import Edit
from tools.quantization import SCHEMES, quantize
from tools.quantization.weights import symmetric
from tools.samples import real, stored

CONVERTING = {O.QUANTIZE, O.DEQUANTIZE}


def run(model, inputs):
    """The outputs' real numbers, by the operations' reference results."""
    main = model.main
    arrays = reference.run(model, stored(inputs, [main.operands[index] for index in main.inputs]))
    return [real(array, main.operands[index]) for array, index in zip(arrays, main.outputs)]


def sqnr(model, quantised, inputs):
    """Of each output."""
    pairs = [(run(model, each), run(quantised, each)) for each in inputs]
    return [deviation(ours, theirs).sqnr for ours, theirs in zip(*(zip(*side) for side in zip(*pairs)))]


def quantised(model, inputs, **options):
    return quantize(Model.from_canonical(model), inputs, **options)[0].canonical


def types(model):
    return [operation.type for operation in model.main.operations]


def test_a_network_computes_nearly_the_same_in_8_bits():
    model, inputs = residual(), samples(8, 1, 8, 8, 3)
    result = quantised(model, inputs)
    assert types(result) == [O.QUANTIZE, O.CONV_2D, O.DEPTHWISE_CONV_2D, O.ADD, O.DEQUANTIZE]
    assert sqnr(model, result, samples(4, 1, 8, 8, 3, seed=9))[0] > 25


@pytest.mark.parametrize("calibration", ["min-max", "moving-average", "percentile", "mse"])
@pytest.mark.parametrize("weights", ["per-channel", "per-tensor"])
@pytest.mark.parametrize("scheme", ["int8", "uint8"])
def test_every_scheme_and_calibration_gives_a_model_that_is_close(scheme, weights, calibration):
    model, inputs = residual(), samples(8, 1, 8, 8, 3)
    result = quantised(model, inputs, scheme=scheme, weights=weights, calibration=calibration)
    data = T.TENSOR_QUANT8_ASYMM if scheme == "uint8" else T.TENSOR_QUANT8_ASYMM_SIGNED
    kernel = T.TENSOR_QUANT8_SYMM_PER_CHANNEL if weights == "per-channel" else data
    convolution = result.main.operations[1]
    assert [result.main.operands[index].type for index in convolution.inputs[:3]] == [data, kernel, T.TENSOR_INT32]
    assert sqnr(model, result, inputs)[0] > 22


def test_the_npu_takes_all_but_the_borders():
    result = quantised(residual(), samples(4, 1, 8, 8, 3))
    refused = {
        operation.type
        for operation, support in zip(result.main.operations, NpuDevice().supported_operations(result))
        if support.refusal
    }
    assert refused == CONVERTING


def test_edges_may_be_quantised():
    model, inputs = residual(), samples(8, 1, 8, 8, 3)
    result = quantised(model, inputs, edges="quantised")
    assert not CONVERTING & set(types(result))
    assert sqnr(model, result, inputs)[0] > 30


def test_uint8_is_int8_with_other_zero_points():
    model, inputs = residual(), samples(8, 1, 8, 8, 3)
    signed, unsigned = (quantised(model, inputs, scheme=scheme) for scheme in ("int8", "uint8"))
    for each in inputs:
        np.testing.assert_array_equal(run(signed, each), run(unsigned, each))


def test_results_that_must_share_the_scale_of_what_they_read_do():
    network = Network()
    wide = network.apply(O.ADD, network.input(1, 4, 4, 2), random(1, 2), FuseCode.NONE)
    pooled = network.apply(O.MAX_POOL_2D, wide, PaddingCode.VALID, 2, 2, 2, 2, FuseCode.NONE)
    padded = network.apply(O.PAD, pooled, np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    flat = network.apply(O.RESHAPE, padded, np.array([1, 32], np.int32))
    model = network.model(network.apply(O.MUL, flat, random(2, 32), FuseCode.NONE))
    inputs = samples(4, 1, 4, 4, 2)
    result = quantised(model, inputs)
    grids = {
        (result.main.operands[index].scale, result.main.operands[index].zero_point)
        for operation in result.main.operations
        if operation.type in (O.MAX_POOL_2D, O.PAD, O.RESHAPE)
        for index in (operation.inputs[0], operation.outputs[0])
    }
    assert len(grids) == 1
    assert sqnr(model, result, inputs)[0] > 30


@pytest.mark.parametrize(
    ("operation", "grid"), [(O.LOGISTIC, (1 / 256, -128)), (O.TANH, (1 / 128, 0)), (O.L2_NORMALIZATION, (1 / 128, 0))]
)
def test_results_get_the_scale_that_nnapi_fixes(operation, grid):
    network = Network()
    squashed = network.apply(operation, convolution(network, network.input(1, 4, 4, 3), 1, 4))
    model = network.model(convolution(network, squashed, 3, 2))
    inputs = samples(4, 1, 4, 4, 3)
    result = quantised(model, inputs)
    (index,) = next(each.outputs for each in result.main.operations if each.type == operation)
    assert (result.main.operands[index].scale, result.main.operands[index].zero_point) == grid
    assert sqnr(model, result, inputs)[0] > 22


def test_two_fixed_scales_that_must_be_one_are_rescaled():
    network = Network()
    source = convolution(network, network.input(1, 4, 4, 3), 1, 4)
    row = np.array([1, 64], np.int32)
    halves = [network.apply(O.RESHAPE, network.apply(each, source), row) for each in (O.LOGISTIC, O.TANH)]
    packed = network.apply(O.PACK, 0, *halves, like=network.operands[source.index])
    flat = network.apply(O.RESHAPE, packed, np.array([1, 8, 4, 4], np.int32))
    model = network.model(convolution(network, flat, 5, 2))
    inputs = samples(4, 1, 4, 4, 3)
    result = quantised(model, inputs)
    assert O.CONCATENATION in types(result)
    assert sqnr(model, result, inputs)[0] > 20


def test_values_that_the_next_operation_does_not_tell_apart_take_no_room():
    network = Network()
    logits = convolution(network, network.input(1, 8, 8, 3), 1, 2, gains=1000.0)
    model = network.model(convolution(network, network.apply(O.LOGISTIC, logits), 3, 2))
    result = quantised(model, samples(4, 1, 8, 8, 3))
    (index,) = next(each.inputs for each in result.main.operations if each.type == O.LOGISTIC)
    assert result.main.operands[index].scale * 255 < 12


def test_small_operations_before_float_outputs_stay_float():
    network = Network()
    logits = convolution(network, network.input(1, 4, 4, 3), 1, 2)
    model = network.model(network.apply(O.LOGISTIC, network.apply(O.RESHAPE, logits, np.array([1, 32], np.int32))))
    inputs = samples(4, 1, 4, 4, 3)
    assert types(quantised(model, inputs))[-3:] == [O.DEQUANTIZE, O.RESHAPE, O.LOGISTIC]
    assert types(quantised(model, inputs, edges="quantised"))[-1] == O.LOGISTIC


@pytest.mark.parametrize("kind", ["prelu", "transpose", "mean", "fully connected", "concatenation", "pad value"])
def test_operations_of_their_own_kind(kind):
    network = Network()
    source = convolution(network, network.input(1, 4, 4, 3), 1, 4)
    if kind == "prelu":
        result = network.apply(O.PRELU, source, np.abs(random(5, 1, 1, 4)))
    elif kind == "transpose":
        shape = np.array([1, 8, 8, 2], np.int32)
        result = network.apply(
            O.TRANSPOSE_CONV_2D, source, random(5, 2, 2, 2, 4), random(6, 2), shape, SAME, 2, 2, FuseCode.NONE, False
        )
    elif kind == "mean":
        result = network.apply(O.MEAN, source, np.array([1, 2], np.int32), 0)
    elif kind == "fully connected":
        result = network.apply(O.FULLY_CONNECTED, source, random(5, 7, 64), random(6, 7), FuseCode.NONE)
    elif kind == "concatenation":
        result = network.apply(O.CONCATENATION, source, depthwise(network, source, 5), 3)
    else:
        result = network.apply(O.PAD_V2, source, np.array([[0, 0], [1, 0], [0, 1], [0, 0]], np.int32), np.float32(0.7))
    model = network.model(network.apply(O.MUL, result, np.float32([2.5]), FuseCode.NONE))
    inputs = samples(8, 1, 4, 4, 3)
    out = quantised(model, inputs)
    assert all(is_fully_specified(out.main.operands[index].dimensions) for index in out.main.outputs)
    assert sqnr(model, out, inputs)[0] > 25


def test_excluded_operations_stay_float():
    model, inputs = residual(), samples(4, 1, 8, 8, 3)
    by_name, report = quantize(Model.from_canonical(model), inputs, exclude=["DEPTHWISE_CONV_2D"])
    (number,) = (number for number, (name, _) in enumerate(report.operations) if name == "DEPTHWISE_CONV_2D")
    by_number, _ = quantize(Model.from_canonical(model), inputs, exclude=[number])
    assert by_name.canonical == by_number.canonical
    kept = next(each for each in by_name.canonical.main.operations if each.type == O.DEPTHWISE_CONV_2D)
    assert by_name.canonical.main.operands[kept.inputs[0]].type is T.TENSOR_FLOAT32
    assert report.operations[number][1] == "it is left float, as asked for"


@pytest.mark.parametrize("activation", [FuseCode.RELU, RELU6, FuseCode.NONE])
def test_equalisation_brings_small_channels_back(activation):
    model, inputs = unbalanced(activation), samples(8, 1, 8, 8, 3)
    before, after = (sqnr(model, quantised(model, inputs, equalise=each), inputs)[0] for each in (False, True))
    assert after > before + 10


def test_a_budget_leaves_float_what_costs_most():
    model, inputs = residual(), samples(8, 1, 8, 8, 3)
    easy, report = quantize(Model.from_canonical(model), inputs, budget=5)
    assert report.mixed.left_float == ()
    assert easy.canonical == quantised(model, inputs)
    wanted = report.mixed.sqnr + 1
    mixed, report = quantize(Model.from_canonical(model), inputs, budget=wanted)
    assert report.mixed.left_float == (report.mixed.sensitivities[0].number,)
    assert sqnr(model, mixed.canonical, inputs)[0] >= wanted
    (number,) = report.mixed.left_float
    assert report.operations[number][1] == "it is too sensitive for the error budget"


def test_an_impossible_budget_is_refused_in_words():
    with pytest.raises(BadDataError, match="can't be kept within 90 dB"):
        quantised(residual(), samples(4, 1, 8, 8, 3), budget=90)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "there are no samples"),
        (iter(()), "there are no samples"),
        (None, "the samples are None; samples must be a list"),
        ([None], "sample 0 is None; samples must be a list"),
        (np.zeros((4, 1, 8, 8, 3)), r"input 0 of sample 0 has shape \[8, 8, 3\]; it must be \[1, 8, 8, 3\]"),
        ([[np.zeros((1, 8, 8, 3))], [np.zeros((2, 8, 8, 3))]], r"input 0 of sample 1 has shape \[2, 8, 8, 3\]"),
        ([[np.zeros((0, 8, 8, 3))]], r"has shape \[0, 8, 8, 3\]"),
        ([[np.zeros((1, 8, 8))]], r"input 0 of sample 0 has shape \[1, 8, 8\]; it must be \[1, 8, 8, 3\]"),
        ([[np.full((1, 8, 8, 3), np.nan)]], "input 0 of sample 0 has NaN or infinite values"),
        (
            [[np.zeros((1, 8, 8, 3))], [np.where(np.arange(192) == 100, np.inf, 0).reshape(1, 8, 8, 3)]],
            "input 0 of sample 1 has NaN or infinite values",
        ),
        ([[np.full((1, 8, 8, 3), 1e300)]], "has values of more than 3.403e.38, which float32 does not have"),
        ([[[[1, 2], [3]]]], "input 0 of sample 0 is no array: its rows differ in length"),
        ([[np.zeros((1, 8, 8, 3))] * 2], "sample 0 has 2 arrays; the model has 1 inputs"),
        ([[np.full((1, 8, 8, 3), "x")]], "it must be numbers"),
    ],
)
def test_samples_that_do_not_fit_are_refused(given, sentence):
    with pytest.raises(BadDataError, match=sentence):
        quantised(residual(), given)


def test_a_model_without_anything_to_quantise_is_refused():
    network = Network()
    model = network.model(network.apply(O.EXP, network.input(2, 3)))
    with pytest.raises(
        BadDataError, match=r"nothing to quantise; EXP: NNAPI has it not for TENSOR_QUANT8_ASYMM_SIGNED"
    ):
        quantised(model, samples(2, 2, 3))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("edges", ["float", "quantised"])
def test_a_model_that_is_quantised_already_is_refused(scheme, edges):
    given = samples(2, 1, 8, 8, 3)
    done, _ = quantize(Model.from_canonical(residual()), given, edges=edges)
    with pytest.raises(BadDataError, match="the model has nothing to quantise"):
        quantize(done, given, scheme=scheme)


def test_a_model_with_nothing_left_to_quantise_is_refused():
    with pytest.raises(BadDataError, match="nothing to quantise; ADD: it is left float, as asked for"):
        quantised(residual(), samples(2, 1, 8, 8, 3), exclude=["ADD", "CONV_2D", "DEPTHWISE_CONV_2D"])


def test_weights_that_the_model_unpacks_are_quantised_as_others_are():
    model, inputs = residual(), samples(4, 1, 8, 8, 3)
    edit = Edit(model)
    (graph,) = edit.graphs
    first = graph.operations[0]
    packed = symmetric(graph.value(first.inputs[1]), 0, T.TENSOR_QUANT8_ASYMM_SIGNED, per_channel=True).operand
    unpacked = graph.add_temporary(graph.operands[first.inputs[1]], packed.dimensions)
    graph.add(O.DEQUANTIZE, [graph.add_operand(packed)], [unpacked])
    graph.replace(first, graph.with_argument(first, "filter", unpacked))
    out = quantised(edit.finish(), inputs)
    assert types(out) == types(quantised(model, inputs))
    assert sqnr(model, out, inputs)[0] > 25


def test_a_full_disk_leaves_the_old_file_as_it_was(tmp_path):
    """Full for a process that may write files of 256 bytes at most."""
    path = tmp_path / "model.nnhal"
    path.write_bytes(b"old")
    program = f"""
import resource
from hal.errors import OpFailedError
from runtime.model import Model
from tests.tools.quantization.networks import residual, samples
from tools.quantization import quantize
result, _ = quantize(Model.from_canonical(residual()), samples(2, 1, 8, 8, 3))
resource.setrlimit(resource.RLIMIT_FSIZE, (256, 256))
try:
    result.save({str(path)!r})
except OpFailedError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=200, check=True)
    assert done.stdout == f"{path} can't be written: File too large\n"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_values_that_become_infinite_inside_are_refused():
    network = Network()
    grown = network.apply(O.MUL, network.input(1, 4), np.float32([1e30]), FuseCode.NONE)
    model = network.model(network.apply(O.MUL, network.apply(O.ADD, grown, grown, 0), grown, FuseCode.NONE))
    with pytest.raises(BadDataError, match="a result of MUL, infinite or NaN"):
        quantised(model, [[np.full((1, 4), 1e10)]])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"scheme": "int9"}, "there is no scheme 'int9'; 'int8' is one"),
        ({"calibration": "max"}, "there is no calibration 'max'"),
        ({"weights": "per-row"}, "there is no kind of weights 'per-row'"),
        ({"exclude": ["CONV"]}, "has no operation CONV to leave float"),
        ({"exclude": [99]}, "has no operation 99 to leave float"),
        ({"exclude": "ADD"}, "exclude is 'ADD'; it must be a list"),
        ({"exclude": 1}, "exclude is 1; it must be a list"),
        ({"budget": float("nan")}, "the error budget is nan; it must be a number of decibels"),
        ({"budget": "much"}, "the error budget is 'much'; it must be a number of decibels"),
    ],
)
def test_options_that_can_t_be_are_refused(options, sentence):
    with pytest.raises(BadDataError, match=sentence):
        quantised(residual(), samples(2, 1, 8, 8, 3), **options)
