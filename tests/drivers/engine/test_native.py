import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
import numpy as np
from drivers.cpu.device import CpuDevice
from hal.types import OperationType
from tests.support import Input, execute, prepare, single
if __name__ == "__main__":
    model, inputs = single(OperationType.RELU, np.array([-1, 2], np.float32).view(Input))
    print(execute(prepare(CpuDevice(), model), inputs, [(2,)]), "numba" in sys.modules)
"""


def run(cache, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    root = Path(__file__).parents[3]
    environment = {**os.environ, "NNHAL_CACHE_DIR": str(cache), "NNHAL_CPU_THREADS": "1", "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, program], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    path = tmp_path_factory.mktemp("cache")
    assert run(path, path) == "[array([0., 2.], dtype=float32)] True"
    return path


def test_a_second_start_compiles_nothing(cache, tmp_path):
    assert run(cache, tmp_path) == "[array([0., 2.], dtype=float32)] False"


@pytest.mark.parametrize(
    "damage",
    [lambda code: code[:-100], lambda code: code[:200] + bytes([code[200] ^ 1]) + code[201:], lambda code: b""],
)
def test_a_damaged_file_is_compiled_again(cache, tmp_path, damage):
    (path,) = cache.glob("kernels/*/activation.clamp.float32")
    path.write_bytes(damage(path.read_bytes()))
    assert run(cache, tmp_path) == "[array([0., 2.], dtype=float32)] True"
    assert run(cache, tmp_path) == "[array([0., 2.], dtype=float32)] False"


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path):
    (tmp_path / "file").touch()
    assert run(tmp_path / "file", tmp_path) == "[array([0., 2.], dtype=float32)] True"
