"""Pooling, resizing, turned-around convolutions, matrix products: shapes that generated cases are not of."""

import numpy as np
import pytest

from drivers.cpu.device import CpuDevice
from hal import reference
from hal.types import OperationType as O
from tests.support import Input, execute, prepare, single


@pytest.fixture(scope="module", params=[1, 3], ids=["one thread", "three threads"])
def device(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNHAL_CPU_THREADS", str(request.param))
        yield CpuDevice()


def both(device, operation_type, *arguments):
    """What the device's kernel makes of the operation, and what its reference does."""
    model, inputs = single(operation_type, *arguments)
    (expected,) = reference.run(model, inputs)
    (actual,) = execute(prepare(device, model), inputs, [expected.shape])
    return actual, expected


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 96, 96, 16), (2, 31, 33, 42), (1, 30, 7, 1)], ids=str)
@pytest.mark.parametrize(("window", "stride", "padding"), [(2, 2, 0), (2, 1, 1), (3, 2, 1), (3, 3, 2), (1, 1, 0)])
@pytest.mark.parametrize("activation", [0, 1])
def test_greatest_of_windows(device, shape, window, stride, padding, activation):
    around, strides, windows = [padding] * 4, [stride] * 2, [window] * 2
    actual, expected = both(
        device, O.MAX_POOL_2D, normal(*shape).view(Input), *around, *strides, *windows, activation, False
    )
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(
    ("shape", "height", "width"),
    [
        ((1, 64, 64, 8), 128, 128),
        ((2, 32, 9, 24), 64, 18),
        ((1, 5, 7, 2100), 9, 4),
        ((1, 9, 9, 3), 4, 5),
        ((1, 3, 900, 1), 40, 2500),
        ((2, 1, 1, 5), 7, 7),
    ],
    ids=str,
)
@pytest.mark.parametrize(("corners", "centers"), [(False, False), (True, False), (False, True)])
def test_bilinear(device, shape, height, width, corners, centers):
    image = normal(*shape).view(Input)
    actual, expected = both(device, O.RESIZE_BILINEAR, image, width, height, False, corners, centers)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (3, 3), (2, 3), (1, 1)])
@pytest.mark.parametrize("channels", [1, 3, 20])
@pytest.mark.parametrize("nchw", [False, True])
def test_windows_side_by_side(device, rows, columns, channels, nchw):
    """Where a turned-around convolution's stride is its filter's size."""
    image, filters, bias = normal(2, 33, 20, 16), normal(channels, rows, columns, 16), normal(channels)
    image = np.ascontiguousarray(image.transpose(0, 3, 1, 2)) if nchw else image
    arguments = filters, bias, 0, 0, 0, 0, columns, rows, 1, nchw
    actual, expected = both(device, O.TRANSPOSE_CONV_2D, image.view(Input), *arguments)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)
    assert (actual == 0).any()  # RELU had work to do


@pytest.mark.parametrize("padding", [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)])
def test_windows_side_by_side_and_cut_off(device, padding):
    filters, bias = normal(3, 2, 2, 16), normal(3)
    actual, expected = both(
        device, O.TRANSPOSE_CONV_2D, normal(1, 9, 8, 16).view(Input), filters, bias, *padding, 2, 2, 0, False
    )
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("batches", "inputs", "units"), [(1, 1152, 63), (1, 1152, 1), (7, 33, 100), (300, 5, 3)])
@pytest.mark.parametrize("constant", [True, False], ids=["constant weights", "computed weights"])
def test_matrix_products(device, batches, inputs, units, constant):
    weights = normal(units, inputs)
    x, bias = normal(batches, inputs).view(Input), normal(units)
    actual, expected = both(device, O.FULLY_CONNECTED, x, weights if constant else weights.view(Input), bias, 1)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)
    assert actual.size < 10 or (actual == 0).any()
