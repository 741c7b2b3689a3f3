"""Rings between two mappings of the same memory."""

import threading
import time

import pytest

from hal.errors import BadDataError
from hal.memory import Folder, Region, runtime_directory
from hal.rings import HEADER, LENGTH, NANOSECONDS, SEQUENCE, SUBJECT, Ring


@pytest.fixture
def folder():
    folder = Folder()
    yield folder
    folder.remove()


@pytest.fixture
def ring(folder):
    return Ring.create(folder, 100)


def test_the_other_side_finds_what_was_posted(ring):
    other = Ring.open(runtime_directory(), ring.name)
    ring.post(7, 3, 5_000_000_000, b"message")
    assert [other.words[word] for word in (SEQUENCE, SUBJECT, LENGTH, NANOSECONDS)] == [7, 3, 7, 5_000_000_000]
    assert other.message(7) == b"message"
    other.post(8, 0, 0)
    assert (ring.words[SEQUENCE], ring.words[LENGTH]) == (8, 0)


def test_posting_wakes_who_sleeps(ring):
    other = Ring.open(runtime_directory(), ring.name)
    threading.Timer(0.1, lambda: other.post(1, 0, 0)).start()
    start = time.monotonic()
    while ring.words[SEQUENCE] == 0:
        ring.sleep(0, 10)
    assert time.monotonic() - start < 5


def test_nobody_sleeps_when_the_number_has_changed(ring):
    ring.post(2**32 + 1, 0, 0)
    start = time.monotonic()
    ring.sleep(0, 10)
    ring.sleep(2**32, 10)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("length", [101, -1, 2**62])
def test_messages_are_inside_the_ring(ring, length):
    with pytest.raises(BadDataError, match="room for 100"):
        ring.message(length)
    assert ring.message(100) == bytes(100)


def test_memory_that_is_no_ring(folder):
    small = Region.create(folder, HEADER - 1)
    with pytest.raises(BadDataError, match="is no ring"):
        Ring.open(runtime_directory(), small.name)
