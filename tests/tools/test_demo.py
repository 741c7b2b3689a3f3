"""The demonstration, as ``make demo`` runs it, and its parts."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import nnhal
from hal.device import Timing
from tools.demo.figures import COLUMNS, figures
from tools.demo.finding import Found, Run, find
from tools.demo.networks import DETECTOR, LANDMARKS, WAYS, Networks
from tools.demo.picture import COLOURS, draw
from tools.vision import Face

CPU, GPU, DSP, NPU = WAYS


def demo(*arguments):
    command = [sys.executable, "-m", "tools.demo", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)


def shown(path):
    """The colours of ``COLOURS`` that are somewhere in a picture, by device."""
    with Image.open(path) as picture:
        pixels = {"#{:02x}{:02x}{:02x}".format(*pixel) for _, pixel in picture.convert("RGB").getcolors(1 << 24)}
    return {device for device, colour in COLOURS.items() if colour in pixels}


@pytest.mark.slow
@pytest.mark.usefixtures("models")
def test_four_devices_find_the_same_face(tmp_path):
    path = tmp_path / "new" / "face.png"
    result = demo("--output", path, "--json")
    assert result.returncode == 0, result.stderr
    cpu, gpu, dsp, npu = ways = json.loads(result.stdout)["ways"]
    assert [(each["device"], each["numbers"]) for each in ways] == [(way.device, way.numbers) for way in WAYS]
    # LiteRT's answer for the same crop
    np.testing.assert_allclose(cpu["box"], [167, 144, 367, 344], atol=3)
    for each in ways:
        moved = np.abs(np.subtract(each["box"], cpu["box"])).max() / (cpu["box"][2] - cpu["box"][0])
        assert each["box_moved"] == pytest.approx(moved)
        assert moved <= 0.02
        assert each["landmarks_moved"] <= 0.02
        assert each["cosine"] >= 0.99
        assert each["share"] == 1
    assert 0 < gpu["box_moved"] < min(dsp["box_moved"], npu["box_moved"])
    assert max(dsp["joules"], npu["joules"]) < min(cpu["joules"], gpu["joules"])
    assert dsp["size"] == npu["size"] <= 0.3 * cpu["size"]
    assert shown(path) == set(COLOURS)


def test_no_work_is_done_for_a_picture_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "face.png", tmp_path):
        result = demo("--output", path)
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith("nnhal: BAD_DATA: ")
        assert str(path if path == tmp_path else path.parent) in line


def test_a_photograph_without_a_face(models):
    pair = [nnhal.load_model(models[name]) for name in (DETECTOR, LANDMARKS)]
    with pytest.raises(nnhal.OpFailedError, match="cpu found no face"):
        find(Networks(*pair, 0), "cpu", Image.new("RGB", (64, 64)), None, lambda *_news: None)


def found(shift=0.0, device_macs=100, energy=3_000_000):
    """A face whose box is 100 pixels wide, ``shift`` pixels further down than it might be."""
    keypoints = np.array([[80.0, 90], [120, 90], [100, 110], [100, 130], [55, 100], [145, 100]])
    landmarks = np.stack([np.linspace(60, 140, 468), np.linspace(80, 150, 468) + shift], axis=1)
    outputs = [np.array([[1.0, shift]])]
    runs = tuple(Run(outputs, Timing(1, 2_000_000, each), 0.25, 100, device_macs) for each in (1_000_000, energy))
    return Found(Face(0.9, (50, 60, 150, 160 + shift), keypoints), landmarks, 0.8, runs, outputs)


def test_figures_are_of_both_networks_and_relative_to_the_reference():
    own = figures(NPU, found(2.0, device_macs=75), found(), size=2048)
    assert (own.device, own.numbers, own.share, own.size, own.score) == ("npu", "int8", 0.75, 2048, 0.8)
    assert (own.seconds, own.joules, own.wall) == (pytest.approx(4e-3), pytest.approx(4e-3), 0.5)
    assert (own.box_moved, own.landmarks_moved) == (pytest.approx(0.02), pytest.approx(0.02))
    assert own.cosine == pytest.approx(1 / np.sqrt(5))
    assert own.row()[:5] == ["NPU, int8", "75.0%", "4 ms", "4 mJ", "2 KiB"]
    assert len(own.row()) == len(COLUMNS)


def test_a_device_that_does_not_say_what_it_burns_has_no_energy():
    own = figures(NPU, found(energy=None), found(), size=0)
    assert own.joules is None
    assert own.row()[3] == "-"


def test_the_picture_shows_each_device(tmp_path):
    ways = {way: found(3.0 * number) for number, way in enumerate(WAYS)}
    compared = {way: figures(way, each, ways[CPU], 0) for way, each in ways.items()}
    photo = Image.new("RGB", (200, 200), "#204060")
    draw(photo, ways, compared, tmp_path / "face.png")
    assert shown(tmp_path / "face.png") == set(COLOURS)
    draw(photo, {CPU: ways[CPU], GPU: ways[GPU]}, compared, tmp_path / "two.png")
    assert shown(tmp_path / "two.png") == {"cpu", "gpu"}


def test_a_picture_of_an_unknown_format(tmp_path):
    with pytest.raises(nnhal.OpFailedError, match=r"the picture can't be written to .*face\.xyz"):
        draw(
            Image.new("RGB", (200, 200)),
            {DSP: found()},
            {DSP: figures(DSP, found(), found(), 0)},
            tmp_path / "face.xyz",
        )
