import mmap
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hal.errors import BadDataError, UnmappableError
from hal.memory import Folder, Region, check_socket_path, release, runtime_directory


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.setenv("NNHAL_RUNTIME_DIR", str(tmp_path / "run"))
    return runtime_directory()


def test_the_runtime_directory_is_the_users_alone(base):
    assert base.stat().st_mode & 0o777 == 0o700


def test_a_runtime_directory_open_to_others_is_refused(base):
    base.chmod(0o755)
    with pytest.raises(UnmappableError, match="only its owner may enter"):
        runtime_directory()


def test_a_runtime_directory_that_is_a_link_is_refused(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("NNHAL_RUNTIME_DIR", str(tmp_path / "link"))
    with pytest.raises(UnmappableError):
        runtime_directory()


def test_a_path_too_long_for_a_socket_is_refused():
    check_socket_path("/tmp/" + "x" * 102)
    with pytest.raises(UnmappableError, match="has 108 bytes, too long for a socket"):
        check_socket_path("/tmp/" + "x" * 103)


def test_both_sides_see_the_same_bytes(base):
    folder = Folder()
    ours = Region.create(folder, 100)
    theirs = Region.open(base, ours.name)
    ours.data[:] = 7
    theirs.data[50] = 9
    assert ours.data[50] == 9
    assert theirs.data.sum() == 99 * 7 + 9
    folder.remove()


def resident():
    """Bytes of shared memory that this process has at hand."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssShmem:"))


def test_what_is_released_is_still_there(base):
    folder = Folder()
    region = Region.create(folder, 1 << 24)
    region.data[:] = 7
    before = resident()
    release(region.slice(1 << 20, 1 << 23).view(np.float32).reshape(2, -1))
    assert before - resident() >= 1 << 23
    assert (region.data == 7).all()
    folder.remove()


def test_memory_of_this_process_alone_is_not_released():
    private = np.full(1 << 20, 7)
    unshared = np.frombuffer(mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.uint8)
    unshared[:] = 7
    for data in (private, unshared):
        release(data)
        assert (data == 7).all()


def test_memory_in_use_cannot_be_shrunk(base):
    folder = Folder()
    region = Region.create(folder, 4096)
    descriptor = os.open(base / region.name, os.O_RDWR)
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)
    folder.remove()


def test_a_slice_beyond_the_region_is_refused(base):
    folder = Folder()
    region = Region.create(folder, 16)
    assert region.slice(16, 0).size == 0
    for offset, length in [(0, 17), (16, 1), (-1, 4), (4, -1), (2**63, 1)]:
        with pytest.raises(BadDataError, match="reach beyond the 16 bytes"):
            region.slice(offset, length)
    folder.remove()


@pytest.mark.parametrize("name", ["", "..", "app-1-a", "app-1-a/../x", "app-1-a/r1/r2", "/etc/passwd", "app-1-a/r\n"])
def test_only_region_names_are_opened(base, name):
    with pytest.raises(BadDataError, match="is not the name of a shared-memory region"):
        Region.open(base, name)


def test_a_pipe_is_no_region(base):
    folder = Folder()
    os.mkfifo(folder.path / "r0")
    with pytest.raises(UnmappableError, match="is not memory or a file"):
        Region.open(base, f"{folder.path.name}/r0")
    folder.remove()


def test_a_read_only_descriptor_gives_a_read_only_region(base, tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(bytes(range(100)))
    path.chmod(0o400)
    folder = Folder()
    with path.open("rb") as file:
        region = Region.from_descriptor(folder, file.fileno(), 100, writable=False)
    assert not region.data.flags.writeable
    np.testing.assert_array_equal(Region.open(base, region.name, writable=False).data, np.arange(100, dtype=np.uint8))
    folder.remove()


def test_a_file_shorter_than_said_is_refused(base, tmp_path):
    path = tmp_path / "short"
    path.write_bytes(b"1234")
    folder = Folder()
    with path.open("r+b") as file, pytest.raises(BadDataError, match="has 4 bytes, fewer than 5"):
        Region.from_descriptor(folder, file.fileno(), 5, writable=True)
    folder.remove()


def test_a_closed_descriptor_is_refused(base):
    folder = Folder()
    with pytest.raises(UnmappableError, match="can't be used"):
        Region.from_descriptor(folder, 987654, 5, writable=True)
    folder.remove()


def test_a_region_nobody_holds_is_withdrawn(base):
    folder = Folder()
    region = Region.create(folder, 10)
    path = base / region.name
    assert path.is_symlink()
    del region
    assert not path.is_symlink()
    folder.remove()


PROGRAM = "import os, signal; from hal.memory import *; Folder(); os.kill(os.getpid(), signal.SIGKILL)"


def test_the_folder_of_a_killed_application_goes_with_the_next_one(base):
    subprocess.run([sys.executable, "-c", PROGRAM])
    (left,) = base.glob("app-*")
    folder = Folder()
    assert not left.exists()
    Folder().remove()
    assert folder.path.exists(), "the folder of an application that lives was removed"
    folder.remove()
    assert list(base.iterdir()) == []


def test_data_is_mapped_not_copied(base):
    folder = Folder()
    region = Region.create(folder, mmap.PAGESIZE)
    assert isinstance(region.data.base, (memoryview, mmap.mmap))
    folder.remove()
