"""Machine code for kernels, the walker and the exchange of bursts: compiled once on a machine, then loaded from files.

Only compiling needs numba. Loading needs LLVM's linker alone, so that a driver whose kernels are in
a bundle or the cache starts without importing numba.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from drivers.engine import bundles
from drivers.engine.abi import Kernel
from hal import rings
from hal.cache import cache_directory

Unit = tuple[str, str]
"""What is compiled by itself: a module and the name of a kernel or a function in it, "name.type" of a generic one."""

FUNCTIONS: tuple[Unit, ...] = (
    ("drivers.engine.walker", "run"),
    ("drivers.engine.walker", "serve"),
    ("drivers.engine.walker", "in_bands"),
    ("drivers.engine.exchange", "answer"),
)
"""What drivers need beside kernels: some of it only with several threads, or when a client opens a burst."""

_log = logging.getLogger(__name__)
_lock = threading.RLock()
_addresses: dict[Unit, int] = {}
_recorders: dict[int, set[Unit]] = {}


def unit(kernel: Kernel) -> Unit:
    """The unit that holds ``kernel``."""
    name = kernel.function.__name__
    return kernel.function.__module__, f"{name}.{kernel.variant}" if kernel.variant else name


def resolve(item: Unit) -> Any:
    """The kernel or function that a unit holds."""
    module, name = item
    name, _, variant = name.partition(".")
    target = getattr(import_module(module), name)
    return target[variant] if variant else target


def function(module: str, name: str, words: int) -> Callable[..., int]:
    """A function of a module, called with its ``words`` words; Python's other threads run meanwhile."""
    assert (module, name) in FUNCTIONS, f"{module}.{name} must be in FUNCTIONS: bundles have those"
    address = link([(module, name)])[module, name]
    prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * words)
    native = prototype(address)
    unused = (ctypes.c_void_p * 2)()  # where numba's convention puts a result and an exception: there are none

    def call(*arguments: int) -> int:
        return int(native(unused, unused, *arguments))

    return call


def link(units: Iterable[Unit], progress: Callable[[int, int], None] = lambda done, total: None) -> dict[Unit, int]:
    """The addresses of ``units``, compiled where bundles and the cache lack them.

    ``progress`` is told how many of those to compile are done.
    """
    wanted = list(dict.fromkeys(units))
    with _lock:
        for recorded in _recorders.values():
            recorded.update(wanted)
        for item, symbol, code in _obtained([item for item in wanted if item not in _addresses], progress):
            _load(item, symbol, code)
        return {item: _addresses[item] for item in wanted}


@contextmanager
def recording() -> Iterator[set[Unit]]:
    """Gives a set that has, when the context ends, the units that ``link`` was asked for in this process."""
    recorded: set[Unit] = set()
    with _lock:
        _recorders[id(recorded)] = recorded
    try:
        yield recorded
    finally:
        with _lock:
            del _recorders[id(recorded)]


def files(units: Iterable[Unit], progress: Callable[[int, int], None]) -> dict[Unit, tuple[str, bytes]]:
    """For each unit the name of its file in a bundle, and the file's content; ``progress`` as for ``link``."""
    return {item: (_file_name(item), _packed(symbol, code)) for item, symbol, code in _obtained(list(units), progress)}


def _obtained(units: list[Unit], progress: Callable[[int, int], None]) -> Iterator[tuple[Unit, str, bytes]]:
    """Each unit's symbol and code, from a bundle, the cache or the compiler."""
    missing = []
    for item in units:
        found = _from_bundles(item) or _from_cache(item)
        if found is None:
            missing.append(item)
        else:
            yield item, *found
    if missing and bundles.fitting(facts()):
        names = ", ".join(map(_file_name, missing))
        _log.warning("compiling what the bundles in %s lack: %s", bundles.VARIABLE, names)
    for done, (item, symbol, code) in enumerate(_compiled(missing), 1):
        _keep(item, symbol, code)
        yield item, symbol, code
        progress(done, len(missing))


def compile_unit(item: Unit) -> tuple[Unit, str, bytes]:
    """Compile one unit: what a process of the compiling pool does."""
    from drivers.engine import codegen

    target = resolve(item)
    if isinstance(target, Kernel):
        return (item, *codegen.compile_kernel(target))
    words = target.__code__.co_argcount
    return (item, *codegen.compile_function(target, (codegen.WORD,) * words))


def _compiled(units: list[Unit]) -> Iterable[tuple[Unit, str, bytes]]:
    workers = min(len(os.sched_getaffinity(0)), len(units) // 2)  # a process pays off from two units on
    if workers < 2:
        yield from map(compile_unit, units)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _end_with_parent, (os.getpid(),)) as pool:
        for future in as_completed([pool.submit(compile_unit, item) for item in units]):
            yield future.result()


def _end_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent is killed; its pool would wait for ever."""
    set_death_signal = 1
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


@cache
def _engine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=3, jit=True)
    module = llvm.parse_assembly("")
    module.triple = llvm.get_process_triple()
    return llvm.create_mcjit_compiler(module, machine)


def _load(item: Unit, symbol: str, code: bytes) -> None:
    engine = _engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _addresses[item] = engine.get_function_address(symbol)


@lru_cache(1)
def facts() -> dict[str, str]:
    """What the machine code depends on, by name: this processor, the compilers, and the sources."""
    features = llvm.get_host_cpu_features()
    return {
        "processor": llvm.get_host_cpu_name(),
        "processor's features": " ".join(sorted(name for name, there in features.items() if there)),
        "Python": platform.python_version(),
        **{name: version(name) for name in ("nnhal", "numba", "llvmlite", "numpy")},
        "source of kernels": _sources(),
    }


def _sources() -> str:
    drivers = Path(__file__).parent.parent
    names = (
        "abi",
        "block",
        "codegen",
        "dots",
        "exchange",
        "microkernels",
        "microkernels_quant8",
        "native",
        "processor",
        "representation",
        "walker",
    )
    sources = [*sorted(drivers.glob("kernels/*.py")), *(drivers / "engine" / f"{name}.py" for name in names)]
    sources.append(Path(rings.__file__))
    return _digest("\0".join(source.read_text() for source in sources))


@lru_cache(1)
def key() -> str:
    """What stands for ``facts`` in the names of folders and in files."""
    return _digest("\0".join(facts().values()))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _file_name(item: Unit) -> str:
    module, name = item
    return f"{module.rpartition('.')[2]}.{name}"


def _path(item: Unit) -> Path:
    return cache_directory() / "kernels" / key() / _file_name(item)


def _packed(symbol: str, code: bytes) -> bytes:
    """A unit's file: the digest of what follows its line, the symbol's line, the code."""
    content = symbol.encode() + b"\n" + code
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def _unpacked(file: bytes) -> tuple[str, bytes] | None:
    """A unit's symbol and code from its file; None when that is damaged."""
    digest, _, content = file.partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        return None
    symbol, _, code = content.partition(b"\n")
    return symbol.decode(), code


def _from_bundles(item: Unit) -> tuple[str, bytes] | None:
    found = (bundle.read(_file_name(item)) for bundle in bundles.fitting(facts()))
    return next((_unpacked(file) for file in found if file is not None), None)


def _from_cache(item: Unit) -> tuple[str, bytes] | None:
    try:
        return _unpacked(_path(item).read_bytes())
    except OSError:
        return None


def _keep(item: Unit, symbol: str, code: bytes) -> None:
    """Put a unit into the cache."""
    path = _path(item)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(_packed(symbol, code))
        partial.replace(path)
    except OSError:  # a cache that can't be written costs time at the next start, no more
        with suppress(OSError):
            partial.unlink()
