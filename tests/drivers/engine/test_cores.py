"""Which core a driver's thread runs on."""

from __future__ import annotations

import ctypes
import os

import numpy as np
import pytest

from drivers.engine.block import CORES_SIZE
from drivers.engine.cores import change_core

CORES = os.sched_getaffinity(0)

pytestmark = pytest.mark.skipif(len(CORES) < 2, reason="there is one core")


def core() -> int:
    return ctypes.CDLL(None).sched_getcpu()


def leave() -> bool:
    """Whether it has gone elsewhere."""
    room, before = np.zeros(CORES_SIZE // 8, np.int64), core()
    change_core(room.ctypes.data, room.nbytes)
    return core() != before


def test_a_thread_leaves_its_core_and_may_have_the_same_ones_as_before():
    assert [leave() for _ in range(20)].count(True) > 10  # the system may move it too
    assert os.sched_getaffinity(0) == CORES


def test_a_thread_with_one_core_stays(one_core):
    assert not leave()
    assert os.sched_getaffinity(0) == {one_core}
