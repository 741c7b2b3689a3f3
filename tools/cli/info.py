"""``nnhal info``: what a model is made of."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.cli import model, output

if TYPE_CHECKING:
    from hal.metadata import Metadata
    from hal.model import Operand
    from runtime.model import Model
    from tools.inspection import Inspection


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "info",
        help="say what a model is made of",
        description="Say what a model is made of: operations, types, sizes, multiply-accumulates, the memory that an "
        "execution needs. The weights are not read.",
    )
    model.add_model(parser)
    parser.add_argument(
        "--verify", action="store_true", help="read the weights of a .nnhal file and check them by their digests"
    )
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Print the model's facts."""
    from hal.errors import BadDataError

    with output.progress_shown(f"reading {arguments.model}") as progress:
        path, loaded = model.load_named(arguments.model, progress)
        if arguments.verify:
            if loaded.file is None:
                raise BadDataError(f"{path} has no digests to verify its weights by; .nnhal files have")
            progress("verifying", 0, 1)
            loaded.verify()
    from tools.inspection import inspect

    inspected = inspect(loaded.canonical)
    facts = _facts(path, loaded, inspected, verified=arguments.verify)
    if arguments.json:
        output.print_json(facts)
    else:
        _print(facts, inspected)


def _facts(path: Path, loaded: Model, inspected: Inspection, *, verified: bool) -> dict[str, Any]:
    from dataclasses import asdict

    canonical, file, peak = loaded.canonical, loaded.file, inspected.peak
    return {
        "model": str(path),
        "format": "tflite" if file is None else "nnhal",
        "relaxed": canonical.relaxed,
        "metadata": None if file is None else _metadata(file.metadata),
        "bytes": {
            "file": path.stat().st_size,
            "weights": inspected.weights,
            "structure": None if file is None else file.structure_size,
        },
        "verified_constants": file.constants if verified and file is not None else None,
        "operations": inspected.count,
        "operation_kinds": [asdict(kind) for kind in inspected.operations],
        "referenced_subgraphs": len(canonical.referenced),
        "extensions": [extension.name for extension in canonical.extensions],
        "macs": inspected.macs,
        "operations_of_unknown_macs": inspected.unknown,
        "constants": [asdict(kind) for kind in inspected.constants],
        "memory_peak": None if peak is None else {"total": peak.total, **asdict(peak)},
        "inputs": [_argument(operand) for operand in inspected.inputs],
        "outputs": [_argument(operand) for operand in inspected.outputs],
    }


def _metadata(metadata: Metadata) -> dict[str, Any]:
    from dataclasses import asdict

    facts = asdict(metadata)
    stated = metadata.preprocessing
    if stated is not None:
        facts["preprocessing"] |= {"fit": stated.fit.name, "layout": stated.layout.name}
    return facts


def _argument(operand: Operand) -> dict[str, Any]:
    from hal.operations.declaration import type_name

    return {
        "type": type_name(operand.type),
        "dimensions": list(operand.dimensions),
        "scale": operand.scale,
        "zero_point": operand.zero_point,
    }


def _print(facts: dict[str, Any], inspected: Inspection) -> None:
    from tools.explain.explanation import bytes_told, shape_told

    output.print_table(
        f"{Path(facts['model']).stem}: {inspected.count} operations",
        ["operation", "type", "count", "MACs"],
        [[each.type, each.data_type, str(each.count), f"{each.macs:,}"] for each in inspected.operations],
    )
    output.print_table(
        "Constants",
        ["type", "count", "size"],
        [[each.data_type, str(each.count), bytes_told(each.bytes)] for each in inspected.constants],
    )
    output.print_table(
        "Inputs and outputs",
        ["", "type", "dimensions", "scale", "zero point"],
        [
            [
                f"{kind} {number}",
                each["type"],
                shape_told(each["dimensions"]),
                f"{each['scale']:.6g}" if each["scale"] else "",
                str(each["zero_point"]) if each["scale"] else "",
            ]
            for kind in ("input", "output")
            for number, each in enumerate(facts[f"{kind}s"])
        ],
    )
    for name, value in _summary(facts, inspected):
        print(f"{name:<14}{value}")


def _summary(facts: dict[str, Any], inspected: Inspection) -> list[tuple[str, str]]:
    """The lines below the tables."""
    from tools.explain.explanation import bytes_told

    sizes, peak = facts["bytes"], inspected.peak
    structure = "" if sizes["structure"] is None else f", structure {bytes_told(sizes['structure'])}"
    unknown = facts["operations_of_unknown_macs"]
    lines = [
        ("file", f"{bytes_told(sizes['file'])} ({facts['format']}), weights {bytes_told(sizes['weights'])}{structure}"),
        (
            "MACs",
            f"{inspected.macs:,}" + (f", without those of {unknown} operations, not known here" if unknown else ""),
        ),
        (
            "memory peak",
            "not known before an execution"
            if peak is None
            else f"{bytes_told(peak.total)}: temporaries {bytes_told(peak.temporaries)} at operation {peak.operation}, "
            f"inputs and outputs {bytes_told(peak.arguments)}",
        ),
        ("relaxed", "yes: float32 may be computed as float16" if facts["relaxed"] else "no"),
    ]
    if facts["referenced_subgraphs"]:
        lines.append(("subgraphs", f"{facts['referenced_subgraphs']} referenced, counted above once each"))
    if facts["extensions"]:
        lines.append(("extensions", ", ".join(facts["extensions"])))
    if facts["verified_constants"] is not None:
        count = facts["verified_constants"]
        lines.append(("verified", f"the structure and {count} constants beside it are what was saved"))
    for name, value in (facts["metadata"] or {}).items():
        if name == "preprocessing" and value is not None:
            value = ", ".join(f"{key} {_told(each)}" for key, each in value.items())
        if value:
            lines.append((name, value))
    return lines


def _told(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
