"""``nnhal bench``: how fast models are, beside LiteRT and beside what the machine can do."""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.cli import model, output

if TYPE_CHECKING:
    from hal.device import Progress
    from runtime.model import Model
    from tools.bench.alternating import Spread
    from tools.bench.result import Benchmark, ModelResult

_SECONDS = 5.0
_NAMES = {"litert": "LiteRT"}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "bench",
        help="measure how fast models are",
        description="Measure how long executions of models take by the wall clock, from the application's call to its "
        "return, with the driver in a process of its own; beside another runtime, and beside what this machine can do.",
    )
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="*",
        help=".nnhal or .tflite files, or names of models of fetch-models (default: all of those)",
    )
    parser.add_argument("--device", metavar="NAME", default="cpu", help="the device to measure (default: cpu)")
    parser.add_argument("--threads", metavar="N", type=_threads, default=1, help="of each side (default: 1)")
    parser.add_argument("--against", choices=tuple(_NAMES), help="another runtime, measured in turns with ours")
    parser.add_argument(
        "--mode",
        choices=("burst", "compute", "rpc"),
        default="burst",
        help="how executions are asked for: in a burst (default), by plain runs, or by plain runs that are each a "
        "gRPC call",
    )
    parser.add_argument(
        "--seconds", metavar="S", type=_seconds, default=_SECONDS, help=f"for each model (default: {_SECONDS:g})"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write everything as JSON")
    parser.add_argument("--plot", metavar="FILE.svg", type=Path, help="also draw the roofline")
    return parser


def _threads(text: str) -> int:
    cores = len(os.sched_getaffinity(0))
    if not text.isdecimal() or not 1 <= int(text) <= cores:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to {cores}, the cores there are")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return value


def execute(arguments: argparse.Namespace) -> None:
    """Measure, show a table, and write what is asked for."""
    from hal.errors import OpFailedError

    output.check_writable([arguments.json, arguments.plot])
    with output.progress_shown("reading models") as progress:
        found = _measured(arguments, progress)
    if arguments.json is not None:
        arguments.json.write_text(output.json_text(found.as_json()) + "\n")
    if arguments.plot is not None:
        from tools.bench.picture import picture

        arguments.plot.write_text(picture(found))
    _print(found)
    wrong = [each.name for each in found.results if each.agreement is not None and not each.agreement.holds]
    failed = [f"{each.name} can't be measured: {each.failure}" for each in found.results if each.failure]
    if wrong:
        failed.append(f"the two sides compute different results for {', '.join(wrong)}")
    if failed:
        raise OpFailedError("; ".join(failed))


def _measured(arguments: argparse.Namespace, progress: Progress) -> Benchmark:
    from tools.bench.machine import measured
    from tools.bench.model import Plan, measure
    from tools.bench.result import Benchmark

    loaded = [model.load_named(name, progress) for name in arguments.models] or _all(progress)
    progress("measuring the machine", 0, 1)
    machine = measured(arguments.threads)
    against = arguments.against is not None
    plan = Plan(arguments.device, arguments.threads, arguments.mode, against, arguments.seconds)
    results = [measure(path, each, plan, progress) for path, each in loaded]
    return Benchmark(arguments.device, arguments.mode, _NAMES.get(arguments.against), machine, results)


def _all(progress: Progress) -> list[tuple[Path, Model]]:
    """The models of fetch-models; says of those that NNAPI can't express why they are left out."""
    from hal.errors import BadDataError
    from tools.models import SHA256

    loaded = []
    for name in SHA256:
        try:
            loaded.append(model.load_named(name, progress))
        except BadDataError as error:
            print(f"left out: {error}", file=sys.stderr)
    return loaded


def _print(found: Benchmark) -> None:
    heads = ["model", "ms", "5th to 95th %", "GFLOP/s", "of peak", "transport us", "engine us", "kernels us", "others"]
    if found.against is not None:
        heads[3:3] = [f"{found.against} ms", "5th to 95th %", "ratio", "difference"]
    threads = found.machine.threads
    output.print_table(
        f"{found.device}, {found.mode}, {threads} thread{'s' * (threads > 1)}: medians by the wall clock",
        heads,
        [_row(each, found) for each in found.results if each.ours is not None],
    )
    for each in found.results:
        if each.refusal:
            print(f"{each.name}: {each.refusal}")
    mean = found.geometric_mean
    if mean is not None:
        print(f"geometric mean of the ratios: {mean:.3f}")
    machine = found.machine
    peaks = [
        f"{peak / 1e9:.0f} {name}"
        for name, quantised in (("GFLOP/s in float32", False), ("GOP/s in 8 bits", True))
        if (peak := machine.peak(quantised=quantised)) is not None
    ]
    bandwidths = f"{machine.memory / 1e9:.1f} GB/s of memory, {machine.cache / 1e9:.0f} GB/s of the L2 cache"
    print(f"{machine.processor}, measured peaks: {', '.join([*peaks, bandwidths])}")
    print(f"others: how many of the {os.cpu_count()} cores other processes took meanwhile")


def _row(each: ModelResult, found: Benchmark) -> list[str]:
    from tools.bench.alternating import TIME

    assert each.ours is not None
    rate, peak = each.rate(each.ours), found.machine.peak(quantised=each.quantised)
    split = each.split
    parts = (None, None, None) if split is None else (split.transport, split.engine, split.kernels)
    row = [
        each.name,
        *_spread(each.ours[TIME]),
        "-" if rate is None else f"{rate / 1e9:.1f}",
        "-" if rate is None or peak is None else f"{100 * rate / peak:.1f} %",
        *("-" if part is None else f"{part * 1e6:,.0f}" for part in parts),
        "-" if each.others is None else f"{each.others:.1f}",
    ]
    if found.against is not None:
        ratio = "-" if each.ratio is None else f"{each.ratio:.3f}"
        if each.agreement is None or each.theirs is None:
            row[3:3] = ["-", "-", "-", "-"]
        else:
            row[3:3] = [*_spread(each.theirs[TIME]), ratio, f"{each.agreement.largest:.1g}"]
    return row


def _spread(spread: Spread) -> list[str]:
    return [f"{spread.median * 1e3:.3f}", f"{spread.low * 1e3:.3f} to {spread.high * 1e3:.3f}"]
