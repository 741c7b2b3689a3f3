"""What the GPU refuses, and the sentences that say what it would take."""

from dataclasses import replace

import numpy as np
import pytest

from drivers.gpu.device import GpuDevice
from hal.errors import BadDataError
from hal.model import Lifetime, Operand, PerChannelQuantization
from hal.types import OperandType, OperationType
from tests.control_flow import choice
from tests.hal.operations.calls import stored
from tests.models import model_of
from tests.support import prepare

FLOAT, INT32, BOOL = OperandType.TENSOR_FLOAT32, OperandType.TENSOR_INT32, OperandType.TENSOR_BOOL8
INT8, INT16 = OperandType.TENSOR_QUANT8_ASYMM_SIGNED, OperandType.TENSOR_QUANT16_SYMM
X = stored([[1.0, 2.0]], FLOAT)


@pytest.fixture(scope="module")
def device():
    return GpuDevice()


def refusal(device, model):
    (support,) = device.supported_operations(model)
    return support.refusal


def asked(device, operation_type, *arguments, to, relaxed=True):
    model, _ = model_of(operation_type, *arguments, to=to)
    return refusal(device, replace(model, relaxed=relaxed))


def test_float32_needs_a_relaxed_model(device):
    assert "relax_computation_float32_to_float16" in asked(device, OperationType.RELU, X, to=X, relaxed=False)
    assert asked(device, OperationType.RELU, X, to=X) == ""


def test_a_refused_model_is_not_prepared(device):
    model, _ = model_of(OperationType.RELU, X, to=X)
    with pytest.raises(BadDataError, match=r"operation 0 \(RELU\): its input 0 is TENSOR_FLOAT32"):
        prepare(device, model)


def test_float16_needs_none(device):
    half = stored([[1.0]], OperandType.TENSOR_FLOAT16)
    assert asked(device, OperationType.RELU, half, to=half, relaxed=False) == ""


def test_control_flow_is_for_another_device(device):
    assert refusal(device, replace(choice(), relaxed=True)).startswith("it is control flow")


def test_quantised_types_have_8_bits(device):
    wide = stored([1], INT16, 0.5)
    reason = asked(device, OperationType.CAST, wide, to=wide)
    assert reason == "its input 0 is TENSOR_QUANT16_SYMM; of the quantised types the GPU takes those of 8 bits"


@pytest.mark.parametrize(("scale", "taken"), [(2.0**-14, True), (2.0**-15, False), (256.0, True), (257.0, False)])
def test_scales_must_suit_float16(device, scale, taken):
    x = stored([1], INT8, scale)
    reason = asked(device, OperationType.RELU, x, to=x)
    assert (reason == "") == taken
    assert taken or f"has the scale {scale:g}" in reason


def convolution(device, filters, bias):
    """The refusal of a convolution of quantised data with these operands."""
    x = stored(np.zeros((1, 1, 1, 1)), INT8, 0.5)
    model, _ = model_of(OperationType.CONV_2D, x, filters, bias, 1, 1, 1, 0, to=stored(np.zeros((1, 1, 1, 2)), INT8, 1))
    inputs = [0]
    operands = list(model.main.operands)
    for index, operand in enumerate((filters, bias), start=1):
        if operand.lifetime is Lifetime.CONSTANT_COPY:
            operands[index] = operand
        else:
            inputs.append(index)
    return refusal(device, replace(model, main=replace(model.main, operands=tuple(operands), inputs=tuple(inputs))))


def test_biases_and_scales_by_channel_are_constants(device):
    shape = (2, 1, 1, 1)
    plain, bias = stored(np.zeros(shape), INT8, 0.5), stored([0, 0], INT32, 0.25)
    by_channel = Operand(
        OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL, shape, per_channel=PerChannelQuantization(0, (0.5, 1e-6))
    )
    constant = replace(by_channel, lifetime=Lifetime.CONSTANT_COPY, value=np.zeros(shape, np.int8))
    unscaled = replace(bias, scale=0.0)
    assert convolution(device, plain, bias) == ""
    assert convolution(device, constant, unscaled) == ""
    assert convolution(device, by_channel, unscaled).startswith("its input 1 has a scale for each channel and is no")
    computed = replace(bias, lifetime=Lifetime.SUBGRAPH_INPUT, value=None)
    assert convolution(device, plain, computed).startswith("its bias counts in the scales of inputs 0 and 1")


def test_stored_integers_mean_nothing_to_it(device):
    assert "QUANTIZE and DEQUANTIZE" in asked(device, OperationType.CAST, stored([1], INT8, 0.5), to=stored([0], INT32))


def test_comparisons_need_one_scale(device):
    to = stored([0], BOOL)
    near = stored([1], INT8, 0.5), stored([1], INT8, 0.25)
    assert "must have the same scale" in asked(device, OperationType.EQUAL, *near, to=to)
    assert asked(device, OperationType.EQUAL, near[0], near[0], to=to) == ""


def test_dimensions_must_be_known(device):
    model, _ = model_of(OperationType.RELU, X, to=X)
    operands = tuple(replace(operand, dimensions=(0, 2)) for operand in model.main.operands)
    model = replace(model, main=replace(model.main, operands=operands), relaxed=True)
    assert "dimensions that only an execution knows" in refusal(device, model)


def test_tensors_must_fit_a_buffer():
    device = GpuDevice("mali-g57-mc2")
    most = device.description.gpu.buffer_bytes // 2

    def of_size(elements):
        operand = Operand(FLOAT, (elements,), value=np.broadcast_to(np.float32(0), (elements,)))
        return asked(device, OperationType.RELU, operand, to=operand)

    assert of_size(most) == ""
    assert of_size(most + 1) == f"its input 0 takes {2 * most + 2} bytes on the GPU; its buffers hold {2 * most}"
