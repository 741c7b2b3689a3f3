"""``nnhal quantize`` and ``nnhal accuracy``."""

import json

import numpy as np
import pytest
from PIL import Image

from runtime.model import Model
from tests.tools.quantization.networks import residual
from tools.importers import load_model


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "float.nnhal"
    Model.from_canonical(residual()).save(path)
    return path


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(4):
        Image.fromarray(generator.integers(0, 256, (20, 12, 3), np.uint8)).save(folder / f"{number}.png")
    return folder


def test_images_make_a_quantised_model_whose_accuracy_is_told(nnhal, model, images, tmp_path):
    small, picture = tmp_path / "int8.nnhal", tmp_path / "error.svg"
    preprocessing = ("--fit", "cover", "--mean", "127.5", "--std", "127.5")
    made = nnhal("quantize", model, "-o", small, "--samples", images, *preprocessing, "--json")
    assert made.code == 0, made.err
    assert [each["type"] for each in json.loads(made.out)["operations"]] == ["CONV_2D", "DEPTHWISE_CONV_2D", "ADD"]
    stated = load_model(small).metadata.preprocessing
    assert (stated.fit.name, stated.mean, stated.std) == ("COVER", (127.5,), (127.5,))
    told = nnhal("accuracy", small, "--against", model, "--samples", images, "--picture", picture, "--json")
    assert told.code == 0, told.err
    facts = json.loads(told.out)
    assert len(facts["layers"]) == 3
    assert all(20 < each["sqnr_db"] < 60 for each in (*facts["layers"], *facts["outputs"]))
    assert picture.read_text().startswith("<svg")
    table = nnhal("accuracy", small, "--against", model, "--samples", images)
    assert "DEPTHWISE_CONV_2D" in table.out


def test_an_npz_file_does_as_well(nnhal, model, tmp_path):
    np.savez(tmp_path / "samples.npz", np.random.default_rng(0).random((4, 8, 8, 3)).astype(np.float32))
    made = nnhal(
        "quantize", model, "-o", tmp_path / "o.nnhal", "--samples", tmp_path / "samples.npz", "--scheme", "uint8"
    )
    assert made.code == 0, made.err
    assert "3 operations in 8 bits" in made.out


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (None, "--scheme int8 needs --samples"),
        ("nowhere.npz", "there is no file"),
        ("empty", "has no samples: there are no images in it"),
        ("nan.npz", "has NaN or infinite values"),
        ("shape.npz", "has shape [4, 8, 8]; a sample must be [1, 8, 8, 3]"),
        ("none.npz", "no samples"),
    ],
)
def test_bad_samples_are_refused_in_a_sentence(nnhal, model, tmp_path, samples, sentence):
    (tmp_path / "empty").mkdir()
    np.savez(tmp_path / "nan.npz", np.full((2, 8, 8, 3), np.nan, np.float32))
    np.savez(tmp_path / "shape.npz", np.zeros((4, 8, 8), np.float32))
    np.savez(tmp_path / "none.npz", np.zeros((0, 8, 8, 3), np.float32))
    given = [] if samples is None else ["--samples", tmp_path / samples]
    made = nnhal("quantize", model, "-o", tmp_path / "o.nnhal", *given)
    assert made.code == 1
    assert "BAD_DATA" in made.complaint
    assert sentence in made.complaint
    assert not (tmp_path / "o.nnhal").exists()
