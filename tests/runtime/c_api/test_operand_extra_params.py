"""Scales by channel, by ANeuralNetworksModel_setOperandSymmPerChannelQuantParams."""

from __future__ import annotations

import pytest

from hal.types import OEM_SCALAR, TENSOR_OEM_BYTE, ResultCode
from hal.types import OperandType as T
from tests.runtime.c_api import clients

PER_CHANNEL = T.TENSOR_QUANT8_SYMM_PER_CHANNEL
DIMENSIONS = (1, 2, 3, 4)
OTHER_TYPES = [each for each in (*T, OEM_SCALAR, TENSOR_OEM_BYTE) if each != PER_CHANNEL]


@pytest.fixture
def model(nn):
    made = clients.new_model(nn)
    yield made
    nn.lib.ANeuralNetworksModel_free(made)


def given(nn, model, index, channel_dim, scales, count=None) -> int:
    array = nn.ffi.NULL if scales is None else nn.ffi.new("float[]", scales)
    count = len(scales) if count is None else count
    params = nn.ffi.new("ANeuralNetworksSymmPerChannelQuantParams*", [channel_dim, count, array])
    return nn.lib.ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(model, index, params)


def test_one_scale_for_each_channel(nn, model):
    clients.add_operand(nn, model, PER_CHANNEL, DIMENSIONS)
    assert given(nn, model, 0, 3, [1, 2, 3, 4]) == ResultCode.NO_ERROR
    assert given(nn, model, 0, 1, [1, 2]) == ResultCode.NO_ERROR  # instead


@pytest.mark.parametrize("other", OTHER_TYPES, ids=str)
def test_other_types_have_none(nn, model, other):
    known = isinstance(other, T)
    dimensions = DIMENSIONS if other == TENSOR_OEM_BYTE or (known and other.is_tensor) else ()
    clients.add_operand(nn, model, other, dimensions, 1.0 if known and other.has_scale else 0.0)
    assert given(nn, model, 0, 3, [1, 2, 3, 4]) == ResultCode.BAD_DATA


@pytest.mark.parametrize(
    ("channel_dim", "scales", "count"),
    [
        pytest.param(7, [1, 2, 3, 4], 4, id="no such dimension"),
        pytest.param(2**32 - 1, [1, 2, 3, 4], 4, id="no such dimension by far"),
        pytest.param(3, [1, 2, 3, 4], 3, id="too few scales"),
        pytest.param(3, [1] * 10, 10, id="too many scales"),
        pytest.param(3, [1, 2, -3, 4], 4, id="a negative scale"),
        pytest.param(3, [1, 2, 0, 4], 4, id="a scale of 0"),
        pytest.param(3, [1, 2, float("inf"), 4], 4, id="an infinite scale"),
        pytest.param(3, None, 4, id="no scales"),
        pytest.param(3, [1], 0, id="a count of 0"),
    ],
)
def test_refuses_scales_that_do_not_fit(nn, model, channel_dim, scales, count):
    clients.add_operand(nn, model, PER_CHANNEL, DIMENSIONS)
    assert given(nn, model, 0, channel_dim, scales, count) == ResultCode.BAD_DATA


def test_refuses_channels_of_an_unknown_number(nn, model):
    clients.add_operand(nn, model, PER_CHANNEL, (2, 0))
    assert given(nn, model, 0, 1, [1, 2]) == ResultCode.BAD_DATA
    assert given(nn, model, 0, 0, [1, 2]) == ResultCode.NO_ERROR


@pytest.mark.parametrize(("scale", "zero_point"), [(1.0, 0), (0.0, 1)])
def test_the_operand_itself_has_neither_scale_nor_zero_point(nn, model, scale, zero_point):
    operand = clients.operand_type(nn, PER_CHANNEL, DIMENSIONS, scale, zero_point)
    assert nn.lib.ANeuralNetworksModel_addOperand(model, operand) == ResultCode.BAD_DATA


def test_refuses_an_operand_that_is_not_there(nn, model):
    clients.add_operand(nn, model, PER_CHANNEL, DIMENSIONS)
    for index in (1, -1):
        assert given(nn, model, index, 3, [1, 2, 3, 4]) == ResultCode.BAD_DATA


def test_refuses_null(nn, model):
    clients.add_operand(nn, model, PER_CHANNEL, DIMENSIONS)
    assert given(nn, nn.ffi.NULL, 0, 3, [1, 2, 3, 4]) == ResultCode.UNEXPECTED_NULL
    code = nn.lib.ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(model, 0, nn.ffi.NULL)
    assert code == ResultCode.UNEXPECTED_NULL


def test_refuses_a_model_that_could_not_be_finished(nn, model):
    clients.add_operand(nn, model, PER_CHANNEL, DIMENSIONS)
    assert nn.lib.ANeuralNetworksModel_finish(model) == ResultCode.BAD_DATA
    assert given(nn, model, 0, 3, [1, 2, 3, 4]) == ResultCode.BAD_STATE
