"""ADD, MUL and PRELU of 8-bit values by vectors: equal to the kernels for any shapes, on some threads."""

import numpy as np
import pytest

from drivers.dsp.numerics import DSP
from drivers.engine import lowering
from drivers.engine.numerics import EXACT
from drivers.kernels import elementwise, elementwise_quant8
from drivers.npu.numerics import NPU
from hal.model import Operand
from hal.types import FuseCode, OperandType
from hal.types import OperationType as O
from tests.drivers.engine import programs
from tests.networks import Network

INT8 = OperandType.TENSOR_QUANT8_ASYMM_SIGNED
PAIRS = "elementwise_quant8.pairs."
BOTH = [((1, 4, 4), (1, 4, 4)), ((37,), (37,)), ((3, 50, 31), (3, 50, 31)), ((2, 5000), (2, 5000))]
BY_CHANNEL = [((3, 7, 8), (8,)), ((5, 1, 3, 8), (8,)), ((2, 7, 9, 33), (1, 1, 33)), ((6, 16), (16,)), ((11, 70), (70,))]


@pytest.fixture(autouse=True)
def _shared_however_small(monkeypatch):
    """Threads have their part of every command."""
    monkeypatch.setattr(lowering, "WORTH_SHARING", 0)


def values(shape, seed):
    """Every number there is, and more of them at random."""
    size = int(np.prod(shape))
    numbers = np.concatenate([np.arange(-128, 128), np.random.default_rng(seed).integers(-128, 128, size)])
    return np.random.default_rng(seed).permutation(numbers)[:size].astype(np.int8).reshape(shape)


def check(operation, shapes, scales, numerics, lanes, *, constant):
    """``scales``: of both inputs and of the output; ``constant``: whether the second input is one."""
    network, given = Network(), [values(shape, seed) for seed, shape in enumerate(shapes)]
    likes = [Operand(INT8, scale=scale, zero_point=zero) for scale, zero in zip(scales, (3, -11, 5))]
    inputs = [network.input(*shapes[0], like=likes[0])]
    inputs.append(network.constant(given[1], likes[1]) if constant else network.input(*shapes[1], like=likes[1]))
    activation = [] if operation is O.PRELU else [FuseCode.RELU]
    model = network.model(network.apply(operation, *inputs, *activation, like=likes[2]))
    given = given[:1] if constant else given
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elementwise_quant8.processor, "lanes", lambda: lanes)
        program, arguments, (actual,) = programs.lowered(model, given, numerics)
    assert [command.kernel.name.startswith(PAIRS) for command in program.commands] == [True]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elementwise, "emit_pairs", lambda *_: False)
        (expected,), names = programs.run(model, given, numerics)
    assert not any(name.startswith("elementwise_quant8") for name in names)
    for number in (1, 2, 3):
        actual[...] = 77
        program.run(arguments, programs.threads(number))
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("numerics", [EXACT, DSP, NPU], ids=["CPU", "DSP", "NPU"])
@pytest.mark.parametrize("operation", [O.ADD, O.MUL], ids=lambda operation: operation.name)
def test_inputs_that_are_alike(operation, numerics, lanes):
    for shapes in BOTH:
        for scales in ((0.5, 0.5, 0.5), (0.3, 0.07, 0.31), (0.02, 0.7, 1.3)):
            out = scales[2] if operation is O.ADD else 40 * scales[0] * scales[1]
            check(operation, shapes, (*scales[:2], out), numerics, lanes, constant=False)


@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("constant", [False, True], ids=["given", "constant"])
@pytest.mark.parametrize("operation", [O.ADD, O.MUL, O.PRELU], ids=lambda operation: operation.name)
def test_a_second_input_by_channel(operation, constant, lanes):
    for shapes in BY_CHANNEL:
        for scales in ((0.5, 0.01, 0.5), (0.5, 0.013, 0.3), (0.5, 0.013, 0.7)):
            out = 40 * scales[0] * scales[1] if operation is O.MUL else scales[2]
            check(operation, shapes, (*scales[:2], out), EXACT, lanes, constant=constant)


def test_prelu_by_element():
    check(O.PRELU, BOTH[2], (0.5, 0.013, 0.3), EXACT, 16, constant=True)


@pytest.mark.parametrize(
    "shapes", [((3, 4, 5), (4, 1)), ((2, 3), (2, 3)), ((1, 5), (4, 5))], ids=["by row", "too small", "the first"]
)
def test_other_shapes_have_other_kernels(shapes):
    network, given = Network(), [values(shape, seed) for seed, shape in enumerate(shapes)]
    inputs = [network.input(*shape, like=Operand(INT8, scale=0.5)) for shape in shapes]
    model = network.model(network.apply(O.ADD, *inputs, FuseCode.NONE))
    (actual,), names = programs.run(model, given)
    assert not any(name.startswith("elementwise_quant8") for name in names)
    np.testing.assert_array_equal(actual, np.clip(given[0].astype(int) + given[1], -128, 127))
