import subprocess
import sys
import time

import pytest

from tools.bench.busyness import Others

BUSY = "while True: pass"


@pytest.fixture
def busy():
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    yield process.pid
    process.kill()
    process.wait()


def test_a_busy_process_counts_unless_it_is_one_of_ours(busy):
    everyone, but_one = Others([]), Others([busy])
    time.sleep(1)
    # what the process had of a core, which on a busy machine is less than a core
    assert everyone.cores() - but_one.cores() > 0.1
