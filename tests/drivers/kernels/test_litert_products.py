"""8-bit convolutions, products and poolings against LiteRT's reference kernels, bit for bit, on random models."""

from dataclasses import dataclass

import numpy as np
import pytest

from drivers.cpu.device import CpuDevice
from hal.model import Lifetime, Model, Operand, Operation, PerChannelQuantization, Subgraph
from hal.operations import DECLARATIONS
from hal.types import OperandType
from hal.types import OperationType as O
from tests.litert import reference_outputs
from tests.support import constant, execute, prepare
from tests.tools.importers.tflite_writer import Graph, Op, T

INT8 = OperandType.TENSOR_QUANT8_ASYMM_SIGNED
PER_CHANNEL = OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL
SEEDS = range(40)


@pytest.fixture(scope="module")
def device():
    return CpuDevice()


@dataclass
class Quantized:
    """A tensor; ``scales`` along ``dimension``, one of them or one for each channel."""

    values: np.ndarray
    scales: np.ndarray
    zero_point: int = 0
    dimension: int = 0

    def tflite(self, is_constant):
        quantization = self.scales, [self.zero_point] * len(self.scales), self.dimension
        given = {"value": self.values} if is_constant else {"shape": self.values.shape, "type": "INT8"}
        return T(**given, quantization=quantization)

    def operand(self, is_constant):
        lifetime, value = (Lifetime.CONSTANT_COPY, self.values) if is_constant else (Lifetime.SUBGRAPH_INPUT, None)
        shape, scale = self.values.shape, float(self.scales[0])
        if self.values.dtype == np.int32:  # the bias, whose scale is 0 where it is one for each channel
            scale = 0.0 if len(self.scales) > 1 else scale
            return Operand(OperandType.TENSOR_INT32, shape, scale, lifetime=lifetime, value=value)
        if len(self.scales) == 1:
            return Operand(INT8, shape, scale, self.zero_point, lifetime, value)
        scales = tuple(float(scale) for scale in self.scales)
        per_channel = PerChannelQuantization(self.dimension, scales)
        return Operand(PER_CHANNEL, shape, lifetime=lifetime, value=value, per_channel=per_channel)


class Draw:
    """Random values from one seed."""

    def __init__(self, seed):
        self._random = np.random.default_rng(seed)

    def int(self, low, high):
        return int(self._random.integers(low, high, endpoint=True))

    def power(self, low, high, *count):
        """Powers of 2, in some draws of whole numbers: products of such scales make exact halves."""
        exponents = self._random.uniform(low, high, count)
        return np.float32(2 ** (exponents if self.int(0, 2) else np.round(exponents)))

    def int8(self, *shape, least=-128):
        return self._random.integers(least, 128, shape).astype(np.int8)

    def image(self):
        return self.tensor(self.int(1, 2), self.int(5, 12), self.int(5, 12), self.int(1, 20))

    def tensor(self, *shape):
        return Quantized(self.int8(*shape), self.power(-8, -2, 1), self.int(-128, 127))

    def weights(self, *shape, dimension):
        count = shape[dimension] if self.int(0, 3) else 1
        return Quantized(self.int8(*shape, least=-127), self.power(-9, -4, count), 0, dimension)

    def bias(self, inputs, weights, channels):
        values = self._random.integers(-4000, 4000, channels).astype(np.int32)
        return Quantized(values, inputs.scales * weights.scales)

    def output_for(self, inputs, weights, terms):
        """The quantisation of a sum of ``terms`` products: most are in range, some multipliers are above 1."""
        largest = inputs.scales[0] * weights.scales.max()
        spread = np.float32(2 ** round(np.log2(terms) / 2))
        return largest * spread * self.power(-2, 12), self.int(-128, 127)

    def walk(self):
        """Padding (the same code in NNAPI and, one less, in TFLite) and strides of width and height."""
        return self.int(1, 2), self.int(1, 3), self.int(1, 3)


