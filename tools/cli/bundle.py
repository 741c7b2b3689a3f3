"""``nnhal bundle``: a folder with some models and only the kernels that they use, compiled ahead."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.cli import model, output

if TYPE_CHECKING:
    from tools.bundling import Report


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "bundle",
        help="compile the kernels of some models ahead",
        description="Make a folder with models and only the kernels that they use, compiled for this machine's "
        "processor. Drivers that are started with NNHAL_BUNDLES=DIR, on a machine of the same kind, take their "
        "kernels from there and compile nothing.",
    )
    model.add_models(parser)
    model.add_relaxed(parser)
    parser.add_argument(
        "--device",
        metavar="A,B",
        type=model.names,
        required=True,
        help="the device that runs the models, or several, among which their operations are divided",
    )
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, required=True, help="the folder to make")
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Make the bundle, and say what is in it."""
    from hal.errors import BadDataError

    with output.progress_shown("reading the models") as progress:
        loaded = {}
        for each in arguments.models:
            path, read = model.load_named(each, progress, relaxed=arguments.relaxed)
            if path.stem in loaded:
                raise BadDataError(f"two models are called {path.stem}; in a bundle their names must differ")
            loaded[path.stem] = read
        from tools.bundling import bundle

        report = bundle(loaded, arguments.device, arguments.output, progress)
    if arguments.json:
        output.print_json(report.as_json())
    else:
        _print(report)


def _print(report: Report) -> None:
    from tools.explain.explanation import bytes_told

    output.print_table(
        f"{report.folder}: kernels",
        ["kernel", "bytes", "models"],
        [
            [kernel, f"{size:,}", ", ".join(name for name, each in report.models.items() if kernel in each.kernels)]
            for kernel, size in report.kernels.items()
        ]
        + [[function, f"{size:,}", "all"] for function, size in report.functions.items()],
    )
    output.print_table(
        "Models",
        ["file", "bytes", "kernels"],
        [[each.file, f"{each.bytes:,}", str(len(each.kernels))] for each in report.models.values()],
    )
    code = sum(report.kernels.values()) + sum(report.functions.values())
    print(
        f"{len(report.kernels)} of {report.available} kernels, {bytes_told(code)} of machine code for "
        f"{', '.join(report.devices)} on {report.made_for['processor']}; {bytes_told(report.bytes)} in all.\n"
        f"Use it with NNHAL_BUNDLES={report.folder.absolute()}"
    )
    for name, each in report.models.items():
        if each.untold:
            print(f"{name} may compile more when it is executed: {each.untold}", file=sys.stderr)
