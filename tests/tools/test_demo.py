"""The demonstration, as ``make demo`` runs it."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image


@pytest.mark.usefixtures("models")
def test_box_is_drawn_around_the_face(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "new" / "face.png"
    command = [sys.executable, "-m", "tools.demo", "--output", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    assert "468 landmarks" in result.stdout
    assert all(word in result.stdout for word in ("face_detection_short_range", "face_landmark", "cpu", str(path)))
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    ys, xs = np.nonzero(np.abs(pixels - [0x30, 0xE0, 0x60]).sum(axis=2) == 0)
    # LiteRT's answer for the same crop is 167, 144, 367, 344 in the photo; the picture is twice as large
    np.testing.assert_allclose([xs.min(), ys.min(), xs.max(), ys.max()], [334, 288, 734, 688], atol=6)
    ys, xs = np.nonzero(np.abs(pixels - [0xFF, 0x30, 0x30]).sum(axis=2) == 0)
    assert 300 < xs.min() < xs.max() < 760
    assert 220 < ys.min() < ys.max() < 700


def test_picture_that_cannot_be_written(models, tmp_path):
    assert models
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "tools.demo", "--output", str(tmp_path / "file" / "face.png")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("nnhal: OP_FAILED: the picture can't be written")
