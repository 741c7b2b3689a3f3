"""``nnhal info``."""

import json
import os

import numpy as np
import pytest

from hal.metadata import Fit, Metadata, Preprocessing
from tools.importers import load_model

MODEL = "hand_recrop"
METADATA = Metadata("recrop", "a test", Preprocessing(Fit.CONTAIN, 1.0, (0.0,), (255.0,)))


@pytest.fixture
def saved(models, tmp_path):
    model = load_model(models[MODEL])
    model.metadata = METADATA
    path = tmp_path / "model.nnhal"
    model.save(path)
    return path


def facts(result):
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_both_formats_hold_the_same_model(nnhal, models, saved):
    told, ours = (facts(nnhal("info", path, "--json")) for path in (models[MODEL], saved))
    assert (told["format"], ours["format"]) == ("tflite", "nnhal")
    for name in ("operations", "operation_kinds", "constants", "macs", "memory_peak", "inputs", "outputs", "relaxed"):
        assert told[name] == ours[name]
    sizes = ours["bytes"]
    assert sizes["file"] == saved.stat().st_size
    assert 0 < sizes["structure"] < sizes["file"] - sizes["weights"] // 2
    assert told["bytes"] == {"file": models[MODEL].stat().st_size, "weights": sizes["weights"], "structure": None}
    assert told["metadata"] is None
    assert ours["metadata"]["preprocessing"] == {
        "fit": "CONTAIN",
        "crop": 1.0,
        "mean": [0.0],
        "std": [255.0],
        "layout": "NHWC",
    }
    main = load_model(saved).canonical.main
    assert told["operations"] == len(main.operations) == sum(kind["count"] for kind in told["operation_kinds"])
    assert told["inputs"] == [{"type": "TENSOR_FLOAT32", "dimensions": [1, 256, 256, 3], "scale": 0.0, "zero_point": 0}]


def test_tables(nnhal, saved):
    result = nnhal("info", saved, "--verify")
    assert result.code == 0
    for words in (
        "CONV_2D",
        "TENSOR_FLOAT32",
        "1 x 256 x 256 x 3",
        "memory peak",
        "MACs",
        "recrop",
        "a test",
        "fit CONTAIN, crop 1.0, mean 0.0, std 255.0, layout NHWC",
        "verified",
    ):
        assert words in result.out


def test_the_name_of_a_fetched_model(nnhal, models):
    assert MODEL in models
    assert facts(nnhal("info", MODEL, "--json"))["operations"] > 0


def test_damage_is_found_in_the_weights_only_when_they_are_verified(nnhal, saved):
    with saved.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    assert facts(nnhal("info", saved, "--json"))["verified_constants"] is None
    result = nnhal("info", saved, "--verify")
    assert (result.code, result.out) == (1, "")
    assert result.complaint.startswith(f"nnhal: BAD_DATA: {saved}: the file is damaged: the SHA-256 of operand ")
    run = nnhal("run", saved, "--device", "cpu")
    assert run.code == 1
    assert "is damaged" in run.complaint


def test_other_formats_can_not_be_verified(nnhal, models):
    result = nnhal("info", models[MODEL], "--verify")
    assert result.code == 1
    assert "has no digests" in result.complaint


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a model that nnhal can read: it must be a .nnhal or a TFLite file"),
        (b"\x89nnhal\r\n", "its header has 8 bytes of 64"),
        (b"\x89nnhal\r\n\x03" + bytes(100), "its format version is 3 and this nnhal reads 1 to 2"),
    ],
)
def test_files_that_are_no_models(nnhal, tmp_path, content, reason):
    path = tmp_path / "model.nnhal"
    path.write_bytes(content)
    result = nnhal("info", path)
    assert (result.code, result.out) == (1, "")
    assert result.complaint.startswith("nnhal: BAD_DATA: ")
    assert reason in result.complaint


def test_a_saved_model_runs_as_the_original(nnhal, models, saved, tmp_path):
    np.save(tmp_path / "image.npy", np.random.default_rng(7).random((1, 256, 256, 3), np.float32))
    results = [
        facts(nnhal("run", path, "--device", "cpu", "--input", tmp_path / "image.npy", "--json"))["outputs"]
        for path in (models[MODEL], saved)
    ]
    assert results[0] == results[1]
