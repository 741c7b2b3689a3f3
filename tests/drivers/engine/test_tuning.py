"""What is tried, what is remembered of it, and who uses the answers."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from drivers.engine import native, tuning
from hal.cache import cache_directory
from hal.errors import BadDataError
from tests.drivers.engine import programs
from tests.drivers.engine.tuned import network


class Cache:
    """A cache with compiled kernels in it and no answers yet."""

    def __init__(self, path):
        self.path = path
        kernels = cache_directory() / "kernels"
        kernels.mkdir(parents=True, exist_ok=True)
        (path / "kernels").symlink_to(kernels)

    @property
    def answers(self):
        """The files with answers."""
        return sorted(each for each in self.path.glob("tuned/*/*"))

    def prepare(self, seconds, convolutions=1, dtype="float32", **environment):
        """What a new process with this cache takes and tries."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.drivers.engine.tuned", str(convolutions), dtype],
            env={**os.environ, "NNHAL_CACHE_DIR": str(self.path), "NNHAL_TUNING": str(seconds), **environment},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def cache(tmp_path):
    path = tmp_path / "cache"
    path.mkdir()
    return Cache(path)


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_an_answer_is_found_once_and_used_by_the_next_process(cache, dtype):
    first, again = (found := cache.prepare(60, dtype=dtype))["prepared"]
    assert len(first["tried"]) >= 1
    (file,) = cache.answers
    assert found["answers"] == {file.name: file.read_text()}
    assert first["taken"] == again["taken"] == [file.read_text()]
    assert again["tried"] == []

    other = first["tried"][0]
    file.write_text(other)
    for seconds in (60, 0):
        for each in cache.prepare(seconds, dtype=dtype)["prepared"]:
            assert each == {"taken": [other], "tried": []}


def test_without_time_nothing_is_tried(cache):
    for each in cache.prepare(0)["prepared"]:
        assert each["tried"] == []
    assert cache.answers == []


def test_trials_end_when_their_time_is_spent(cache):
    """What was begun is ended: one question of three."""
    found = cache.prepare(1e-9, convolutions=3)
    assert len(cache.answers) == 1
    assert len(found["answers"]) == 3
    assert found["prepared"][1] == {"taken": found["prepared"][0]["taken"], "tried": []}


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"99x99x16", b"4x2x16\n"], ids=str)
def test_an_answer_that_is_none_is_passed_over(cache, damage):
    cache.prepare(60)
    (file,) = cache.answers
    file.write_bytes(damage)
    assert cache.prepare(0)["prepared"][0]["tried"] == []
    assert file.read_bytes() == damage
    repaired = cache.prepare(60)
    assert repaired["prepared"][0]["tried"]
    assert repaired["answers"] == {file.name: file.read_text()}
    assert repaired["prepared"][0]["taken"] == [file.read_text()]


def test_a_cache_that_cannot_be_written_costs_each_process_its_trials_once(cache):
    (cache.path / "tuned").touch()  # no folder
    first, again = (found := cache.prepare(60))["prepared"]
    assert first["tried"]
    assert again == {"taken": first["taken"], "tried": []}
    assert list(found["answers"].values()) == first["taken"]


def test_a_bundle_has_the_last_word(cache, tmp_path):
    first, _ = cache.prepare(60)["prepared"]
    (file,) = cache.answers
    bundle = tmp_path / "bundle"
    (bundle / tuning.FOLDER).mkdir(parents=True)
    (bundle / "manifest.json").write_text(json.dumps({"format": 1, "made_for": native.facts(), "code": {}}))
    other = first["tried"][0]
    (bundle / tuning.FOLDER / file.name).write_text(other)
    for _ in ("with another answer in the cache", "with none"):
        for each in cache.prepare(60, NNHAL_BUNDLES=str(bundle))["prepared"]:
            assert each == {"taken": [other], "tried": []}
        file.unlink(missing_ok=True)
    assert cache.answers == []


@pytest.mark.parametrize("value", ["fast", "", "-1", "nan", "inf", "1e999", "2s"])
def test_what_is_no_number_of_seconds_is_refused(monkeypatch, tmp_path, value):
    monkeypatch.setenv("NNHAL_TUNING", value)
    monkeypatch.setenv("NNHAL_CACHE_DIR", str(tmp_path))  # no answers there: the question is open
    sentence = f"NNHAL_TUNING is '{value}'; it must be a number of seconds, 0 for no trials"
    with pytest.raises(BadDataError, match=sentence):
        tuning.seconds()
    with pytest.raises(BadDataError, match=sentence):
        programs.lowered(network(1), [np.zeros((1, 20, 23, 16), np.float32)])
