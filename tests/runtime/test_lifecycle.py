"""What is left when applications and drivers end, in every way they can."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.driver_processes import driver_processes

ROOT = Path(__file__).parents[2]

APPLICATION = """
import os, signal, sys, time
import numpy as np
import nnhal

model = nnhal.Model()
tensor = nnhal.OperandType.TENSOR_FLOAT32
x, y = model.add_operand(tensor, (4,)), model.add_operand(tensor, (4,))
model.add_operation(nnhal.OperationType.RELU, [x], [y])
model.identify_inputs_and_outputs([x], [y])
model.finish()

if __name__ == "__main__":
    compiled = nnhal.compile(model, devices=["cpu"])
    print(compiled.run([np.array([-1, 2, -3, 4], np.float32)])[0].tolist(), flush=True)
    exec(sys.stdin.read())
"""


class Application:
    def __init__(self, directory):
        self.base = directory / "run"
        program = directory / "application.py"
        program.write_text(APPLICATION)
        self.process = subprocess.Popen(
            [sys.executable, program],
            env={**os.environ, "NNHAL_RUNTIME_DIR": str(self.base), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "[0.0, 2.0, 0.0, 4.0]\n"
        self.drivers = driver_processes(self.process.pid)
        assert len(self.drivers) == 1
        (self.fork_server,) = psutil.Process(self.process.pid).children()
        assert list(self.base.glob("app-*/cpu-*.sock"))

    def end(self, code):
        """Let the application run ``code`` and end; returns what it prints and its exit status."""
        output, _ = self.process.communicate(code, timeout=60)
        return output, self.process.returncode

    def left(self, patience=10):
        """Drivers and files that are still there after a while."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            running = [
                p for p in [*self.drivers, self.fork_server] if p.is_running() and p.status() != psutil.STATUS_ZOMBIE
            ]
            found = running + list(self.base.iterdir())
            if not found:
                return []
            time.sleep(0.05)
        return found


@pytest.fixture
def application(tmp_path):
    application = Application(tmp_path)
    yield application
    if application.process.poll() is None:
        application.process.kill()
    application.process.wait()


def test_nothing_is_left_when_the_application_ends(application):
    assert application.end("") == ("", 0)
    assert application.left(patience=1) == []


def test_nothing_is_left_when_the_application_fails(application):
    _, status = application.end("raise SystemExit(3)")
    assert status == 3
    assert application.left(patience=1) == []


@pytest.mark.parametrize("deadly", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT])
def test_the_driver_notices_that_the_application_was_killed(application, deadly):
    application.process.send_signal(deadly)
    application.process.wait()
    assert application.left() == []


def test_the_driver_notices_although_a_forked_child_lives_on(application):
    code = """
pid = os.fork()
if pid == 0:
    time.sleep(30)
print(pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    application.process.stdin.write(code)
    application.process.stdin.close()
    child = int(application.process.stdout.readline())
    application.process.wait()
    try:
        assert application.left() == []
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_dead_driver_gives_dead_object_and_the_next_compilation_a_new_driver(application):
    code = f"""
os.kill({application.drivers[0].pid}, signal.SIGKILL)
try:
    compiled.run([np.ones(4, np.float32)])
except nnhal.DeadObjectError as error:
    print(error.code.name, error)
try:
    compiled.run([np.ones(4, np.float32)])
except nnhal.DeadObjectError as error:
    print("again")
again = nnhal.compile(model, devices=["cpu"])
print(again.run([np.array([-5, 5, -5, 5], np.float32)])[0].tolist())
try:
    compiled.run([np.ones(4, np.float32)])
except nnhal.DeadObjectError as error:
    print("still")
"""
    output, status = application.end(code)
    assert output.splitlines() == [
        "DEAD_OBJECT the driver 'cpu' has died or can't be reached",
        "again",
        "[0.0, 5.0, 0.0, 5.0]",
        "still",
    ]
    assert status == 0
    assert application.left(patience=1) == []


def test_when_both_are_killed_the_next_application_cleans_up(application, tmp_path):
    process = application.process
    others = [*application.drivers, application.fork_server]
    for each in others:
        each.suspend()  # so that it can't notice
    process.kill()
    process.wait()
    for each in others:
        each.kill()
    assert list(application.base.iterdir()), "nothing was left that could be cleaned up"
    following = Application(tmp_path)
    following.end("")
    assert following.left(patience=1) == []


def test_a_driver_that_is_stopped_is_ended_with_the_application(application):
    os.kill(application.drivers[0].pid, signal.SIGSTOP)
    application.end("")
    assert application.left(patience=1) == []


def test_a_child_process_gets_drivers_of_its_own(application):
    code = """
pid = os.fork()
if pid == 0:
    compiled = nnhal.compile(model, devices=["cpu"])
    print(compiled.run([np.array([-7, 7, -7, 7], np.float32)])[0].tolist(), flush=True)
    sys.exit()
os.waitpid(pid, 0)
print(compiled.run([np.array([-8, 8, -8, 8], np.float32)])[0].tolist())
"""
    output, _ = application.end(code)
    assert output.splitlines() == ["[0.0, 7.0, 0.0, 7.0]", "[0.0, 8.0, 0.0, 8.0]"]
    assert application.left(patience=1) == []


def test_a_start_costs_no_numba_in_the_application(tmp_path):
    code = "import nnhal, sys; print(sorted({'numba', 'grpc', 'llvmlite', 'drivers'} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "[]\n", done.stderr
