"""Machine code for kernels and the walker: compiled once on a machine, then loaded from files.

Only compiling needs numba. Loading needs LLVM's linker alone, so that a driver whose kernels are in
the cache starts without importing numba.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from drivers.engine.abi import Kernel
from hal.cache import cache_directory

Unit = tuple[str, str]
"""What is compiled by itself: a module and the name of a kernel or a function in it, "name.type" of a generic one."""

WALKER = "drivers.engine.walker"

_lock = threading.RLock()
_addresses: dict[Unit, int] = {}


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


def walker_function(name: str) -> Callable[..., int]:
    """A function of the walker, called with its three words; Python's other threads run meanwhile."""
    address = link([(WALKER, name)])[WALKER, name]
    words = [ctypes.c_int64] * 3
    prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *words)
    native = prototype(address)
    unused = (ctypes.c_void_p * 2)()  # where numba's convention puts a result and an exception: there are none

    def call(*arguments: int) -> int:
        return int(native(unused, unused, *arguments))

    return call


def link(units: Iterable[Unit], progress: Callable[[int, int], None] = lambda done, total: None) -> dict[Unit, int]:
    """The addresses of ``units``, compiled where the cache lacks them.

    ``progress`` is told how many of those to compile are done.
    """
    wanted = list(dict.fromkeys(units))
    with _lock:
        missing = []
        for item in wanted:
            if item not in _addresses:
                code = _read(item)
                if code is None:
                    missing.append(item)
                else:
                    _load(item, *code)
        for done, (item, symbol, code_bytes) in enumerate(_compiled(missing), 1):
            _write(item, symbol, code_bytes)
            _load(item, symbol, code_bytes)
            progress(done, len(missing))
        return {item: _addresses[item] for item in wanted}


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
def key() -> str:
    """What the machine code depends on: this processor, the compilers, and the sources."""
    facts = [llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), sys.version]
    facts += [version(name) for name in ("numba", "llvmlite", "numpy")]
    drivers = Path(__file__).parent.parent
    names = ("abi", "codegen", "native", "representation", "walker")
    sources = [*sorted(drivers.glob("kernels/*.py")), *(drivers / "engine" / f"{name}.py" for name in names)]
    facts += [source.read_text() for source in sources]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:24]


def _path(item: Unit) -> Path:
    module, name = item
    return cache_directory() / "kernels" / key() / f"{module.rpartition('.')[2]}.{name}"


def _read(item: Unit) -> tuple[str, bytes] | None:
    """A unit's symbol and code from the cache; None when it is not there or damaged."""
    try:
        digest, _, content = _path(item).read_bytes().partition(b"\n")
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest().encode() != digest:
        return None
    symbol, _, code = content.partition(b"\n")
    return symbol.decode(), code


def _write(item: Unit, symbol: str, code: bytes) -> None:
    content = symbol.encode() + b"\n" + code
    path = _path(item)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        partial.replace(path)
    except OSError:  # a cache that can't be written costs time at the next start, no more
        with suppress(OSError):
            partial.unlink()
