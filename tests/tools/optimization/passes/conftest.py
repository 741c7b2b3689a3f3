"""What the tests of single passes share."""

import numpy as np
import pytest

from hal import reference
from hal.types import OperationType
from tools.optimization.optimizer import optimized


def noise(operand, seed=0):
    """A value for an input."""
    generator = np.random.default_rng(seed)
    dtype = operand.type.dtype
    if np.issubdtype(dtype, np.floating):
        return generator.normal(0, 2, operand.dimensions).astype(dtype)
    return generator.integers(0, 256, operand.dimensions).astype(np.uint8).astype(dtype)


@pytest.fixture
def improved():
    """Applies passes; returns the names of the operations left, and checks that the outputs are the same to the bit."""

    def run(model, *passes):
        better, _ = optimized(model, passes)
        inputs = [noise(model.main.operands[index]) for index in model.main.inputs]
        for before, after in zip(reference.run(model, inputs), reference.run(better, inputs)):
            np.testing.assert_array_equal(after, before)
        return [OperationType(operation.type).name for operation in better.main.operations]

    return run
