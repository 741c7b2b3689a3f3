"""``nnhal bundle``, and drivers that are started with what it made."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from hal.model import Operand
from hal.types import OperandType, OperationType
from runtime.model import Model
from tests.networks import Network

FUNCTIONS = {"walker.run", "walker.serve", "walker.in_bands", "exchange.answer"}


def save(path, *outputs, network):
    Model.from_canonical(network.model(*outputs)).save(path)
    return path


def floats(path):
    """RELU, then FLOOR."""
    network = Network()
    clamped = network.apply(OperationType.RELU, network.input(1, 3))
    return save(path, network.apply(OperationType.FLOOR, clamped), network=network)


def mixed(path):
    """The floor of numbers, which the DSP does not compute, and the absolute value of integers, which it does."""
    network = Network()
    values = network.input(1, 3)
    numbers = network.input(2, like=Operand(OperandType.TENSOR_INT32))
    rounded = network.apply(OperationType.FLOOR, values)
    return save(path, rounded, network.apply(OperationType.ABS, numbers), network=network)


@pytest.fixture(scope="module")
def made(command, tmp_path_factory):
    """A bundle of one model for the CPU, and what the command said of it. Not to be changed."""
    folder = tmp_path_factory.mktemp("bundle")
    arguments = [floats(folder / "small.nnhal"), "--device", "cpu", "-o", folder / "bundle", "--json"]
    done = subprocess.run(
        [*command, "bundle", *map(str, arguments)], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder / "bundle", json.loads(done.stdout)


@pytest.fixture
def bundle(made, tmp_path):
    """A copy of the bundle, to be damaged."""
    return shutil.copytree(made[0], tmp_path / "copy")


@pytest.fixture
def run(nnhal, tmp_path):
    """Runs a bundle's model with the bundle and an empty cache; gives what went to standard error and the cache."""

    def run(bundle, cache=tmp_path / "cache"):
        np.save(tmp_path / "values.npy", np.array([[-1.5, 2.5, -3.5]], np.float32))
        arguments = [bundle / "models" / "small.nnhal", "--device", "cpu", "--input", tmp_path / "values.npy", "--json"]
        result = nnhal("run", *arguments, NNHAL_CACHE_DIR=str(cache), NNHAL_BUNDLES=str(bundle))
        assert result.code == 0, result.err
        assert json.loads(result.out)["outputs"][0]["first"] == [0.0, 2.0, 0.0]
        return result.err, sorted(path.name for path in cache.rglob("*") if path.is_file())

    return run


def test_a_driver_with_the_bundle_compiles_nothing(made, run):
    complaints, cached = run(made[0])
    assert "compiling" not in complaints
    assert cached == []


def test_nor_where_the_cache_cannot_be_written(made, run, tmp_path):
    (tmp_path / "file").touch()
    complaints, _ = run(made[0], cache=tmp_path / "file")
    assert "compiling" not in complaints


def test_the_report_tells_what_is_on_the_disk(made):
    path, told = made
    files = {each.name: each.stat().st_size for each in (path / "kernels").iterdir()}
    kernels = {name: size for name, size in files.items() if name not in FUNCTIONS}
    assert set(files) - set(kernels) == FUNCTIONS
    assert told["models"]["small"]["kernels"] == kernels
    assert told["models"]["small"]["bytes"] == (path / "models" / "small.nnhal").stat().st_size
    assert told["models"]["small"]["untold"] == ""
    assert told["kernels"]["kept"] == len(kernels) == 2
    assert told["kernels"]["bytes"] == sum(kernels.values())
    assert told["kernels"]["available"] > 100
    assert told["functions"] == {"kept": len(FUNCTIONS), "bytes": sum(files.values()) - sum(kernels.values())}
    assert told["bytes"] == sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["made_for"] == told["made_for"]
    assert set(manifest["models"]["small"]["kernels"]) == set(kernels)
    assert set(manifest["made_for"]) >= {"processor", "Python", "nnhal", "numba", "llvmlite"}


