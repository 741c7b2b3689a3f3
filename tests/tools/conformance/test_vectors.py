"""Recorded vectors: reading them, and executing them in every mode."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from hal.errors import BadDataError
from hal.model import Lifetime
from hal.types import OperandType as T
from tests.tools.conformance.reference_driver import ReferenceDevice
from tools.conformance.case import Subject
from tools.conformance.modes import Mode
from tools.conformance.running import planned
from tools.conformance.trial import Verdict
from tools.conformance.vectors import read_cases
from tools.conformance.workers import run_trials

SHARED = Path(__file__).parents[4] / "shared" / "vts"


def operand(operand_type, dimensions, lifetime, data, scale=0.0, zero_point=0, **more):
    return {
        "type": operand_type, "dimensions": dimensions, "lifetime": lifetime, "data": data, "scale": scale,
        "zero_point": zero_point, **more,
    }  # fmt: skip


def record(name="add", **changes):
    """1 and 2, with scale 0.5, plus a constant 3."""
    made = {
        "name": name,
        "version": "V1_0",
        "relaxed": False,
        "expect_failure": False,
        "multinomial_tolerance": 0,
        "main": {
            "operands": [
                operand("TENSOR_QUANT8_ASYMM", [2], "SUBGRAPH_INPUT", [2, 4], 0.5),
                operand("TENSOR_QUANT8_ASYMM", [1], "CONSTANT_REFERENCE", [6], 0.5),
                operand("INT32", [], "CONSTANT_COPY", [0]),
                operand("TENSOR_QUANT8_ASYMM", [2], "SUBGRAPH_OUTPUT", [8, 10], 0.5),
            ],
            "operations": [{"type": "ADD", "inputs": [0, 1, 2], "outputs": [3]}],
            "inputs": [0],
            "outputs": [3],
        },
        "referenced": [],
    }
    return {**made, **changes}


def write(path, *records):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(records).encode()))


def test_reading(tmp_path):
    write(tmp_path / "V1_2" / "b.json.gz", record("two"))
    write(tmp_path / "V1_0" / "a.json.gz", record("one"), record("wrong", expect_failure=True, relaxed=True))
    one, wrong, two = read_cases(tmp_path)
    assert [one.name, wrong.name, two.name] == ["V1_0/one", "V1_0/wrong", "V1_2/two"]
    assert (wrong.must_fail, wrong.model.relaxed, one.must_fail, one.model.relaxed) == (True, True, False, False)
    constant = one.model.main.operands[1]
    assert (constant.lifetime, constant.value.tolist(), constant.scale) == (Lifetime.CONSTANT_COPY, [6], 0.5)
    assert one.inputs[0].dtype == np.uint8
    assert one.expected[0].tolist() == [8, 10]


def test_what_is_left_out_and_what_is_ignored(tmp_path):
    changed = record()
    operands = changed["main"]["operands"]
    operands[0]["data"], operands[1]["data"], operands[3]["ignored"] = [], [], True
    write(tmp_path / "a.json.gz", changed)
    (case,) = read_cases(tmp_path)
    assert (case.inputs, case.expected) == ((None,), (None,))
    assert case.model.main.operands[1].lifetime is Lifetime.NO_VALUE


def test_subgraphs_and_scales_by_channel(tmp_path):
    changed = record(referenced=[record()["main"]])
    changed["main"]["operands"] += [
        operand("SUBGRAPH", [], "SUBGRAPH", [0]),
        operand(
            "TENSOR_QUANT8_SYMM_PER_CHANNEL", [1, 2], "CONSTANT_COPY", [1, 2],
            channel_quant={"scales": [0.5, 0.1], "channel_dim": 1},
        ),
    ]  # fmt: skip
    write(tmp_path / "a.json.gz", changed)
    (case,) = read_cases(tmp_path)
    *_, model, weights = case.model.main.operands
    assert (model.type, model.subgraph, model.lifetime) == (T.MODEL, 0, Lifetime.SUBGRAPH)
    assert weights.per_channel.scales == (0.5, float(np.float32(0.1)))
    assert len(case.model.referenced) == 1


@pytest.mark.parametrize("mode", Mode)
def test_every_mode_gives_the_answer(tmp_path, mode):
    write(tmp_path / "a.json.gz", record())
    (trial,) = planned("vectors", read_cases(tmp_path), [mode])
    wanted = T.TENSOR_QUANT8_ASYMM_SIGNED if mode is Mode.SIGNED else T.TENSOR_QUANT8_ASYMM
    assert trial.subject == Subject(0, wanted)
    (outcome,) = run_trials(ReferenceDevice(), [trial])
    assert (outcome.verdict, outcome.reason) == (Verdict.PASSED, "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "has no vectors: there is no .json.gz file in it"),
        (b"nothing", "is not a file of recorded vectors"),
        (gzip.compress(b"nothing", mtime=0), "is not a file of recorded vectors"),
        (gzip.compress(b'[{"name": "x"}]', mtime=0), "is not a file of recorded vectors"),
        (gzip.compress(b"[]", mtime=0)[:-5], "is not a file of recorded vectors"),
    ],
)
def test_what_is_no_vectors(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "a.json.gz").write_bytes(content)
    with pytest.raises(BadDataError, match=reason):
        list(read_cases(tmp_path))


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"Android's recorded vectors are not at {SHARED}")
def test_android_vectors_on_the_reference():
    outcomes = run_trials(ReferenceDevice(), planned("vectors", read_cases(SHARED), [Mode.COMPUTE]))
    assert len(outcomes) == 8005
    assert [each.trial.name for each in outcomes if each.verdict is not Verdict.PASSED] == []
