"""From the values that a tensor had for the samples to the range that its grid covers.

Networks have samples that take them far out of their usual range. So what is taken of all samples together
is, where it can be, a median, and a sample's error counts by its share of the sample's own energy.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np

from hal.operations.declaration import Array
from tools.quantization.histogram import Histogram

Range = tuple[float, float]

_MOMENTUM = 0.9
_PERCENTILE = 99.99
_SHARES = np.geomspace(1 / 256, 1.0, 65)
_STEPS = 255


class Calibration(Enum):
    """How the range follows.

    ``MIN_MAX``: all values. ``MOVING_AVERAGE``: the samples' least and greatest values, each sample counting
    0.1 and what came before 0.9. ``PERCENTILE``: all but 0.01 % of the values at each end. ``MSE``: where the
    mean squared error of rounding and of clipping is least: its ratio to the mean square of a sample's values,
    in decibels, averaged over the samples.
    """

    MIN_MAX = "min-max"
    MOVING_AVERAGE = "moving-average"
    PERCENTILE = "percentile"
    MSE = "mse"


class Observation:
    """What was seen of a tensor over the samples."""

    def __init__(self) -> None:
        self._ranges: list[Range] = []
        self._sizes: list[int] = []
        self._energies: list[float] = []
        self._means: list[Array] = []
        self._peaks: list[Array] = []
        self._histogram = Histogram()

    def add(self, values: Array) -> None:
        """Take notice of a sample's values, which are finite."""
        self._ranges.append((min(float(values.min()), 0.0), max(float(values.max()), 0.0)))
        self._sizes.append(values.size)
        self._energies.append(float(np.square(values, dtype=np.float64).sum()))
        rows = values.reshape(-1, values.shape[-1])
        self._means.append(rows.mean(axis=0, dtype=np.float64))
        self._peaks.append(np.abs(rows).max(axis=0))
        self._histogram.add(values)

    @property
    def means(self) -> Array:
        """The mean of each channel (last dimension) in a usual sample."""
        return np.median(self._means, axis=0)

    @property
    def peaks(self) -> Array:
        """The largest magnitude in each channel in a usual sample; of all, where that is 0."""
        usual = np.median(self._peaks, axis=0)
        return np.where(usual > 0, usual, self.highest_peaks)

    @property
    def highest_peaks(self) -> Array:
        """The largest magnitude in each channel in all samples."""
        return np.max(self._peaks, axis=0)

    def range(self, calibration: Calibration) -> Range:
        """The range for a grid, with 0 in it."""
        lows, highs = zip(*self._ranges)
        extremes = min(lows), max(highs)
        if calibration is Calibration.MIN_MAX or extremes == (0.0, 0.0):
            return extremes
        if calibration is Calibration.MOVING_AVERAGE:
            return _moving_average(lows), _moving_average(highs)
        return self._percentile(extremes) if calibration is Calibration.PERCENTILE else self._least_error(extremes)

    def _percentile(self, extremes: Range) -> Range:
        counts = self._histogram.counts.sum(axis=0)
        zeros = sum(self._sizes) - counts.sum()
        values = np.append(self._histogram.centres, 0.0)
        order = np.argsort(values)
        shares = np.cumsum(np.append(counts, zeros)[order]) / sum(self._sizes) * 100
        low, high = (float(values[order][np.searchsorted(shares, share)]) for share in (100 - _PERCENTILE, _PERCENTILE))
        return max(min(low, 0.0), extremes[0]), min(max(high, 0.0), extremes[1])

    def _least_error(self, extremes: Range) -> Range:
        """First the best share of both extremes at once, then of each by itself, until nothing gets better."""
        least, greatest = extremes
        best, error = self._best([(share * least, share * greatest) for share in _SHARES])
        while True:
            ends = [(share * least, best[1]) for share in _SHARES] + [(best[0], share * greatest) for share in _SHARES]
            better, less = self._best(ends)
            if less >= error:
                return best
            best, error = better, less

    def _best(self, ranges: Sequence[Range]) -> tuple[Range, float]:
        """The one with the least error, in decibels, and that error."""
        energies = np.array(self._energies)
        seen = energies > 0
        counts, values = self._histogram.counts[seen], self._histogram.centres
        lows, highs = (np.array(ends)[:, None] for ends in zip(*ranges))
        beyond = np.maximum(values - highs, 0) + np.maximum(lows - values, 0)
        rounding = ((highs - lows) / _STEPS) ** 2 / 12
        noise = np.square(beyond) @ counts.T.astype(np.float64) + rounding * counts.sum(axis=1)
        errors = 10 * np.log10(noise / energies[seen]).mean(axis=1)
        best = int(np.argmin(errors))
        return ranges[best], float(errors[best])


def _moving_average(ends: tuple[float, ...]) -> float:
    average = ends[0]
    for end in ends[1:]:
        average = _MOMENTUM * average + (1 - _MOMENTUM) * end
    return average
