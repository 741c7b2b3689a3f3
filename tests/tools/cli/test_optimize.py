"""``nnhal optimize``."""

import json

import pytest

MODEL = "selfie_segmentation"


@pytest.fixture
def optimized(nnhal, models, tmp_path):
    """Optimises the model; returns the result's file and what the command says."""

    def run(*arguments):
        path = tmp_path / "better.nnhal"
        result = nnhal("optimize", models[MODEL], "-o", path, *arguments)
        assert result.code == 0, result.err
        return path, result.out

    return run


def test_the_saved_model_computes_the_same_with_less(nnhal, models, optimized):
    path, out = optimized("--json")
    told = json.loads(out)
    assert told["output"] == str(path)
    assert told["after"]["operations"] < told["before"]["operations"]
    assert told["passes"]["activations"]["changes"] > 0
    compared = json.loads(nnhal("diff", models[MODEL], path, "--json").out)
    assert [model["operations"] for model in compared["models"]] == [
        told[when]["operations"] for when in ("before", "after")
    ]
    assert all(output["max_abs"] == 0 for output in compared["outputs"])


def test_the_tables_name_every_pass(optimized):
    _, out = optimized("--passes", "activations,dead")
    assert "activations" in out
    assert "casts" not in out
    assert "commands on the CPU" in out


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("-o", "x.nnhal", "--passes", "beauty"), 1, "BAD_DATA: there is no pass 'beauty'; there are constants,"),
        (("-o", "/nowhere/x.nnhal"), 1, "BAD_DATA: /nowhere/x.nnhal can't be written"),
        ((), 2, "required: -o"),
    ],
)
def test_wrong_usage_is_said(nnhal, models, arguments, code, sentence):
    result = nnhal("optimize", models[MODEL], *arguments)
    assert result.code == code
    assert sentence in result.err
