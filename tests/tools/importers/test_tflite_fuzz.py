"""Damaged files: a model or an NNAPI error, quickly, whatever the damage."""

from datetime import timedelta

import numpy as np
import pytest
import tflite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hal.errors import NnapiError
from tests.tools.importers.tflite_writer import Graph, Op, T, Writer
from tools.importers import load_model

FUZZED = settings(
    max_examples=60,
    deadline=timedelta(seconds=5),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def small_file():
    """A file that is nearly all structure: sparse weights, options, a custom operator."""
    sparsity = ([0, 1, 2, 3], [], [2, (np.array([0, 1, 1], np.int32), np.array([0], np.uint8)), 1, 4])
    tensors = [
        T((1, 4, 4, 4)),
        T((2, 1, 1, 4), sparsity=sparsity, value=np.ones(4, np.float16)),
        T((2, 1, 1, 4), "FLOAT16"),
        T((2, 1, 1, 4)),
        T(value=np.ones(2, np.float32)),
        T((1, 4, 4, 2)),
        T(value=np.array([1, -1], np.int32)),
        T((1, 32)),
    ]
    operators = [
        Op("DENSIFY", [1], [2]),
        Op("DEQUANTIZE", [2], [3]),
        Op("CONV_2D", [0, 3, 4], [5], ("Conv2DOptions", {"Padding": 0, "StrideW": 1, "StrideH": 1})),
        Op("RESHAPE", [5, 6], [7], ("ReshapeOptions", {"NewShape": [1, -1]})),
    ]
    return Writer().file([Graph(tensors, operators)])


def structure(content):
    """The offsets of all bytes but those of large constants."""
    model = tflite.Model.GetRootAs(content)
    is_structure = np.ones(len(content), bool)
    for index in range(model.BuffersLength()):
        data = model.Buffers(index).DataAsNumpy()
        if not isinstance(data, int) and data.size > 64:
            start = data.ctypes.data - np.frombuffer(content, np.uint8).ctypes.data
            is_structure[start : start + data.size] = False
    return np.flatnonzero(is_structure)


class Content(bytes):
    """A file's bytes, which a failing test's report need not show."""

    def __repr__(self):
        return f"<{len(self)} bytes>"


@pytest.fixture(scope="module", params=["small", "face_detection_short_range", "face_detection_full_range_sparse"])
def content(request):
    if request.param == "small":
        return Content(small_file())
    return Content(request.getfixturevalue("models")[request.param].read_bytes())


def refusal(tmp_path, content):
    """What is said about the file; None when it is a model."""
    path = tmp_path / "damaged.tflite"
    path.write_bytes(content)
    try:
        load_model(path)
    except NnapiError as error:
        return str(error)
    return None


def test_undamaged_file(tmp_path, content):
    assert refusal(tmp_path, content) is None


@given(st.data())
@FUZZED
def test_truncated(tmp_path, content, data):
    length = data.draw(st.integers(0, len(content) - 1))
    refusal(tmp_path, content[:length])


def test_half_a_file_is_refused(tmp_path, content):
    assert refusal(tmp_path, content[: len(content) // 2]) is not None


@given(st.data())
@FUZZED
def test_flipped_bits(tmp_path, content, data):
    damaged = bytearray(content)
    offsets = structure(content)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[offsets[data.draw(st.integers(0, len(offsets) - 1))]] ^= 1 << data.draw(st.integers(0, 7))
    refusal(tmp_path, damaged)


@given(st.data())
@FUZZED
def test_absurd_numbers(tmp_path, content, data):
    damaged = bytearray(content)
    offset = 4 * data.draw(st.integers(2, len(content) // 4 - 2))
    number = data.draw(st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**24, len(content), offset]))
    damaged[offset : offset + 4] = number.to_bytes(4, "little")
    refusal(tmp_path, damaged)
