import numpy as np
import pytest

from hal.model import Operand
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.networks import Network
from tools.optimization.optimizer import optimized

TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


def transposed(network, x, order):
    return network.apply(O.TRANSPOSE, x, np.array(order, np.int32))


def convolved(network, x, *layout):
    filters = np.random.default_rng(1).normal(size=(3, 2, 2, 3)).astype(np.float32)
    return network.apply(O.CONV_2D, x, filters, np.ones(3, np.float32), 1, 1, 1, 0, *layout)


def layouts(model):
    """Of the convolutions of the improved model, whether each is in NCHW."""
    better, _ = optimized(model, ["layout", "dead"])
    operands = better.main.operands
    found = [each.inputs for each in better.main.operations if each.type == O.CONV_2D]
    return [len(inputs) > 7 and bool(operands[inputs[7]].value) for inputs in found]


@pytest.mark.parametrize("flag", [[], [False]])
def test_one_operation_between_transposes_gets_the_flag(improved, flag):
    network = Network()
    y = convolved(network, transposed(network, network.input(1, 3, 6, 6), TO_NHWC), *flag)
    model = network.model(transposed(network, y, TO_NCHW))
    assert improved(model, "layout", "dead") == ["CONV_2D"]
    assert layouts(model) == [True]


def test_several_operations_are_cheaper_in_nhwc(improved):
    network = Network()
    y = network.input(1, 3, 6, 6)
    for _ in range(3):
        y = network.apply(O.RELU, convolved(network, y, True))
    model = network.model(y)
    expected = ["TRANSPOSE", *["CONV_2D", "RELU"] * 3, "TRANSPOSE"]
    assert improved(model, "layout", "dead") == expected
    assert layouts(model) == [False] * 3


def test_transposes_back_and_forth_all_go_but_two(improved):
    network = Network()
    y = network.input(1, 3, 6, 6)
    for _ in range(3):
        y = transposed(network, convolved(network, transposed(network, y, TO_NHWC)), TO_NCHW)
        y = network.apply(O.ADD, y, np.arange(3, dtype=np.float32).reshape(3, 1, 1), 1)
    expected = ["TRANSPOSE", *["CONV_2D", "ADD"] * 3, "TRANSPOSE"]
    assert improved(network.model(y), "layout", "dead") == expected


def test_nchw_operations_in_an_nhwc_model(improved):
    network = Network()
    y = transposed(network, network.input(1, 6, 6, 3), TO_NCHW)
    y = network.apply(O.MAX_POOL_2D, convolved(network, y, True), 1, 1, 1, 2, 2, 0, True)
    y = network.apply(O.RESIZE_BILINEAR, y, 3, 4, True, False, True)
    y = network.apply(O.SPACE_TO_DEPTH, y, 1, True)
    y = transposed(network, y, TO_NHWC)
    model = network.model(y)
    assert improved(model, "layout", "dead") == ["CONV_2D", "MAX_POOL_2D", "RESIZE_BILINEAR", "SPACE_TO_DEPTH"]
    assert layouts(model) == [False]


@pytest.mark.parametrize("padding", [[np.array([1, 2, 7, 9], np.int32), 2], [0, 0, 0, 0]])
def test_transposed_and_grouped_convolutions(improved, padding):
    generator = np.random.default_rng(2)
    network = Network()
    y = transposed(network, network.input(1, 6, 8, 4), TO_NCHW)
    filters = generator.normal(size=(2, 2, 2, 4)).astype(np.float32)
    bias = np.ones(2, np.float32)
    y = network.apply(O.TRANSPOSE_CONV_2D, y, filters, bias, *padding, 1, 1, 0, True)
    filters = generator.normal(size=(2, 2, 2, 1)).astype(np.float32)
    y = network.apply(O.GROUPED_CONV_2D, y, filters, bias, 2, 1, 1, 2, 0, True)
    y = transposed(network, y, TO_NHWC)
    assert improved(network.model(y), "layout", "dead") == ["TRANSPOSE_CONV_2D", "GROUPED_CONV_2D"]


def test_quantized_images(improved):
    like = Operand(T.TENSOR_QUANT8_ASYMM, (), 0.5, 100)
    network = Network()
    y = transposed(network, network.input(1, 6, 8, 4, like=like), TO_NCHW)
    y = network.apply(O.AVERAGE_POOL_2D, y, 1, 2, 2, 3, 3, 1, True)
    y = transposed(network, y, TO_NHWC)
    assert improved(network.model(y), "layout", "dead") == ["AVERAGE_POOL_2D"]


def test_a_model_in_nhwc_stays_as_it_is():
    network = Network()
    model = network.model(convolved(network, convolved(network, network.input(1, 6, 6, 3))))
    assert optimized(model, ["layout"])[0] == model
