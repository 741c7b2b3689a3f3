"""``nnhal serve``."""

import contextlib
import json
import signal
import subprocess
import time

import numpy as np
import pytest

import nnhal
from tests import descriptions


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


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_ends_with_clients_and_an_execution_that_hangs(command, tmp_path, monkeypatch, number, code):
    path = tmp_path / "cpu.sock"
    description = tmp_path / "hangs.toml"
    description.write_text(descriptions.cpu(faults='[[faults]]\nkind = "hang"\nevery = 1\n'))
    monkeypatch.setenv("NNHAL_DEVICES", f"cpu=unix:{path}")
    with served(command, "cpu", "--description", description, "--listen", f"unix:{path}") as (process, _):
        compilation = nnhal.Compilation(_relu(), ["cpu"])
        compilation.finish()
        execution = nnhal.Execution(compilation)
        execution.set_input(0, np.ones(4, np.float32))
        execution.set_output(0, np.zeros(4, np.float32))
        event = execution.start_compute()
        time.sleep(0.5)
        process.send_signal(number)
        assert process.wait(10) == code
        assert not path.exists()
        with pytest.raises(nnhal.DeadObjectError):
            event.wait()


def _relu():
    model = nnhal.Model()
    x, y = (model.add_operand(nnhal.OperandType.TENSOR_FLOAT32, (4,)) for _ in range(2))
    model.add_operation(nnhal.OperationType.RELU, [x], [y])
    model.identify_inputs_and_outputs([x], [y])
    model.finish()
    return model


def test_served_description(nnhal, command, tmp_path):
    address = f"unix:{tmp_path / 'slow.sock'}"
    with served(command, "cpu", "--description", "snapdragon-450", "--listen", address):
        listed = json.loads(nnhal("devices", "--json", NNHAL_DEVICES=f"slow={address}").out)
        assert [(each["name"], each["part"][:14]) for each in listed] == [("cpu", "Snapdragon 450")]


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
        (
            ["cpu", "--description", "huge", "--listen", "unix:/tmp/x.sock"],
            "nnhal: BAD_DATA: drivers.cpu has no description 'huge'",
        ),
        (["cpu", "--listen", "nonsense"], "nnhal: BAD_DATA: 'nonsense' is not an address"),
    ],
)
def test_refusals(nnhal, arguments, sentence):
    result = nnhal("serve", *arguments)
    assert (result.code, result.out) == (1, "")
    assert result.complaint.startswith(sentence)
