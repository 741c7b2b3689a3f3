"""The one name that an application imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nnhal


def test_import_costs_next_to_nothing():
    code = (
        "import sys, time; start = time.perf_counter(); import nnhal; took = time.perf_counter() - start;"
        "print(took, *{'numpy', 'numba', 'grpc', 'drivers', 'runtime', 'hal'} & set(sys.modules))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    took, *loaded = process.stdout.split()
    assert float(took) < 0.5
    assert not loaded


@pytest.mark.parametrize("name", nnhal.__all__)
def test_every_name_is_there(name):
    assert getattr(nnhal, name) is getattr(nnhal, name)
    assert name in dir(nnhal)


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(nnhal.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.asname or alias.name for node in block.body for alias in node.names}
    assert seen == set(nnhal.__all__)


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = nnhal.nonsense
