"""The command ``nnhal``: one module for each subcommand.

A subcommand's module has ``add_parser(subparsers)``, which describes it, and ``execute(arguments)``,
which imports what it needs: a command must not pay for the others' imports.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

from tools.cli import (
    accuracy,
    bench,
    bundle,
    conformance,
    devices,
    diff,
    exec_,
    explain,
    fetch_models,
    info,
    libneuralnetworks,
    optimize,
    quantize,
    run,
    serve,
    systolic,
    trace,
)

OK, FAILED, INTERRUPTED = 0, 1, 130  # and argparse's own 2 for wrong usage

_SHOW_CURSOR = b"\x1b[?25h"  # progress hides it

_EXIT_CODES = """\
exit codes:
  0    success
  1    the operation failed; the line on standard error starts with NNAPI's result code
  2    wrong usage
  130  interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (the process's own if None) and return the exit code."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: arguments.execute(arguments))


def exit_code(action: Callable[[], None]) -> int:
    """Run ``action`` and return the exit code that says how it ended; say in one line what went wrong."""
    signal.signal(signal.SIGINT, _end_at_once)
    try:
        return _exit_code(action)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        return OK


def _end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    """End the process, and the drivers that live as long as it does.

    A ``KeyboardInterrupt`` would do it too, but one that is raised within an import leaves Python's
    import lock taken, and another thread that imports would wait for it for ever.
    """
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), _SHOW_CURSOR)
    process = sys.modules.get("runtime.process")  # not imported for this: see above
    if process is not None:
        process.remove_folder()
    os._exit(INTERRUPTED)


def _exit_code(action: Callable[[], None]) -> int:
    from hal.errors import NnapiError

    try:
        action()
    except NnapiError as error:
        print(f"nnhal: {error.code.name}: {' '.join(str(error).split())}", file=sys.stderr)
        return FAILED
    sys.stdout.flush()
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnhal",
        description="Android's Neural Networks API for Linux.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (
        fetch_models, devices, info, run, explain, trace, optimize, quantize, accuracy, diff, bench,
        bundle, serve, libneuralnetworks, exec_, conformance, systolic,
    ):  # fmt: skip
        subparser = command.add_parser(subparsers)
        if command not in (bench, conformance, exec_, explain):  # a report too long to print, or nothing to tell
            subparser.add_argument("--json", action="store_true", help="print the result as JSON")
        subparser.set_defaults(execute=command.execute)
    return parser
