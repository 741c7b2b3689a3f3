"""What a model takes of a driver's memory, and of LiteRT's: ``python -m tools.benchmarks.memory [MODEL...] [--json]``.

Each model gets a driver of its own and a LiteRT process of its own. Both are looked at before the model comes, and
after it has been prepared and executed some times. Counted is what is resident, from the kernel's own books: the peak
(VmHWM), which weights in shared memory or in a mapped file are part of while the process has them at hand (our driver
packs weights and then lets go of the model's, which stay in the application's memory), and afterwards the
proportional share (Pss), where memory that several processes hold is divided among them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

from runtime.model import Model
from runtime.values import Array
from tools.bench.ours import Ours, fresh_driver
from tools.exporters.tflite import export
from tools.samples import random_samples, stored

_EXECUTIONS = 5


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes beyond those of the process before the model: the ``peak`` resident, and the ``share`` afterwards."""

    peak: int
    share: int


class _Process:
    """A process's memory from now on. ``number``: its own."""

    def __init__(self, number: int | str) -> None:
        self._folder = Path("/proc") / str(number)
        with contextlib.suppress(PermissionError):  # then the peak is that of the process's whole life
            (self._folder / "clear_refs").write_text("5")
        self._resident, self._share = self._kilobytes("status", "VmRSS"), self._kilobytes("smaps_rollup", "Pss")

    def growth(self) -> Growth:
        """What it has grown by."""
        peak, share = self._kilobytes("status", "VmHWM"), self._kilobytes("smaps_rollup", "Pss")
        return Growth(1024 * (peak - self._resident), 1024 * (share - self._share))

    def _kilobytes(self, file: str, name: str) -> int:
        lines = (self._folder / file).read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def ours(model: Model, inputs: Sequence[Array], device: str, threads: int) -> Growth:
    """What a driver of the device grows by, with all that it compiles already in the cache."""
    _grown(model, inputs, device, threads)  # fills it
    return _grown(model, inputs, device, threads)


def _grown(model: Model, inputs: Sequence[Array], device: str, threads: int) -> Growth:
    with fresh_driver(device, threads) as (remote, number):
        remote.info  # noqa: B018 -- the first call opens the connection, which is no model's
        process = _Process(number)
        with contextlib.closing(Ours(model, remote, inputs, "burst", lambda *news: None)) as side:
            for _ in range(_EXECUTIONS):
                side.call()
            return process.growth()


def litert(path: Path, inputs: Sequence[Array], threads: int) -> Growth:
    """What a process with LiteRT grows by, which is started for this. ``path``: of a .tflite file."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_executed, path, inputs, threads).result()


def _executed(path: Path, inputs: Sequence[Array], threads: int) -> Growth:
    from ai_edge_litert.interpreter import Interpreter

    process = _Process("self")
    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    for _ in range(_EXECUTIONS):
        for detail, values in zip(interpreter.get_input_details(), inputs):
            interpreter.set_tensor(detail["index"], values)
        interpreter.invoke()
        for detail in interpreter.get_output_details():
            interpreter.get_tensor(detail["index"])
    return process.growth()


def main() -> None:
    """Measure and print."""
    from tools.bench.litert import NAME
    from tools.cli import model as models
    from tools.models import SHA256

    parser = argparse.ArgumentParser(description="What models take of memory.")
    parser.add_argument("models", metavar="MODEL", nargs="*", help=f"files, or names (default: all that {NAME} takes)")
    parser.add_argument("--device", metavar="NAME", default="cpu")
    parser.add_argument("--threads", metavar="N", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    refused = {"face_landmark_with_attention"}  # it has MediaPipe's own operators
    found = {}
    for name in arguments.models or [each for each in SHA256 if each not in refused]:
        path, model = models.load_named(name, lambda *news: None)
        operands = [model.canonical.main.operands[index] for index in model.canonical.main.inputs]
        inputs = stored(random_samples(operands, 1)[0], operands)
        with tempfile.TemporaryDirectory() as folder:
            theirs = path
            if path.suffix != ".tflite":
                theirs = Path(folder) / "model.tflite"
                theirs.write_bytes(export(model.canonical))
            sides = ours(model, inputs, arguments.device, arguments.threads), litert(theirs, inputs, arguments.threads)
        found[path.stem] = sides
        if not arguments.json:
            one, other = sides
            ratio = f"{one.peak / other.peak:.2f}" if other.peak else "-"
            print(
                f"{path.stem:34} peak {one.peak / 1e6:7.1f} MB, {NAME} {other.peak / 1e6:7.1f} MB, ratio {ratio}; "
                f"share afterwards {one.share / 1e6:7.1f} MB, {NAME} {other.share / 1e6:7.1f} MB",
                flush=True,
            )
    if arguments.json:
        print(json.dumps({name: {"ours": asdict(a), "theirs": asdict(b)} for name, (a, b) in found.items()}))


if __name__ == "__main__":
    main()
