"""Cross-layer equalisation: channels of one tensor made alike large, so that one grid serves them all.

A channel can be divided by a factor where everything that computes it can be, and everything that reads it
can take it back: the weights of products do both, and operations such as ADD, RELU and pooling hand a factor
on from what they read to what they write. Channels that factors are handed between form a class, and each
class gets one factor: how large its values are; where weights read it that share a scale with those for
other channels, the root of that over how large these weights are.

RELU6 and RELU1 bound all channels alike. A channel that stays below the bound for all samples can be made as
large as that; then the bound cuts off what no sample has shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hal.model import Model, Operation, is_extension
from hal.operations.activation import FUSED_BOUNDS
from hal.operations.declaration import Arguments, Array, integers
from hal.types import FuseCode
from hal.types import OperationType as O
from tools.graph import Edit, Graph
from tools.quantization.calibration import Observation
from tools.quantization.rules import CHANNEL_DIMS, FLOATS

_PRODUCTS = {
    O.CONV_2D: "filter",
    O.DEPTHWISE_CONV_2D: "filter",
    O.TRANSPOSE_CONV_2D: "filter",
    O.FULLY_CONNECTED: "weights",
}
_HANDING_ON = frozenset(
    {O.RELU, O.PRELU, O.MAX_POOL_2D, O.AVERAGE_POOL_2D, O.RESIZE_BILINEAR, O.RESIZE_NEAREST_NEIGHBOR, O.RESHAPE}
)
"""Operations whose result has the channels of what they read; RESHAPE only where the last dimension stays."""

_POSITIVE = (FuseCode.NONE, FuseCode.RELU)
_LARGEST = 2.0**10
"""Of a factor, and of its reciprocal."""


def equalised(model: Model, observations: Mapping[int, Observation]) -> Model:
    """The model with other weights and biases, and the same results but for rounding and what RELU6 cuts off.

    ``observations``: of the tensors that the main subgraph computes; for those that have none, nothing changes.
    """
    edit = Edit(model)
    graph = edit.graphs[0]
    classes = _Classes(graph, observations)
    factors = classes.factors()
    for operation in graph.operations:  # each is replaced, so that they keep their order
        changed = operation
        if classes.is_product(operation):
            changed = _rescaled(graph, operation, *(factors[classes.of(index)] for index in _ends(operation)))
        graph.replace(operation, changed)
    return edit.finish()


class _Classes:
    """The channels of all tensors, numbered, and which of them are one class."""

    def __init__(self, graph: Graph, observations: Mapping[int, Observation]) -> None:
        self._graph = graph
        self._observations = observations
        self._numbers: dict[int, Array] = {}
        self._count = 0
        for operation in graph.operations:
            for index in (*operation.inputs, *operation.outputs):
                self._number(index)
        self._leaders: Array = np.arange(self._count)
        self._locked = np.zeros(self._count, bool)
        self._bounds = np.full(self._count, np.inf)
        for index in (*graph.inputs, *graph.outputs):
            self._lock(index)
        for operation in graph.operations:
            if not self._hands_on(operation):
                for index in (*operation.inputs, *operation.outputs):
                    self._lock(index)
        self._settle()

    def of(self, index: int) -> Array:
        """The class of each channel of a tensor."""
        return self._leaders[self._numbers[index]]

    def is_product(self, operation: Operation) -> bool:
        """Whether factors can be taken into an operation's weights."""
        if operation.type not in _PRODUCTS:
            return False
        arguments = self._graph.arguments(operation)
        weights, channels = getattr(arguments, _PRODUCTS[O(operation.type)]), arguments.input.dimensions[-1:]
        return (
            weights.type in FLOATS
            and weights.value is not None
            and arguments.bias.value is not None
            and not vars(arguments).get("nchw", False)
            and all(index in self._numbers for index in _ends(operation))
            and (operation.type == O.DEPTHWISE_CONV_2D or channels == weights.dimensions[-1:])
        )

    def factors(self) -> Array:
        """What to divide the channels of each class by."""
        usual, most, tensors, weights = (np.zeros(self._count) for _ in range(4))
        for operation in self._graph.operations:
            for index in operation.outputs:
                if index in self._numbers and index in self._observations:
                    seen, classes = self._observations[index], self.of(index)
                    np.maximum.at(usual, classes, seen.peaks)
                    np.maximum.at(most, classes, seen.highest_peaks)
                    np.maximum.at(tensors, classes, seen.peaks.max())
            if operation.type != O.DEPTHWISE_CONV_2D and self.is_product(operation):
                np.maximum.at(weights, self.of(operation.inputs[0]), _shares(self._graph, operation))
        bounded = np.isfinite(self._bounds)
        sizes = np.where(bounded, most / self._bounds, usual / np.where(tensors > 0, tensors, 1))
        known = (sizes > 0) & ~self._locked
        dense = known & (weights > 0)
        factors = np.where(known, sizes, 1)
        factors[dense] = np.sqrt(sizes[dense] / weights[dense])
        factors[bounded] = np.clip(factors[bounded], np.minimum(sizes, 1)[bounded], 1)
        return np.clip(factors, 1 / _LARGEST, _LARGEST)

    def _number(self, index: int) -> None:
        operand = self._graph.operands[index]
        if index in self._numbers or operand.value is not None or operand.type not in FLOATS:
            return
        channels = operand.dimensions[-1] if operand.dimensions else 0
        self._numbers[index] = np.arange(self._count, self._count + channels)
        self._count += channels

    def _lock(self, index: int) -> None:
        if index in self._numbers:
            self._locked[self._numbers[index]] = True

    def _unite(self, first: Array, second: Array) -> None:
        for one, other in zip(first.tolist(), second.tolist()):
            one, other = self._leader(one), self._leader(other)
            self._leaders[max(one, other)] = min(one, other)

    def _leader(self, number: int) -> int:
        while self._leaders[number] != number:
            number = int(self._leaders[number])
        return number

    def _settle(self) -> None:
        self._leaders = np.array([self._leader(number) for number in range(self._count)], int)
        locked, bounds = np.zeros(self._count, bool), np.full(self._count, np.inf)
        np.logical_or.at(locked, self._leaders, self._locked)
        np.minimum.at(bounds, self._leaders, self._bounds)
        self._locked, self._bounds = locked, bounds

    def _hands_on(self, operation: Operation) -> bool:
        """Unite the classes of what an operation reads and writes; False where factors can't pass it."""
        if is_extension(operation.type) or operation.type in (O.IF, O.WHILE):
            return False
        arguments = self._graph.arguments(operation)
        if operation.type in _PRODUCTS:
            if arguments.activation not in _POSITIVE and operation.outputs[0] in self._numbers:
                self._bounds[self._numbers[operation.outputs[0]]] = FUSED_BOUNDS[arguments.activation][1]
            return self.is_product(operation)
        if vars(arguments).get("activation", FuseCode.NONE) not in _POSITIVE or vars(arguments).get("nchw", False):
            return False
        return self._united(operation, arguments)

    def _united(self, operation: Operation, arguments: Arguments) -> bool:
        (result, *others), inputs = operation.outputs, operation.inputs
        if others or result not in self._numbers:
            return False
        written = self._numbers[result]
        if operation.type in _HANDING_ON:
            return self._unite_all(written, [inputs[0]])
        if operation.type in (O.ADD, O.SUB):
            return self._unite_all(written, inputs[:2])
        if operation.type == O.MEAN:
            last = len(arguments.input.dimensions) - 1
            channels = {last, -1}.isdisjoint(integers(arguments, "axes"))
            return channels and self._unite_all(written, [inputs[0]])
        if operation.type == O.MUL:
            self._lock(inputs[1])
            return math.prod(arguments.input0.dimensions) > math.prod(arguments.input1.dimensions) and self._unite_all(
                written, [inputs[0]]
            )
        if operation.type == O.PAD:
            before = integers(arguments, "paddings")[-2]
            return self._unite_all(written[before : before + len(self._numbers[inputs[0]])], [inputs[0]])
        if operation.type == O.CONCATENATION and arguments.axis == len(self._graph.operands[result].dimensions) - 1:
            return self._unite_parts(written, inputs[:-1])
        return False

    def _unite_all(self, written: Array, inputs: tuple[int, ...] | list[int]) -> bool:
        if any(len(self._numbers.get(index, ())) != len(written) for index in inputs):
            return False
        for index in inputs:
            self._unite(written, self._numbers[index])
        return True

    def _unite_parts(self, written: Array, inputs: tuple[int, ...]) -> bool:
        if any(index not in self._numbers for index in inputs):
            return False
        parts = np.concatenate([self._numbers[index] for index in inputs])
        if len(parts) != len(written):
            return False
        self._unite(written, parts)
        return True


