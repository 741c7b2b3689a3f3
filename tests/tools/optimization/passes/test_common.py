import numpy as np

from hal.model import Operand
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.networks import Network
from tools.optimization.optimizer import optimized


def test_equal_operations_with_equal_constants_become_one(improved):
    network = Network()
    x = network.input(2, 2)
    weights = np.array([1.0, 2.0], np.float32)
    first, second = (network.apply(O.RELU, network.apply(O.ADD, x, weights.copy(), 0)) for _ in range(2))
    model = network.model(network.apply(O.MUL, first, second, 0))
    assert improved(model, "common") == ["ADD", "RELU", "MUL"]
    better, _ = optimized(model, ["common"])
    assert sum(operand.is_constant for operand in better.main.operands) == 2  # the weights, and the activation


def test_constants_of_other_meaning_stay(improved):
    network = Network()
    x = network.input(2, like=Operand(T.TENSOR_QUANT8_ASYMM, (), 1.0, 0))
    sums = [
        network.apply(O.ADD, x, network.constant([1, 2], Operand(T.TENSOR_QUANT8_ASYMM, (), scale, 0)), 0)
        for scale in (0.5, 0.25)
    ]
    assert improved(network.model(*sums), "common") == ["ADD", "ADD"]


def test_results_of_other_meaning_stay(improved):
    network = Network()
    x = network.input(2, 2)
    quantized = [
        network.apply(O.QUANTIZE, x, like=Operand(T.TENSOR_QUANT8_ASYMM, (), scale, 0)) for scale in (1.0, 0.5, 1.0)
    ]
    real = [network.apply(O.DEQUANTIZE, each, like=Operand(T.TENSOR_FLOAT32)) for each in quantized]
    assert improved(network.model(network.apply(O.CONCATENATION, *real, 0)), "common") == [
        "QUANTIZE", "QUANTIZE", "DEQUANTIZE", "DEQUANTIZE", "CONCATENATION",
    ]  # fmt: skip


def test_of_two_results_one_may_be_an_output(improved):
    network = Network()
    x = network.input(2, 2)
    first, second = network.apply(O.ABS, x), network.apply(O.ABS, x)
    sum_ = network.apply(O.ADD, network.apply(O.NEG, first), second, 0)
    assert improved(network.model(second, sum_), "common") == ["ABS", "NEG", "ADD"]
    assert improved(network.model(first, second, sum_), "common") == ["ABS", "ABS", "NEG", "ADD"]


def test_operations_with_several_results(improved):
    network = Network()
    x = network.input(2, 4)
    first, second = (network.apply(O.SPLIT, x, 1, 2) for _ in range(2))
    y = network.apply(O.MUL, first[0], second[1], 0)
    assert improved(network.model(y), "common") == ["SPLIT", "MUL"]
    assert improved(network.model(y, second[0]), "common") == ["SPLIT", "SPLIT", "MUL"]
