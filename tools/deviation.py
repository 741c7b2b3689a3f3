"""How far results are from others that they should equal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Deviation:
    """``max_abs``: the largest difference. ``cosine``: the similarity of the sample that is least similar.

    ``sqnr``: signal to noise of all samples together, in dB: 10 log10 of the reference's energy over the
    difference's; infinite where there is no difference.
    """

    max_abs: float
    cosine: float
    sqnr: float


def deviation(references: Sequence[Array], others: Sequence[Array]) -> Deviation:
    """How far ``others`` are from ``references``, each sample's array of the same shape as its reference.

    Values that are equal, NaN and infinite ones too, do not differ; where one alone of two is not finite, the
    difference is infinite, and the cosine NaN.
    """
    largest, lowest, signal, noise = 0.0, 1.0, 0.0, 0.0
    for reference, other in zip(references, others):
        a, b = (each.astype(np.float64).reshape(-1) for each in (reference, other))
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        if not np.isfinite(a[~same]).all() or not np.isfinite(b[~same]).all():
            return Deviation(math.inf, math.nan, -math.inf)
        finite = np.isfinite(a)
        a, b = a[finite], b[finite]
        largest = max(largest, float(np.abs(a - b).max(initial=0)))
        lowest = min(lowest, _cosine(a, b))
        signal += float(a @ a)
        noise += float((a - b) @ (a - b))
    if noise == 0:
        return Deviation(largest, lowest, math.inf)
    return Deviation(largest, lowest, 10 * math.log10(signal / noise) if signal else -math.inf)


def _cosine(a: Array, b: Array) -> float:
    if np.array_equal(a, b):
        return 1.0
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0
