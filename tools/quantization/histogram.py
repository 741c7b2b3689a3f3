"""Counting values whose range is not known before."""

from __future__ import annotations

import numpy as np

from hal.operations.declaration import Array

_BINS = 2048


class Histogram:
    """How often which values were in each of several arrays.

    Bins are as wide as need be for all values to fall into ``_BINS`` of them; when larger values come, pairs
    of bins become one. Zeros are left out: every grid has 0, and so never rounds it.
    """

    def __init__(self) -> None:
        self.width = 0.0
        self._first = 0
        self._rows: Array = np.zeros((0, 0), np.int32)

    @property
    def centres(self) -> Array:
        """The middle of each bin."""
        return (np.arange(self._first, self._last) + 0.5) * self.width

    @property
    def counts(self) -> Array:
        """For each array, a row: how many of its values fell into each bin."""
        return self._rows

    @property
    def _last(self) -> int:
        """The bin after the last."""
        return self._first + self._rows.shape[1]

    def add(self, values: Array) -> None:
        """Count the finite values of an array, in a row of their own."""
        self._rows = np.pad(self._rows, ((0, 1), (0, 0)))
        flat = values.reshape(-1)
        flat = flat[flat != 0]
        if not flat.size:
            return
        low, high = float(flat.min()), float(flat.max())
        self._make_room(low, high)
        first, last = (int(np.floor(edge / self.width)) for edge in (low, high))
        bins = np.clip(np.floor(flat / self.width).astype(np.int64), first, last)
        counts = np.bincount(bins - first, minlength=last - first + 1)
        if not self._rows.shape[1]:
            self._first = first
        self._pad(max(self._first - first, 0), max(last + 1 - self._last, 0))
        start = first - self._first
        self._rows[-1, start : start + counts.size] = counts

    def _make_room(self, low: float, high: float) -> None:
        if not self.width:
            span = max(high, 0.0) - min(low, 0.0)
            self.width = max(span * 2 / _BINS, float(np.finfo(np.float32).tiny))
        while max(high, self._last * self.width) - min(low, self._first * self.width) > self.width * (_BINS - 2):
            self._pad(self._first % 2, self._last % 2)
            self._rows = self._rows.reshape(len(self._rows), -1, 2).sum(axis=2)
            self._first //= 2
            self.width *= 2

    def _pad(self, before: int, after: int) -> None:
        self._rows = np.pad(self._rows, ((0, 0), (before, after)))
        self._first -= before
