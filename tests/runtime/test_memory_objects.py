"""Memory objects: from a descriptor, from an array, and what is refused."""

from __future__ import annotations

import gc
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hal.errors import BadDataError, UnexpectedNullError
from hal.memory import Region, runtime_directory
from runtime.memory import Memory

READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "data"
    path.write_bytes(bytes(range(256)) * 32)
    opened = os.open(path, os.O_RDWR)
    yield opened
    os.close(opened)


@pytest.mark.parametrize("offset", [0, 10, 4096])
def test_a_part_of_a_file(descriptor: int, offset: int) -> None:
    memory = Memory.from_fd(20, READ_WRITE, descriptor, offset)
    assert memory.data.dtype == np.uint8
    assert memory.data.tolist() == [(offset + index) % 256 for index in range(20)]
    memory.data[0] = 77
    assert os.pread(descriptor, 1, offset) == b"M"


def test_the_location_is_where_a_driver_finds_the_bytes(descriptor: int) -> None:
    memory = Memory.from_fd(100, READ_WRITE, descriptor, 10)
    data, location = memory.part(5, 7)
    found = Region.open(runtime_directory(), location.region).slice(location.offset, location.length)
    assert data.tolist() == found.tolist() == list(range(15, 22))


def test_the_descriptor_may_be_closed(descriptor: int) -> None:
    own = os.dup(descriptor)
    memory = Memory.from_fd(4, mmap.PROT_READ, own)
    os.close(own)
    _, location = memory.part(0, 4)
    assert Region.open(runtime_directory(), location.region).data[:4].tolist() == [0, 1, 2, 3]


def test_read_only_memory_can_not_be_written(descriptor: int) -> None:
    assert not Memory.from_fd(4, mmap.PROT_READ, descriptor).data.flags.writeable


def test_a_memory_is_withdrawn_when_nobody_holds_it() -> None:
    memory = Memory.from_array(np.zeros(4, np.uint8))
    data, location = memory.part(0, 4)
    del memory
    gc.collect()
    assert (runtime_directory() / location.region).is_symlink(), "its bytes are still held"
    del data
    gc.collect()
    assert not (runtime_directory() / location.region).is_symlink()


@pytest.mark.parametrize(
    ("size", "prot", "offset"),
    [
        (0, READ_WRITE, 0),
        (-1, READ_WRITE, 0),
        (4, READ_WRITE, -1),
        (8193, READ_WRITE, 0),
        (8192, READ_WRITE, 1),
        (4, mmap.PROT_WRITE, 0),
        (4, READ_WRITE | mmap.PROT_EXEC, 0),
    ],
)
def test_from_fd_refuses_what_can_not_be(descriptor: int, size: int, prot: int, offset: int) -> None:
    with pytest.raises(BadDataError):
        Memory.from_fd(size, prot, descriptor, offset)


def test_from_fd_refuses_what_is_no_descriptor() -> None:
    for number in (-1, 10**6):
        with pytest.raises(BadDataError, match="not an open file descriptor"):
            Memory.from_fd(4, READ_WRITE, number)


def test_from_array_copies_row_by_row() -> None:
    array = np.arange(6, dtype=np.int32).reshape(2, 3).T
    memory = Memory.from_array(array)
    assert memory.data.view(np.int32).tolist() == [0, 3, 1, 4, 2, 5]
    array[0, 0] = 9
    assert memory.data[0] == 0


@pytest.mark.parametrize("array", [np.zeros(0), [1, 2], np.array([object()])])
def test_from_array_refuses_what_has_no_bytes(array: Any) -> None:
    with pytest.raises(BadDataError):
        Memory.from_array(array)


def test_from_array_needs_an_array() -> None:
    with pytest.raises(UnexpectedNullError):
        Memory.from_array(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("offset", "length"), [(0, 0), (0, 5), (4, 1), (-1, 2), (1, -1)])
def test_parts_are_inside(offset: int, length: int) -> None:
    with pytest.raises(BadDataError):
        Memory.from_array(np.zeros(4, np.uint8)).part(offset, length)
