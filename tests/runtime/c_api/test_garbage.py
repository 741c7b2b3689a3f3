"""No sequence of calls ends a program, whatever it passes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("garbage.py")


@pytest.mark.parametrize(
    "examples", [pytest.param(40, id="some"), pytest.param(1500, id="many", marks=pytest.mark.slow)]
)
def test_a_program_survives_whatever_it_calls(library, tmp_path, examples):
    log = tmp_path / "calls"
    done = subprocess.run(
        [sys.executable, PROGRAM, log, str(examples)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NNHAL_DEVICES": "cpu"},
        timeout=280,
        check=False,
    )
    calls = log.read_text() if log.exists() else "no call"
    assert done.returncode == 0, f"{done.stderr[-6000:]}\nthe last calls:\n{calls[-3000:]}"
    assert "unexpectedly" not in done.stderr, done.stderr  # what the log says of an exception that is no NNAPI's
    results = json.loads(done.stdout)
    assert all(results[code] > examples / 4 for code in ("NO_ERROR", "UNEXPECTED_NULL", "BAD_DATA", "BAD_STATE"))
