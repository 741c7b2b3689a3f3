"""Who may import whom, read from the imports themselves."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = {
    "protos": set(),
    "hal": {"protos"},
    "drivers": {"hal", "protos"},
    "runtime": {"hal", "protos"},
    "tools": {"hal", "drivers", "runtime", "protos", "nnhal"},
}
"""What each layer may import beside itself."""

DRIVERS = {
    "sdk": set(),
    "engine": set(),
    "kernels": {"engine"},
    "simulation": {"sdk", "engine", "kernels"},
    **{device: {"sdk", "engine", "kernels", "simulation"} for device in ("cpu", "gpu", "dsp", "npu")},
}
"""What each folder of drivers may import of the others."""

REFERENCE = {"drivers.cpu.description", "drivers.cpu.performance"}
"""What all devices' performance is told relative to, which ``drivers.simulation`` computes."""

OURS = {*LAYERS, "nnhal", "tests"}


def imported(folder):
    """Each import of the folder: its file, and the module, with what is imported from it where that may be one."""
    for path in sorted(ROOT.glob(f"{folder}/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: a relative import"
                yield from ((path, f"{node.module}.{alias.name}") for alias in node.names)


def test_every_folder_of_drivers_is_known():
    folders = {path.parent.name for path in ROOT.glob("drivers/*/__init__.py")}
    assert folders == set(DRIVERS)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_those_below_it(layer):
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, module in imported(layer)
        if module.partition(".")[0] in OURS - LAYERS[layer] - {layer}
    ]
    assert not wrong


def test_hal_needs_numpy_alone():
    known = {*sys.stdlib_module_names, "numpy", "hal", "protos"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, module in imported("hal")
        if module.partition(".")[0] not in known
    ]
    assert not wrong


@pytest.mark.parametrize("folder", DRIVERS)
def test_within_drivers_the_shared_parts_know_no_devices_and_devices_not_each_other(folder):
    allowed = DRIVERS[folder] | {folder}
    wrong = []
    for path, module in imported(f"drivers/{folder}"):
        layer, _, rest = module.partition(".")
        exempt = folder == "simulation" and any(module.startswith(f"{each}.") for each in REFERENCE)
        if layer == "drivers" and rest.partition(".")[0] not in allowed and not exempt:
            wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert not wrong
