"""``nnhal conformance``: whether a driver does what NNAPI says."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.cli import output

if TYPE_CHECKING:
    from hal.device import Device
    from tools.conformance.modes import Mode
    from tools.conformance.trial import Outcome, Report, Trial

_MODES = (
    "compute",
    "start_compute",
    "fenced",
    "reusable",
    "burst",
    "device_memory",
    "unspecified_outputs",
    "weights_in_memory",
    "signed",
)
_SHOWN_FAILURES = 20


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "conformance",
        help="test a driver",
        description="Test whether a driver does what NNAPI says. Without --generated, --invalid, --vectors and --aosp, "
        "which choose where the cases come from, they are generated, valid and invalid ones.",
    )
    parser.add_argument(
        "--device", metavar="NAME", required=True, help="the device to test; NAME=ADDRESS for a service that runs there"
    )
    parser.add_argument("--generated", action="store_true", help="random models, judged by the reference results")
    parser.add_argument("--invalid", action="store_true", help="invalid models and requests, which it must refuse")
    parser.add_argument("--vectors", metavar="DIR", type=Path, help="recorded vectors: .json.gz files below DIR")
    parser.add_argument("--aosp", metavar="DIR", type=Path, help="Android's specifications: .mod.py files below DIR")
    parser.add_argument(
        "-k", metavar="PATTERN", default="", help="only cases whose name contains PATTERN (* matches all)"
    )
    parser.add_argument(
        "--mode",
        choices=(*_MODES, "all"),
        action="append",
        default=[],
        help="how to execute the cases; may be given again (default: compute)",
    )
    parser.add_argument(
        "--seed", metavar="N", type=_count, default=0, help="the first generated case's seed (default: 0)"
    )
    parser.add_argument(
        "--cases", metavar="N", type=_count, default=20, help="generated cases of each operation and type (default: 20)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write counts and failures as JSON")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write JUnit XML, for continuous integration")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a report for people")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0")
    return int(text)


def execute(arguments: argparse.Namespace) -> None:
    """Run the trials and report; ``OpFailedError`` when one failed."""
    from hal.errors import BadDataError, OpFailedError
    from tools.conformance.selection import matching
    from tools.conformance.trial import Report
    from tools.conformance.workers import run_trials

    output.check_writable([arguments.json, arguments.junit, arguments.html])
    with output.progress_shown("preparing cases"):
        device = _device(arguments.device)
        report = Report(device.info, device.capabilities())
        trials = matching(_trials(arguments), arguments.k)
    if not trials:
        raise BadDataError(f"no case applies: none in this mode has '{arguments.k}' in its name")
    start = time.monotonic()
    with _bar_shown(len(trials)) as done:
        report.outcomes = run_trials(device, trials, done)
    report.seconds = time.monotonic() - start
    _write(arguments, report)
    _print(report)
    if report.failures:
        raise OpFailedError(f"{len(report.failures):,} of {len(trials):,} cases failed on {report.info.name}")


def _device(name: str) -> Device:
    from runtime.discovery import device

    if "=" in name:
        os.environ["NNHAL_DEVICES"] = name
    return device(name.partition("=")[0])


def _trials(arguments: argparse.Namespace) -> list[Trial]:
    from tools.conformance.running import planned

    modes = _chosen_modes(arguments.mode)
    trials: list[Trial] = []
    unspecified = not (arguments.generated or arguments.invalid or arguments.vectors or arguments.aosp)
    if arguments.generated or unspecified:
        from tools.conformance.generated.graphs import graph_trials
        from tools.conformance.generated.operations import operation_trials

        seeds = range(arguments.seed, arguments.seed + arguments.cases)
        trials += [*operation_trials(seeds, modes), *graph_trials(seeds, modes)]
    if arguments.invalid or unspecified:
        from tools.conformance.invalid.trials import invalid_trials

        trials += invalid_trials(arguments.seed)
    if arguments.vectors is not None:
        from tools.conformance.vectors import read_cases

        trials += planned("vectors", read_cases(arguments.vectors), modes)
    if arguments.aosp is not None:
        from tools.conformance.aosp.reader import aosp_trials

        trials += aosp_trials(arguments.aosp, modes)
    return trials


def _chosen_modes(names: Sequence[str]) -> list[Mode]:
    from tools.conformance.modes import Mode

    if "all" in names:
        return list(Mode)
    return [Mode(name) for name in dict.fromkeys(names)] or [Mode.COMPUTE]


@contextlib.contextmanager
def _bar_shown(total: int) -> Iterator[Callable[[Outcome], None]]:
    """Show how many trials ended, and how; elsewhere than on a terminal a line for each tenth of them."""
    from collections import Counter

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from tools.conformance.trial import Verdict

    counts: Counter[Verdict] = Counter()
    on_terminal = sys.stderr.isatty()
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    bar = Progress(*columns, console=Console(stderr=True), disable=not on_terminal)
    task = bar.add_task("", total=total)

    def done(outcome: Outcome) -> None:
        counts[outcome.verdict] += 1
        told = ", ".join(f"{counts[verdict]:,} {verdict.value}" for verdict in Verdict if counts[verdict])
        bar.update(task, advance=1, description=told)
        ended = counts.total()
        if not on_terminal and ended * 10 // total > (ended - 1) * 10 // total:
            print(f"{ended:,} of {total:,} cases: {told}...", file=sys.stderr, flush=True)

    with bar:
        yield done


def _write(arguments: argparse.Namespace, report: Report) -> None:
    from tools.conformance.report.figures import figures
    from tools.conformance.report.junit import junit
    from tools.conformance.report.page import page

    if arguments.json is not None:
        arguments.json.write_text(output.json_text(figures(report)) + "\n")
    if arguments.junit is not None:
        arguments.junit.write_bytes(junit(report))
    if arguments.html is not None:
        arguments.html.write_text(page(report))


def _print(report: Report) -> None:
    from tools.conformance.trial import Verdict

    failures = report.failures
    if failures:
        rows = [[each.trial.name, each.trial.mode, each.reason] for each in failures[:_SHOWN_FAILURES]]
        title = "Failures" if len(failures) <= _SHOWN_FAILURES else f"The first {_SHOWN_FAILURES} failures"
        output.print_table(title, ["case", "mode", "reason"], rows)
    counts = ", ".join(f"{report.count(verdict):,} {verdict.value}" for verdict in Verdict)
    print(f"{report.info.name} takes {len(report.taken)} operations: {counts}, in {report.seconds:.1f} s")
