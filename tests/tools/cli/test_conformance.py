"""``nnhal conformance``; what its cases are and how they are judged is tested in ``tests/tools/conformance``."""

import json
from xml.etree import ElementTree

import pytest

from tests.tools.conformance.conftest import served
from tests.tools.conformance.test_aosp import PLAIN
from tests.tools.conformance.test_vectors import record, write

REFERENCE = "tests.tools.conformance.reference_driver"
CARELESS = "tests.tools.conformance.careless_driver"


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """A folder with one case that is right, one that can't be, and a specification."""
    folder = tmp_path_factory.mktemp("vectors")
    wrong = record("wrong")
    wrong["main"]["operands"][3]["data"] = [8, 14]
    write(folder / "V1_0" / "a.json.gz", record("right"), wrong)
    (folder / "V1_0" / "spec.mod.py").write_text(PLAIN)
    return folder


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The words that name a running driver."""
    path = tmp_path_factory.mktemp("driver") / "r.sock"
    with served(path, REFERENCE):
        yield ["--device", f"reference=unix:{path}"]


def told(result):
    """What standard error says besides progress."""
    return [line for line in result.err.splitlines() if not line.endswith("...")]


def test_vectors_alone_are_run_where_they_are_given(nnhal, reference, vectors, tmp_path):
    files = {name: tmp_path / f"report.{name}" for name in ("json", "junit", "html")}
    options = [word for name, path in files.items() for word in (f"--{name}", path)]
    result = nnhal("conformance", *reference, "--vectors", vectors, *options)
    assert result.code == 1
    assert told(result) == ["nnhal: OP_FAILED: 1 of 2 cases failed on reference"]
    reason = "output 0: 1 of 2 values differ, first at [1]: 10.0 instead of 14.0"
    assert json.loads(files["json"].read_text()) == {
        "device": "reference",
        "passed": 1,
        "failed": 1,
        "skipped": 0,
        "operations_taken": ["ADD"],
        "failures": [{"name": "V1_0/wrong", "mode": "compute", "reason": reason}],
    }
    assert ElementTree.parse(files["junit"]).getroot().get("failures") == "1"
    assert "V1_0/wrong" in files["html"].read_text()
    assert "V1_0/wrong" in result.out
    assert ": 1 passed, 1 failed, 0 skipped" in result.out


def test_pattern_and_modes(nnhal, reference, vectors, tmp_path):
    options = ["--vectors", vectors, "-k", "RIGHT", "--mode", "start_compute", "--mode", "signed"]
    result = nnhal("conformance", *reference, *options, "--json", tmp_path / "r.json")
    assert result.code == 0, result.err
    assert json.loads((tmp_path / "r.json").read_text())["passed"] == 2
    result = nnhal("conformance", *reference, "--vectors", vectors, "-k", "V1*ight", "--mode", "all")
    assert ": 9 passed, 0 failed, 0 skipped" in result.out


def test_specifications(nnhal, reference, vectors):
    result = nnhal("conformance", *reference, "--aosp", vectors)
    assert (result.code, told(result)) == (0, [])
    assert ": 1 passed" in result.out


def test_generated_and_invalid_where_nothing_is_given(nnhal, reference, tmp_path):
    arguments = ["-k", "/RELU/TENSOR_FLOAT32/", "--seed", 7, "--cases", 3, "--html", tmp_path / "r.html"]
    result = nnhal("conformance", *reference, *arguments)
    assert result.code == 0, result.err
    text = (tmp_path / "r.html").read_text()
    assert "<td>generated</td><td>compute</td><td class=number>3</td>" in text
    assert "<td>invalid</td><td>invalid</td>" in text
    assert "cases: " in result.err  # progress


def test_a_seed_reproduces_a_case(nnhal, reference, tmp_path):
    for options in (["--cases", 8], ["--seed", 6, "--cases", 1]):
        path = tmp_path / "r.html"
        assert nnhal("conformance", *reference, "--generated", "-k", "/ADD/*seed6", *options, "--html", path).code == 0
        assert "<td>generated</td><td>compute</td><td class=number>5</td>" in path.read_text()


def test_builtin_driver(nnhal):
    result = nnhal("conformance", "--device", "cpu", "--generated", "-k", "/RELU/TENSOR_FLOAT32/", "--cases", 2)
    assert (result.code, told(result)) == (0, [])
    assert ": 2 passed, 0 failed, 0 skipped" in result.out


def test_failures_are_listed_and_not_too_many(nnhal, tmp_path):
    path = tmp_path / "c.sock"
    with served(path, CARELESS):
        options = ["--device", f"careless=unix:{path}", "--invalid", "-k", "/RELU/TENSOR_FLOAT32/model: input"]
        result = nnhal("conformance", *options, "--json", tmp_path / "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    assert result.code == 1
    assert report["failed"] == len(report["failures"]) > 0
    assert {each["mode"] for each in report["failures"]} == {"invalid"}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--device"],
        ["--device", "cpu", "--mode", "backwards"],
        ["--device", "cpu", "--seed", "-1"],
        ["--device", "cpu", "--cases", "many"],
        ["--device", "cpu", "vectors"],
    ],
)
def test_wrong_usage(nnhal, arguments):
    result = nnhal("conformance", *arguments)
    assert (result.code, result.out) == (2, "")
    assert "usage: nnhal" in result.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--device", "abacus"], "UNAVAILABLE_DEVICE: there is no device 'abacus'"),
        (["--device", "cpu", "--vectors", "/nowhere"], "BAD_DATA: /nowhere has no vectors"),
        (["--device", "cpu", "--aosp", "/nowhere"], "BAD_DATA: /nowhere has no specifications"),
        (["--device", "cpu", "--generated", "-k", "DANCE"], "BAD_DATA: no case applies: none in this mode has 'DANCE'"),
        (["--device", "cpu", "--generated", "-k", "RELU", "--json", "/nowhere/r.json"], "BAD_DATA: /nowhere/r.json"),
        (["--device", "there=unix:/nowhere.sock", "--generated"], "DEAD_OBJECT: the driver 'there' has died"),
    ],
)
def test_refusals(nnhal, arguments, sentence):
    result = nnhal("conformance", *arguments)
    assert (result.code, result.out) == (1, "")
    assert result.complaint.startswith(f"nnhal: {sentence}")


def test_every_mode_can_be_chosen():
    """The command names them itself: it must not import NumPy to parse its arguments."""
    from tools.cli.conformance import _MODES
    from tools.conformance.modes import Mode

    assert list(_MODES) == [mode.value for mode in Mode]
