"""Two models on the same inputs, with the CPU's driver."""

import math

import numpy as np
import pytest

from hal.errors import BadDataError
from hal.types import OperandType as T
from hal.types import OperationType as O
from runtime.model import Model
from tools.comparison import check_comparable, compare
from tools.samples import random_samples


def quiet(activity, done, total):
    pass


def scaled(factor, size=4, inputs=1):
    """x * factor"""
    model = Model()
    given = [model.add_operand(T.TENSOR_FLOAT32, (1, size)) for _ in range(inputs)]
    constant = model.add_operand(T.TENSOR_FLOAT32, (1,))
    model.set_operand_value(constant, np.array([factor], np.float32))
    none, result = model.add_operand(T.INT32), model.add_operand(T.TENSOR_FLOAT32, (1, size))
    model.set_operand_value(none, 0)
    model.add_operation(O.MUL, [given[0], constant, none], [result])
    model.identify_inputs_and_outputs(given, [result])
    model.finish()
    return model


def requantised(scale):
    """x in 8 bits, in steps of ``scale``, to steps of 1 / 256"""
    model = Model()
    x = model.add_operand(T.TENSOR_QUANT8_ASYMM, (1, 4), scale, 0)
    middle = model.add_operand(T.TENSOR_FLOAT32, (1, 4))
    result = model.add_operand(T.TENSOR_QUANT8_ASYMM, (1, 4), 1 / 256, 0)
    model.add_operation(O.DEQUANTIZE, [x], [middle])
    model.add_operation(O.QUANTIZE, [middle], [result])
    model.identify_inputs_and_outputs([x], [result])
    model.finish()
    return model


def compared(first, second, count=3):
    check_comparable(first, second)
    operands = [first.canonical.main.operands[index] for index in first.canonical.main.inputs]
    return compare(first, second, random_samples(operands, count), quiet)


def test_a_model_equals_itself():
    (found,) = compared(scaled(3.0), scaled(3.0))
    assert (found.max_abs, found.cosine, found.sqnr) == (0, 1, math.inf)


def test_how_far_another_is_off():
    (found,) = compared(scaled(2.0), scaled(2.2))
    assert found.cosine == pytest.approx(1)
    assert found.sqnr == pytest.approx(20, abs=1e-4)
    values = np.concatenate([sample[0] for sample in random_samples(scaled(1.0).canonical.main.operands[:1], 3)])
    assert found.max_abs == pytest.approx(0.2 * values.max(), rel=1e-5)


def test_quantised_inputs_and_outputs_stand_for_real_numbers():
    (found,) = compared(scaled(1.0), requantised(1 / 16), 50)
    assert 1 / 64 < found.max_abs <= 1 / 32 + 1 / 512, "half a step of the input, and half of the output"
    assert found.cosine > 0.99


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ((1, 4, 2), (1, 4), "the first model has 2 inputs and the second 1"),
        ((1, 4), (1, 5), r"input 0 is TENSOR_FLOAT32 \[1, 4\] in the first model and TENSOR_FLOAT32 \[1, 5\] in the"),
    ],
)
def test_models_that_are_not_comparable(first, second, reason):
    with pytest.raises(BadDataError, match=reason):
        check_comparable(scaled(*first), scaled(*second))
