"""Building ``libneuralnetworks.so`` for the Python that runs this, with the system's C compiler.

The library holds no implementation: a function that is called starts Python, unless the process runs it already,
and calls ``runtime.c_api.library``'s. It is kept in the cache, one for each interpreter and state of our sources.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cffi
from cffi.recompiler import make_c_source

from hal.cache import cache_directory, kept
from hal.errors import OpFailedError
from hal.types import ResultCode
from runtime.c_api import compilers
from runtime.c_api.functions import CALLED, FUNCTIONS, Function, Role
from runtime.c_api.header import header_files, prototype, types

NAME = "libneuralnetworks.so"

_MODULE = "_libneuralnetworks"
"""What the library is to Python."""

_ROOT = Path(__file__).resolve().parents[2]
"""Where nnhal's packages are."""

_START = Path(__file__).with_name("start.c")

_SYMBOLS = "{ global: ANeuralNetworks*; local: *; };\n"
"""What the linker exports: NNAPI's functions and nothing of cffi's."""

_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}."
"""How the version of every Python begins that can load the library."""

_FIRST_CALL = f"""\
import sys
from {_MODULE} import ffi, lib
try:
    try:
        import runtime.c_api.library
    except ModuleNotFoundError:
        sys.path.append({str(_ROOT)!r})
        import runtime.c_api.library
    runtime.c_api.library.attach(ffi, embedded=bool(lib.nnhal_started_python))
    lib.nnhal_is_attached = 1
except ImportError as error:
    sys.stderr.write(f"nnhal: {NAME} can't run in {{sys.executable}}: {{error}}; install nnhal there too\\n")
"""


@dataclass(frozen=True)
class Library:
    """A library that has been built. ``include``: a folder with the header for programs in C and C++."""

    path: Path
    include: Path


def build() -> Library:
    """The library for this interpreter, built unless it is there.

    Several processes may build at once: one does, the others wait. Raises ``OpFailedError`` where something
    that is needed is missing, and with what the compiler said where it fails.
    """
    source = c_source()
    headers = header_files()
    folder = cache_directory() / "libneuralnetworks" / _key(source, *headers.values())
    kept(folder, lambda made: _make(made, source, headers))
    return Library(folder / NAME, folder / "include")


def _make(folder: Path, source: str, headers: Mapping[str, str]) -> None:
    for name, text in headers.items():
        path = folder / "include" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with tempfile.TemporaryDirectory() as scratch:
        _compile(source, Path(scratch), folder / NAME)


def c_source() -> str:
    """The library's own C source: how Python is started, and what each function calls."""
    called = "".join(f"static {_called(function)};\n" for function in FUNCTIONS)
    constants = {
        "NNHAL_INTERPRETER": _c_string(sys.executable),
        "NNHAL_PYTHON": _c_string(_VERSION),
    }
    defines = "".join(f"#define {name} {value}\n" for name, value in constants.items())
    functions = "\n".join(map(_exported, FUNCTIONS))
    return f"{defines}\n{header_files()['android/NeuralNetworks.h']}\n{called}\n{_START.read_text()}\n{functions}"


def _key(*texts: str) -> str:
    parts = (sys.executable, sys.version, cffi.__version__, str(_ROOT), Path(__file__).read_text(), *texts)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _compile(source: str, scratch: Path, target: Path) -> None:
    python = _python_library()
    include = Path(sysconfig.get_path("include"))
    if not (include / "Python.h").is_file():
        raise OpFailedError(f"{include} has no Python.h; install Python's development files (Debian: python3-dev)")
    ffi = cffi.FFI()
    ffi.cdef(types())
    ffi.cdef("".join(f'extern "Python" {_called(function)};\n' for function in FUNCTIONS))
    ffi.cdef("extern int nnhal_started_python, nnhal_is_attached;")
    ffi.embedding_api("")
    ffi.embedding_init_code(_FIRST_CALL)
    c_file, symbols = scratch / "library.c", scratch / "symbols"
    make_c_source(ffi, _MODULE, source, str(c_file))
    symbols.write_text(_SYMBOLS)
    arguments = [
        "-shared", "-fPIC", "-O2", "-fvisibility=hidden", "-pthread", f"-I{include}",
        str(c_file), "-o", str(target), str(python), f"-Wl,-rpath,{python.parent}", f"-Wl,-soname,{NAME}",
        f"-Wl,--version-script={symbols}",
    ]  # fmt: skip
    compilers.C.build(NAME, arguments)


def _python_library() -> Path:
    """This Python as a shared library."""
    directory = Path(sysconfig.get_config_var("LIBDIR") or "")
    for variable in ("INSTSONAME", "LDLIBRARY"):
        name = sysconfig.get_config_var(variable) or ""
        if ".so" in name and (directory / name).is_file():
            return directory / name
    raise OpFailedError(
        f"{sys.executable} is a Python without a shared library (no libpython in {directory}), so C programs can't "
        "load it; install one (Debian: libpython3-dev), or build Python with --enable-shared"
    )


def _called(function: Function) -> str:
    """The prototype of what a function calls: objects are numbers there."""
    types = []
    for each in function.parameters:
        if each.role in (Role.OBJECT, Role.OBJECT_OR_NULL):
            types.append("uintptr_t")
        elif each.role is Role.NEW_OBJECT:
            types.append("uintptr_t*")
        elif each.type.endswith("* const*"):
            types.append("const uintptr_t*")
        else:
            types.append(each.type)
    return f"{function.result} {CALLED.format(function.name)}({', '.join(types) or 'void'})"


def _exported(function: Function) -> str:
    arguments = ", ".join(
        f"(uintptr_t){each.name}"
        if each.role in (Role.OBJECT, Role.OBJECT_OR_NULL)
        else f"(uintptr_t*){each.name}"
        if each.role is Role.NEW_OBJECT
        else f"(const uintptr_t*){each.name}"
        if each.type.endswith("* const*")
        else each.name
        for each in function.parameters
    )
    call = f"{CALLED.format(function.name)}({arguments})"
    if function.result == "void":
        before, assigned, after = "", "", ""
    else:
        refusal = ResultCode.OP_FAILED if function.result == "int" else 0
        before, assigned = f"    {function.result} result = {int(refusal)};\n", "result = "
        after = f"    return {'nnhal_result(result)' if function.result == 'int' else 'result'};\n"
    return (
        f"NNHAL_EXPORTED {prototype(function)} {{\n    sigset_t signals;\n{before}"
        f"    if (nnhal_enter(&signals)) {assigned}{call};\n    nnhal_leave(&signals);\n{after}}}\n"
    )


def _c_string(text: str) -> str:
    """A literal with these bytes."""
    return '"' + "".join(f"\\{byte:03o}" for byte in os.fsencode(text)) + '"'
