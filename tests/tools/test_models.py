"""Fetching models, from a wheel made by hand: nothing here needs the network but the real models, once."""

import subprocess
import sys
import zipfile

import pytest

from hal.errors import BadDataError, OpFailedError
from tools.models import fetch_models

NAMES = ["hand_recrop", "face_detection_short_range"]


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Lets pip see a folder of wheels and nothing else; returns the folder."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def publish(offline):
    """Makes a wheel that holds files, as MediaPipe's does."""

    def make(files):
        info = "mediapipe-0.10.21.dist-info"
        with zipfile.ZipFile(offline / "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl", "w") as wheel:
            for name, content in files.items():
                wheel.writestr(f"mediapipe/modules/{name}/{name}.tflite", content)
            wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: cp311-cp311-manylinux_2_28_x86_64\n")
            wheel.writestr(f"{info}/RECORD", "")

    return make


@pytest.fixture
def real(models):
    return {name: models[name].read_bytes() for name in NAMES}


def test_fetched_once(publish, offline, real, tmp_path):
    publish(real)
    news = []
    paths = fetch_models(tmp_path / "models", lambda *given: news.append(given), NAMES)
    assert {name: path.read_bytes() for name, path in paths.items()} == real
    activities = [activity for activity, _, _ in news]
    assert activities == ["downloading mediapipe==0.10.21 (36 MB)", *["unpacking models"] * 2]
    for wheel in offline.iterdir():
        wheel.unlink()  # what follows can't download
    assert fetch_models(tmp_path / "models", names=NAMES) == paths
    assert not list((tmp_path / "models").glob(".download*"))


def test_kept_in_the_users_cache(publish, real, tmp_path, monkeypatch):
    publish(real)
    monkeypatch.setenv("NNHAL_CACHE_DIR", str(tmp_path / "cache"))
    paths = fetch_models(names=NAMES)
    assert {path.parent for path in paths.values()} == {tmp_path / "cache" / "models"}


def test_damaged_file_is_fetched_again(publish, real, tmp_path):
    publish(real)
    path = fetch_models(tmp_path, names=NAMES)["hand_recrop"]
    path.write_bytes(real["hand_recrop"][:-1] + b"?")
    fetch_models(tmp_path, names=NAMES)
    assert path.read_bytes() == real["hand_recrop"]


def test_other_content_is_refused(publish, real, tmp_path):
    publish({**real, "hand_recrop": real["hand_recrop"] + b"?"})
    with pytest.raises(OpFailedError, match=r"hand_recrop\.tflite .* SHA-256"):
        fetch_models(tmp_path / "models", names=NAMES)
    assert not (tmp_path / "models" / "hand_recrop.tflite").exists()


def test_wheel_without_the_model_is_refused(publish, real, tmp_path):
    publish({"hand_recrop": real["hand_recrop"]})
    with pytest.raises(OpFailedError, match="not the wheel expected"):
        fetch_models(tmp_path / "models", names=NAMES)


@pytest.mark.usefixtures("offline")
def test_pip_cannot_download(tmp_path):
    with pytest.raises(OpFailedError, match=r"pip could not download mediapipe==0\.10\.21: .*No matching distribution"):
        fetch_models(tmp_path / "models", names=NAMES)


def test_directory_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OpFailedError, match="can't be kept in"):
        fetch_models(tmp_path / "file" / "models", names=NAMES)


def test_unknown_name(tmp_path):
    with pytest.raises(BadDataError, match=r"no model 'mobilenet'; there are .*hand_recrop"):
        fetch_models(tmp_path, names=["mobilenet"])


def test_several_processes_at_once(publish, real, tmp_path):
    publish(real)
    code = (
        "import sys, pathlib; from tools.models import fetch_models;"
        f"print(fetch_models(pathlib.Path(sys.argv[1]), names={NAMES})['hand_recrop'])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "models")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b"")
        assert out.decode().strip() == str(tmp_path / "models" / "hand_recrop.tflite")
    assert {path.stem for path in (tmp_path / "models").glob("*.tflite")} == set(NAMES)
