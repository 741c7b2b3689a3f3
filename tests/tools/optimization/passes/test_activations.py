import itertools

import numpy as np
import pytest

from hal.model import Operand
from hal.operations.activation import activated
from hal.types import FuseCode
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.networks import Network
from tools.optimization.optimizer import optimized
from tools.optimization.passes.activations import composed


@pytest.mark.parametrize(("first", "second"), list(itertools.product(FuseCode, FuseCode)))
def test_two_activations_are_one_where_there_is_one(first, second):
    values = np.linspace(-8, 8, 33)
    both = activated(activated(values, first), second)
    alike = [code for code in FuseCode if np.array_equal(activated(values, code), both)]
    assert [composed(first, second)] == (alike or [None])


@pytest.mark.parametrize(
    ("fused", "operations", "left"),
    [
        (FuseCode.NONE, [O.RELU], FuseCode.RELU),
        (FuseCode.NONE, [O.RELU1], FuseCode.RELU1),
        (FuseCode.RELU, [O.RELU6], FuseCode.RELU6),
        (FuseCode.RELU6, [O.RELU], FuseCode.RELU6),
        (FuseCode.NONE, [O.RELU, O.RELU6, O.RELU], FuseCode.RELU6),
    ],
)
@pytest.mark.parametrize("data_type", [T.TENSOR_FLOAT32, T.TENSOR_QUANT8_ASYMM])
def test_an_addition_ends_with_its_activation(improved, fused, operations, left, data_type):
    network = Network()
    like = Operand(data_type) if data_type is T.TENSOR_FLOAT32 else Operand(data_type, (), 0.35, 131)
    x, y = network.input(3, 40, like=like), network.input(40, like=like)
    z = network.apply(O.ADD, x, y, int(fused))
    for each in operations:
        z = network.apply(each, z)
    model = network.model(z)
    assert improved(model, "activations") == ["ADD"]
    (operation,) = optimized(model, ["activations"])[0].main.operations
    better, _ = optimized(model, ["activations"])
    assert better.main.operands[operation.inputs[2]].value == left


@pytest.mark.parametrize("scale", [0.01, 0.03, 1 / 7, 0.9, 4.0, 12.5, 100.0])
@pytest.mark.parametrize("operation", [O.RELU, O.RELU1, O.RELU6])
def test_bounds_between_the_steps_of_a_scale(improved, operation, scale):
    network = Network()
    like = Operand(T.TENSOR_QUANT8_ASYMM_SIGNED, (), scale, -7)
    source = Operand(T.TENSOR_QUANT8_ASYMM_SIGNED, (), 0.07, 3)
    x, y = network.input(256, like=source), network.input(256, like=source)
    z = network.apply(operation, network.apply(O.ADD, x, y, 0, like=like))
    assert improved(network.model(z), "activations") == ["ADD"]


def test_activations_in_a_row_become_one(improved):
    network = Network()
    y = network.apply(O.RELU, network.apply(O.RELU6, network.input(2, 2)))
    assert improved(network.model(y), "activations") == ["RELU6"]


@pytest.mark.parametrize("first", [O.RELU1, O.TANH])
def test_what_does_not_compose_stays(improved, first):
    network = Network()
    y = network.apply(O.RELU, network.apply(first, network.input(4, 4)))
    assert improved(network.model(y), "activations") == [first.name, "RELU"]


def test_a_result_that_others_read_stays_unbounded(improved):
    network = Network()
    y = network.apply(O.ADD, network.input(4, 4), np.ones(4, np.float32), 0)
    z = network.apply(O.RELU, y)
    assert improved(network.model(z, y), "activations") == ["ADD", "RELU"]
    assert improved(network.model(z, network.apply(O.ABS, y)), "activations") == ["ADD", "RELU", "ABS"]
