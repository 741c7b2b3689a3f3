"""``nnhal exec``."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

DEVICES = """
import ctypes
library = ctypes.CDLL("libneuralnetworks.so")
count, device, name = ctypes.c_uint32(), ctypes.c_void_p(), ctypes.c_char_p()
assert library.ANeuralNetworks_getDeviceCount(ctypes.byref(count)) == 0
for index in range(count.value):
    assert library.ANeuralNetworks_getDevice(index, ctypes.byref(device)) == 0
    assert library.ANeuralNetworksDevice_getName(device, ctypes.byref(name)) == 0
    print(name.value.decode())
"""


def test_a_program_finds_the_library_by_its_name(nnhal):
    result = nnhal("exec", "--", sys.executable, "-c", DEVICES)
    assert (result.code, result.err) == (0, "")
    assert result.out.split() == ["cpu", "dsp", "gpu", "npu"]


def test_a_program_has_the_devices_that_are_named(nnhal):
    result = nnhal("exec", "--devices", "npu=ethos-u65,cpu", "--", sys.executable, "-c", DEVICES)
    assert result.out.split() == ["npu", "cpu"]


def test_a_program_gets_its_arguments_and_environment(nnhal):
    program = "import os, sys; print(sys.argv[1:], *map(os.environ.get, ['LIBNEURALNETWORKS_PATH', 'LD_LIBRARY_PATH']))"
    result = nnhal("exec", sys.executable, "-c", program, "--json", "--", "-x", LD_LIBRARY_PATH="/elsewhere")
    path = Path(nnhal("libneuralnetworks").out.strip())
    assert result.out == f"['--json', '--', '-x'] {path} {path.parent}:/elsewhere\n"


def test_the_exit_code_is_the_programs(nnhal):
    assert nnhal("exec", "--", "sh", "-c", "exit 7").code == 7


def test_signals_reach_the_program(command):
    program = [sys.executable, "-c", "import time; print('runs', flush=True); time.sleep(100)"]
    process = subprocess.Popen([*command, "exec", "--", *program], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "runs\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == -signal.SIGTERM
    process.communicate()


@pytest.mark.parametrize(
    ("program", "code", "reason"),
    [("nonesuch-program", 127, "No such file or directory"), ("/etc/passwd", 126, "Permission denied")],
)
def test_says_what_can_not_be_run(nnhal, program, code, reason):
    result = nnhal("exec", "--", program)
    assert (result.code, result.complaint) == (code, f"nnhal: {program} can't be run: {reason}")


def test_refuses_devices_that_there_are_not(nnhal):
    result = nnhal("exec", "--devices", "quantum", "--", "true")
    assert result.code == 1
    assert "UNAVAILABLE_DEVICE: NNHAL_DEVICES has 'quantum'" in result.complaint


@pytest.mark.parametrize("arguments", [(), ("--",), ("--devices", "cpu")])
def test_needs_a_program(nnhal, arguments):
    result = nnhal("exec", *arguments)
    assert result.code == 2
    assert result.err.endswith("nnhal exec: error: there is no program to run\n")
