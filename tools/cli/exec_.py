"""``nnhal exec``: any program, with NNAPI's C library of ours."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from tools.cli.libneuralnetworks import built

_NOT_EXECUTABLE, _NOT_FOUND = 126, 127
"""Exit codes, as a shell's."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "exec",
        help="run a program that calls NNAPI's C functions",
        usage="nnhal exec [-h] [--devices A,B] -- COMMAND [ARGUMENT ...]",
        description="Run a program with libneuralnetworks.so on the loader's path. Its exit code is the program's; "
        f"{_NOT_FOUND} if there is no such program, {_NOT_EXECUTABLE} if it can't be run.",
    )
    parser.add_argument(
        "--devices", metavar="A,B", help="the devices that there are for the program, as NNHAL_DEVICES has them"
    )
    parser.add_argument("command", metavar="COMMAND", nargs=argparse.REMAINDER, help="the program and its arguments")
    parser.set_defaults(parser=parser)
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Become the program."""
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        arguments.parser.error("there is no program to run")
    if arguments.devices is not None:
        os.environ["NNHAL_DEVICES"] = arguments.devices
        _check_devices()
    library = built()
    others = os.environ.get("LD_LIBRARY_PATH")
    os.environ["LD_LIBRARY_PATH"] = f"{library.path.parent}:{others}" if others else str(library.path.parent)
    os.environ["LIBNEURALNETWORKS_PATH"] = str(library.path)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"nnhal: {command[0]} can't be run: {error.strerror}", file=sys.stderr)
        raise SystemExit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE) from error


def _check_devices() -> None:
    """Refuse here what the program would find out later."""
    from runtime.discovery import devices

    devices()
