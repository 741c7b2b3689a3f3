"""What a benchmark has found out about a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.bench.agreement import Agreement
from tools.bench.alternating import TIME, Spread
from tools.bench.machine import Machine

Spreads = Mapping[str, Spread]
"""By the part of a call."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one execution has to do: ``operations`` (each multiply-accumulate is two), and ``traffic``, bytes.

    Traffic is what moves if each operation reads its inputs and weights and writes its outputs once;
    fused operations move less.
    """

    operations: int
    traffic: int

    @property
    def intensity(self) -> float:
        """Operations for each byte."""
        return self.operations / self.traffic


@dataclass(frozen=True, slots=True)
class Split:
    """Where our time goes, in seconds, by medians.

    ``transport``: everything outside the driver's own computing, which is ``engine`` (the same execution with
    kernels that do nothing) and ``kernels`` (the rest). These two are None where the engine alone can't be told.
    """

    transport: float
    computing: float
    engine: float | None

    @property
    def kernels(self) -> float | None:
        """What the kernels take."""
        return None if self.engine is None else self.computing - self.engine

    def as_json(self) -> dict[str, float | None]:
        """In microseconds."""
        parts = {"transport_us": self.transport, "engine_us": self.engine, "kernels_us": self.kernels}
        return {name: None if part is None else part * 1e6 for name, part in parts.items()}


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model. ``quantised``: whether most of its multiplications are of integers.

    ``ours`` is None where it could not be measured: ``failure`` says why. ``theirs`` is None where there is no
    other side as well, or where that does not take the model: ``refusal`` says why. ``others``: how many cores
    other processes were busy on meanwhile, on average.
    """

    name: str
    quantised: bool
    work: Work | None
    ours: Spreads | None = None
    failure: str = ""
    theirs: Spreads | None = None
    refusal: str = ""
    agreement: Agreement | None = None
    split: Split | None = None
    others: float | None = None

    @property
    def ratio(self) -> float | None:
        """Our median time through theirs; None without theirs, and where results differ."""
        if self.ours is None or self.theirs is None or self.agreement is None or not self.agreement.holds:
            return None
        return self.ours[TIME].median / self.theirs[TIME].median

    def rate(self, spreads: Spreads | None) -> float | None:
        """Operations a second of a side; None where its work or its time is not known."""
        if self.work is None or spreads is None or not self.work.operations:
            return None
        return self.work.operations / spreads[TIME].median

    def as_json(self, machine: Machine) -> dict[str, Any]:
        """Everything, with rates as parts of the machine's peak."""
        facts: dict[str, Any] = {
            "model": self.name,
            "quantised": self.quantised,
            "ours": _as_json(self.ours),
            "failure": self.failure,
            "theirs": _as_json(self.theirs),
            "refusal": self.refusal,
            "ratio": self.ratio,
            "others_busy_cores": self.others,
        }
        if self.agreement is not None:
            facts["largest_difference"] = self.agreement.largest
            facts["tolerance"] = self.agreement.tolerance
        if self.work is not None:
            facts["operations"], facts["traffic_bytes"] = self.work.operations, self.work.traffic
        peak = machine.peak(quantised=self.quantised)
        for side, spreads in (("ours", self.ours), ("theirs", self.theirs)):
            rate = self.rate(spreads)
            facts[f"{side}_gflops"] = None if rate is None else rate / 1e9
            facts[f"{side}_of_peak"] = None if rate is None or peak is None else rate / peak
        facts["overhead"] = None if self.split is None else self.split.as_json()
        return facts


def _as_json(spreads: Spreads | None) -> dict[str, Any] | None:
    return None if spreads is None else {name: spread.as_json() for name, spread in spreads.items()}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """All of it. ``against``: the other side's name, None if there is none."""

    device: str
    mode: str
    against: str | None
    machine: Machine
    results: Sequence[ModelResult]

    @property
    def geometric_mean(self) -> float | None:
        """Of the ratios; None where there are none."""
        ratios = [each.ratio for each in self.results if each.ratio is not None]
        return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None

    def as_json(self) -> dict[str, Any]:
        """Everything."""
        return {
            "device": self.device,
            "mode": self.mode,
            "against": self.against,
            "machine": self.machine.as_json(),
            "models": [each.as_json(self.machine) for each in self.results],
            "geometric_mean": self.geometric_mean,
        }
