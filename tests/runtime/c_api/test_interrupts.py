"""Ctrl-C, in a Python process that waits inside the library and in a C program."""

import os
import signal
import subprocess
import sys
import time

WAITING = """
import ctypes, os, sys
library = ctypes.CDLL(sys.argv[1])
reading, writing = os.pipe()
event = ctypes.c_void_p()
assert library.ANeuralNetworksEvent_createFromSyncFenceFd(reading, ctypes.byref(event)) == 0
print("waits", flush=True)
code = None
try:
    code = library.ANeuralNetworksEvent_wait(event)
    for _ in range(1000):
        pass
except KeyboardInterrupt:
    print("interrupted", code, flush=True)
os.write(writing, b"1")
print(library.ANeuralNetworksEvent_wait(event))
"""


def interrupted(process):
    """What it prints after SIGINT, which reaches it while it waits."""
    assert process.stdout.readline() == "waits\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return out, err, process.returncode


def test_a_python_process_gets_its_keyboard_interrupt(library):
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, library.path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    out, err, code = interrupted(process)
    assert out in ("interrupted 5\n0\n", "interrupted None\n0\n")
    assert (err, code) == ("", 0)


def test_a_c_program_ends(library, compiled, tmp_path):
    source = tmp_path / "waits.c"
    source.write_text(
        "#include <NeuralNetworks.h>\n#include <stdio.h>\n#include <unistd.h>\n"
        "int main(void) { int ends[2]; ANeuralNetworksEvent* event;"
        " if (pipe(ends) || ANeuralNetworksEvent_createFromSyncFenceFd(ends[0], &event)) return 1;"
        ' puts("waits"); fflush(stdout); return ANeuralNetworksEvent_wait(event); }\n'
    )
    process = subprocess.Popen(
        [compiled(source)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LD_LIBRARY_PATH": str(library.path.parent)},
    )
    assert interrupted(process) == ("", "", -signal.SIGINT)