@pytest.mark.parametrize("damage", ["changed", "swapped", "missing"])
def test_a_kernel_that_is_not_what_it_was_is_compiled_and_said(bundle, run, damage):
    clamp, *_ = (bundle / "kernels").glob("activation.clamp.*")
    if damage == "changed":
        content = clamp.read_bytes()
        clamp.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    elif damage == "swapped":
        shutil.copy(bundle / "kernels" / "walker.run", clamp)
    else:
        clamp.unlink()
    complaints, cached = run(bundle)
    assert str(clamp) in complaints
    assert f"compiling what the bundles in NNHAL_BUNDLES lack: {clamp.name}" in complaints
    assert cached == [clamp.name]


def test_a_bundle_of_another_processor_is_passed_over(bundle, nnhal):
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["made_for"]["processor"] = "abacus"
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    result = nnhal("run", bundle / "models" / "small.nnhal", "--device", "cpu", NNHAL_BUNDLES=str(bundle))
    assert result.code == 0
    assert f"the bundle {bundle} is passed over: its processor is abacus, and here it is" in result.err


def test_a_driver_does_not_start_with_what_is_no_bundle(made, nnhal, tmp_path):
    result = nnhal("run", made[0] / "models" / "small.nnhal", "--device", "cpu", NNHAL_BUNDLES=str(tmp_path))
    assert result.code == 1
    assert f"UNAVAILABLE_DEVICE: the driver 'cpu' did not start: NNHAL_BUNDLES names {tmp_path}" in result.complaint


