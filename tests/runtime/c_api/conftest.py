"""The C library, as C programs have it: its exported symbols, called with real pointers, and programs of its own."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cffi
import pytest

from runtime.c_api.build import Library, build
from runtime.c_api.header import declarations

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Nnapi:
    """``lib``: the 75 functions and the constants; ``ffi``: what makes arguments for them."""

    ffi: cffi.FFI
    lib: Any
    library: Library


@pytest.fixture(scope="session")
def compiler():
    """The system's C compiler."""
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return name
    pytest.skip("there is no C compiler, which builds the library")


@pytest.fixture(scope="session")
def library(compiler):
    """The library's files; the first test process builds them, the others wait."""
    return build()


@pytest.fixture(scope="session")
def nn(library):
    """The library, loaded into this process."""
    ffi = cffi.FFI()
    ffi.cdef(declarations())
    return Nnapi(ffi, ffi.dlopen(str(library.path)), library)


@pytest.fixture(scope="session")
def compiled(library, compiler, tmp_path_factory):
    """Compiles a C or C++ program against our header; returns its path."""

    def compile_program(source: Path, *options: str) -> Path:
        target = tmp_path_factory.mktemp("program") / source.stem
        language = ["-x", "c++", "-std=c++11"] if source.suffix == ".cpp" else ["-std=gnu99"]
        command = [compiler, "-g", "-Wall", "-Wextra", "-Werror", *language, *options, str(source), "-o", str(target)]
        places = [f"-I{library.include}", f"-L{library.path.parent}", "-lneuralnetworks", "-lstdc++", "-pthread"]
        done = subprocess.run([*command, *places], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return target

    return compile_program


@pytest.fixture
def run(library, tmp_path):
    """Runs a program with the library on the loader's path and a runtime directory of its own, ``tmp_path / "run"``."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)

    def run_program(*command: str | Path, timeout: float = 100, **environment: str):
        return subprocess.run(
            [*map(str, command)],
            env={
                **os.environ,
                "LD_LIBRARY_PATH": str(library.path.parent),
                "NNHAL_RUNTIME_DIR": str(runtime),
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run_program


@pytest.fixture
def two_devices(monkeypatch):
    """Where a test compiles for all devices, these are all."""
    monkeypatch.setenv("NNHAL_DEVICES", "cpu,gpu")
