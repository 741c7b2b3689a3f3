"""The command, as a user runs it."""

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def complaint(self):
        """The line that says what went wrong; before it there may be lines of progress."""
        *progress, complaint = self.err.splitlines()
        assert all(line.endswith("...") for line in progress)
        return complaint


@pytest.fixture(scope="session")
def command():
    """The command's first words."""
    return [sys.executable, "-m", "tools.cli"]


@pytest.fixture
def nnhal(command):
    """Runs the command to its end; whatever it says, it is no traceback."""

    def run(*arguments, **environment):
        process = subprocess.run(
            [*command, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=200,
            env={**os.environ, **environment},
            check=False,
        )
        assert "Traceback" not in process.stderr
        return Result(process.returncode, process.stdout, process.stderr)

    return run
