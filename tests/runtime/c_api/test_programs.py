"""Programs in C and C++ that know nothing of Python."""

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.runtime.c_api.conftest import PROGRAMS

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "relu_add.c"
A, B = [1, -2, 3, -4, 5, -6], [10, 10, 10, -10, -10, -10]
RESULT = [max(a + b, 0) + a for a, b in zip(A, B)]


def result(output):
    (line,) = [line for line in output.splitlines() if line.startswith("result")]
    return [float(each) for each in line.split()[1:]]


@pytest.fixture(scope="module")
def example(compiled):
    return compiled(EXAMPLE, "-std=c99", "-Wpedantic")


@pytest.mark.parametrize("devices", [(), ("cpu",), ("gpu",)])
def test_the_example_computes(example, run, devices):
    done = run(example, *devices)
    assert result(done.stdout) == RESULT
    assert (done.returncode, done.stderr) == (0, "")


def test_the_example_tells_that_the_npu_takes_only_integers(example, run):
    done = run(example, "npu")
    assert done.returncode == 1
    told, failed = done.stderr.splitlines()
    assert told.startswith("nnhal: ANeuralNetworksCompilation_finish: BAD_DATA: no device takes operation 0 (ADD)")
    assert failed == "ANeuralNetworksCompilation_finish(compilation): result code 4"


def test_the_example_lists_the_devices_that_there_are(example, run):
    lines = run(example, "cpu", NNHAL_DEVICES="gpu,cpu").stdout.splitlines()
    assert lines[:2] == [
        "device gpu: version 1, type 3, feature level 1000008",
        "device cpu: version 1, type 2, feature level 1000008",
    ]
    assert lines[2].startswith("result")


def test_nothing_is_left_of_the_example(example, run, tmp_path):
    run(example, "cpu")
    assert list((tmp_path / "run").iterdir()) == []


def test_the_library_keeps_within_the_examples_memory(compiled, run):
    program = compiled(EXAMPLE, "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    done = run(program, "cpu", ASAN_OPTIONS="detect_leaks=0")  # Python keeps what it has to the end
    assert done.returncode == 0, done.stderr
    assert result(done.stdout) == RESULT
    assert done.stderr == ""


@pytest.mark.slow
def test_valgrind_finds_no_fault_on_our_side(example, run, tmp_path, library):
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    report = tmp_path / "valgrind.xml"
    done = run(
        "valgrind", "--xml=yes", f"--xml-file={report}", "--leak-check=no", example, "cpu", timeout=280,
        PYTHONMALLOC="malloc", NNHAL_DEVICES="cpu",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert result(done.stdout) == RESULT
    ours = []
    for error in ElementTree.parse(report).getroot().findall("error"):
        if error.findtext("kind") == "Leak_PossiblyLost":  # what Python still has at the end
            continue
        objects = [Path(frame.findtext("obj", "")).name for frame in error.find("stack").findall("frame")]
        # Who has done it: the innermost that is no part of the C library. Python and its packages pass below us.
        culprit = next((each for each in objects if not each.startswith(("libc.", "vgpreload"))), "")
        if culprit in (library.path.name, example.name) or culprit.startswith("_cffi_backend"):
            ours.append((error.findtext("kind"), objects))
    assert ours == []


def test_threads_may_share_the_library_and_a_compilation(compiled, run):
    done = run(compiled(PROGRAMS / "threads.cpp"), NNHAL_DEVICES="cpu")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.parametrize("where", ["main", "thread"])
def test_a_program_may_end_while_it_computes(compiled, run, tmp_path, where):
    done = run(compiled(PROGRAMS / "exits.c"), 5, where, NNHAL_DEVICES="cpu")
    assert (done.returncode, done.stderr) == (5, "")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_program_may_fork(compiled, run):
    done = run(compiled(PROGRAMS / "forks.c"), NNHAL_DEVICES="cpu")
    assert (done.returncode, done.stdout) == (0, "child\nparent of one that gave 7\n"), done.stderr
    # gRPC's own remark, where the other thread was inside it.
    assert all("skipping fork() handlers" in line for line in done.stderr.splitlines())


@pytest.mark.slow
def test_memory_is_flat(compiled, run):
    done = run(compiled(PROGRAMS / "repeats.c"), 1000, NNHAL_DEVICES="cpu", timeout=280)
    assert done.returncode == 0, done.stderr
    resident = [int(line) for line in done.stdout.split()]
    assert len(resident) == 10
    assert resident[-1] - resident[1] < 1024, resident  # KiB; the first two hundred fill what is kept for the next