def compare(device, operation_type, inputs, constants, scalars, output, tflite, order=None):
    """``output``: its scale and zero point; ``tflite``: the operator's name and options.

    ``order``: the operator's inputs, as positions among ``inputs``, ``constants`` and those of ``scalars``
    that are arrays.
    """
    scale, zero_point = output
    operands = [each.operand(False) for each in inputs] + [each.operand(True) for each in constants]
    operands += [constant(scalar) for scalar in scalars]
    declaration = DECLARATIONS[operation_type]
    (dimensions,) = declaration.infer(declaration.bind(operands))
    result = len(operands)
    operation = Operation(operation_type, tuple(range(result)), (result,))
    operands.append(Operand(INT8, dimensions, float(scale), zero_point, Lifetime.SUBGRAPH_OUTPUT))
    model = Model(Subgraph(tuple(operands), (operation,), tuple(range(len(inputs))), (result,)))
    values = [each.values for each in inputs]
    (actual,) = execute(prepare(device, model), values, [dimensions], np.int8)

    name, options = tflite
    tensors = [each.tflite(False) for each in inputs] + [each.tflite(True) for each in constants]
    tensors += [T(value=scalar) for scalar in scalars if isinstance(scalar, np.ndarray)]
    tensors.append(T(dimensions, "INT8", quantization=([scale], [zero_point], 0)))
    result = len(tensors) - 1
    operator = Op(name, order or list(range(result)), [result], options)
    graph = Graph(tensors, [operator], list(range(len(inputs))))
    (expected,) = reference_outputs(graph, values)
    np.testing.assert_array_equal(actual, expected)
    return actual


