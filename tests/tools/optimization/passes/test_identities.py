import numpy as np
import pytest

from hal.model import Operand
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.networks import Network

QUANTIZED = Operand(T.TENSOR_QUANT8_ASYMM, (), 0.5, 128)


def integers(*values):
    return np.array(values, np.int32)


def between(network, x, operation, *arguments, **options):
    """The model of ABS, the operation, NEG."""
    y = network.apply(operation, network.apply(O.ABS, x), *arguments, **options)
    return network.model(network.apply(O.NEG, y[0] if isinstance(y, list) else y))


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        (O.RESHAPE, [integers(1, 4, 4, 2)]),
        (O.RESHAPE, [integers(1, -1, 4, 2)]),
        (O.PAD, [np.zeros((4, 2), np.int32)]),
        (O.PAD_V2, [np.zeros((4, 2), np.int32), 5.0]),
        (O.MIRROR_PAD, [np.zeros((4, 2), np.int32), 0]),
        (O.SLICE, [integers(0, 0, 0, 0), integers(1, 4, -1, 2)]),
        (O.STRIDED_SLICE, [integers(0, 0, 0, 0), integers(1, 4, 9, 2), integers(1, 1, 1, 1), 0, 0, 0]),
        (O.TILE, [integers(1, 1, 1, 1)]),
        (O.CONCATENATION, [2]),
        (O.SPLIT, [2, 1]),
        (O.CAST, []),
        (O.TRANSPOSE, [integers(0, 1, 2, 3)]),
        (O.DEPTH_TO_SPACE, [1]),
        (O.BATCH_TO_SPACE_ND, [integers(1, 1)]),
        (O.RESIZE_NEAREST_NEIGHBOR, [4, 4, False]),
        (O.MUL, [np.ones(2, np.float32), 0]),
        (O.DIV, [np.ones((1, 1, 1), np.float32), 0]),
        (O.ADD, [np.zeros((4, 4, 2), np.float32), 0]),
        (O.SUB, [np.zeros(1, np.float32), 0]),
    ],
)
def test_what_changes_nothing_goes(improved, operation, arguments):
    network = Network()
    model = between(network, network.input(1, 4, 4, 2), operation, *arguments)
    assert improved(model, "identities", "transposes", "dead") == ["ABS", "NEG"]


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        (O.STRIDED_SLICE, [integers(0, 3, 3, 0), integers(1, -5, -5, 2), integers(1, -1, -1, 1), 0, 0, 0]),
        (O.MUL, [np.array([1.0, 1.5], np.float32), 0]),
        (O.ADD, [np.full(2, 1e-38, np.float32), 0]),
        (O.SUB, [np.array([np.nan, 0], np.float32), 0]),
        (O.MUL, [np.ones((2, 1, 1, 1), np.float32), 0]),
        (O.TRANSPOSE, [integers(0, 2, 1, 3)]),
        (O.REVERSE, [integers(1)]),
    ],
)
def test_what_changes_something_stays(improved, operation, arguments):
    network = Network()
    model = between(network, network.input(1, 4, 4, 2), operation, *arguments)
    assert improved(model, "identities", "transposes", "dead") == ["ABS", operation.name, "NEG"]


@pytest.mark.parametrize(
    ("operation", "number", "left"),
    [(O.ADD, 0, []), (O.MUL, 1, []), (O.SUB, 0, ["SUB"]), (O.DIV, 1, ["DIV"])],
)
def test_a_neutral_number_on_the_left(improved, operation, number, left):
    network = Network()
    x = network.apply(O.ABS, network.input(3))
    y = network.apply(operation, network.constant(np.full(3, number, np.float32)), x, 0)
    assert improved(network.model(network.apply(O.NEG, y)), "identities") == ["ABS", *left, "NEG"]


def test_the_activation_of_a_neutral_operation_stays(improved):
    network = Network()
    y = network.apply(O.ADD, network.input(3, 3), np.zeros(3, np.float32), 3)
    assert improved(network.model(y), "identities") == ["RELU6"]


def test_another_scale_is_a_change(improved):
    network = Network()
    x = network.input(4, like=QUANTIZED)
    relu = network.apply(O.RELU, x)
    other = Operand(QUANTIZED.type, (), 0.25, 128)
    for like, left in ((QUANTIZED, ["RELU", "RELU6"]), (other, ["RELU", "CONCATENATION", "RELU6"])):
        y = network.apply(O.CONCATENATION, relu, 0, like=like)
        y = network.apply(O.RELU6, y)
        assert improved(network.model(y), "dead", "identities") == left


def test_quantized_numbers_count_as_what_they_stand_for(improved):
    network = Network()
    x = network.apply(O.RELU, network.input(4, like=QUANTIZED))
    for value, left in ((130, ["RELU", "RELU6"]), (1, ["RELU", "MUL", "RELU6"])):
        one = network.constant(np.full(4, value), Operand(T.TENSOR_QUANT8_ASYMM, (), 0.5, 128))
        y = network.apply(O.RELU6, network.apply(O.MUL, x, one, 0))
        assert improved(network.model(y), "dead", "identities") == left


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ([(O.EXPAND_DIMS, 1), (O.SQUEEZE, integers(1))], []),
        ([(O.RESHAPE, integers(-1)), (O.RESHAPE, integers(2, 6))], []),
        ([(O.RESHAPE, integers(3, 4)), (O.EXPAND_DIMS, 0), (O.RESHAPE, integers(12))], ["RESHAPE"]),
        ([(O.RESHAPE, integers(3, 2, 2)), (O.TRANSPOSE, integers(1, 0, 2)), (O.RESHAPE, integers(12))], None),
    ],
)
def test_of_reshapes_the_last_one_matters(improved, steps, left):
    network = Network()
    y = network.apply(O.ABS, network.input(2, 6))
    for operation, argument in steps:
        y = network.apply(operation, y, argument)
    expected = [operation.name for operation, _ in steps] if left is None else left
    assert improved(network.model(network.apply(O.NEG, y)), "identities", "dead") == ["ABS", *expected, "NEG"]


def test_integers_are_not_reshaped_by_an_operation_that_came_later(improved):
    network = Network()
    y = network.input(2, like=Operand(T.TENSOR_INT32))
    for axis in (0, 1):
        y = network.apply(O.EXPAND_DIMS, y, axis)
    assert improved(network.model(y), "identities", "dead") == ["EXPAND_DIMS", "EXPAND_DIMS"]


def test_fully_connected_flattens_by_itself(improved):
    network = Network()
    y = network.apply(O.RESHAPE, network.apply(O.ABS, network.input(2, 3, 2, 2)), integers(2, 12))
    weights, bias = np.arange(36, dtype=np.float32).reshape(3, 12), np.zeros(3, np.float32)
    y = network.apply(O.FULLY_CONNECTED, y, weights, bias, 0)
    assert improved(network.model(y), "identities", "dead") == ["ABS", "FULLY_CONNECTED"]


def test_between_an_input_and_an_output_something_must_stay(improved):
    network = Network()
    y = network.apply(O.RESHAPE, network.input(2, 3), integers(2, 3))
    assert improved(network.model(y)) == ["RESHAPE"]
