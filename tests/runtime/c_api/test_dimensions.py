"""Dimensions of which a model leaves each open by itself, and sizes that 32 bits can't count."""

from __future__ import annotations

import itertools
from enum import Enum

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.types import OperandType, ResultCode
from tests.runtime.c_api import clients
from tests.runtime.c_api.executing import MODES, compute

R = ResultCode
TYPES = (OperandType.TENSOR_FLOAT32, OperandType.TENSOR_QUANT8_ASYMM, OperandType.TENSOR_FLOAT16)

pytestmark = pytest.mark.usefixtures("two_devices")


def scale_of(type):
    return 1.0 if type.has_scale else 0.0


# Each dimension of each operand by itself


class Told(Enum):
    """When a dimension is told, and how: what fits is 3."""

    ALWAYS = 0
    IN_MODEL = 1
    IN_EXECUTION = 2
    OTHERWISE = 3  # 2, in the execution


FITS, OTHER = 3, 2
PAIRS = list(itertools.product(Told, repeat=2))


def in_model(pair):
    return tuple(FITS if told in (Told.ALWAYS, Told.IN_MODEL) else 0 for told in pair)


def in_execution(pair):
    return tuple(OTHER if told is Told.OTHERWISE else FITS for told in pair)


@pytest.mark.parametrize("type", TYPES)
@settings(max_examples=40)
@given(pairs=st.tuples(*[st.sampled_from(PAIRS)] * 3), mode=st.sampled_from([MODES[0], MODES[3]]))
def test_three_operands(nn, type, pairs, mode):
    """Inputs [3, 3] of ones and of twos, added, and a constant of twos, in models that know some of it."""
    lib, model = nn.lib, clients.new_model(nn)
    for pair in pairs[:2]:
        clients.add_operand(nn, model, type, in_model(pair), scale_of(type))
    clients.add_operand(nn, model, type, (0, 0), scale_of(type))
    clients.add_operand(nn, model, type, (3, 3), scale_of(type))
    clients.add_operand(nn, model, type, in_model(pairs[2]), scale_of(type))
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_INT32)
    clients.set_scalar(nn, model, 5, 0)
    twos = np.full(9, 2, type.dtype)
    clients.ok(lib.ANeuralNetworksModel_setOperandValue(model, 3, clients.pointer(nn, twos), twos.nbytes))
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_ADD, [0, 1, 5], [2])
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_ADD, [2, 3, 5], [4])
    clients.identify(nn, model, [0, 1], [4])
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    compilation = clients.new_compilation(nn, model)
    execution = clients.new_execution(nn, compilation)
    arrays = [np.full(in_execution(pair), value, type.dtype) for pair, value in zip(pairs, (1, 2, 10))]
    told = [
        None if pair == (Told.IN_MODEL,) * 2 else clients.operand_type(nn, type, in_execution(pair), scale_of(type))
        for pair in pairs
    ]
    for index in range(2):
        clients.set_input(nn, execution, index, arrays[index], told[index])
    clients.set_output(nn, execution, 0, arrays[2], told[2])
    code = compute(nn, mode, execution, compilation)
    if any(Told.OTHERWISE in pair for pair in pairs):
        assert code == R.OP_FAILED
    else:
        assert code == R.NO_ERROR
        assert (arrays[2] == 5).all()
    lib.ANeuralNetworksExecution_free(execution)
    lib.ANeuralNetworksCompilation_free(compilation)
    lib.ANeuralNetworksModel_free(model)


@pytest.mark.parametrize("dimensions", [(0, 3), (3, 0), (0, 0), ()])
def test_a_constant_must_be_known(nn, dimensions):
    model, twos = clients.new_model(nn), np.full(9, 2, np.float32)
    clients.add_operand(nn, model, nn.lib.ANEURALNETWORKS_TENSOR_FLOAT32, dimensions)
    call = nn.lib.ANeuralNetworksModel_setOperandValue
    assert call(model, 0, clients.pointer(nn, twos), twos.nbytes) == R.BAD_DATA


# Sizes beyond 32 bits


def test_sizes_that_overflow_are_refused(nn):
    lib, model, buffer = nn.lib, clients.new_model(nn), nn.ffi.new("char[20]")
    float32 = lib.ANEURALNETWORKS_TENSOR_FLOAT32
    large = clients.operand_type(nn, float32, (5, 4, 4, 786433, 5, 3, 16777216, 4, 5))
    assert lib.ANeuralNetworksModel_addOperand(model, large) == R.BAD_DATA
    for _ in range(2):
        clients.add_operand(nn, model, float32, (5, 4, 4, 0, 5, 3, 0, 4, 5))
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_ABS, [0], [1])
    clients.identify(nn, model, [0], [1])
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    execution = clients.new_execution(nn, clients.new_compilation(nn, model))
    assert lib.ANeuralNetworksExecution_setInput(execution, 0, large, buffer, 20) == R.BAD_DATA
    assert lib.ANeuralNetworksExecution_setOutput(execution, 0, large, buffer, 20) == R.BAD_DATA


@pytest.mark.parametrize("mode", MODES[:3])
def test_an_output_whose_size_overflows_fails(nn, mode):
    """FULLY_CONNECTED of 65536 by 65536."""
    lib, model, count = nn.lib, clients.new_model(nn), 1 << 16
    float32 = lib.ANEURALNETWORKS_TENSOR_FLOAT32
    for dimensions in ((0, 1), (0, 1), (0,)):
        clients.add_operand(nn, model, float32, dimensions)
    clients.add_operand(nn, model, lib.ANEURALNETWORKS_INT32)
    clients.set_scalar(nn, model, 3, 0)
    clients.add_operand(nn, model, float32, (0, 0))
    clients.add_operation(nn, model, lib.ANEURALNETWORKS_FULLY_CONNECTED, [0, 1, 2, 3], [4])
    clients.identify(nn, model, [0, 1, 2], [4])
    clients.ok(lib.ANeuralNetworksModel_finish(model))
    compilation = clients.new_compilation(nn, model)
    execution = clients.new_execution(nn, compilation)
    given_, output = np.zeros(count, np.float32), np.zeros(count, np.float32)
    for index, dimensions in enumerate(((count, 1), (count, 1), (count,))):
        clients.set_input(nn, execution, index, given_, clients.operand_type(nn, float32, dimensions))
    clients.set_output(nn, execution, 0, output)
    assert compute(nn, mode, execution, compilation) == R.OP_FAILED
