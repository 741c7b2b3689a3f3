"""Fences between threads and processes."""

import multiprocessing
import threading
import time

import pytest

from hal import futex
from hal.errors import BadDataError, DeadObjectError, MissedDeadlineTransientError, OpFailedError
from hal.fence import Fence, FenceState
from hal.memory import Folder, Region, runtime_directory


@pytest.fixture
def folder():
    folder = Folder()
    yield folder
    folder.remove()


@pytest.fixture(params=["system call", "looking again"])
def fence(request, folder, monkeypatch):
    """A fence, with the system call that waits and on a machine where that is not known."""
    if request.param == "looking again":
        monkeypatch.setattr(futex, "_CALL", None)
    return Fence.create(folder)


@pytest.mark.parametrize("state", [FenceState.DONE, FenceState.FAILED])
def test_who_waits_hears_of_it(fence, state):
    other = Fence.open(runtime_directory(), fence.name)
    heard = []

    def wait():
        try:
            other.wait()
        except OpFailedError:
            heard.append(FenceState.FAILED)
        else:
            heard.append(FenceState.DONE)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    assert (heard, other.state) == ([], FenceState.WAITING)
    fence.signal(state)
    for thread in threads:
        thread.join(5)
    assert heard == [state] * 3
    assert other.state is state


def test_the_first_signal_counts(fence):
    fence.signal(FenceState.DONE)
    fence.signal(FenceState.FAILED)
    assert fence.state is FenceState.DONE
    fence.wait()


def test_a_deadline(fence):
    start = time.monotonic()
    with pytest.raises(MissedDeadlineTransientError):
        fence.wait(start + 0.25)
    assert 0.2 < time.monotonic() - start < 2
    with pytest.raises(MissedDeadlineTransientError):
        fence.wait(start)
    fence.signal(FenceState.DONE)
    fence.wait(start)


def test_what_checks_meanwhile_ends_it(fence):
    end = time.monotonic() + 0.2

    def check():
        if time.monotonic() > end:
            raise DeadObjectError("gone")

    with pytest.raises(DeadObjectError):
        fence.wait(check=check)


def _signal(name):
    Fence.open(runtime_directory(), name).signal(FenceState.DONE)


def test_another_process(fence):
    process = multiprocessing.get_context("spawn").Process(target=_signal, args=(fence.name,))
    process.start()
    fence.wait(time.monotonic() + 30)
    process.join()


def test_nonsense_in_the_word_is_a_failure(folder):
    region = Region.create(folder, 4)
    region.data[:] = 255
    fence = Fence.open(runtime_directory(), region.name)
    assert fence.state is FenceState.FAILED


def test_regions_that_are_no_fences(folder):
    small = Region.create(folder, 3)
    with pytest.raises(BadDataError, match="no fence"):
        Fence.open(runtime_directory(), small.name)
    with pytest.raises(BadDataError, match="no shared-memory region"):
        Fence.open(runtime_directory(), "app-1-0/r0")
