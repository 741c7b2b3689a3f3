from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal import reference
from hal.model import Operand
from hal.types import OperandType as T
from hal.types import OperationType as O
from tests.networks import Network
from tools.optimization.optimizer import optimized

VALID, SAME = 2, 1
EPSILON = {T.TENSOR_FLOAT32: 2.0**-23, T.TENSOR_FLOAT16: 2.0**-10}


@dataclass
class Layers:
    """A scale or offset, a layer, and another one; any of them may be left out."""

    layer: O
    data_type: T
    before: O | None
    after: O | None
    nchw: bool
    activation: int
    seed: int

    def model(self, magnitudes=False):
        """The model and its input; ``magnitudes``: that of the magnitudes of all that is added up."""
        generator = np.random.default_rng(self.seed)
        like = Operand(T.TENSOR_FLOAT32 if magnitudes else self.data_type)
        network = Network()

        def constant(*dimensions, signs=(-1, 1)):
            """Nothing so near to 0 that float16 would lose digits of it when it is scaled down."""
            value = generator.uniform(0.25, 4.0, dimensions) * generator.choice(signs, dimensions)
            value = value.astype(self.data_type.dtype)
            return network.constant(np.abs(value) if magnitudes else value, like)

        def affine(x, operation, channels):
            shape = (channels, 1, 1) if self.nchw and self.layer is not O.FULLY_CONNECTED else (channels,)
            number = constant(*shape, signs=(1,))
            first, second = (number, x) if operation is O.SUB and self.seed % 2 else (x, number)
            return network.apply(O.ADD if magnitudes and operation is O.SUB else operation, first, second, 0)

        dimensions = {O.FULLY_CONNECTED: (3, 5)}.get(self.layer, (2, 5, 6, 4) if self.nchw else (2, 6, 4, 5))
        image = generator.normal(size=dimensions).astype(self.data_type.dtype)
        y = network.input(*dimensions, like=like)
        if self.before is not None:
            y = affine(y, self.before, 5)
        activation = 0 if magnitudes else self.activation
        if self.layer is O.FULLY_CONNECTED:
            y = network.apply(self.layer, y, constant(10, 5), constant(10), activation)
        else:
            depthwise = self.layer is O.DEPTHWISE_CONV_2D
            filters = constant(1, 3, 2, 10) if depthwise else constant(10, 3, 2, 5)
            padding = VALID if self.before in (O.ADD, O.SUB) else SAME
            numbers = (padding, 1, 2, *([2] if depthwise else []), activation, self.nchw)
            y = network.apply(self.layer, y, filters, constant(10), *numbers)
        if self.after is not None:
            y = affine(y, self.after, 10)
        return network.model(y), np.abs(image).astype(like.type.dtype) if magnitudes else image


AFFINE = st.sampled_from([None, O.MUL, O.DIV, O.ADD, O.SUB])


