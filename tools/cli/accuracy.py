"""``nnhal accuracy``: where along the network a model loses accuracy."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.cli import model, output

if TYPE_CHECKING:
    from tools.accuracy.measuring import Accuracy


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "accuracy",
        help="say where a model loses accuracy",
        description="Run a model and a reference on the same samples on the CPU device, and compare their outputs and "
        "every layer that both have.",
    )
    model.add_model(parser)
    parser.add_argument("--against", metavar="REFERENCE", required=True, help="the model to measure by, usually float")
    parser.add_argument(
        "--samples",
        metavar="DIR|FILE.npz",
        type=Path,
        required=True,
        help="a folder of images, which go through the preprocessing that MODEL states, or an array for each input",
    )
    parser.add_argument("--picture", metavar="FILE.svg", type=Path, help="also draw the error along the network")
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Measure, print, and draw if asked to."""
    output.check_writable([arguments.picture])
    with output.progress_shown(f"reading {arguments.model}") as progress:
        path, loaded = model.load_named(arguments.model, progress)
        reference_path, reference = model.load_named(arguments.against, progress)
        from tools.accuracy.measuring import measure
        from tools.quantization.samples import read

        main = reference.canonical.main
        operands = [main.operands[index] for index in main.inputs]
        samples = read(arguments.samples, operands, loaded.metadata.preprocessing, progress)
        accuracy = measure(loaded, reference, samples, progress)
        title = f"{path.name} against {reference_path.name}, {len(samples)} samples"
        if arguments.picture is not None:
            from tools.accuracy.picture import picture

            arguments.picture.write_text(picture(title, accuracy.layers))
    if arguments.json:
        output.print_json({"model": str(path), "against": str(reference_path), **_facts(accuracy)})
    else:
        _print(title, accuracy)


def _facts(accuracy: Accuracy) -> dict[str, Any]:
    return {
        "outputs": [
            {"sqnr_db": _number(each.sqnr), "cosine": _number(each.cosine), "max_abs": _number(each.max_abs)}
            for each in accuracy.outputs
        ],
        "layers": [
            {
                "operation": each.layer.number,
                "type": each.layer.name,
                "sqnr_db": _number(each.sqnr),
                "worst_sqnr_db": _number(each.worst),
                "cosine": each.cosine,
            }
            for each in accuracy.layers
        ],
    }


def _number(value: float) -> float | str:
    """JSON has no word for NaN and infinities, so those are text."""
    return value if math.isfinite(value) else str(value)


def _print(title: str, accuracy: Accuracy) -> None:
    output.print_table(
        f"{title}: each layer, its channels up to a factor",
        ["operation", "type", "SQNR, dB", "worst sample", "cosine"],
        [
            [str(each.layer.number), each.layer.name, f"{each.sqnr:.1f}", f"{each.worst:.1f}", f"{each.cosine:.6f}"]
            for each in accuracy.layers
        ],
    )
    output.print_table(
        f"{title}: each output",
        ["output", "SQNR, dB", "worst cosine", "max abs"],
        [
            [str(number), f"{each.sqnr:.1f}", f"{each.cosine:.6f}", f"{each.max_abs:.4g}"]
            for number, each in enumerate(accuracy.outputs)
        ],
    )
