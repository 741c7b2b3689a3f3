"""The library's way from our sources to a program."""

import os
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor

import pytest

from hal.errors import OpFailedError
from runtime.c_api import build as building
from runtime.c_api.functions import FUNCTIONS
from tests.runtime.c_api.conftest import PROGRAMS


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    """Nothing has been built yet."""
    monkeypatch.setenv("NNHAL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_it_exports_nnapis_functions_and_nothing_else(library):
    listed = subprocess.run(
        ["nm", "--dynamic", "--defined-only", library.path], capture_output=True, text=True, check=True
    )
    assert sorted(line.split()[-1] for line in listed.stdout.splitlines()) == sorted(each.name for each in FUNCTIONS)


def test_it_is_built_once(empty_cache):
    with ThreadPoolExecutor(3) as threads:
        first, *others = threads.map(lambda _: building.build(), range(3))
    assert others == [first, first]
    made = first.path.stat()
    assert building.build() == first
    assert (first.path.stat().st_ino, first.path.stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)
    assert {each.name for each in first.path.parent.parent.iterdir()} == {first.path.parent.name, "lock"}


def test_it_is_built_anew_for_other_sources(empty_cache, monkeypatch):
    first = building.build()
    monkeypatch.setattr(building, "FUNCTIONS", FUNCTIONS[::-1])
    second = building.build()
    assert second.path != first.path
    assert first.path.is_file()
    assert second.path.is_file()


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ("", "there is no C compiler; libneuralnetworks.so is built with one: install gcc or clang, or set CC to one"),
        ("icc -fast", "CC names 'icc', which is not there; libneuralnetworks.so is built with one"),
        ("false", "the C compiler false can't build libneuralnetworks.so"),
    ],
)
def test_it_says_when_there_is_no_compiler(empty_cache, monkeypatch, tmp_path, chosen, complaint):
    (tmp_path / "false").symlink_to("/bin/false")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", chosen)
    with pytest.raises(OpFailedError, match=complaint):
        building.build()
    assert [each.name for each in (empty_cache / "libneuralnetworks").iterdir()] == ["lock"]


def test_it_says_when_python_is_no_shared_library(empty_cache, monkeypatch):
    variable = sysconfig.get_config_var
    monkeypatch.setattr(
        sysconfig,
        "get_config_var",
        lambda name: {"INSTSONAME": None, "LDLIBRARY": "libpython3.a"}.get(name, variable(name)),
    )
    with pytest.raises(OpFailedError, match=r"a Python without a shared library .*--enable-shared"):
        building.build()


def test_it_says_when_pythons_header_is_missing(empty_cache, monkeypatch, tmp_path):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(OpFailedError, match=r"has no Python\.h; install"):
        building.build()


def test_a_program_runs_in_the_environment_that_the_library_was_built_in(compiled, run, tmp_path):
    source = tmp_path / "first_call.c"
    source.write_text('#include "client.h"\nint main(void) { add_once(1, 2); return 0; }\n')
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, sys\natexit.register(lambda: print(sys.executable, sys.prefix))\n"
    )
    done = run(compiled(source, f"-I{PROGRAMS}"), PYTHONPATH=str(tmp_path), NNHAL_DEVICES="cpu")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{sys.executable} {sys.prefix}\n"


def test_another_version_of_python_gets_a_sentence_and_result_codes(empty_cache, monkeypatch, compiled, run, tmp_path):
    program = compiled(_printing_codes(tmp_path))
    monkeypatch.setattr(building, "_VERSION", "2.7.")
    done = run(program, LD_LIBRARY_PATH=str(building.build().path.parent))
    assert done.stdout == "5 0 77\n"
    assert done.stderr == (
        f"nnhal: libneuralnetworks.so was built for Python 2.7.x ({sys.executable}), and this process runs Python "
        f"{sys.version.split()[0]}; build it with that one: nnhal libneuralnetworks\n"
    )


def test_a_python_without_our_packages_gets_a_sentence_and_result_codes(compiled, run, tmp_path):
    (tmp_path / "grpc.py").write_text("raise ModuleNotFoundError('it is not installed')\n")
    done = run(compiled(_printing_codes(tmp_path)), PYTHONPATH=str(tmp_path))
    assert done.stdout == "5 0 77\n"
    assert done.stderr == (
        f"nnhal: libneuralnetworks.so can't run in {sys.executable}: it is not installed; install nnhal there too\n"
    )


def test_an_interpreter_that_has_gone_gets_a_sentence_and_result_codes(
    empty_cache, monkeypatch, compiled, run, tmp_path
):
    program = compiled(_printing_codes(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone" / "python"))
    library = building.build()
    monkeypatch.undo()
    done = run(program, LD_LIBRARY_PATH=str(library.path.parent), PYTHONHOME=str(tmp_path / "gone"))
    assert done.stdout == "5 0 77\n"
    assert f"nnhal: Python ({tmp_path / 'gone' / 'python'}) can't be started: " in done.stderr


def test_a_python_process_finds_our_packages_where_they_are(library, tmp_path):
    packages = os.pathsep.join(each for each in sys.path if "packages" in each)
    environment = {**os.environ, "PYTHONPATH": packages}
    code = f"""
import ctypes, sys
sys.meta_path = [each for each in sys.meta_path if "editable" not in repr(each)]
sys.path = [each for each in sys.path if "editable" not in each]
count = ctypes.c_uint32()
assert ctypes.CDLL({str(library.path)!r}).ANeuralNetworks_getDeviceCount(ctypes.byref(count)) == 0
print(count.value, sys.path[-1])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == f"4 {building.__file__.removesuffix('/runtime/c_api/build.py')}\n", done.stderr


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("error", ["nnhal: ANeuralNetworksModel_finish: UNEXPECTED_NULL: model is NULL"]),
        ("critical", []),
        (
            "loud",
            [
                "nnhal: NNHAL_LOG is 'loud'; it must be DEBUG, INFO, WARNING, ERROR or CRITICAL",
                "nnhal: ANeuralNetworksModel_finish: UNEXPECTED_NULL: model is NULL",
            ],
        ),
    ],
)
def test_the_log_tells_each_errors_sentence(compiled, run, tmp_path, setting, told):
    source = tmp_path / "null.c"
    source.write_text("#include <NeuralNetworks.h>\nint main(void) { return ANeuralNetworksModel_finish(NULL); }\n")
    done = run(compiled(source), NNHAL_LOG=setting)
    assert done.returncode == 3
    assert done.stderr.splitlines() == told


def _printing_codes(folder):
    """A program that prints what two functions return, and what is where a result should have gone."""
    source = folder / "codes.c"
    source.write_text(
        "#include <NeuralNetworks.h>\n#include <stdio.h>\n"
        "int main(void) { uint32_t count = 77; int code = ANeuralNetworks_getDeviceCount(&count);"
        ' printf("%d %d %u\\n", code, (int)ANeuralNetworks_getRuntimeFeatureLevel(), count); return 0; }\n'
    )
    return source
