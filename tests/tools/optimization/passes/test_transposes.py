import numpy as np
import pytest

from hal.model import Operand
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.networks import Network

TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


def perm(*order):
    return np.array(order, np.int32)


def transposed(network, x, order):
    return network.apply(O.TRANSPOSE, x, perm(*order))


def test_two_in_a_row_cancel_or_become_one(improved):
    for second, left in ((TO_NHWC, []), (TO_NCHW, ["TRANSPOSE"])):
        network = Network()
        y = transposed(network, network.apply(O.ABS, network.input(2, 3, 4, 5)), TO_NCHW)
        y = network.apply(O.NEG, transposed(network, y, second))
        assert improved(network.model(y), "transposes", "dead") == ["ABS", *left, "NEG"]


def test_the_default_order_is_known(improved):
    network = Network()
    y = network.apply(O.ABS, network.input(2, 3, 4))
    y = network.apply(O.TRANSPOSE, network.apply(O.TRANSPOSE, y))
    assert improved(network.model(network.apply(O.NEG, y)), "transposes", "dead") == ["ABS", "NEG"]


def test_what_moves_only_dimensions_of_one_is_a_reshape(improved):
    network = Network()
    y = transposed(network, network.input(1, 4, 5, 1), TO_NCHW)
    assert improved(network.model(y), "transposes") == ["RESHAPE"]


def test_around_functions_of_each_element(improved):
    network = Network()
    x = network.input(2, 3, 4, 5)
    y = transposed(network, x, TO_NCHW)
    y = network.apply(O.MUL, network.apply(O.TANH, y), np.arange(5, dtype=np.float32).reshape(5, 1, 1), 0)
    y = network.apply(O.ADD, y, transposed(network, network.apply(O.ABS, x), TO_NCHW), 1)
    y = transposed(network, network.apply(O.PRELU, y, np.arange(4, dtype=np.float32)), TO_NHWC)
    assert sorted(improved(network.model(y), "transposes", "dead")) == ["ABS", "ADD", "MUL", "PRELU", "TANH"]


def test_around_operations_that_know_dimensions(improved):
    network = Network()
    x = transposed(network, network.input(2, 3, 4, 6), TO_NCHW)
    y = network.apply(O.PAD, x, np.array([[0, 1], [2, 0], [0, 0], [1, 1]], np.int32))
    y = network.apply(O.CONCATENATION, y, y, 1)
    first, second = network.apply(O.SPLIT, y, -3, 2)
    outputs = [transposed(network, each, TO_NHWC) for each in (first, second)]
    assert improved(network.model(*outputs), "transposes", "dead") == ["PAD", "CONCATENATION", "SPLIT"]


def test_one_transpose_is_cheaper_than_two(improved):
    """One of the operands then has to be transposed in their place."""
    network = Network()
    x, y = network.input(2, 3, 4, 5), network.input(2, 5, 3, 4)
    z = network.apply(O.ADD, transposed(network, x, TO_NCHW), y, 0)
    model = network.model(transposed(network, z, TO_NHWC))
    assert improved(model, "transposes", "dead") == ["TRANSPOSE", "ADD"]


def test_the_smaller_tensor_is_transposed(improved):
    network = Network()
    small, large = network.input(1, 5, 1, 4), network.input(2, 3, 4, 5)
    z = network.apply(O.ADD, transposed(network, large, TO_NCHW), small, 0)
    model = network.model(z)
    assert improved(model, "transposes", "dead") == ["TRANSPOSE", "ADD"]
    z = transposed(network, network.apply(O.MUL, z, z, 0), TO_NHWC)
    assert improved(network.model(z), "transposes", "dead") == ["TRANSPOSE", "ADD", "MUL"]


@pytest.mark.parametrize("operation", [O.SOFTMAX, O.L2_NORMALIZATION])
def test_not_through_what_is_about_a_dimension(improved, operation):
    network = Network()
    y = transposed(network, network.input(2, 3, 4, 5), TO_NCHW)
    y = network.apply(operation, y, *([1.0] if operation is O.SOFTMAX else []))
    y = transposed(network, y, TO_NHWC)
    assert improved(network.model(y), "transposes", "dead") == ["TRANSPOSE", operation.name, "TRANSPOSE"]


def test_a_result_that_others_read_as_it_is(improved):
    network = Network()
    y = network.apply(O.TANH, transposed(network, network.input(2, 3, 4, 5), TO_NCHW))
    model = network.model(transposed(network, y, TO_NHWC), network.apply(O.SOFTMAX, y, 1.0))
    assert sorted(improved(model, "transposes", "dead")) == ["SOFTMAX", "TANH", "TRANSPOSE"]


def test_what_can_not_be_transposed_stays_where_it_is(improved):
    """TRANSPOSE takes no TENSOR_BOOL8."""
    network = Network()
    y = transposed(network, network.input(2, 3, 4, 5), TO_NCHW)
    y = network.apply(O.LESS, y, network.input(2, 5, 3, 4), like=Operand(T.TENSOR_BOOL8))
    assert improved(network.model(network.apply(O.LOGICAL_NOT, y)), "transposes") == [
        "TRANSPOSE",
        "LESS",
        "LOGICAL_NOT",
    ]


def test_a_tensor_and_its_transposed_self(improved):
    network = Network()
    x = network.apply(O.ABS, network.input(3, 3))
    y = network.apply(O.ADD, x, transposed(network, x, (1, 0)), 0)
    assert improved(network.model(transposed(network, y, (1, 0))), "transposes", "dead").count("TRANSPOSE") <= 2
