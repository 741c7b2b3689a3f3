"""8-bit kernels against LiteRT's reference kernels, bit for bit, on random models."""

import numpy as np
import pytest

from drivers.cpu.device import CpuDevice
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.types import OperandType
from hal.types import OperationType as O
from tests.litert import reference_outputs
from tests.support import execute, prepare
from tests.tools.importers.tflite_writer import Graph, Op, T

INT8 = OperandType.TENSOR_QUANT8_ASYMM_SIGNED


@pytest.fixture(scope="module")
def device():
    return CpuDevice()


def litert(name, options, inputs, result):
    """What LiteRT makes of one operator on int8 tensors, given as (values, scale, zero point)."""
    tensors = [
        T(values.shape, "INT8", quantization=([scale], [zero_point], 0))
        for values, scale, zero_point in (*inputs, result)
    ]
    positions = list(range(len(inputs)))
    graph = Graph(tensors, [Op(name, positions, [len(inputs)], options)], positions)
    return reference_outputs(graph, [values for values, _, _ in inputs])[0]


class Draw:
    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def shapes(self):
        """Two that broadcast, and what they broadcast to."""
        shape = self.random.integers(1, 9, self.random.integers(1, 5))
        both = [np.where(self.random.random(len(shape)) < 0.25, 1, shape) for _ in range(2)]
        return *both, np.maximum(*both)

    def tensor(self, shape):
        values = self.random.integers(-128, 128, shape).astype(np.int8)
        return values, np.float32(2 ** self.random.uniform(-9, -1)), int(self.random.integers(-128, 128))


def ours(device, operation_type, inputs, scalars, result):
    operands = [
        Operand(INT8, values.shape, float(scale), zero_point, Lifetime.SUBGRAPH_INPUT)
        for values, scale, zero_point in inputs
    ]
    for scalar in scalars:
        operand_type = OperandType.FLOAT32 if isinstance(scalar, float) else OperandType.INT32
        value = np.array(scalar, operand_type.dtype)
        operands.append(Operand(operand_type, lifetime=Lifetime.CONSTANT_COPY, value=value))
    values, scale, zero_point = result
    outputs = (len(operands),)
    operation = Operation(operation_type, tuple(range(len(operands))), outputs)
    operands.append(Operand(INT8, values.shape, float(scale), zero_point, Lifetime.SUBGRAPH_OUTPUT))
    model = Model(Subgraph(tuple(operands), (operation,), tuple(range(len(inputs))), outputs))
    return execute(prepare(device, model), [values for values, _, _ in inputs], [values.shape], np.int8)[0]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL"])
def test_arithmetic(device, name, seed):
    draw = Draw(seed)
    first, second, combined = draw.shapes()
    inputs = [draw.tensor(first), draw.tensor(second)]
    (_, one, _), (_, other, _) = inputs
    largest = one * other * 127 if name == "MUL" else one + other
    result = draw.tensor(combined)
    result = result[0], np.float32(largest * draw.random.uniform(0.2, 1.5)), result[2]
    activation = seed % 4  # NNAPI and TFLite count them alike
    expected = litert(name, (f"{name.title()}Options", {"FusedActivationFunction": activation}), inputs, result)
    actual = ours(device, O[name], inputs, [activation], result)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("seed", range(40))
def test_softmax(device, seed):
    draw = Draw(seed)
    shape = (*draw.random.integers(1, 5, draw.random.integers(0, 3)), draw.random.integers(1, 400))
    inputs = [draw.tensor(shape)]
    result = np.empty(shape, np.int8), np.float32(1 / 256), -128
    beta = float(np.float32(draw.random.uniform(0.1, 3)))
    expected = litert("SOFTMAX", ("SoftmaxOptions", {"Beta": beta}), inputs, result)
    actual = ours(device, O.SOFTMAX, inputs, [beta], result)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize(("name", "scale", "zero_point"), [("LOGISTIC", 1 / 256, -128), ("TANH", 1 / 128, 0)])
def test_function_of_all_values(device, name, scale, zero_point, seed):
    _, input_scale, input_zero_point = Draw(seed).tensor(())
    values = np.arange(-128, 128, dtype=np.int8)
    result = values, np.float32(scale), zero_point
    inputs = [(values, input_scale, input_zero_point)]
    expected = litert(name, (), inputs, result)
    np.testing.assert_array_equal(ours(device, O[name], inputs, [], result), expected)


@pytest.mark.parametrize("seed", range(20))
def test_prelu(device, seed):
    draw = Draw(seed)
    shape = draw.random.integers(1, 7, 4)
    inputs = [draw.tensor(shape), draw.tensor((1, 1, shape[3]))]
    (_, scale, _), (_, slope_scale, _) = inputs
    values, _, zero_point = draw.tensor(shape)
    result = values, np.float32(scale * max(1, 40 * slope_scale)), zero_point
    expected = litert("PRELU", (), inputs, result)
    np.testing.assert_array_equal(ours(device, O.PRELU, inputs, [], result), expected)
