"""Comparing all tensors that two models of one network have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hal.device import Progress
from hal.model import Model, Subgraph
from hal.operations.declaration import Array
from runtime import model as runtime_model
from tools import probing
from tools.accuracy.alignment import Layer, aligned
from tools.comparison import check_comparable, compare
from tools.deviation import Deviation
from tools.optimization.optimizer import optimized
from tools.quantization.rephrasing import rephrased
from tools.samples import Sample, real


@dataclass(frozen=True, slots=True)
class LayerAccuracy:
    """How far a layer's result is from the reference's, each channel (last dimension) up to a factor.

    Cross-layer equalisation gives channels factors, which the next layer takes back, so that they are no error.
    ``sqnr``: signal to noise of all samples together, ``worst``: of the worst sample, in dB; ``cosine``: the
    similarity of all samples together.
    """

    layer: Layer
    sqnr: float
    worst: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Of each output, and of each layer that both models have, in the reference's order."""

    outputs: tuple[Deviation, ...]
    layers: tuple[LayerAccuracy, ...]


def measure(
    model: runtime_model.Model, reference: runtime_model.Model, samples: Sequence[Sample], progress: Progress
) -> Accuracy:
    """How accurate a finished ``model`` is, measured by a ``reference`` with the same inputs and outputs.

    Both run on the CPU device. Layers are compared with those of the reference as it is, optimised, or
    prepared for quantising, whichever has more in common with the model. Raises ``BadDataError`` for models
    that can't be compared.
    """
    check_comparable(reference, model)
    outputs = compare(reference, model, samples, progress)
    return Accuracy(tuple(outputs), tuple(_layers(model.canonical, reference.canonical, samples, progress)))


def _layers(model: Model, reference: Model, samples: Sequence[Sample], progress: Progress) -> list[LayerAccuracy]:
    better = [
        optimized(each)[0]
        for each in (reference, rephrased(reference, per_channel=False), rephrased(reference, per_channel=True))
    ]
    pairings = [(each, aligned(each, model)) for each in (reference, *better)]
    chosen, layers = max(pairings, key=lambda pairing: _agreement(model, *pairing))
    sums = [_Sums() for _ in layers]
    if not layers:
        return []
    runs = zip(
        probing.outputs(probing.exposing(chosen, [layer.reference for layer in layers]), samples),
        probing.outputs(probing.exposing(model, [layer.other for layer in layers]), samples),
    )
    graphs: tuple[Subgraph, Subgraph] = (chosen.main, model.main)
    for done, (ours, theirs) in enumerate(runs):
        progress("comparing layers", done, len(samples))
        for layer, tally, one, other in zip(layers, sums, ours, theirs):
            tally.add(real(one, graphs[0].operands[layer.reference]), real(other, graphs[1].operands[layer.other]))
    return [tally.accuracy(layer) for layer, tally in zip(layers, sums)]


def _agreement(model: Model, reference: Model, layers: Sequence[Layer]) -> float:
    """Which part of both models' operations is in common."""
    return len(layers) / (len(reference.main.operations) + len(model.main.operations))


class _Sums:
    """Sums over each sample's products, channel by channel: all that is needed for the figures."""

    def __init__(self) -> None:
        self._sums: list[Array] = []

    def add(self, reference: Array, other: Array) -> None:
        a, b = (each.reshape(-1, each.shape[-1]).astype(np.float64) for each in (reference, other))
        self._sums.append(np.array([(a * a).sum(axis=0), (a * b).sum(axis=0), (b * b).sum(axis=0)]))

    def accuracy(self, layer: Layer) -> LayerAccuracy:
        sums = np.array(self._sums)  # sample, kind, channel
        signal, both, other = sums.sum(axis=0)
        factors = np.divide(both, other, out=np.ones_like(both), where=other > 0)
        energy, mixed, restored = sums[:, 0].sum(1), sums[:, 1] @ factors, sums[:, 2] @ factors**2
        noise = energy - 2 * mixed + restored
        length = math.sqrt(energy.sum() * restored.sum())
        cosine = float(mixed.sum() / length) if length else float(energy.sum() == restored.sum())
        ratios = [_decibels(*pair) for pair in zip(energy, noise)]
        return LayerAccuracy(layer, _decibels(signal.sum(), noise.sum()), min(ratios), cosine)


_ROUNDING = 1e-14
"""Of a sum of squares: less noise than that is none."""


def _decibels(signal: float, noise: float) -> float:
    if noise <= _ROUNDING * signal:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf
