"""``nnhal explain``: which operation of a model goes where, and why."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.cli import model, output

if TYPE_CHECKING:
    from tools.explain.explanation import Explanation


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "explain",
        help="say which operation goes where, and why",
        description="Say which device each operation of a model goes to and why the others don't get it, what moves "
        "between devices, and what an execution is estimated to take in time and energy.",
    )
    model.add_arguments(parser)
    model.add_devices(parser)
    model.add_preference(parser, "compare all three")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write everything as JSON")
    parser.add_argument("--html", metavar="FILE", type=Path, help="also write a page with the graph and all tables")
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Ask the devices, print tables, and write what is asked for."""
    output.check_writable([arguments.json, arguments.html])
    with output.progress_shown(f"reading {arguments.model}") as progress:
        path, loaded = model.load(arguments, progress)
        progress("starting drivers", 0, 1)
        devices = model.chosen(arguments)
        from tools.explain.collect import explain

        explanation = explain(path.stem, loaded.canonical, devices, model.preferences(arguments), progress)
        if arguments.json is not None:
            arguments.json.write_text(output.json_text(explanation.as_json()) + "\n")
        if arguments.html is not None:
            from tools.explain.page import page

            arguments.html.write_text(page(explanation))
    _print(explanation)


def _print(explanation: Explanation) -> None:
    from hal.errors import BadDataError
    from tools.explain.summary import compared, operations, problems, refusals

    for title, table in (
        (f"{explanation.model}: each operation's device", operations(explanation)),
        ("Refusals", refusals(explanation.devices, next(iter(explanation.plans.values())))),
        (f"{explanation.model}: one execution, as the devices estimate it", compared(explanation)),
    ):
        heads, *rows = table
        if rows:
            output.print_table(title, heads, rows)
    reasons = problems(explanation)
    if reasons:
        raise BadDataError("; ".join(reasons))
