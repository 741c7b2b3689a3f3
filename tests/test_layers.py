"""Who may import whom, read from the imports themselves."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "hal": {"protos"},
    "drivers": {"hal", "protos"},
    "runtime": {"hal", "protos"},
    "tools": {"hal", "drivers", "runtime", "protos", "nnhal", "tools"},
    "protos": set(),
}
OURS = {*MAY_IMPORT, "nnhal", "tests"}
HAL_MAY_USE = {"numpy"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_a_layer_imports_only_those_below_it(layer):
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in ROOT.glob(f"{layer}/**/*.py")
        for name in imported(path)
        if name in OURS and name != layer and name not in MAY_IMPORT[layer]
    ]
    assert not wrong


def test_hal_needs_numpy_alone():
    import sys

    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in ROOT.glob("hal/**/*.py")
        for name in imported(path)
        if name not in sys.stdlib_module_names and name not in HAL_MAY_USE | {"hal", "protos"}
    ]
    assert not wrong


def test_within_drivers_the_engine_knows_no_kernels_and_kernels_no_devices():
    below = {"engine": {"kernels", "cpu", "sdk"}, "kernels": {"cpu", "sdk"}, "sdk": {"kernels", "cpu", "engine"}}
    wrong = []
    for part, forbidden in below.items():
        for path in ROOT.glob(f"drivers/{part}/**/*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module.startswith("drivers."):
                    wrong += [f"{path}: {node.module}"] * (node.module.split(".")[1] in forbidden)
    assert not wrong
