"""``nnhal diff``: how far one model's outputs are from another's, and what else differs."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.cli import model, output

if TYPE_CHECKING:
    from hal.model import Operand
    from tools.deviation import Deviation
    from tools.inspection import Inspection
    from tools.samples import Sample

_RANDOM_SAMPLES = 4


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "diff",
        help="compare two models",
        description="Run two models on the same inputs on the CPU device and say how far the second's outputs are from "
        "the first's, as the real numbers that they stand for, and how the models differ in size and operations.",
    )
    model.add_model(parser, "a", "the reference")
    model.add_model(parser, "b", "the other")
    parser.add_argument(
        "--samples",
        metavar="FILE.npz",
        type=Path,
        help="an array for each input, of one sample or several along a first dimension "
        f"(default: {_RANDOM_SAMPLES} of random numbers from 0 to 1, always the same)",
    )
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Run both models, and print how they differ."""
    with output.progress_shown(f"reading {arguments.a}") as progress:
        first_path, first = model.load_named(arguments.a, progress)
        second_path, second = model.load_named(arguments.b, progress)
        from tools.comparison import check_comparable, compare
        from tools.inspection import inspect

        check_comparable(first, second)
        inspected = [inspect(each.canonical) for each in (first, second)]
        samples = _samples(arguments.samples, inspected[0].inputs)
        deviations = compare(first, second, samples, progress)
    facts = {
        "models": [_sizes(*pair) for pair in zip((first_path, second_path), inspected)],
        "samples": len(samples),
        "outputs": [_output(*each) for each in zip(inspected[0].outputs, deviations)],
        "operations": _operations(*inspected),
    }
    if arguments.json:
        output.print_json(facts)
    else:
        _print(facts)


def _samples(path: Path | None, operands: tuple[Operand, ...]) -> list[Sample]:
    from tools.samples import random_samples, read_samples

    return random_samples(operands, _RANDOM_SAMPLES) if path is None else read_samples(path, operands)


def _sizes(path: Path, inspected: Inspection) -> dict[str, Any]:
    return {
        "model": str(path),
        "file_bytes": path.stat().st_size,
        "weight_bytes": inspected.weights,
        "operations": inspected.count,
        "macs": inspected.macs,
        "memory_peak": None if inspected.peak is None else inspected.peak.total,
    }


def _output(operand: Operand, deviation: Deviation) -> dict[str, Any]:
    """JSON has no word for NaN and infinities, so those are text."""
    figures = {"max_abs": deviation.max_abs, "cosine": deviation.cosine, "sqnr_db": deviation.sqnr}
    return {
        "dimensions": list(operand.dimensions),
        **{name: value if math.isfinite(value) else str(value) for name, value in figures.items()},
    }


def _operations(first: Inspection, second: Inspection) -> list[dict[str, Any]]:
    """How often each kind of operation is in the two models."""
    counts = [{(kind.type, kind.data_type): kind.count for kind in each.operations} for each in (first, second)]
    return [
        {"operation": name, "type": data_type, "counts": [each.get((name, data_type), 0) for each in counts]}
        for name, data_type in dict.fromkeys(kind for each in counts for kind in each)
    ]


def _print(facts: dict[str, Any]) -> None:
    from tools.explain.explanation import bytes_told, shape_told

    first, second = facts["models"]
    output.print_table(
        f"{Path(second['model']).name} against {Path(first['model']).name}, {facts['samples']} samples",
        ["output", "dimensions", "max abs", "cosine", "SQNR, dB"],
        [
            [
                str(number),
                shape_told(each["dimensions"]),
                f"{float(each['max_abs']):.4g}",
                f"{float(each['cosine']):.6f}",
                f"{float(each['sqnr_db']):.1f}",
            ]
            for number, each in enumerate(facts["outputs"])
        ],
    )
    told: dict[str, Callable[[int], str]] = {
        "file": bytes_told,
        "weights": bytes_told,
        "operations": str,
        "MACs": "{:,}".format,
        "memory peak": bytes_told,
    }
    names = [name for name in first if name != "model"]
    output.print_table(
        "Sizes",
        ["", "a", "b", "b / a"],
        [
            [
                label,
                *("-" if each[name] is None else tell(each[name]) for each in (first, second)),
                f"{second[name] / first[name]:.1%}" if first[name] and second[name] is not None else "-",
            ]
            for name, (label, tell) in zip(names, told.items())
        ],
    )
    changed = [each for each in facts["operations"] if len(set(each["counts"])) > 1]
    if changed:
        output.print_table(
            "Operations that differ",
            ["operation", "type", "a", "b"],
            [[each["operation"], each["type"], *map(str, each["counts"])] for each in changed],
        )
