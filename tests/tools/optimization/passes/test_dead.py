import pytest

from hal.types import OperationType as O
from tests.networks import Network


def test_what_nobody_reads_goes_with_what_only_it_reads(improved):
    network = Network()
    x = network.input(2, 2)
    y = network.apply(O.ABS, x)
    network.apply(O.NEG, network.apply(O.SQRT, y))
    assert improved(network.model(network.apply(O.RELU, y)), "dead") == ["ABS", "RELU"]


@pytest.mark.parametrize(("read", "left"), [(0, ["SPLIT", "ABS"]), (1, ["SPLIT", "ABS"])])
def test_an_operation_stays_while_one_of_its_results_is_read(improved, read, left):
    network = Network()
    parts = network.apply(O.SPLIT, network.input(2, 4), 1, 2)
    assert improved(network.model(network.apply(O.ABS, parts[read])), "dead") == left
