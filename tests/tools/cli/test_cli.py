"""What every subcommand has in common."""

import subprocess
import sys

import pytest


def test_help_tells_the_exit_codes(nnhal):
    result = nnhal("--help")
    assert result.code == 0
    assert all(word in result.out for word in ("fetch-models", "devices", "run", "serve", "exit codes", "130"))


def test_importing_it_is_cheap():
    code = (
        "import sys, tools.cli;"
        "print([name for name in ('numpy', 'rich', 'grpc', 'numba', 'tflite', 'PIL') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["run"],
        ["run", "model", "--repeat", "0"],
        ["run", "model", "--range", "0"],
        ["serve", "cpu"],
        ["devices", "cpu"],
    ],
)
def test_wrong_usage(nnhal, arguments):
    result = nnhal(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert "usage: nnhal" in result.err


@pytest.mark.usefixtures("models")
def test_reader_that_has_seen_enough(command):
    process = subprocess.Popen([*command, "fetch-models"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 0
