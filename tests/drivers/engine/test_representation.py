"""float16 and unsigned 8-bit data through programs, whose kernels know neither."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from drivers.cpu.device import CpuDevice
from hal import reference
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperandType, OperationType
from tests.support import constant, execute, prepare

HALF = OperandType.TENSOR_FLOAT16


@pytest.fixture(scope="module")
def device():
    return CpuDevice()


def clipped_sum():
    """RELU6(a + b), then RELU1, both left behind."""
    operands = (
        Operand(HALF, (16,), lifetime=Lifetime.SUBGRAPH_INPUT),
        Operand(HALF, (16,), lifetime=Lifetime.CONSTANT_COPY, value=np.linspace(-3, 3, 16, dtype=np.float16)),
        constant(3),
        Operand(HALF, (16,), lifetime=Lifetime.SUBGRAPH_OUTPUT),
        Operand(HALF, (16,), lifetime=Lifetime.SUBGRAPH_OUTPUT),
    )
    operations = (Operation(OperationType.ADD, (0, 1, 2), (3,)), Operation(OperationType.RELU1, (3,), (4,)))
    return Model(Subgraph(operands, operations, (0,), (3, 4)))


@given(hnp.arrays(np.float16, 16, elements=st.floats(width=16)))
@settings(deadline=None)  # the first execution compiles
def test_float16_is_computed_exactly_and_rounded_once(device, values):
    expected = reference.run(clipped_sum(), [values])
    actual = execute(prepare(device, clipped_sum()), [values], [(16,), (16,)], np.float16)
    for one, other in zip(actual, expected):
        np.testing.assert_array_equal(one, other)
