"""How long until a model computes: ``python -m tools.benchmarks.startup [MODEL...] [--json]``.

``nnhal run MODEL`` as a user runs it, from the shell to its end, with everything that it compiles already in the
cache; and compiling a model that a device has kept (``Compilation.set_caching``), with its driver running.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

from runtime.compilation import Compilation
from runtime.model import Model
from runtime.remote import RemoteDevice
from tools.bench.alternating import Spread
from tools.bench.ours import fresh_driver
from tools.cli import model as models

_MODELS = ("face_landmark", "pose_landmark_full")
_TIMES = 9


def from_the_shell(name: str) -> Spread:
    """Seconds of ``nnhal run``, after one that fills the caches. Raises ``CalledProcessError`` where it fails.

    Python's own cache of compiled sources counts among these: users have it, but some environments forbid it.
    """
    command = [sys.executable, "-m", "tools.cli", "run", name]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return _spread(lambda: subprocess.run(command, check=True, capture_output=True, env=environment))


def from_the_cache(model: Model, device: RemoteDevice) -> Spread:
    """Seconds of compiling a model that the device has kept before."""
    token = hashlib.sha256(b"tools.benchmarks.startup").digest()
    with tempfile.TemporaryDirectory() as folder:

        def compiled() -> None:
            compilation = Compilation(model, [device])
            compilation.set_caching(folder, token)
            compilation.finish()
            compilation.close()

        return _spread(compiled)


def _spread(action: Callable[[], object]) -> Spread:
    action()
    times = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return Spread.of(np.array(times))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long until a model computes.")
    parser.add_argument("models", metavar="MODEL", nargs="*", default=_MODELS, help="files, or names of fetch-models")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    found = {}
    with fresh_driver("cpu", 1) as (device, _):
        for name in arguments.models:
            _, model = models.load_named(name, lambda *news: None)
            found[name] = {"nnhal run": from_the_shell(name), "compiling, cached": from_the_cache(model, device)}
            for what, spread in found[name].items() if not arguments.json else ():
                low, median, high = (f"{seconds * 1e3:.1f}" for seconds in (spread.low, spread.median, spread.high))
                print(f"{name:34} {what:18} {median:>8} ms, 5th to 95th percentile {low} to {high} ms", flush=True)
    if arguments.json:
        facts = {name: {what: each.as_json() for what, each in spreads.items()} for name, spreads in found.items()}
        print(json.dumps(facts))


if __name__ == "__main__":
    main()