def test_models_that_devices_share_bring_the_kernels_of_each(nnhal, tmp_path):
    path = mixed(tmp_path / "mixed.nnhal")
    bundle, cache = tmp_path / "bundle", tmp_path / "cache"
    result = nnhal("bundle", path, "--device", "dsp,cpu", "-o", bundle, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["devices"] == ["dsp", "cpu"]
    program = f"""
import numpy as np
import nnhal
compiled = nnhal.compile(nnhal.load_model("{bundle}/models/mixed.nnhal"), devices=["dsp", "cpu"])
inputs = [np.array([[-1.5, 2.5, -3.5]], np.float32), np.array([3, -4], np.int32)]
print([each.tolist() for each in compiled.run(inputs)])
"""
    environment = {**os.environ, "NNHAL_CACHE_DIR": str(cache), "NNHAL_BUNDLES": str(bundle)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "[[[-2.0, 2.0, -4.0]], [3, 4]]\n", done.stderr
    assert done.stderr == ""
    assert not cache.exists()


def test_what_only_an_execution_tells_is_said(nnhal, tmp_path):
    network = Network()
    values = network.input(1, 3)
    repeats = network.input(2, like=Operand(OperandType.TENSOR_INT32))
    result = Operand(OperandType.TENSOR_FLOAT32)
    tiled = network.record(OperationType.TILE, [values, repeats], result)
    path = save(tmp_path / "open.nnhal", *network.record(OperationType.FLOOR, tiled, result), network=network)
    result = nnhal("bundle", path, "--device", "cpu", "-o", tmp_path / "bundle")
    assert result.code == 0, result.err
    assert "open may compile more when it is executed: what operation 0 (TILE) computes" in result.err


def test_a_bundle_has_the_kernels_that_trials_chose_and_no_others(nnhal, tmp_path):
    network = Network()
    weights, bias = np.ones((40, 1, 1, 16), np.float32), np.zeros(40, np.float32)
    x = network.input(1, 20, 23, 16)
    model = save(
        tmp_path / "small.nnhal",
        network.apply(OperationType.CONV_2D, x, weights, bias, 2, 1, 1, 0),
        network=network,
    )
    made = nnhal(
        "bundle", model, "--device", "cpu", "-o", tmp_path / "bundle", "--json",
        NNHAL_TUNING="60", NNHAL_CACHE_DIR=str(tmp_path / "first"),
    )  # fmt: skip
    assert made.code == 0, made.err
    told = json.loads(made.out)
    (answer,) = (tmp_path / "bundle" / "tuned").iterdir()
    assert list(told["models"]["small"]["kernels"]) == [f"tiled.products_by_tile.{answer.read_text()}"]
    assert len(list((tmp_path / "first").glob("kernels/*/tiled.products_by_tile.*"))) > 1  # those that were tried
    files = [each for each in (tmp_path / "bundle").rglob("*") if each.is_file()]
    assert told["bytes"] == sum(each.stat().st_size for each in files)

    used = nnhal(
        "run", tmp_path / "bundle" / "models" / "small.nnhal", "--device", "cpu", "--json",
        NNHAL_TUNING="60", NNHAL_CACHE_DIR=str(tmp_path / "second"), NNHAL_BUNDLES=str(tmp_path / "bundle"),
    )  # fmt: skip
    assert used.code == 0, used.err
    assert "compiling" not in used.err
    assert [each for each in tmp_path.glob("second/**/*") if each.is_file()] == []


def test_the_tables_name_kernels_and_models(nnhal, tmp_path):
    paths = floats(tmp_path / "small.nnhal"), mixed(tmp_path / "mixed.nnhal")
    result = nnhal("bundle", *paths, "--device", "cpu", "-o", tmp_path / "bundle")
    assert result.code == 0, result.err
    rows = [line.split() for line in result.out.splitlines()]
    assert [row[2:] for row in rows if row[:1] == ["walker.run"]] == [["all"]]
    assert [row[2:] for row in rows if row and "floor" in row[0]] == [["small,", "mixed"]]
    assert f"Use it with NNHAL_BUNDLES={tmp_path / 'bundle'}" in result.out


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("tpu", "UNAVAILABLE_DEVICE: there is no device 'tpu'; devices: cpu"),
        ("dsp", "BAD_DATA: mixed: no device takes operation 0 (FLOOR): dsp: "),
        ("dsp", "; the device cpu would take the rest"),
    ],
)
def test_devices_that_do_not_do(nnhal, tmp_path, device, sentence):
    result = nnhal("bundle", mixed(tmp_path / "mixed.nnhal"), "--device", device, "-o", tmp_path / "bundle")
    assert result.code == 1
    assert sentence in result.complaint
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("", "is not empty; a bundle must be a new folder, or an empty one"),
        ("file", "is a file; a bundle must be"),
        ("file/bundle", "can't be written: there is no folder"),
        ("nowhere/bundle", "can't be written: there is no folder"),
        ("/proc/bundle", "/proc/bundle can't be written"),
    ],
)
def test_places_that_do_not_do(nnhal, tmp_path, place, sentence):
    (tmp_path / "file").write_text("kept")
    path = floats(tmp_path / "small.nnhal")
    result = nnhal("bundle", path, "--device", "cpu", "-o", tmp_path / place)
    assert result.code == 1
    assert sentence in result.complaint
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "small.nnhal"]
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is write-protected for root")
def test_a_write_protected_place(nnhal, tmp_path):
    path = floats(tmp_path / "small.nnhal")
    (tmp_path / "locked").mkdir(mode=0o500)
    result = nnhal("bundle", path, "--device", "cpu", "-o", tmp_path / "locked" / "bundle")
    assert result.code == 1
    assert "is write-protected" in result.complaint


def test_two_models_of_one_name_are_refused(nnhal, tmp_path):
    (tmp_path / "other").mkdir()
    paths = floats(tmp_path / "small.nnhal"), floats(tmp_path / "other" / "small.nnhal")
    result = nnhal("bundle", *paths, "--device", "cpu", "-o", tmp_path / "bundle")
    assert result.code == 1
    assert "two models are called small" in result.complaint


@pytest.mark.parametrize("arguments", [(), ("m",), ("m", "--device", "cpu"), ("m", "--device", "cpu,,", "-o", "x")])
def test_wrong_usage(nnhal, arguments):
    assert nnhal("bundle", *arguments).code == 2
