"""What runs when a program first calls a function of the library."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from typing import Any

import grpc

from hal.types import ResultCode
from runtime.c_api import boundary, bursts, compilations, devices, events, executions, extensions, memories, models  # noqa: F401
from runtime.c_api.functions import CALLED, FUNCTIONS


def attach(ffi: Any, *, embedded: bool) -> None:
    """Put the functions behind the library's symbols.

    ``ffi``: the library's. ``embedded``: whether Python runs only for the library; then what it logs goes to
    standard error, from the level on that ``NNHAL_LOG`` names.
    """
    if embedded:
        logging.basicConfig(level=_log_level(), format="nnhal: %(message)s")
        # gRPC must register what it does at a fork before the library does: the later is the first to be done, and
        # Python's lock must be held when gRPC stops its threads, or one that holds it may wait for gRPC.
        grpc.insecure_channel("unix:nowhere").close()
    for function in FUNCTIONS:
        error = int(ResultCode.OP_FAILED) if function.result == "int" else 0
        options = {} if function.result == "void" else {"error": error}
        ffi.def_extern(name=CALLED.format(function.name), **options)(boundary.bound(function))


def _log_level() -> int:
    setting = os.environ.get("NNHAL_LOG", "WARNING")
    level: int | str = logging.getLevelName(setting.upper())
    if isinstance(level, int):
        return level
    print(f"nnhal: NNHAL_LOG is '{setting}'; it must be DEBUG, INFO, WARNING, ERROR or CRITICAL", file=sys.stderr)
    return logging.WARNING


def end() -> None:
    """Do what Python does when it ends, while other threads may still compute: how they fail is nobody's matter."""
    logging.disable()
    atexit._run_exitfuncs()
