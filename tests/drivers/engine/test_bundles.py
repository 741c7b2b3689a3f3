"""Which bundles a driver takes machine code from, and what it says of the others."""

import hashlib
import json
import logging

import pytest

from drivers.engine import bundles
from hal.errors import BadDataError

FACTS = {"processor": "box-9", "processor's features": "fma sse2", "numba": "1.2"}


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes bundles and names them in the environment."""

    def make(*overrides, **tables):
        paths = []
        for number, facts in enumerate(overrides):
            path = tmp_path / f"bundle{number}"
            (path / "kernels").mkdir(parents=True)
            content = b"machine code %d" % number
            (path / "kernels" / "math.add").write_bytes(content)
            code = {"math.add": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
            manifest = {"format": 1, "made_for": {**FACTS, **facts}, "code": code, **tables}
            (path / "manifest.json").write_text(json.dumps(manifest))
            paths.append(path)
        monkeypatch.setenv("NNHAL_BUNDLES", ":".join(map(str, paths)))
        return paths

    return make


def test_code_is_read_from_a_bundle_that_fits(make):
    make({})
    (bundle,) = bundles.fitting(FACTS)
    assert bundle.read("math.add") == b"machine code 0"
    assert bundle.read("math.subtract") is None


def test_without_the_variable_there_are_none(monkeypatch):
    monkeypatch.delenv("NNHAL_BUNDLES", raising=False)
    assert bundles.fitting(FACTS) == ()


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"processor": "box-8"}, "its processor is box-8, and here it is box-9"),
        ({"processor's features": "avx sse2"}, "its processor's features differ: avx only there; fma only here"),
        ({"numba": "1.1"}, "its numba is 1.1, and here it is 1.2"),
        ({"numba": None}, "it does not tell its numba"),
    ],
)
def test_a_bundle_for_another_machine_is_passed_over_aloud(make, caplog, facts, sentence):
    (path,) = make(facts)
    assert bundles.fitting(FACTS) == ()
    assert f"the bundle {path} is passed over: {sentence}" in caplog.text


def test_of_several_the_one_that_fits_is_taken_quietly(make, caplog):
    _, path = make({"processor": "box-8"}, {})
    with caplog.at_level(logging.WARNING):
        assert [bundle.path for bundle in bundles.fitting(FACTS)] == [path]
    assert not caplog.records


def test_a_damaged_or_missing_file_is_said_and_not_used(make, caplog):
    (path,) = make({})
    (bundle,) = bundles.fitting(FACTS)
    file = path / "kernels" / "math.add"
    file.write_bytes(b"machine cude 0")
    assert bundle.read("math.add") is None
    assert f"{file} is damaged" in caplog.text
    file.unlink()
    assert bundle.read("math.add") is None
    assert f"{file}, which its bundle should have, can't be read: No such file" in caplog.text


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ({"format": 2}, "has format 2 and this nnhal reads 1; make it anew"),
        ({"code": {"math.add": {}}}, "is damaged: .*manifest.json lacks what a manifest has"),
        ({"code": None}, "is damaged: .*lacks what"),
        ({"made_for": 5}, "is damaged: .*lacks what"),
    ],
)
def test_a_wrong_manifest_is_refused(make, tables, sentence):
    make({}, **tables)
    with pytest.raises(BadDataError, match=sentence):
        bundles.fitting(FACTS)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1', "\x80"])
def test_what_is_no_manifest_is_refused(make, text):
    (path,) = make({})
    (path / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(BadDataError, match="is damaged"):
        bundles.fitting(FACTS)


def test_a_folder_that_is_no_bundle_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("NNHAL_BUNDLES", f"{tmp_path}/nowhere")
    with pytest.raises(BadDataError, match=r"nowhere, which is no bundle: .*manifest\.json: No such file"):
        bundles.fitting(FACTS)
