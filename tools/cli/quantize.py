"""``nnhal quantize``: from a float model and samples to a model that computes in 8 bits."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.cli import model, output

if TYPE_CHECKING:
    from hal.metadata import Preprocessing
    from tools.quantization import Report


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "quantize",
        help="make a model compute in 8 bits",
        description="Quantise a float model after training and save it as a .nnhal file. Samples of what the model is "
        "going to see show what values its tensors have; 32 are usually enough.",
    )
    model.add_model(parser)
    parser.add_argument("-o", "--output", metavar="OUT.nnhal", type=Path, required=True, help="the file to write")
    parser.add_argument(
        "--samples",
        metavar="DIR|FILE.npz",
        type=Path,
        help="a folder of images, or an array for each input with the samples along its first dimension",
    )
    parser.add_argument(
        "--scheme",
        choices=("int8", "uint8", "dynamic", "float16"),
        default="int8",
        help="tensors in 8 bits, signed or not; only weights in 8 bits; everything in float16 (default: int8)",
    )
    parser.add_argument(
        "--weights", choices=("per-channel", "per-tensor"), default="per-channel", help="weights' scales"
    )
    parser.add_argument(
        "--calibration",
        choices=("min-max", "moving-average", "percentile", "mse"),
        default="mse",
        help="how tensors' ranges follow from the samples (default: mse, the least error)",
    )
    parser.add_argument(
        "--edges", choices=("float", "quantised"), default="float", help="inputs and outputs (default: float)"
    )
    parser.add_argument(
        "--exclude",
        metavar="N|TYPE",
        action="append",
        default=[],
        help="an operation that stays float: its number in the list that --json gives, or its type; may be repeated",
    )
    parser.add_argument("--no-bias-correction", action="store_true", help="leave biases as they are")
    parser.add_argument("--no-equalisation", action="store_true", help="leave channels as unlike as they are")
    parser.add_argument(
        "--budget",
        metavar="DB",
        type=float,
        help="leave as many operations float as are needed for each output to have this signal to noise",
    )
    _add_preprocessing(parser)
    return parser


def _add_preprocessing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what images go through; saved with the model")
    group.add_argument("--fit", choices=("stretch", "cover", "contain"), help="to the input's size (default: stretch)")
    group.add_argument("--crop", metavar="SHARE", type=float, help="of each side, from the middle (default: 1)")
    group.add_argument("--mean", metavar="M", type=float, nargs="+", help="taken from pixels of 0 to 255 (default: 0)")
    group.add_argument("--std", metavar="S", type=float, nargs="+", help="pixels are then divided by (default: 1)")
    group.add_argument("--layout", choices=("NHWC", "NCHW"), help="the input's dimensions (default: NHWC)")


def execute(arguments: argparse.Namespace) -> None:
    """Quantise, save, and say what was done."""
    from hal.errors import BadDataError

    with output.progress_shown(f"reading {arguments.model}") as progress:
        path, loaded = model.load_named(arguments.model, progress)
        from tools.quantization import quantize
        from tools.quantization.samples import read

        main = loaded.canonical.main
        preprocessing = _preprocessing(arguments) or loaded.metadata.preprocessing
        samples = []
        if arguments.scheme in ("int8", "uint8"):
            if arguments.samples is None:
                raise BadDataError(f"--scheme {arguments.scheme} needs --samples: a folder of images or an .npz file")
            operands = [main.operands[index] for index in main.inputs]
            samples = read(arguments.samples, operands, preprocessing, progress)
        result, report = quantize(
            loaded,
            samples,
            scheme=arguments.scheme,
            weights=arguments.weights,
            calibration=arguments.calibration,
            edges=arguments.edges,
            exclude=[int(each) if each.isdecimal() else each.upper() for each in arguments.exclude],
            correct_biases=not arguments.no_bias_correction,
            equalise=not arguments.no_equalisation,
            budget=arguments.budget,
            preprocessing=preprocessing,
            progress=progress,
        )
        progress(f"writing {arguments.output}", 0, 1)
        result.save(arguments.output)
    if arguments.json:
        output.print_json({"model": str(path), "output": str(arguments.output), **report.as_json()})
    else:
        _print(path, arguments.output, report)


def _preprocessing(arguments: argparse.Namespace) -> Preprocessing | None:
    from hal.metadata import Fit, Layout, Preprocessing

    given: dict[str, Any] = {
        "fit": arguments.fit and Fit[arguments.fit.upper()],
        "crop": arguments.crop,
        "mean": arguments.mean and tuple(arguments.mean),
        "std": arguments.std and tuple(arguments.std),
        "layout": arguments.layout and Layout[arguments.layout],
    }
    stated = {name: value for name, value in given.items() if value is not None}
    return Preprocessing(**stated) if stated else None


def _print(path: Path, written: Path, report: Report) -> None:
    from tools.explain.explanation import bytes_told

    left = [[str(number), name, reason] for number, (name, reason) in enumerate(report.operations) if reason]
    if left:
        output.print_table("Operations that stay float", ["operation", "type", "why"], left)
    if report.mixed is not None and report.mixed.sensitivities:
        output.print_table(
            "Operations by what leaving each float would give",
            ["operation", "type", "SQNR, dB"],
            [[str(each.number), each.name, f"{each.sqnr:.1f}"] for each in report.mixed.sensitivities],
        )
    before, after = report.weights_before, report.weights_after
    line = f"{path.name}: weights {bytes_told(before)} -> {bytes_told(after)} ({after / before:.0%})"
    if report.quantised:
        line += f", {report.quantised} operations in 8 bits"
    if report.mixed is not None:
        line += f", worst output {report.mixed.sqnr:.1f} dB"
    print(f"{line}: {written}")
