"""``nnhal optimize``: the same model with less to compute."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tools.cli import model, output

if TYPE_CHECKING:
    from typing import Any

    from tools.optimization import Report


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "optimize",
        help="remove what a model computes in vain",
        description="Write a model that computes the same with fewer operations: constants folded, dead and equal "
        "operations removed, activations, scales and padding folded into the operations around them, casts, "
        "transposes and identities cancelled, the better layout chosen.",
    )
    model.add_arguments(parser)
    parser.add_argument(
        "-o", "--output", metavar="OUT.nnhal", type=Path, required=True, help="where to save the result"
    )
    parser.add_argument(
        "--passes",
        metavar="A,B",
        type=_names,
        help="the passes to apply, and no others (default: all; the table that is printed names them)",
    )
    return parser


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def execute(arguments: argparse.Namespace) -> None:
    """Optimise the model, save it, and say what was done."""
    with output.progress_shown(f"reading {arguments.model}") as progress:
        path, loaded = model.load(arguments, progress)
        from tools.optimization import optimize

        progress("optimising", 0, 1)
        better, report = optimize(loaded, arguments.passes)
        better.save(arguments.output)
    if arguments.json:
        output.print_json({"model": str(path), "output": str(arguments.output), **report.as_json()})
    else:
        _print(path, report)


def _print(path: Path, report: Report) -> None:
    from dataclasses import astuple

    from tools.optimization import PASSES

    heads = ["operations", "MACs", "bytes of constants", "bytes moved"]
    output.print_table(
        f"{path.stem}: what each pass saved",
        ["pass", "changes", *heads, "what it does"],
        [
            [step.name, str(step.changes), *(f"{saved:,}" for saved in astuple(step.saved)), PASSES[step.name].summary]
            for step in report.steps
        ],
    )
    sides = [(report.before, report.commands_before), (report.after, report.commands_after)]
    output.print_table(
        "The model",
        ["", *heads, "commands on the CPU"],
        [
            [name, *(f"{figure:,}" for figure in astuple(figures)), "-" if commands is None else str(commands)]
            for name, (figures, commands) in zip(("before", "after"), sides)
        ],
    )
