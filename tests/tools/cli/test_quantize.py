"""``nnhal quantize`` and ``nnhal accuracy``."""

import json
import shlex
import subprocess

import numpy as np
import pytest
from PIL import Image

from hal.model import Operand
from hal.types import OperandType, OperationType
from runtime.model import Model
from tests.networks import Network
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
        ("nowhere", "there is no file"),
        ("empty", "has no samples: there are no images in it"),
        ("damaged", "damaged/1.png can't be read"),
        ("text.npz", "can't be read"),
        ("nan.npz", "has NaN or infinite values"),
        ("inf.npz", "has NaN or infinite values"),
        ("huge.npz", "input 0 of sample 0 has values of more than 3.403e+38"),
        ("shape.npz", "has shape [4, 8, 8]; a sample must be [1, 8, 8, 3]"),
        ("channels.npz", "has shape [4, 8, 8, 1]; a sample must be [1, 8, 8, 3]"),
        ("two.npz", "holds 2 arrays; the model has 1 inputs"),
        ("bytes.npz", "is uint8; for TENSOR_FLOAT32 it must be float32"),
        ("none.npz", "no samples"),
    ],
)
def test_bad_samples_are_refused_in_a_sentence(nnhal, model, tmp_path, samples, sentence):
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "1.png").write_bytes(b"\x89PNG")
    (tmp_path / "text.npz").write_text("no archive")
    image = np.zeros((8, 8, 3), np.float32)
    np.savez(tmp_path / "nan.npz", np.stack([image, image * np.nan]))
    np.savez(tmp_path / "inf.npz", np.stack([image, image + np.inf]))
    np.savez(tmp_path / "huge.npz", np.full((2, 8, 8, 3), 1e300))
    np.savez(tmp_path / "shape.npz", np.zeros((4, 8, 8), np.float32))
    np.savez(tmp_path / "channels.npz", np.zeros((4, 8, 8, 1), np.float32))
    np.savez(tmp_path / "two.npz", image[None], image[None])
    np.savez(tmp_path / "bytes.npz", np.zeros((4, 8, 8, 3), np.uint8))
    np.savez(tmp_path / "none.npz", np.zeros((0, 8, 8, 3), np.float32))
    given = [] if samples is None else ["--samples", tmp_path / samples]
    made = nnhal("quantize", model, "-o", tmp_path / "o.nnhal", *given)
    assert made.code == 1
    assert "BAD_DATA" in made.complaint
    assert sentence in made.complaint
    assert not (tmp_path / "o.nnhal").exists()


@pytest.mark.parametrize("scheme", ["int8", "uint8", "dynamic", "float16"])
def test_a_model_with_nothing_to_quantise_is_refused_in_a_sentence(nnhal, tmp_path, scheme):
    network = Network()
    like = Operand(OperandType.TENSOR_INT32)
    one = network.constant(np.array([1], np.int32))
    whole = network.model(network.apply(OperationType.ADD, network.input(2, 3, like=like), one, 0, like=like))
    Model.from_canonical(whole).save(tmp_path / "whole.nnhal")
    np.savez(tmp_path / "samples.npz", np.zeros((4, 2, 3), np.int32))
    old = tmp_path / "o.nnhal"
    old.write_bytes(b"old")
    made = nnhal(
        "quantize", tmp_path / "whole.nnhal", "-o", old, "--scheme", scheme, "--samples", tmp_path / "samples.npz"
    )
    assert made.code == 1
    assert made.complaint.startswith("nnhal: BAD_DATA: the model has nothing to quantise")
    assert old.read_bytes() == b"old"


def test_a_file_that_may_not_grow_is_said_and_the_old_one_stays(command, model, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    old = folder / "o.nnhal"
    old.write_bytes(b"old")
    made = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *command, "quantize", model, "-o", old, "--scheme", "float16"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (made.returncode, made.stdout) == (1, ""), made.stderr
    assert made.stderr == f"nnhal: OP_FAILED: {old} can't be written: File too large\n"
    assert old.read_bytes() == b"old"
    assert list(folder.iterdir()) == [old]


def test_a_full_disk_is_said_and_the_old_file_stays(command, model, tmp_path):
    """A file system of two pages, both taken."""
    folder = tmp_path / "disk"
    folder.mkdir()
    world = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=8k none {folder}"
    try:
        subprocess.run([*world, mount], capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine lets nobody mount a file system of his own")
    np.savez(tmp_path / "samples.npz", np.random.default_rng(0).random((4, 8, 8, 3)).astype(np.float32))
    old = folder / "o.nnhal"
    quantize = [*command, "quantize", model, "-o", old, "--samples", tmp_path / "samples.npz"]
    steps = (
        mount,
        f"head -c 4096 /dev/zero | tr '\\0' x > {old}",
        f"head -c 3000 /dev/zero > {folder}/rest",
        shlex.join(map(str, quantize)),
        "echo code $?",
        f"ls -A {folder}",
        f"cat {old}",
    )
    made = subprocess.run([*world, "; ".join(steps)], capture_output=True, text=True, timeout=200, check=True)
    *progress, complaint = made.stderr.splitlines()
    assert all(line.endswith("...") for line in progress)
    assert complaint == f"nnhal: OP_FAILED: {old} can't be written: No space left on device"
    assert made.stdout.split() == ["code", "1", "o.nnhal", "rest", "x" * 4096]
