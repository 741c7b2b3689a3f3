"""``nnhal trace``: the timeline of an execution."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.cli import model, output

if TYPE_CHECKING:
    from runtime.report import ExecutionReport


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "trace",
        help="record what each part of the devices does during an execution",
        description="Compile a model, execute it once, and write what each part of the devices did when (queue, "
        "transfer, compute, DMA) as a file for https://ui.perfetto.dev or chrome://tracing. Times are the devices' "
        "own, simulated where they are.",
    )
    model.add_arguments(parser)
    model.add_devices(parser)
    model.add_preference(parser)
    parser.add_argument("--out", metavar="FILE.json", type=Path, required=True, help="where to write the trace")
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Execute the model once on random input, and write the trace."""
    output.check_writable([arguments.out])
    with output.progress_shown(f"reading {arguments.model}") as progress:
        path, loaded = model.load(arguments, progress)
        from runtime.compiled import compile_model
        from tools.cli.inputs import read_inputs
        from tools.explain.trace import trace_events

        main = loaded.canonical.main
        inputs = read_inputs([], [main.operands[index] for index in main.inputs], 0.0, 1.0)
        progress("compiling", 0, 1)
        preference = model.preferences(arguments)[0]
        with compile_model(loaded, arguments.devices, preference, progress) as compiled:
            progress("running", 0, 1)
            _, report = compiled.run_reported(inputs, trace=True)
        arguments.out.write_text(output.json_text(trace_events(report), indent=None) + "\n")
    figures = _figures(path, arguments.out, report)
    if arguments.json:
        output.print_json(figures)
    else:
        _print(figures)


def _figures(path: Path, out: Path, report: ExecutionReport) -> dict[str, Any]:
    return {
        "model": str(path),
        "trace": str(out),
        "milliseconds": None if report.timing.in_driver is None else report.timing.in_driver / 1e6,
        "steps": [
            {
                "device": step.device,
                "operations": len(step.operations),
                "runs": len(step.runs),
                "milliseconds": sum(run.duration for run in step.runs) / 1e6,
                "spans": sum(len(run.spans) for run in step.runs),
            }
            for step in report.steps
        ],
    }


def _print(figures: dict[str, Any]) -> None:
    rows = [
        [str(number), step["device"], str(step["operations"]), f"{step['milliseconds']:.4g}", str(step["spans"])]
        for number, step in enumerate(figures["steps"])
    ]
    title = f"{Path(figures['model']).stem}: the steps of one execution"
    output.print_table(title, ["step", "device", "operations", "ms", "spans"], rows)
    print(f"trace in {figures['trace']}: open it at https://ui.perfetto.dev")
