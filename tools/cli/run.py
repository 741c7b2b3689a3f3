"""``nnhal run``: one model, once or a few times."""

from __future__ import annotations

import argparse
import contextlib
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.cli import output

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hal.device import Progress

_FIRST_VALUES = 4


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "run", help="run a model", description="Compile a model, run it, and show its outputs."
    )
    parser.add_argument("model", metavar="MODEL", help="a .tflite file, or the name of a model of fetch-models")
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
        # a driver takes longer to start than a model to load, so both at once
        starting = background.submit(_start_driver, arguments.device)
        path = _resolve(arguments.model, progress)
        from tools.importers import load_model

        model = load_model(path)
        from tools.cli.inputs import read_inputs

        main = model.canonical.main
        inputs = read_inputs(arguments.input, [main.operands[index] for index in main.inputs], *arguments.range)
        starting.result()
        from runtime.compiled import compile_model

        start = time.perf_counter()
        chosen = None if arguments.device is None else [arguments.device]
        compiled = compile_model(model, chosen, progress=progress)
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
    import numpy as np

    times = {
        "compile_ms": compile_ms,
        "run_ms": float(np.median(run_ms)),
        "driver_ms": float(np.median(driver_ms)) if driver_ms else None,
    }
    described = [_described(array) for array in outputs]
    if arguments.json:
        result = {"model": str(path), "device": compiled.device.name, "repeat": arguments.repeat, **times}
        output.print_json({**result, "outputs": described})
    else:
        _print(path, compiled.device.name, arguments.repeat, times, described)


def _start_driver(name: str | None) -> None:
    """Start the driver that will most likely be used; compiling says what went wrong, if anything."""
    from hal.errors import NnapiError
    from runtime.discovery import device, devices

    with contextlib.suppress(NnapiError):
        for each in devices()[:1] if name is None else [device(name)]:
            _ = each.info


def _resolve(model: str, progress: Progress) -> Path:
    """The model's file: ``model`` itself, or that of the model so called, fetched if need be."""
    path = Path(model)
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    from tools.models import fetch_models

    return fetch_models(None, progress, [model])[model]


def _described(array: NDArray[Any]) -> dict[str, Any]:
    """An output's figures; JSON has no word for NaN and infinities, so those are text."""
    import numpy as np

    figures = (array.min(), array.mean(dtype=np.float64), array.max()) if array.size else ()
    least, mean, greatest = map(_json_number, figures) if figures else (None, None, None)
    return {
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "min": least,
        "mean": mean,
        "max": greatest,
        "first": [_json_number(value) for value in array.reshape(-1)[:_FIRST_VALUES]],
    }


def _json_number(value: Any) -> float | int | bool | str:
    number: float | int | bool = value.item()
    return number if math.isfinite(number) else str(number)


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
    driver = "" if times["driver_ms"] is None else f", of which the driver took {times['driver_ms']:.2f} ms"
    runs = "run" if repeat == 1 else f"run (median of {repeat})"
    print(f"compile {times['compile_ms']:.1f} ms, {runs} {times['run_ms']:.2f} ms{driver}")


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
