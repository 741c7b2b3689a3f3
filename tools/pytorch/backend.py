"""The TorchScript backend ``nnapi``, for ``torch._C._jit_to_backend``.

PyTorch's converter and its class that calls NNAPI are in each wheel; the backend that joins them is a library of its
own, which is not. This one does the same: it saves the converted module, and runs that where the original would have
run.
"""

from __future__ import annotations

import hashlib
import io
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.backends._nnapi.prepare import convert_model_to_nnapi
from torch.utils.cpp_extension import include_paths, library_paths

from hal.cache import cache_directory, kept
from runtime.c_api.compilers import CPP

_SOURCE = Path(__file__).with_name("backend.cpp")
_NAME = "libnnapi_backend.so"
_LIBRARIES = ("torch", "torch_cpu", "torch_python", "c10")
_FORM = 'it must be {"forward": {"inputs": TENSOR}}, or a list of tensors; a size of 0 means any'


def load_backend() -> Path:
    """Have PyTorch know the backend ``nnapi`` in this process; the library that was loaded.

    It is built with the C++ compiler once, which takes up to a minute, and kept in the cache. Raises
    ``OpFailedError`` where there is no compiler, and with what it said where it fails.
    """
    parts = (_SOURCE.read_bytes(), torch.__version__.encode(), torch.__file__.encode(), sys.version.encode())
    key = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    library = kept(cache_directory() / "pytorch" / key, _compile) / _NAME
    torch.ops.load_library(str(library))
    return library


def _compile(folder: Path) -> None:
    includes = [f"-I{path}" for path in (*include_paths(), sysconfig.get_path("include"))]
    places = [option for path in library_paths() for option in (f"-L{path}", f"-Wl,-rpath,{path}")]
    libraries = [f"-l{name}" for name in _LIBRARIES]
    abi = f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}"
    options = ["-std=c++20", "-O1", "-fPIC", "-shared", abi, *includes]
    CPP.build(_NAME, [*options, str(_SOURCE), "-o", str(folder / _NAME), *places, *libraries])


def converted(module: torch.jit.ScriptModule, specification: Mapping[str, Any]) -> bytes:
    """``module`` for NNAPI, saved; what the backend keeps of it.

    Raises ``ValueError`` for a specification that does not say which inputs there are.
    """
    forward = specification.get("forward")
    inputs = forward.get("inputs") if isinstance(forward, Mapping) else None
    if isinstance(inputs, torch.Tensor):
        inputs = [inputs]
    if not isinstance(inputs, list) or not inputs or not all(isinstance(each, torch.Tensor) for each in inputs):
        raise ValueError(f"the specification is {dict(specification)}; {_FORM}")
    file = io.BytesIO()
    torch.jit.save(convert_model_to_nnapi(module.eval(), inputs), file)
    return file.getvalue()
