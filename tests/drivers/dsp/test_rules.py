"""What the DSP takes, and the sentences for what it does not."""

from dataclasses import replace

import numpy as np
import pytest

from drivers.dsp import rules
from drivers.dsp.device import DspDevice
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.operations import DECLARATIONS
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.hal.operations.calls import by_channel, stored
from tests.models import model_of
from tests.support import constant

FLOATING = (T.TENSOR_FLOAT32, T.TENSOR_FLOAT16)


@pytest.fixture(scope="module")
def device():
    return DspDevice()


def tensor(operand_type, *dimensions, scale=0.5, zero_point=0):
    return Operand(operand_type, dimensions, scale if operand_type.has_scale else 0.0, zero_point)


def refusal(device, operation_type, *arguments, to):
    (support,) = device.supported_operations(model_of(operation_type, *arguments, to=to)[0])
    assert (support.cost is None) == bool(support.refusal)
    return support.refusal


def test_it_takes_more_than_45_operations_and_none_over_floating_point():
    assert len(rules.TAKES) >= 45
    for operation_type, taken in rules.TAKES.items():
        assert taken <= set(DECLARATIONS[operation_type].types)
        assert taken.isdisjoint(FLOATING)


@pytest.mark.parametrize("operation_type", sorted(set(DECLARATIONS) - set(rules.TAKES)), ids=lambda code: O(code).name)
def test_every_other_operation_has_its_reason(device, operation_type):
    data = next(iter(DECLARATIONS[operation_type].types))
    model = Model(Subgraph((Operand(data),), (Operation(operation_type, (0,), ()),), (0,), ()))
    reason = rules.refusal(device.description.dsp, model, model.main.operations[0])
    what_is_wrong, _, what_would_be_right = reason.rpartition(": ")
    assert what_is_wrong
    assert len(what_would_be_right.split()) >= 3


@pytest.mark.parametrize("operand_type", FLOATING)
def test_floating_point(device, operand_type):
    x = tensor(operand_type, 1, 4)
    assert refusal(device, O.ADD, x, x, 0, to=x) == (
        f"its data is {operand_type.name}, and the device computes in integers: quantise the model, to "
        "TENSOR_INT32, TENSOR_QUANT8_ASYMM or TENSOR_QUANT8_ASYMM_SIGNED"
    )


def test_other_data(device):
    words = tensor(T.TENSOR_INT32, 1, 2, 2)
    assert refusal(device, O.BATCH_MATMUL, words, words, False, False, to=words) == (
        "its data is TENSOR_INT32; the device takes it over TENSOR_QUANT8_ASYMM_SIGNED"
    )


def test_casting_to_floating_point(device):
    assert refusal(device, O.CAST, tensor(T.TENSOR_INT32, 4), to=tensor(T.TENSOR_FLOAT32, 4)) == (
        "its output 0 is TENSOR_FLOAT32, and the device computes in integers: it must be of a quantised type"
    )


@pytest.mark.parametrize("operand_type", [T.TENSOR_QUANT8_ASYMM, T.TENSOR_QUANT8_ASYMM_SIGNED, T.TENSOR_QUANT8_SYMM])
@pytest.mark.parametrize("floating", FLOATING)
def test_dequantising_is_looking_up(device, operand_type, floating):
    assert refusal(device, O.DEQUANTIZE, tensor(operand_type, 4), to=tensor(floating, 4)) == ""


@pytest.mark.parametrize("operand_type", [T.TENSOR_QUANT16_SYMM, T.TENSOR_QUANT16_ASYMM])
def test_16_bit_tensors_are_cast(device, operand_type):
    assert refusal(device, O.CAST, tensor(operand_type, 4), to=tensor(operand_type, 4)) == ""


def test_rank(device):
    x = tensor(T.TENSOR_BOOL8, 1, 1, 1, 1, 2)
    assert refusal(device, O.LOGICAL_NOT, x, to=x) == (
        "its input 0 has rank 5; the device's addressing has 4 dimensions at most: reshape it"
    )


def test_dimensions():
    device = DspDevice("hexagon-690")
    x = tensor(T.TENSOR_QUANT8_ASYMM, 1, 70_000)
    assert refusal(device, O.RELU, x, to=x) == (
        "its input 0 has dimensions [1, 70000]; each may be 65535 at most: split it"
    )


@pytest.mark.parametrize(("size", "refused"), [(33_025, False), (33_026, True)])
def test_accumulators(device, size, refused):
    """255 * 255 * 33,025 is the last below 2^31."""
    weights = stored(np.zeros((1, size)), T.TENSOR_QUANT8_ASYMM, 0.5)
    bias = stored([0], T.TENSOR_INT32, 0.25)
    x, out = tensor(T.TENSOR_QUANT8_ASYMM, 1, size), tensor(T.TENSOR_QUANT8_ASYMM, 1, 1)
    reason = (
        f"each of its sums has {size} products of up to 65025, and the accumulators have 32 bits: "
        "33025 such products fit; split the input's channels"
    )
    assert refusal(device, O.FULLY_CONNECTED, x, weights, bias, 0, to=out) == (reason if refused else "")


def test_per_channel_weights(device):
    weights = by_channel(np.ones((2, 1, 1, 3)), 0, (0.5, 0.25))
    bias = stored([0, 0], T.TENSOR_INT32)
    x, out = (tensor(T.TENSOR_QUANT8_ASYMM, 1, 2, 2, channels) for channels in (3, 2))
    assert refusal(device, O.CONV_2D, x, weights, bias, 1, 1, 1, 0, to=out) == ""


def test_a_line_of_softmax_must_fit_a_tile():
    device = DspDevice("hexagon-690")
    limits = replace(device.description.dsp.limits, dimension=10**6)
    dsp = replace(device.description.dsp, limits=limits)
    x = tensor(T.TENSOR_QUANT8_ASYMM, 1, 65_537, scale=1 / 256)
    model, _ = model_of(O.SOFTMAX, x, 1.0, to=x)
    assert rules.refusal(dsp, model, model.main.operations[0]) == (
        "its lines are 65537 elements long, and a tile in the tightly-coupled memory holds 65536: split them"
    )


def test_what_only_an_execution_tells_is_the_engine_s_to_refuse(device):
    x = tensor(T.TENSOR_QUANT8_ASYMM, 1, 0)
    assert "dimensions that only an execution knows" in refusal(device, O.RELU, x, to=x)


def test_a_computed_axis(device):
    scalar = Operand(T.INT32, lifetime=Lifetime.SUBGRAPH_INPUT)
    x = replace(tensor(T.TENSOR_QUANT8_ASYMM, 2, 2, scale=1 / 256), lifetime=Lifetime.SUBGRAPH_INPUT)
    out = replace(x, lifetime=Lifetime.SUBGRAPH_OUTPUT)
    main = Subgraph((x, constant(np.float32(1)), scalar, out), (Operation(O.SOFTMAX, (0, 1, 2), (3,)),), (0, 2), (3,))
    (support,) = device.supported_operations(Model(main))
    assert support.refusal == "its input 2 is computed; it must be a constant of the model"


def test_extensions(device):
    operation = Operation(7 << 16, (0,), (1,))
    operand = tensor(T.TENSOR_QUANT8_ASYMM, 1)
    model = Model(Subgraph((operand, operand), (operation,), (0,), (1,)))
    assert rules.refusal(device.description.dsp, model, operation).startswith("it is an extension's")