@given(
    layer=st.sampled_from([O.CONV_2D, O.DEPTHWISE_CONV_2D, O.FULLY_CONNECTED]),
    data_type=st.sampled_from(list(EPSILON)),
    before=AFFINE,
    after=AFFINE,
    nchw=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_results_move_by_no_more_than_is_said(layer, data_type, before, after, nchw, seed):
    layers = Layers(layer, data_type, before, after, nchw, 0, seed)
    model, image = layers.model()
    better, report = optimized(model, ["scales"])
    folded = [each for each in (before, after) if each is not None]
    assert [each.type for each in better.main.operations] == [layer]
    assert report.steps[0].changes == len(folded)
    (earlier,), (now,) = (reference.run(each, [image]) for each in (model, better))
    (added_up,) = reference.run(*(each if i == 0 else [each] for i, each in enumerate(layers.model(magnitudes=True))))
    moved = np.abs(now.astype(np.float64) - earlier)
    assert (moved <= 2 * EPSILON[data_type] * len(folded) * added_up).all()


@pytest.mark.parametrize(
    ("activation", "after", "seed", "is_folded"),
    [
        (1, O.MUL, 0, True),  # RELU does not mind a positive scale
        (1, O.ADD, 0, False),
        (3, O.MUL, 0, False),
        (1, O.SUB, 1, False),
    ],
)
def test_an_activation_between(activation, after, seed, is_folded):
    model, image = Layers(O.CONV_2D, T.TENSOR_FLOAT32, None, after, False, activation, seed).model()
    better, _ = optimized(model, ["scales"])
    assert (len(better.main.operations) == 1) == is_folded
    before, now = (reference.run(each, [image])[0] for each in (model, better))
    np.testing.assert_allclose(now, before, rtol=1e-5, atol=1e-5)


def convolution(network, x, *, bias=None, filters=None, padding=SAME, activation=0):
    given = np.ones((3, 2, 2, 3), np.float32) if filters is None else filters
    return network.apply(
        O.CONV_2D, x, given, np.ones(3, np.float32) if bias is None else bias, padding, 1, 1, activation
    )


def names(model):
    return [O(each.type).name for each in optimized(model, ["scales"])[0].main.operations]


def test_the_activation_after_the_scale_becomes_the_layers():
    network = Network()
    y = convolution(network, network.input(1, 4, 4, 3))
    y = network.apply(O.ADD, network.apply(O.MUL, y, np.array([2, -3, 0.5], np.float32), 0), np.ones(3, np.float32), 3)
    better, _ = optimized(network.model(y), ["scales"])
    (operation,) = better.main.operations
    filters, bias, activation = (better.main.operands[operation.inputs[position]].value for position in (1, 2, 6))
    assert filters[:, 0, 0, 0].tolist() == [2, -3, 0.5]
    assert bias.tolist() == [3, -2, 1.5]
    assert activation == 3


def test_weights_that_others_use_stay_theirs():
    network = Network()
    x = network.input(1, 4, 4, 3)
    filters, bias = network.constant(np.ones((3, 2, 2, 3), np.float32)), network.constant(np.ones(3, np.float32))
    first, second = (convolution(network, x, filters=filters, bias=bias) for _ in range(2))
    model = network.model(network.apply(O.MUL, first, np.full(3, 2.0, np.float32), 0), second)
    assert names(model) == ["CONV_2D", "CONV_2D"]
    image = np.random.default_rng(0).random((1, 4, 4, 3), np.float32)
    for before, after in zip(reference.run(model, [image]), reference.run(optimized(model)[0], [image])):
        np.testing.assert_array_equal(after, before)  # by a power of two, nothing is rounded


@pytest.mark.parametrize(
    "number",
    [
        np.float32(np.arange(1, 17).reshape(4, 4, 1)),  # differs between pixels
        np.float32(np.ones((2, 1, 1, 3))),  # makes a batch larger
        np.float32([1, np.inf, 1]),
        np.float32([1, np.nan, 1]),
        np.float32([1, 1e-44, 1]),  # weights would lose what they have
        np.float32([1, 3.4e38, 1]),
    ],
)
def test_what_is_no_scale_of_channels_stays(number):
    network = Network()
    y = convolution(network, network.input(1, 4, 4, 3), filters=np.full((3, 2, 2, 3), 1.5, np.float32))
    assert names(network.model(network.apply(O.MUL, y, number, 0))) == ["CONV_2D", "MUL"]


def test_division_by_zero_stays():
    network = Network()
    y = convolution(network, network.input(1, 4, 4, 3))
    y = network.apply(O.DIV, y, np.float32([1, 0, 1]), 0)
    assert names(network.model(y)) == ["CONV_2D", "DIV"]


def test_a_number_divided_by_the_result_stays():
    network = Network()
    y = convolution(network, network.input(1, 4, 4, 3))
    y = network.apply(O.DIV, network.constant(np.ones(3, np.float32)), y, 0)
    assert names(network.model(y)) == ["CONV_2D", "DIV"]


def test_an_offset_does_not_go_into_padded_convolutions():
    for padding, left in ((SAME, ["ADD", "CONV_2D"]), (VALID, ["CONV_2D"])):
        network = Network()
        x = network.apply(O.ADD, network.input(1, 4, 4, 3), np.float32([1, 2, 3]), 0)
        assert names(network.model(convolution(network, x, padding=padding))) == left


def test_weights_that_only_an_execution_knows_stay():
    network = Network()
    y = convolution(network, network.input(1, 4, 4, 3), filters=network.input(3, 2, 2, 3))
    assert names(network.model(network.apply(O.MUL, y, np.float32([1, 2, 3]), 0))) == ["CONV_2D", "MUL"]


def test_results_that_others_read_stay():
    network = Network()
    y = convolution(network, network.input(1, 4, 4, 3))
    scaled = network.apply(O.MUL, y, np.float32([1, 2, 3]), 0)
    assert names(network.model(scaled, network.apply(O.ABS, y))) == ["CONV_2D", "MUL", "ABS"]


def test_quantized_layers_stay():
    like = Operand(T.TENSOR_QUANT8_ASYMM, (), 0.5, 100)
    network = Network()
    weights = network.constant(np.ones((3, 2, 2, 3)), like)
    bias = network.constant(np.ones(3), Operand(T.TENSOR_INT32, (), 0.25))
    y = convolution(network, network.input(1, 4, 4, 3, like=like), filters=weights, bias=bias)
    y = network.apply(O.ADD, y, network.constant(np.ones(3), like), 0)
    assert names(network.model(y)) == ["CONV_2D", "ADD"]
