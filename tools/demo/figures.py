"""What finding the face takes on a device, and how far it is from what the reference finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tools.demo.finding import Found
from tools.demo.networks import Way
from tools.deviation import deviation
from tools.explain.explanation import bytes_told, energy_told, time_told

COLUMNS = [
    "device, numbers",
    "MACs there",
    "latency",
    "energy",
    "files",
    "box moved",
    "landmarks moved",
    "least cosine",
    "wall clock here",
]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of both networks together.

    ``share``: the part of the multiply-accumulates that the device executed. ``seconds``, ``joules``: of one look at
    the photograph, the device's own account, simulated; None where it has none. ``wall``: seconds here. ``size``:
    bytes of the networks' files. ``box``: left, top, right, bottom in photo pixels. ``box_moved``: how far the edge
    that moved most is from the reference's, ``landmarks_moved``: how far landmarks are from the reference's in the
    mean, in widths of the reference's box. ``cosine``: the similarity with the reference of the output that is least
    similar, for the same inputs.
    """

    device: str
    numbers: str
    share: float
    seconds: float | None
    joules: float | None
    wall: float
    size: int
    box: tuple[float, float, float, float]
    score: float
    box_moved: float
    landmarks_moved: float
    cosine: float

    def as_json(self) -> dict[str, Any]:
        """All of it, of types that JSON has."""
        return asdict(self)

    def row(self) -> list[str]:
        """As ``COLUMNS`` say."""
        return [
            Way(self.device, self.numbers).name,
            f"{self.share:.1%}",
            time_told(self.seconds),
            energy_told(self.joules),
            bytes_told(self.size),
            f"{self.box_moved:.2%}",
            f"{self.landmarks_moved:.2%}",
            f"{self.cosine:.5f}",
            time_told(self.wall),
        ]


def figures(way: Way, found: Found, reference: Found, size: int) -> Figures:
    """What ``found`` in this way took, and how far it is from ``reference``; ``size``: bytes of the networks' files."""
    width = reference.face.box[2] - reference.face.box[0]
    edges = np.subtract(found.face.box, reference.face.box)
    distances = np.linalg.norm(found.landmarks - reference.landmarks, axis=1)
    times = [run.timing.in_driver for run in found.runs]
    energies = [run.timing.energy for run in found.runs]
    return Figures(
        way.device,
        way.numbers,
        sum(run.macs_there for run in found.runs) / sum(run.macs for run in found.runs),
        _total(times),
        _total(energies),
        sum(run.wall for run in found.runs),
        size,
        found.face.box,
        found.score,
        float(np.abs(edges).max() / width),
        float(distances.mean() / width),
        min(deviation([one], [other]).cosine for one, other in zip(reference.outputs, found.outputs)),
    )


def _total(parts: Sequence[int | None]) -> float | None:
    """Nano-units together as units; None where one is not known."""
    known = [part for part in parts if part is not None]
    return sum(known) / 1e9 if len(known) == len(parts) else None
