from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hal.model import Lifetime, Operand, PerChannelQuantization
from hal.types import OperandType as T
from hal.types import OperationType as O
from hal.wire import model_to_wire
from tests.networks import Network
from tests.support import FLOAT
from tests.tools.optimization.random_models import DATA_TYPES, random_model
from tools.graph import Edit
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
def test_small_weights_stay_small(improved, like):
    network = Network()
    weights = network.apply(O.DEQUANTIZE, network.constant(np.ones((3, 2)), like), like=Operand(FLOAT))
    y = network.apply(O.FULLY_CONNECTED, network.input(3, 2), weights, np.zeros(3, np.float32), 0)
    assert improved(network.model(y), "constants") == ["DEQUANTIZE", "FULLY_CONNECTED"]


def test_a_constant_that_something_else_reads_does_not_count(improved):
    network = Network()
    x = network.input(2, 3)
    shared = network.constant(np.ones((2, 3), np.float32))
    y = network.apply(O.ADD, network.apply(O.ADD, x, shared, 0), network.apply(O.NEG, shared), 0)
    assert improved(network.model(y), "constants") == ["ADD", "NEG", "ADD"]


def check_folding_makes_nothing_larger(model):
    """In bytes of constants, but for the 4 that may replace an operation, and in bytes of the model as it is sent."""
    better, report = optimized(model, ["constants"])
    (step,) = report.steps
    assert step.changes == report.before.operations - report.after.operations
    assert report.after.constant_bytes <= report.before.constant_bytes + 4 * step.changes
    assert sent_size(better) <= sent_size(Edit(model).finish())  # Edit: constants that nothing reads are gone


def sent_size(model):
    """Bytes of the message, but for dimensions: folding makes more of them known, which takes more than a zero."""
    operands = tuple(replace(each, dimensions=()) for each in model.main.operands)
    message = model_to_wire(replace(model, main=replace(model.main, operands=operands)), lambda *_: None)
    return message.ByteSize()


@given(seed=st.integers(0, 2**32), data_type=st.sampled_from(DATA_TYPES))
@example(seed=760, data_type=T.TENSOR_QUANT8_ASYMM_SIGNED)
def test_folding_makes_no_random_model_larger(seed, data_type):
    check_folding_makes_nothing_larger(random_model(seed, data_type)[0])


CONSTANT = {
    "packed": lambda network, value: network.apply(
        O.DEQUANTIZE, network.constant(value, Operand(T.TENSOR_QUANT8_SYMM, (), 0.5)), like=Operand(FLOAT)
    ),
    "half": lambda network, value: network.apply(
        O.CAST, network.constant(value, Operand(T.TENSOR_FLOAT16)), like=Operand(FLOAT)
    ),
    "filled": lambda network, value: network.apply(O.FILL, np.array(value.shape, np.int32), 1.5, like=Operand(FLOAT)),
    "tiled": lambda network, value: network.apply(
        O.TILE, network.constant(value[:1], Operand(FLOAT)), np.array([len(value), 1], np.int32), like=Operand(FLOAT)
    ),
    "negated": lambda network, value: network.apply(O.NEG, network.constant(value, Operand(FLOAT))),
}


@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    kinds=st.lists(st.sampled_from(sorted(CONSTANT)), min_size=1, max_size=4),
    twice=st.booleans(),
)
def test_folding_makes_no_model_with_computed_constants_larger(rows, columns, kinds, twice):
    network = Network()
    value = np.arange(rows * columns).reshape(rows, columns) % 5 - 2
    y = network.input(rows, columns)
    for kind in kinds:
        computed = CONSTANT[kind](network, value)
        y = network.apply(O.ADD, y, network.apply(O.ABS, computed) if twice else computed, 0)
    check_folding_makes_nothing_larger(network.model(y))


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


def test_an_output_is_still_computed_and_not_kept_beside_that(improved):
    network = Network()
    x = network.input(1)
    y = network.apply(O.ABS, np.array([-1.0], np.float32))
    z = network.apply(O.NEG, y)
    assert improved(network.model(network.apply(O.ADD, x, z, 0), y), "constants", "dead") == ["ABS", "NEG", "ADD"]


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
