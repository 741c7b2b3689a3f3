"""Products touch nothing but their arrays, up to the last byte."""

import os
import signal
import subprocess
import sys

import pytest


def run(*arguments):
    environment = {**os.environ, "NNHAL_TUNING": "0"}
    command = [sys.executable, "-m", "tests.drivers.engine.fences", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("side", ["end", "beginning"])
def test_products_of_awkward_sizes_keep_to_their_arrays(side, threads):
    done = run("main", side, threads)
    *_, last = done.stdout.splitlines() or ["nothing was run"]
    assert (done.returncode, last) == (0, "all right"), done.stderr


@pytest.mark.parametrize("side", ["end", "beginning"])
@pytest.mark.parametrize("deed", ["read", "write"])
def test_who_crosses_a_fence_is_noticed(side, deed):
    assert run("trespass", side, deed).returncode == -signal.SIGSEGV


@pytest.mark.parametrize("side", ["end", "beginning"])
def test_what_is_written_between_an_array_and_the_far_fence_is_noticed(side):
    done = run("trespass", side, "write inside")
    assert (done.returncode, done.stdout) == (0, "noticed\n"), done.stderr