def window_options(padding, strides, activation, **more):
    return {
        "Padding": padding - 1, "StrideW": strides[0], "StrideH": strides[1], "FusedActivationFunction": activation,
    } | more  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_conv_2d(device, seed, groups):
    draw = Draw(seed)
    rows, columns, depth, channels = draw.int(1, 4), draw.int(1, 4), draw.int(1, 20), groups * draw.int(1, 20)
    image = draw.tensor(draw.int(1, 2), draw.int(7, 12), draw.int(7, 12), groups * depth)
    weights = draw.weights(channels, rows, columns, depth, dimension=0)
    bias = draw.bias(image, weights, channels)
    output = draw.output_for(image, weights, rows * columns * depth)
    (padding, *strides), activation = draw.walk(), draw.int(0, 3)
    dilations = (draw.int(1, 2), draw.int(1, 2)) if groups == 1 else (1, 1)
    options = window_options(padding, strides, activation, DilationWFactor=dilations[0], DilationHFactor=dilations[1])
    if groups == 1:
        operation_type, rest = O.CONV_2D, (activation, False, *dilations)
    else:
        operation_type, rest = O.GROUPED_CONV_2D, (groups, activation, False)
    compare(
        device, operation_type, [image], [weights, bias], (padding, *strides, *rest), output,
        ("CONV_2D", ("Conv2DOptions", options)),
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_depthwise_conv_2d(device, seed):
    draw = Draw(seed)
    rows, columns, depth, multiplier = draw.int(1, 4), draw.int(1, 4), draw.int(1, 40), draw.int(1, 3)
    channels = depth * multiplier
    image = draw.tensor(draw.int(1, 2), draw.int(7, 12), draw.int(7, 12), depth)
    weights = draw.weights(1, rows, columns, channels, dimension=3)
    bias = draw.bias(image, weights, channels)
    output = draw.output_for(image, weights, rows * columns)
    (padding, *strides), activation = draw.walk(), draw.int(0, 3)
    dilations = draw.int(1, 2), draw.int(1, 2)
    options = window_options(
        padding, strides, activation,
        DepthMultiplier=multiplier, DilationWFactor=dilations[0], DilationHFactor=dilations[1],
    )  # fmt: skip
    compare(
        device, O.DEPTHWISE_CONV_2D, [image], [weights, bias],
        (padding, *strides, multiplier, activation, False, *dilations), output,
        ("DEPTHWISE_CONV_2D", ("DepthwiseConv2DOptions", options)),
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_fully_connected(device, seed):
    draw = Draw(seed)
    size, units = draw.int(1, 80), draw.int(1, 40)
    values = draw.tensor(draw.int(1, 6), size)
    weights = draw.tensor(units, size) if draw.int(0, 1) else Quantized(draw.int8(units, size), draw.power(-9, -4, 1))
    bias = draw.bias(values, weights, units)
    activation = draw.int(0, 3)
    options = {"FusedActivationFunction": activation}
    compare(
        device, O.FULLY_CONNECTED, [values], [weights, bias], (activation,), draw.output_for(values, weights, size),
        ("FULLY_CONNECTED", ("FullyConnectedOptions", options)),
    )  # fmt: skip


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.5, 2.5])
def test_fully_connected_of_halves(device, scale):
    values = Quantized(np.arange(-128, 128, dtype=np.int8)[:, None], np.array([scale]))
    weights = Quantized(np.ones((1, 1), np.int8), np.array([1.0]))
    bias = Quantized(np.zeros(1, np.int32), np.array([scale]))
    options = {"FusedActivationFunction": 0}
    compare(
        device, O.FULLY_CONNECTED, [values], [weights, bias], (0,), (1.0, -7),
        ("FULLY_CONNECTED", ("FullyConnectedOptions", options)),
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("operation_type", [O.AVERAGE_POOL_2D, O.MAX_POOL_2D], ids=lambda each: each.name)
def test_pool(device, operation_type, seed):
    draw = Draw(seed)
    image = draw.image()
    rows, columns, activation = draw.int(1, 5), draw.int(1, 5), draw.int(0, 3)
    padding, *strides = draw.walk()
    options = window_options(padding, strides, activation, FilterWidth=columns, FilterHeight=rows)
    compare(
        device, operation_type, [image], [], (padding, *strides, columns, rows, activation),
        (image.scales[0], image.zero_point), (operation_type.name, ("Pool2DOptions", options)),
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_transpose_conv_2d(device, seed):
    draw = Draw(seed)
    rows, columns, channels = draw.int(1, 4), draw.int(1, 4), draw.int(1, 20)
    image = draw.image()
    batches, height, width, depth = image.values.shape
    weights = draw.weights(channels, rows, columns, depth, dimension=0)
    bias = draw.bias(image, weights, channels)
    strides = draw.int(1, 3), draw.int(1, 3)
    shape = np.array([batches, height * strides[1], width * strides[0], channels], np.int32)
    options = {"Padding": 0, "StrideW": strides[0], "StrideH": strides[1]}
    compare(
        device, O.TRANSPOSE_CONV_2D, [image], [weights, bias], (shape, 1, *strides, 0, False),
        draw.output_for(image, weights, rows * columns * depth), ("TRANSPOSE_CONV", ("TransposeConvOptions", options)),
        [3, 1, 0, 2],
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_batch_matmul(device, seed):
    draw = Draw(seed)
    batches = [draw.int(1, 3) for _ in range(draw.int(0, 2))]
    rows, inner, columns = draw.int(1, 9), draw.int(1, 30), draw.int(1, 20)
    turned = draw.int(0, 1), draw.int(0, 1)
    first = draw.tensor(*batches, *((inner, rows) if turned[0] else (rows, inner)))
    second = draw.tensor(*batches, *((columns, inner) if turned[1] else (inner, columns)))
    options = {"AdjX": bool(turned[0]), "AdjY": bool(turned[1])}
    compare(
        device, O.BATCH_MATMUL, [first, second], [], [bool(each) for each in turned],
        draw.output_for(first, second, inner), ("BATCH_MATMUL", ("BatchMatMulOptions", options)),
    )  # fmt: skip
