"""``nnhal bench``."""

import json
import os

import pytest

from runtime.model import Model
from tests.tools.quantization.networks import residual


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "net.nnhal"
    Model.from_canonical(residual()).save(path)
    return path


@pytest.mark.slow
def test_bench(nnhal, model, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    facts, picture = tmp_path / "facts.json", tmp_path / "roof.svg"
    made = nnhal("bench", model, "--against", "litert", "--seconds", 0.1, "--json", facts, "--plot", picture)
    assert made.code == 0, made.err
    assert "geometric mean of the ratios" in made.out
    found = json.loads(facts.read_text())
    (each,) = found["models"]
    assert each["ratio"] == pytest.approx(found["geometric_mean"])
    assert f"{each['ratio']:.3f}" in made.out
    assert each["ours"]["time"]["median_ms"] < 1000
    assert set(each["overhead"]) == {"transport_us", "engine_us", "kernels_us"}
    assert found["machine"]["threads"] == 1
    assert picture.read_text().count("<circle") == 2


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["compute", "rpc"])
def test_alone_by_plain_runs(nnhal, model, mode):
    made = nnhal("bench", model, "--mode", mode, "--seconds", 0.1)
    assert made.code == 0, made.err
    assert "ratio" not in made.out
    assert "net" in made.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--threads", 0), "'0' is not a whole number from 1"),
        (("--threads", len(os.sched_getaffinity(0)) + 1), "the cores there are"),
        (("--seconds", "nan"), "'nan' is not a number above 0"),
        (("--mode", "fast"), "invalid choice: 'fast'"),
        (("--against", "nobody"), "invalid choice: 'nobody'"),
    ],
)
def test_wrong_usage(nnhal, model, arguments, sentence):
    made = nnhal("bench", model, *arguments)
    assert made.code == 2
    assert sentence in made.err


def test_what_is_not_there_is_told_before_anything_is_measured(nnhal, model, tmp_path):
    assert "there is no file" in nnhal("bench", tmp_path / "none.nnhal").complaint
    assert "can't be written" in nnhal("bench", model, "--json", tmp_path / "none" / "facts.json").complaint
