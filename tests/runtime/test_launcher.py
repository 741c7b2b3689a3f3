"""What an application hears when a driver can't start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import nnhal
try:
    nnhal.device({name!r}).info
except nnhal.NnapiError as error:
    print(error.code.name, error)
"""
BROKEN = """
import os, sys

class NotADevice:
    pass

def tells():
    print("to standard error", file=sys.stderr, flush=True)
    raise RuntimeError(f"{os.environ['MOOD']} in {os.getcwd()} on {len(os.sched_getaffinity(0))}")

def fails():
    raise RuntimeError("no such chip")
"""


def told(tmp_path, name, entry, program=PROGRAM, **environment):
    """What an application is told about a driver that is registered as ``entry`` in a package of its own."""
    package = tmp_path / "broken-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(f"[nnhal.drivers]\n{name} = {entry}\n")
    (tmp_path / "broken.py").write_text(BROKEN)
    done = subprocess.run(
        [sys.executable, "-c", program.format(name=name)],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}", **environment},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("nowhere:Device", "ModuleNotFoundError: No module named 'nowhere'"),
        ("broken:Missing", "has no attribute 'Missing'"),
        ("broken:fails", "RuntimeError: no such chip"),
        ("broken:NotADevice", "does not make a hal.device.Device"),
    ],
)
def test_the_reason_why_a_driver_does_not_start_is_told(tmp_path, entry, reason):
    message = told(tmp_path, "broken", entry)
    assert message.startswith("UNAVAILABLE_DEVICE the driver 'broken' did not start")
    assert reason in message


def test_a_runtime_directory_too_long_for_sockets(tmp_path):
    message = told(tmp_path, "cpu2", "drivers.cpu.device:CpuDevice", NNHAL_RUNTIME_DIR=str(tmp_path / ("x" * 90)))
    assert message.startswith("UNMAPPABLE")
    assert "NNHAL_RUNTIME_DIR" in message


FINDS = """
import os
import nnhal

def tell():
    try:
        nnhal.device("broken").info
    except nnhal.NnapiError as error:
        print(error)

os.environ["MOOD"] = "glad"
tell()
os.environ["MOOD"] = "sad"
os.mkdir("elsewhere")
os.chdir("elsewhere")
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
os.dup2(os.open("errors", os.O_WRONLY | os.O_CREAT), 2)
tell()
"""


def test_a_driver_finds_what_the_application_has_when_it_is_started(tmp_path):
    glad, sad = told(tmp_path, "broken", "broken:tells", program=FINDS).splitlines()
    cores = len(os.sched_getaffinity(0))
    assert glad.endswith(f"RuntimeError: glad in {tmp_path} on {cores}")
    assert sad.endswith(f"RuntimeError: sad in {tmp_path}/elsewhere on 1")
    assert "to standard error" in (tmp_path / "elsewhere" / "errors").read_text()


def test_devices_that_nobody_knows_are_named(tmp_path):
    message = told(tmp_path, "cpu", "drivers.cpu.device:CpuDevice", NNHAL_DEVICES="cpu,tpu")
    assert message.startswith("UNAVAILABLE_DEVICE NNHAL_DEVICES has 'tpu'")
