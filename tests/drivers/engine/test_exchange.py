"""Waiting for requests in machine code."""

from __future__ import annotations

import itertools
import os
import threading
import time

import numpy as np
import pytest

from drivers.engine import native
from drivers.engine.block import (
    BARRED,
    BEARABLE,
    ENDED,
    HOLDERS,
    JOBS,
    LEAST_BEARABLE,
    OTHER,
    OUTCOME,
    REQUESTS,
    RESULTS,
    SERVED,
    SPIN,
    UNTIL,
    URGENT,
    WANTED,
    WORDS,
)
from hal.rings import FORMS, HEADER, SEQUENCE


@pytest.mark.usefixtures("one_core")
def test_a_core_that_the_client_has_too_is_left_ever_less_often_where_that_is_in_vain():
    answer = native.function("drivers.engine.exchange", "answer", 1)
    block, zero, jobs = np.zeros(WORDS, np.int64), np.zeros(1, np.int64), np.zeros(FORMS, np.int64)
    requests, results = np.zeros((2, HEADER // 8), np.int64)
    for word in (ENDED, WANTED, URGENT, HOLDERS, BARRED):
        block[word] = zero.ctypes.data
    block[REQUESTS], block[RESULTS], block[JOBS] = (each.ctypes.data for each in (requests, results, jobs))
    block[SPIN], block[UNTIL], block[BEARABLE] = 60 * 10**9, 2**62, LEAST_BEARABLE
    done, most = threading.Event(), LEAST_BEARABLE

    def serve() -> None:
        while not done.is_set():
            answer(block.ctypes.data)
            assert block[OUTCOME] == OTHER  # there is no job
            block[SERVED] = requests[SEQUENCE]

    end = time.monotonic() + 20
    server = threading.Thread(target=serve)
    server.start()
    for number in itertools.count(1):
        time.sleep(1e-4)  # meanwhile the server begins to wait
        most = max(most, block[BEARABLE])
        if most > LEAST_BEARABLE or time.monotonic() > end:
            done.set()
        requests[SEQUENCE] = number
        while block[SERVED] != number:
            os.sched_yield()
        if done.is_set():
            break
    server.join()
    assert most > LEAST_BEARABLE
