"""Our quantisation beside LiteRT's own: ``python -m tools.benchmarks.quantizers [MODEL ...] [--json]``.

Both quantise the same network in the same scheme with the same crops of photographs. What each makes of it is
judged on other crops, by how far each output is from what LiteRT computes in float32. Ours runs on nnhal's CPU
device, theirs in LiteRT. ``docs/quantizers.md`` says what theirs is given, and has the figures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from hal.device import Progress
from hal.errors import NnapiError
from tools import crops, probing
from tools.cli.output import print_json, print_table, progress_shown
from tools.deviation import Array, Deviation, deviation
from tools.extras import needs
from tools.importers import load_model
from tools.models import fetch_models
from tools.quantization import quantize
from tools.quantization.calibration import Calibration
from tools.samples import Sample, real

PACKAGES = ("ai-edge-quantizer", "ai-edge-litert")

CALIBRATING, JUDGING = 32, 16
"""How many crops; those that judge come from another seed."""

_COLUMNS = (
    "model",
    "scheme",
    *(f"{figure}: {whose}" for figure in ("cosine", "worst dB", "mean dB", "setting") for whose in ("ours", "theirs")),
)

_Outputs = list[list[Array]]
"""For each sample, each output."""
_Run = Callable[[Sequence[Sample]], _Outputs]
"""What runs a quantised model."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a quantiser came to: each output's deviation, and the setting."""

    setting: str
    outputs: tuple[Deviation, ...]

    @property
    def cosine(self) -> float:
        """Of the worst output."""
        return min(each.cosine for each in self.outputs)

    @property
    def worst(self) -> float:
        """The least signal to noise of an output, in dB."""
        return min(each.sqnr for each in self.outputs)

    @property
    def mean(self) -> float:
        """The mean signal to noise of the outputs, in dB."""
        return float(np.mean([each.sqnr for each in self.outputs]))

    def as_json(self) -> dict[str, Any]:
        """All of it, of types that JSON has."""
        return {
            "setting": self.setting,
            "cosine": self.cosine,
            "worst_db": self.worst,
            "mean_db": self.mean,
            "outputs": [{"cosine": each.cosine, "sqnr_db": each.sqnr} for each in self.outputs],
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both quantisers on one model in one scheme."""

    model: str
    scheme: str
    ours: Result
    theirs: Result


def compared(model: str, progress: Progress = lambda *_news: None) -> list[Comparison]:
    """Both quantisers on one of ``crops.MODELS``, in each scheme that both have.

    "int8": float inputs and outputs, each quantiser as it is by default. "int8, tuned": the same, each with that
    of its settings which does best on the crops it was calibrated with. "int8, int8 edges": quantised inputs and
    outputs. "weights" and "weights, dynamic": 8-bit weights, against LiteRT's two ways to compute with them.

    Raises ``BadDataError`` for another model, ``OpFailedError`` where packages are missing (the extra "peers").
    """
    calibrating, judging = crops.crops(model, CALIBRATING), crops.crops(model, JUDGING, seed=1)
    with needs("peers"):
        from tools.benchmarks import litert_quantizer as theirs
        from tools.benchmarks.litert_input import FloatFile
    content = fetch_models(names=[model])[model].read_bytes()
    file = FloatFile(content)
    seen, unseen = (theirs.run(content, samples, progress) for samples in (calibrating, judging))

    def judged(runs: Mapping[str, _Run]) -> Result:
        """Of the setting that does best on the crops that calibrated it."""
        if len(runs) > 1:
            best = max(runs, key=lambda setting: _result(setting, seen, runs[setting](calibrating)).mean)
        else:
            (best,) = runs
        return _result(best, unseen, runs[best](judging))

    def static(setting: theirs.Setting, float_edges: bool) -> _Run:
        progress(f"LiteRT's quantiser: {setting}", 0, 1)
        return partial(theirs.run, theirs.static(file, calibrating, setting, float_edges=float_edges))

    ours = partial(_ours, model, calibrating, progress)
    their_settings = {str(setting): static(setting, True) for setting in theirs.SETTINGS}
    our_settings = {each.value: ours(calibration=each.value) for each in Calibration}
    their_default, our_default = str(theirs.SETTINGS[0]), Calibration.MSE.value
    pairs: list[tuple[str, Mapping[str, _Run], Mapping[str, _Run]]] = [
        ("int8", {our_default: our_settings[our_default]}, {their_default: their_settings[their_default]}),
        ("int8, tuned", our_settings, their_settings),
        (
            "int8, int8 edges",
            {our_default: ours(edges="quantised")},
            {their_default: static(theirs.SETTINGS[0], False)},
        ),
    ]
    for scheme, name in (("weights", "weights"), ("weights, dynamic", "dynamic")):
        small = partial(theirs.run, theirs.without_samples(file, name))
        pairs.append((scheme, {"dynamic": ours(scheme="dynamic")}, {name: small}))
    return [Comparison(model, scheme, judged(one), judged(other)) for scheme, one, other in pairs]


def _ours(
    model: str,
    samples: Sequence[Sample],
    progress: Progress,
    *,
    scheme: str = "int8",
    calibration: str = Calibration.MSE.value,
    edges: str = "float",
) -> _Run:
    network = load_model(fetch_models(names=[model])[model])
    quantised, _ = quantize(network, samples, scheme=scheme, calibration=calibration, edges=edges, progress=progress)
    canonical = quantised.canonical
    operands = [canonical.main.operands[index] for index in canonical.main.outputs]

    def run(inputs: Sequence[Sample]) -> _Outputs:
        return [
            [real(array, operand) for array, operand in zip(outputs, operands)]
            for outputs in probing.outputs(canonical, inputs)
        ]

    return run


def _result(setting: str, references: _Outputs, others: _Outputs) -> Result:
    """The samples are judged as if they were one: of an output that is one number, each by itself says little."""
    pairs = zip(*(map(_joined, zip(*runs)) for runs in (references, others)))
    return Result(setting, tuple(deviation([reference], [other]) for reference, other in pairs))


def _joined(arrays: Sequence[Array]) -> Array:
    return np.concatenate([each.reshape(-1) for each in arrays])


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(crops.MODELS)}; all by default")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    try:
        with progress_shown("comparing") as progress:
            found = [each for model in arguments.models or crops.MODELS for each in compared(model, progress)]
    except NnapiError as error:
        raise SystemExit(f"{error.code.name}: {error}") from None
    versions = {name: version(name) for name in PACKAGES}
    if arguments.json:
        rows = [
            {"model": each.model, "scheme": each.scheme, "ours": each.ours.as_json(), "theirs": each.theirs.as_json()}
            for each in found
        ]
        print_json({"versions": versions, "comparisons": rows})
        return
    title = f"Ours, and {' in '.join(f'{name} {number}' for name, number in versions.items())}"
    print_table(title, _COLUMNS, [_row(each) for each in found])


def _row(comparison: Comparison) -> list[str]:
    ours, theirs = comparison.ours, comparison.theirs
    figures = (
        (f"{ours.cosine:.4f}", f"{theirs.cosine:.4f}"),
        (f"{ours.worst:.1f}", f"{theirs.worst:.1f}"),
        (f"{ours.mean:.1f}", f"{theirs.mean:.1f}"),
        (ours.setting, theirs.setting),
    )
    return [comparison.model, comparison.scheme, *(each for pair in figures for each in pair)]


if __name__ == "__main__":
    main()
