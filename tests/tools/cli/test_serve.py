"""``nnhal serve``."""

import contextlib
import json
import signal
import subprocess

import pytest


@contextlib.contextmanager
def served(command, *arguments):
    """A running service: its process and the first line that it prints."""
    process = subprocess.Popen(
        [*command, "serve", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def test_served_device_runs_models(nnhal, command, models, tmp_path):
    address = f"unix:{tmp_path / 'cpu.sock'}"
    with served(command, "cpu", "--listen", address) as (_, line):
        assert line == f"cpu answers at {address}\n"
        result = nnhal("run", models["hand_recrop"], "--json", NNHAL_DEVICES=f"elsewhere={address}")
        assert result.code == 0, result.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_ends_quietly_without_a_trace(command, tmp_path, number, code):
    path = tmp_path / "cpu.sock"
    with served(command, "cpu", "--listen", f"unix:{path}") as (process, _):
        assert path.exists()
        process.send_signal(number)
        assert process.wait(10) == code
        assert process.stderr.read() == ""
        assert not path.exists()


def test_network(nnhal, command, models):
    with served(command, "cpu", "--listen", "127.0.0.1:0", "--insecure", "--json") as (_, line):
        report = json.loads(line)
        assert report["device"] == "cpu"
        result = nnhal("run", models["hand_recrop"], "--json", NNHAL_DEVICES=f"far={report['address']}")
        assert result.code == 0, result.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["abacus", "--listen", "unix:/tmp/x.sock"], "nnhal: UNAVAILABLE_DEVICE: no driver is registered as 'abacus'"),
        (["cpu", "--listen", "127.0.0.1:0"], "nnhal: BAD_DATA: 127.0.0.1:0 is on the network"),
        (["cpu", "--listen", "nonsense"], "nnhal: BAD_DATA: 'nonsense' is not an address"),
    ],
)
def test_refusals(nnhal, arguments, sentence):
    result = nnhal("serve", *arguments)
    assert (result.code, result.out) == (1, "")
    assert result.complaint.startswith(sentence)
