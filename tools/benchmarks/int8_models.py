"""The models of fetch-models in 8 bits, to measure speed with: ``python -m tools.benchmarks.int8_models FOLDER``.

Weights are int8 by channel and activations int8, with ranges that random images have: times are those of any
quantised version of the model, but what these compute of photographs is of no use.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.cli import output
from tools.importers import load_model
from tools.models import fetch_models
from tools.quantization import quantize
from tools.samples import random_samples

_SAMPLES = 4


def main() -> None:
    """Quantise the models that are not there yet."""
    parser = argparse.ArgumentParser(description="Write the models of fetch-models in 8 bits.")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="where to write them")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with output.progress_shown("fetching models") as progress:
        for name, path in fetch_models(None, progress).items():
            target = folder / f"{name}_int8.nnhal"
            if not target.exists():
                model = load_model(path)
                operands = [model.canonical.main.operands[index] for index in model.canonical.main.inputs]
                progress(f"quantising {name}", 0, 1)
                small, _ = quantize(model, random_samples(operands, _SAMPLES), calibration="min-max")
                small.save(target)
    print(f"{len(list(folder.glob('*_int8.nnhal')))} models in {folder}")


if __name__ == "__main__":
    main()
