import numpy as np
import pytest

from hal.model import Lifetime, Operand, PerChannelQuantization
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.networks import Network
from tests.support import FLOAT
from tools.optimization.optimizer import optimized


def test_chains_of_constants_are_computed(improved):
    network = Network()
    x = network.input(2, 3)
    y = network.constant(np.array([3.0, -1.0, 2.0], np.float32))
    y = network.apply(O.ABS, network.apply(O.NEG, y))
    assert improved(network.model(network.apply(O.MUL, x, y, 0)), "constants", "dead") == ["MUL"]


def test_a_computed_shape_makes_dimensions_known():
    network = Network()
    x = network.input(2, 3)
    shape = network.apply(O.MUL, np.array([3, 1], np.int32), np.array([1, 2], np.int32), 0)
    (reshaped,) = network.record(O.RESHAPE, (x, shape), Operand(FLOAT, (0, 0)))
    (y,) = network.record(O.ABS, (reshaped,), Operand(FLOAT, (0, 0)))
    better, _ = optimized(network.model(y), ["constants", "dead"])
    reshape, absolute = better.main.operations
    assert better.main.operands[reshape.outputs[0]].dimensions == (3, 2)
    assert absolute.type == O.ABS


@pytest.mark.parametrize(
    "like",
    [
        Operand(T.TENSOR_QUANT8_ASYMM, (), 0.5, 3),
        Operand(T.TENSOR_QUANT8_SYMM_PER_CHANNEL, per_channel=PerChannelQuantization(1, (0.5, 0.25))),
    ],
)
def test_weights_are_dequantized(improved, like):
    network = Network()
    weights = network.apply(O.DEQUANTIZE, network.constant([[1, 2], [3, 4]], like), like=Operand(FLOAT))
    y = network.apply(O.FULLY_CONNECTED, network.input(3, 2), weights, np.zeros(2, np.float32), 0)
    assert improved(network.model(y), "constants", "dead") == ["FULLY_CONNECTED"]


def test_sparse_weights_are_unpacked(improved):
    network = Network()
    nothing = network.operand(Operand(T.TENSOR_INT32, (0,), lifetime=Lifetime.NO_VALUE))
    integers = [np.array(each, np.int32) for each in ([0, 1], [0, 1], [2, 3])]
    rows = [nothing, nothing]
    columns = [np.array([0, 1, 2], np.int32), np.array([2, 0], np.int32)]
    sparse = np.array([5.0, 7.0], np.float32)
    order, formats, sizes = integers
    dense = network.apply(O.DENSIFY, sparse, order, nothing, formats, sizes, *rows, *columns)
    y = network.apply(O.ADD, network.input(2, 3), dense, 0)
    model = network.model(y)
    assert improved(model, "constants", "dead") == ["ADD"]
    better, _ = optimized(model)
    (kept,) = [each.value for each in better.main.operands if each.type is FLOAT and each.value is not None]
    np.testing.assert_array_equal(kept, [[0, 0, 5], [7, 0, 0]])


def test_the_rank_of_anything_is_known(improved):
    network = Network()
    x = network.input(2, 3)
    (rank,) = network.record(O.RANK, (x,), Operand(T.INT32))
    (y,) = network.record(O.EXPAND_DIMS, (x, rank), Operand(FLOAT, (2, 3, 1)))
    assert improved(network.model(y), "constants", "dead") == ["EXPAND_DIMS"]


def test_an_output_is_still_computed(improved):
    network = Network()
    x = network.input(1)
    y = network.apply(O.ABS, np.array([-1.0], np.float32))
    z = network.apply(O.NEG, y)
    assert improved(network.model(network.apply(O.ADD, x, z, 0), y), "constants", "dead") == ["ABS", "ADD"]


def test_lots_are_not_drawn_beforehand():
    network = Network()
    seeds = np.array([0, 0], np.int32)
    drawn = network.apply(O.RANDOM_MULTINOMIAL, np.zeros((1, 4), np.float32), 5, seeds, like=Operand(T.TENSOR_INT32))
    y = network.apply(O.ADD, network.input(1, 5, like=Operand(T.TENSOR_INT32)), drawn, 0)
    model = network.model(y)
    assert len(optimized(model)[0].main.operations) == 2


def test_what_would_fill_the_memory_is_computed_each_time():
    network = Network()
    large = network.apply(O.FILL, np.array([2000, 2000], np.int32), 1.5, like=Operand(FLOAT))
    y = network.apply(O.MUL, network.input(1), large, 0)
    assert len(optimized(network.model(y))[0].main.operations) == 2


def test_wrong_constants_are_left_to_fail_at_execution():
    network = Network()
    table = np.ones((2, 3), np.float32)
    rows = network.apply(O.EMBEDDING_LOOKUP, np.array([7], np.int32), table, like=Operand(FLOAT))
    y = network.apply(O.ADD, network.input(1, 3), rows, 0)
    assert len(optimized(network.model(y))[0].main.operations) == 2
