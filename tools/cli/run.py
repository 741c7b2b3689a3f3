"""``nnhal run``: one model, once or a few times."""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.cli import model, output

if TYPE_CHECKING:
    from numpy.typing import NDArray


_FIRST_VALUES = 4


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "run", help="run a model", description="Compile a model, run it, and show its outputs."
    )
    model.add_arguments(parser)
    parser.add_argument("--device", metavar="NAME", help="the device to run it on (default: all there are)")
    parser.add_argument(
        "--input",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="an input, given once for each: .npy, .npz (each array an input) or an image, which is resized "
        "(default: random numbers, always the same)",
    )
    parser.add_argument(
        "--range",
        metavar=("LOW", "HIGH"),
        type=float,
        nargs=2,
        default=(0.0, 1.0),
        help="the values of an image's black and white, and the range of random inputs (default: 0 1)",
    )
    parser.add_argument("--repeat", metavar="N", type=_positive, default=1, help="how often to run it (default: 1)")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def execute(arguments: argparse.Namespace) -> None:
    """Run the model and show what came out and how long it took."""
    from concurrent.futures import ThreadPoolExecutor

    with (
        output.progress_shown(f"preparing {arguments.model}") as progress,
        ThreadPoolExecutor(1) as background,
    ):
        # drivers take longer to start than a model to load, so both at once
        starting = background.submit(_start_drivers, arguments.device)
        path, loaded = model.load(arguments, progress)
        from tools.cli.inputs import read_inputs

        main = loaded.canonical.main
        inputs = read_inputs(arguments.input, [main.operands[index] for index in main.inputs], *arguments.range)
        starting.result()
        from runtime.compiled import compile_model
        from runtime.simulator import Simulator

        start = time.perf_counter()
        chosen = None if arguments.device is None else [arguments.device]
        compiled = compile_model(loaded, chosen, progress=progress)
        compile_ms = (time.perf_counter() - start) * 1e3
        progress("running", 0, arguments.repeat)
        run_ms, driver_ms = [], []
        for done in range(arguments.repeat):
            start = time.perf_counter()
            outputs, timing = compiled.run_timed(inputs)
            run_ms.append((time.perf_counter() - start) * 1e3)
            if timing.in_driver is not None:
                driver_ms.append(timing.in_driver / 1e6)
            progress("running", done + 1, arguments.repeat)
        names = [device.name for device in compiled.devices]
        simulated = all(Simulator(device).description() is not None for device in compiled.plan.devices)
    import numpy as np

    times = {
        "compile_ms": compile_ms,
        "run_ms": float(np.median(run_ms)),
        "driver_ms": float(np.median(driver_ms)) if driver_ms else None,
        "simulated": simulated,
    }
    described = [_described(array) for array in outputs]
    if arguments.json:
        result = {"model": str(path), "device": ", ".join(names), "repeat": arguments.repeat, **times}
        output.print_json({**result, "outputs": described})
    else:
        _print(path, ", ".join(names), arguments.repeat, times, described)


def _start_drivers(name: str | None) -> None:
    """Start the drivers that will be asked, all at once; compiling says what went wrong, if anything."""
    from concurrent.futures import ThreadPoolExecutor

    from hal.errors import NnapiError
    from runtime.discovery import device, devices

    with contextlib.suppress(NnapiError), ThreadPoolExecutor() as pool:
        found = devices() if name is None else [device(name)]
        list(pool.map(lambda each: each.info, found))


def _described(array: NDArray[Any]) -> dict[str, Any]:
    """An output's figures."""
    import numpy as np

    figures = (array.min(), array.mean(dtype=np.float64), array.max()) if array.size else ()
    least, mean, greatest = (each.item() for each in figures) if figures else (None, None, None)
    return {
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "min": least,
        "mean": mean,
        "max": greatest,
        "first": [value.item() for value in array.reshape(-1)[:_FIRST_VALUES]],
    }


def _print(path: Path, device: str, repeat: int, times: dict[str, Any], described: list[dict[str, Any]]) -> None:
    rows = [
        [
            str(index),
            " x ".join(map(str, figures["shape"])),
            figures["dtype"],
            *(_shown(figures[name]) for name in ("min", "mean", "max")),
            " ".join(_shown(value) for value in figures["first"]),
        ]
        for index, figures in enumerate(described)
    ]
    columns = ["output", "shape", "dtype", "min", "mean", "max", "first values"]
    output.print_table(f"{path.stem} on {device}", columns, rows)
    runs = "run" if repeat == 1 else f"run (median of {repeat})"
    line = f"compile {times['compile_ms']:.1f} ms, {runs} {times['run_ms']:.2f} ms"
    if times["driver_ms"] is not None:
        line += "; on the simulated hardware" if times["simulated"] else ", of which the driver took"
        line += f" {times['driver_ms']:.2f} ms"
    print(line)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
