"""``nnhal diff``."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hal.model import Lifetime, Operation
from hal.types import OperationType
from runtime.model import Model
from tools.importers import load_model

MODEL = "hand_recrop"


@pytest.fixture
def changed(models, tmp_path):
    """The model with one weight in its last convolution changed."""
    canonical = load_model(models[MODEL]).canonical
    operands = list(canonical.main.operands)
    index = canonical.main.operations[-1].inputs[1]
    value = operands[index].value.copy()
    value.flat[0] += 0.25
    operands[index] = replace(operands[index], value=value)
    path = tmp_path / "changed.nnhal"
    Model.from_canonical(replace(canonical, main=replace(canonical.main, operands=tuple(operands)))).save(path)
    return path


def facts(result):
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_a_model_and_its_saved_self(nnhal, models, tmp_path):
    load_model(models[MODEL]).save(tmp_path / "same.nnhal")
    told = facts(nnhal("diff", models[MODEL], tmp_path / "same.nnhal", "--json"))
    for output in told["outputs"]:
        assert (output["max_abs"], output["cosine"], output["sqnr_db"]) == (0, 1, "inf")
    first, second = told["models"]
    for name in ("operations", "weight_bytes", "macs", "memory_peak"):
        assert first[name] == second[name]
    assert second["file_bytes"] == (tmp_path / "same.nnhal").stat().st_size
    assert all(each["counts"][0] == each["counts"][1] for each in told["operations"])


def test_a_changed_weight_shows(nnhal, models, changed, tmp_path):
    images = np.random.default_rng(5).random((3, 256, 256, 3), np.float32)
    np.savez(tmp_path / "samples.npz", images)
    told = facts(nnhal("diff", models[MODEL], changed, "--samples", tmp_path / "samples.npz", "--json"))
    assert told["samples"] == 3
    (output,) = told["outputs"]
    assert output["max_abs"] > 0
    assert output["cosine"] < 1
    assert 0 < output["sqnr_db"] < 150
    table = nnhal("diff", models[MODEL], changed)
    assert table.code == 0
    for words in ("changed.nnhal against hand_recrop.tflite, 4 samples", "SQNR", "b / a", "memory peak"):
        assert words in table.out


@pytest.fixture
def longer(models, tmp_path):
    """The model with the absolute values of its output as another operation, and as an output of its own."""
    canonical = load_model(models[MODEL]).canonical
    main = canonical.main
    added = len(main.operands)
    path = tmp_path / "longer.nnhal"
    extended = replace(
        main,
        operands=(*main.operands, main.operands[main.outputs[0]]),
        operations=(*main.operations, Operation(OperationType.ABS, main.outputs, (added,))),
        outputs=(*main.outputs, added),
    )
    Model.from_canonical(replace(canonical, main=extended)).save(path)
    return path


def test_operations_that_differ(nnhal, models, longer, tmp_path):
    """Of models with equally many outputs: the original, with its last operation in the other's place."""
    canonical = load_model(longer).canonical
    main = canonical.main
    operands = list(main.operands)
    operands[main.outputs[0]] = replace(operands[main.outputs[0]], lifetime=Lifetime.TEMPORARY_VARIABLE)
    shortened = replace(main, operands=tuple(operands), outputs=main.outputs[1:])
    Model.from_canonical(replace(canonical, main=shortened)).save(tmp_path / "absolute.nnhal")
    told = facts(nnhal("diff", models[MODEL], tmp_path / "absolute.nnhal", "--json"))
    changed = [each for each in told["operations"] if each["counts"][0] != each["counts"][1]]
    assert changed == [{"operation": "ABS", "type": "TENSOR_FLOAT32", "counts": [0, 1]}]
    assert "Operations that differ" in nnhal("diff", models[MODEL], tmp_path / "absolute.nnhal").out


def test_models_that_can_not_be_compared(nnhal, models, longer):
    result = nnhal("diff", models[MODEL], longer)
    assert (result.code, result.out) == (1, "")
    assert result.complaint == "nnhal: BAD_DATA: the first model has 1 outputs and the second 2"


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.full((1, 256, 256, 3), np.nan, np.float32), "NaN"),
        (np.zeros((1, 255, 256, 3), np.float32), "a sample must be [1, 256, 256, 3]"),
        (np.zeros((0, 256, 256, 3), np.float32), "has no samples"),
    ],
)
def test_bad_samples(nnhal, models, tmp_path, array, reason):
    np.savez(tmp_path / "samples.npz", array)
    result = nnhal("diff", models[MODEL], models[MODEL], "--samples", tmp_path / "samples.npz")
    assert (result.code, result.out) == (1, "")
    assert result.complaint.startswith("nnhal: BAD_DATA: ")
    assert reason in result.complaint
