"""``nnhal libneuralnetworks``: the library for programs that call NNAPI's C functions."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tools.cli import output
from tools.extras import needs

if TYPE_CHECKING:
    from runtime.c_api.build import Library


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "libneuralnetworks",
        help="build libneuralnetworks.so for programs in C, C++ and other languages",
        description="Build libneuralnetworks.so for this Python, unless that has been done; print its path.",
    )
    parser.add_argument(
        "--header", action="store_true", help="print the folder to include NeuralNetworks.h from instead"
    )
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Build the library; print where it is."""
    library = built()
    if arguments.json:
        output.print_json({"path": str(library.path), "include": str(library.include)})
    else:
        print(library.include if arguments.header else library.path)


def built() -> Library:
    """The library, built with progress if it takes a while."""
    with needs("libneuralnetworks"):
        from runtime.c_api.build import NAME, build
    with output.progress_shown(f"building {NAME}"):
        return build()