def _ends(operation: Operation) -> tuple[int, int]:
    return operation.inputs[0], operation.outputs[0]


def _shares(graph: Graph, operation: Operation) -> Array:
    """Of each channel that a product reads, its largest weight as a share of the largest for the same result."""
    weights = np.abs(getattr(graph.arguments(operation), _PRODUCTS[O(operation.type)]).value.astype(np.float64))
    by_output = weights.reshape(len(weights), -1, weights.shape[-1]).max(axis=1)
    largest = by_output.max(axis=1, keepdims=True)
    return (by_output / np.where(largest > 0, largest, 1)).max(axis=0)


def _rescaled(graph: Graph, operation: Operation, read: Array, written: Array) -> Operation:
    """A product that takes what is ``read`` divided by factors, and divides what is ``written`` by others."""
    arguments = graph.arguments(operation)
    name = _PRODUCTS[O(operation.type)]
    weights, bias = getattr(arguments, name).value, arguments.bias.value
    if operation.type == O.DEPTHWISE_CONV_2D:
        read = np.repeat(read, arguments.depth_multiplier)
    shape = [1] * weights.ndim
    shape[CHANNEL_DIMS[operation.type]] = -1
    changed = operation
    for changed_name, value in ((name, weights * read / written.reshape(shape)), ("bias", bias / written)):
        operand = graph.operands[operation.inputs[graph.position(operation, changed_name)]]
        changed = graph.with_argument(changed, changed_name, graph.add_constant(value, operand))
    return changed
