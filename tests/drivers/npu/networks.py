"""A small int8 network: convolutions, a residual connection, moves, a matrix product and activations."""

import numpy as np

from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.operations import DECLARATIONS
from hal.types import OperandType, OperationType
from tests.hal.operations.calls import by_channel, operand, stored

INT8 = OperandType.TENSOR_QUANT8_ASYMM_SIGNED


class Network:
    """Adds operations one after the other; each result is like NNAPI wants it, at a scale of 1/8."""

    def __init__(self, *dimensions):
        self.operands = [Operand(INT8, dimensions, 0.125, lifetime=Lifetime.SUBGRAPH_INPUT)]
        self.operations = []
        self.outputs = []
        self._random = np.random.default_rng(1)

    def add(self, operation_type, *arguments, scale=0.125, zero_point=0):
        """The index of the operation's result; an operand of the model stands as its index in a list."""
        numbers = []
        for argument in arguments:
            if not isinstance(argument, list):
                self.operands.append(operand(argument))
            numbers.append(argument[0] if isinstance(argument, list) else len(self.operands) - 1)
        declaration = DECLARATIONS[operation_type]
        bound = declaration.bind([self.operands[number] for number in numbers])
        results = []
        for dimensions in declaration.infer(bound):
            results.append(len(self.operands))
            self.operands.append(Operand(INT8, dimensions, scale, zero_point))
        self.operations.append(Operation(operation_type, tuple(numbers), tuple(results)))
        return results[0]

    def convolve(self, x, filters, size, stride=1):
        channels = self.operands[x].dimensions[3]
        weights = self._random.integers(-127, 128, (filters, size, size, channels))
        bias = stored(np.zeros(filters), OperandType.TENSOR_INT32)
        scales = (2.0**-9,) * filters
        return self.add(OperationType.CONV_2D, [x], by_channel(weights, 0, scales), bias, 1, stride, stride, 1)

    def convolve_depthwise(self, x, size, stride=1):
        channels = self.operands[x].dimensions[3]
        weights = by_channel(self._random.integers(-127, 128, (1, size, size, channels)), 3, (2.0**-6,) * channels)
        bias = stored(np.zeros(channels), OperandType.TENSOR_INT32)
        return self.add(OperationType.DEPTHWISE_CONV_2D, [x], weights, bias, 1, stride, stride, 1, 0)

    def model(self, *outputs):
        operands = list(self.operands)
        for index in outputs:
            each = operands[index]
            operands[index] = Operand(each.type, each.dimensions, each.scale, each.zero_point, Lifetime.SUBGRAPH_OUTPUT)
        return Model(Subgraph(tuple(operands), tuple(self.operations), (0,), outputs))


def small(size=32, width=16):
    """About ten operations, among them two whose results are needed for long, and a chain of other names."""
    network = Network(1, size, size, 3)
    stem = network.convolve(0, width, 3, stride=2)
    wide = network.convolve(network.convolve_depthwise(stem, 3), 4 * width, 1)
    narrow = network.convolve(wide, width, 3)
    total = network.add(OperationType.ADD, [stem], [narrow], 1)
    joined = network.add(OperationType.CONCATENATION, [total], [narrow], 3)
    pooled = network.add(OperationType.MAX_POOL_2D, [joined], 1, 2, 2, 2, 2, 0)
    count = int(np.prod(network.operands[pooled].dimensions))
    flat = network.add(OperationType.RESHAPE, [pooled], np.array([1, count], np.int32))
    weights = stored(np.random.default_rng(2).integers(-127, 128, (10, count)), INT8, 2.0**-9)
    bias = stored(np.zeros(10), OperandType.TENSOR_INT32, 2.0**-12)
    scores = network.add(OperationType.FULLY_CONNECTED, [flat], weights, bias, 0)
    shares = network.add(OperationType.SOFTMAX, [scores], 1.0, scale=1 / 256, zero_point=-128)
    return network.model(shares, narrow)
