"""What programs have in common."""

import gc
import weakref

import numpy as np

from drivers.engine.program import constant
from hal.memory import ALIGNMENT


def values(dtype=np.float32):
    """1000 numbers at an address that kernels can't use."""
    room = np.empty(1000 * np.dtype(dtype).itemsize + ALIGNMENT, np.uint8)
    first = -room.ctypes.data % ALIGNMENT + 4
    data = room[first : first + 1000 * np.dtype(dtype).itemsize].view(dtype)
    data[:] = np.arange(1000)
    return data


def test_a_constant_is_where_kernels_can_use_it():
    array = constant(values()).array
    assert array.ctypes.data % ALIGNMENT == 0
    np.testing.assert_array_equal(array, np.arange(1000))


def test_equal_constants_are_one():
    assert constant(values()).array is constant(values()).array


def test_constants_that_differ_are_several():
    first = constant(values()).array
    other = values()
    other[7] = 8
    assert constant(other).array is not first
    assert constant(values().reshape(10, 100)).array.shape == (10, 100)
    assert constant(values().view(np.int32)).array.dtype == np.int32


def test_a_constant_goes_with_the_last_one_who_has_it():
    gone = weakref.ref(constant(values() + np.float32(0.5)).array)
    gc.collect()
    assert gone() is None
