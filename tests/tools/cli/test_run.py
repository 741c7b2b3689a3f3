"""``nnhal run``, through a driver process."""

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hal import reference
from tools.importers import load_model

MODEL = "hand_recrop"


@pytest.fixture
def expected(models):
    """What a model makes of an image, by the operations' reference results."""

    def compute(image):
        return reference.run(load_model(models[MODEL]).canonical, [image])

    return compute


def check(result, outputs):
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert len(report["outputs"]) == len(outputs)
    for told, array in zip(report["outputs"], outputs):
        assert (told["shape"], told["dtype"]) == (list(array.shape), "float32")
        figures = [told["min"], told["mean"], told["max"], *told["first"]]
        wanted = [array.min(), array.mean(), array.max(), *array.reshape(-1)[:4]]
        np.testing.assert_allclose(figures, wanted, rtol=1e-4, atol=1e-4)
    return report


def test_random_input_is_always_the_same(nnhal, models, expected):
    image = np.random.default_rng(0).random((1, 256, 256, 3)).astype(np.float32)
    report = check(nnhal("run", models[MODEL], "--json", "--repeat", 3), expected(image))
    assert (report["device"], report["repeat"]) == ("cpu", 3)
    assert report["simulated"] is True
    assert report["driver_ms"] > 0
    assert report["compile_ms"] > 0


def test_table_and_name_of_a_fetched_model(nnhal, models):
    assert MODEL in models
    result = nnhal("run", MODEL, "--device", "cpu")
    assert result.code == 0
    assert "hand_recrop on cpu" in result.out
    assert "1 x 1 x 1 x 4" in result.out
    assert "compile" in result.out


def test_inputs_from_files(nnhal, models, expected, tmp_path):
    image = np.random.default_rng(3).random((1, 256, 256, 3), np.float32)
    np.save(tmp_path / "image.npy", image)
    np.savez(tmp_path / "image.npz", image)
    for name in ("image.npy", "image.npz"):
        check(nnhal("run", models[MODEL], "--input", tmp_path / name, "--json"), expected(image))


@pytest.mark.parametrize(("options", "low", "high"), [([], 0, 1), (["--range", "-1", "1"], -1, 1)])
def test_picture(nnhal, models, expected, tmp_path, options, low, high):
    gray = np.linspace(0, 255, 256).astype(np.uint8)
    Image.fromarray(np.tile(gray[:, None], (1, 256))).save(tmp_path / "picture.png")
    pixels = np.broadcast_to(gray[None, :, None, None], (1, 256, 256, 3)).astype(np.float32) / 255
    result = nnhal("run", models[MODEL], "--json", "--input", tmp_path / "picture.png", *options)
    check(result, expected(pixels * (high - low) + low))


def test_picture_of_another_size_is_resized(nnhal, models, expected, tmp_path):
    Image.new("L", (100, 40), 51).save(tmp_path / "picture.png")
    result = nnhal("run", models[MODEL], "--json", "--input", tmp_path / "picture.png")
    check(result, expected(np.full((1, 256, 256, 3), 0.2, np.float32)))


@pytest.mark.parametrize(
    ("content", "name", "code", "reason"),
    [
        (np.zeros((1, 256, 256, 3)), "image.npy", "BAD_DATA", "float64"),
        (np.zeros((1, 255, 256, 3), np.float32), "image.npy", "BAD_DATA", "shape"),
        ({"a": np.zeros(3), "b": np.zeros(3)}, "image.npz", "BAD_DATA", "hold 2 inputs; the model has 1"),
        (np.array([{}]), "image.npy", "BAD_DATA", "can't be read"),
        (b"nothing", "image.npy", "BAD_DATA", "can't be read"),
        (b"PK\3\4nothing", "image.npz", "BAD_DATA", "can't be read"),
        (b"nothing", "image.png", "BAD_DATA", "can't be read"),
        (None, "image.png", "BAD_DATA", "there is no file"),
    ],
)
def test_bad_input(nnhal, models, tmp_path, content, name, code, reason):
    path = tmp_path / name
    if isinstance(content, np.ndarray):
        np.save(path, content)
    elif isinstance(content, dict):
        np.savez(path, **content)
    elif content is not None:
        path.write_bytes(content)
    result = nnhal("run", models[MODEL], "--input", path)
    assert (result.code, result.out) == (1, "")
    assert result.complaint.startswith(f"nnhal: {code}: ")
    assert reason in result.complaint


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no_such_model"], "nnhal: BAD_DATA: there is no model 'no_such_model'; there are "),
        (["absent.tflite"], "nnhal: BAD_DATA: there is no file absent.tflite"),
        ([MODEL, "--device", "abacus"], "nnhal: UNAVAILABLE_DEVICE: there is no device 'abacus'; devices: cpu"),
    ],
)
@pytest.mark.usefixtures("models")
def test_what_does_not_exist(nnhal, arguments, sentence):
    result = nnhal("run", *arguments)
    assert (result.code, result.out) == (1, "")
    assert result.complaint.startswith(sentence)


def test_model_that_cannot_be_expressed(nnhal, models):
    result = nnhal("run", models["face_landmark_with_attention"], "--json")
    assert (result.code, result.out) == (1, "")
    assert "TransformLandmarks" in result.complaint


@pytest.mark.parametrize("delay", [0.0, 0.15, 0.3, 0.6])
def test_interrupted(command, models, delay):
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.Popen(
            [*command, "run", models["pose_landmark_full"], "--repeat", "100000"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NNHAL_RUNTIME_DIR": directory},
        )
        first = process.stderr.readline()  # Python and the command have started
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out) == (130, "")
        assert all(line.endswith("...") for line in (first + err).splitlines())
        deadline = time.monotonic() + 10
        while list(Path(directory).iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)  # the driver removes what the application left
        assert not list(Path(directory).iterdir())


def test_second_start_compiles_nothing_and_leaves_nothing(nnhal, models):
    with tempfile.TemporaryDirectory() as directory:  # a socket's path must not be as long as tmp_path
        first = nnhal("run", models["face_landmark"], NNHAL_RUNTIME_DIR=directory)
        second = nnhal("run", models["face_landmark"], NNHAL_RUNTIME_DIR=directory)
        assert (first.code, second.code, list(Path(directory).iterdir())) == (0, 0, [])
    assert "compiling kernels" not in second.err
