"""Every kernel against its operation's reference, over seeded random shapes and parameters."""

import numpy as np
import pytest

from drivers.cpu.device import CpuDevice
from hal import reference
from hal.types import OperationType as O
from tests.support import Input, execute, prepare, single

SEEDS = range(12)


@pytest.fixture(scope="module")
def device():
    return CpuDevice()


class Draw:
    """Random values from one seed."""

    def __init__(self, seed):
        self._random = np.random.default_rng(seed)

    def int(self, low, high):
        return int(self._random.integers(low, high, endpoint=True))

    def bool(self):
        return bool(self.int(0, 1))

    def floats(self, *shape):
        return self._random.standard_normal(shape).astype(np.float32)

    def weights(self, *shape):
        """A constant, or an input like any other."""
        return self.floats(*shape) if self.int(0, 2) else self.floats(*shape).view(Input)

    def input(self, *shape):
        return (3 * self.floats(*shape)).view(Input)

    def shape(self, least=1, most=4):
        return tuple(self.int(1, 6) for _ in range(self.int(least, most)))

    def image(self, nchw, *, channels=None, least=1):
        batches, height, width = self.int(1, 2), self.int(least, 12), self.int(least, 12)
        depth = channels or self.int(1, 9)
        return (batches, depth, height, width) if nchw else (batches, height, width, depth)


def window(draw, rows, columns):
    """Padding and strides, explicit or implicit."""
    strides = draw.int(1, 3), draw.int(1, 3)
    if draw.bool():
        return (*(draw.int(0, columns - 1) for _ in range(2)), *(draw.int(0, rows - 1) for _ in range(2)), *strides)
    return (draw.int(1, 2), *strides)


def conv_2d(draw):
    nchw, rows, columns = draw.bool(), draw.int(1, 4), draw.int(1, 4)
    shape = draw.image(nchw, least=7)
    depth, out = shape[1] if nchw else shape[3], draw.int(1, 20)
    dilations = (draw.int(1, 2), draw.int(1, 2)) if draw.bool() else ()
    return (
        draw.input(*shape), draw.weights(out, rows, columns, depth), draw.weights(out),
        *window(draw, rows, columns), draw.int(0, 3), nchw, *dilations,
    )  # fmt: skip


def depthwise_conv_2d(draw):
    nchw, rows, columns, multiplier = draw.bool(), draw.int(1, 4), draw.int(1, 4), draw.int(1, 3)
    shape = draw.image(nchw, least=7)
    out = (shape[1] if nchw else shape[3]) * multiplier
    dilations = (draw.int(1, 2), draw.int(1, 2)) if draw.bool() else ()
    return (
        draw.input(*shape), draw.weights(1, rows, columns, out), draw.weights(out),
        *window(draw, rows, columns), multiplier, draw.int(0, 3), nchw, *dilations,
    )  # fmt: skip


def transpose_conv_2d(draw):
    nchw, rows, columns, stride = draw.bool(), draw.int(1, 4), draw.int(1, 4), draw.int(1, 3)
    shape = draw.image(nchw)
    depth, out = shape[1] if nchw else shape[3], draw.int(1, 9)
    height, width = shape[2:] if nchw else shape[1:3]
    tensors = draw.input(*shape), draw.weights(out, rows, columns, depth), draw.weights(out)
    if draw.bool():
        return (*tensors, 0, 0, 0, 0, stride, stride, draw.int(0, 3), nchw)
    target = (shape[0], height * stride, width * stride)
    target = (target[0], out, *target[1:]) if nchw else (*target, out)
    return (*tensors, np.array(target, np.int32), 1, stride, stride, draw.int(0, 3), nchw)


def pool(draw):
    nchw, rows, columns = draw.bool(), draw.int(1, 4), draw.int(1, 4)
    walk = window(draw, rows, columns)
    return draw.input(*draw.image(nchw, least=4)), *walk, columns, rows, draw.int(0, 3), nchw


def fully_connected(draw):
    size, units = draw.int(1, 40), draw.int(1, 20)
    return draw.input(draw.int(1, 5), size), draw.weights(units, size), draw.weights(units), draw.int(0, 3)


def broadcast(draw):
    shape = draw.shape()
    other = tuple(size if draw.int(0, 2) else 1 for size in shape[draw.int(0, len(shape) - 1) :])
    sides = [draw.input(*shape), draw.input(*other)]
    return sides if draw.bool() else sides[::-1]


def binary(draw):
    return *broadcast(draw), draw.int(0, 3)


def prelu(draw):
    return draw.input(*(shape := draw.shape())), draw.floats(*shape[draw.int(0, len(shape) - 1) :])


def unary(draw):
    return (draw.input(*draw.shape()),)


def mean(draw):
    shape = draw.shape()
    axes = [draw.int(-len(shape), len(shape) - 1) for _ in range(draw.int(1, len(shape)))]
    return draw.input(*shape), np.array(axes, np.int32), draw.int(0, 1)


def resize_bilinear(draw):
    nchw, mode = draw.bool(), draw.int(0, 2)
    image = draw.input(*draw.image(nchw))
    size = (draw.int(1, 20), draw.int(1, 20)) if draw.bool() else (1 + draw.int(0, 8) / 4, 1 + draw.int(0, 8) / 4)
    return image, *size, nchw, mode == 1, mode == 2


CASES = {
    O.CONV_2D: conv_2d, O.DEPTHWISE_CONV_2D: depthwise_conv_2d, O.TRANSPOSE_CONV_2D: transpose_conv_2d,
    O.AVERAGE_POOL_2D: pool, O.MAX_POOL_2D: pool, O.FULLY_CONNECTED: fully_connected, O.ADD: binary, O.MUL: binary,
    O.PRELU: prelu, O.RELU: unary, O.RELU1: unary, O.RELU6: unary, O.LOGISTIC: unary, O.HARD_SWISH: unary,
    O.MEAN: mean, O.RESIZE_BILINEAR: resize_bilinear,
}  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("operation_type", CASES, ids=lambda operation_type: operation_type.name)
def test_kernel_equals_reference(device, operation_type, seed):
    model, inputs = single(operation_type, *CASES[operation_type](Draw(seed)))
    expected = reference.run(model, inputs)
    assert device.supported_operations(model) == [True]
    actual = execute(prepare(device, model), inputs, [each.shape for each in expected])
    for one, other in zip(actual, expected):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(other).max())))


@pytest.mark.parametrize("operation_type", [O.RELU, O.RELU1, O.RELU6, O.ADD, O.MUL, O.MAX_POOL_2D])
def test_not_a_number_stays_one(device, operation_type):
    values = np.array([[[[np.nan]], [[-1.0]]]], np.float32).view(Input)
    rest = {O.ADD: (np.zeros(1, np.float32), 1), O.MUL: (np.ones(1, np.float32), 1), O.MAX_POOL_2D: (1, 1, 1, 1, 1, 1)}
    model, inputs = single(operation_type, values, *rest.get(operation_type, ()))
    (actual,) = execute(prepare(device, model), inputs, [(1, 2, 1, 1)])
    assert np.isnan(actual.flat[0])
    assert not np.isnan(actual.flat[1])
