"""Samples: values of which median, 95th percentile and maximum are wanted.

Knows numbers. Used by tables.summary and what sums up for it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL, quantile

MAX_SAMPLES = 1 << 18
"""Values kept for a median; of more, every second, fourth, ... is kept."""
_MAX_PIECES = 256
"""Arrays of them, before they are joined."""


class Samples:
    """Values of which median, 95th percentile and maximum are wanted; in ns.

    The first `most` are all kept; beyond that every n-th in order of arrival, so
    that the result depends on the values alone and not on how they were batched.
    """

    def __init__(self, most: int = MAX_SAMPLES) -> None:
        self._most = max(2, most)
        self.count = 0
        self.worst = 0
        self.worst_of = NULL
        self._kept: list[npt.NDArray[np.int64]] = []
        self._kept_count = 0
        self._step = 1

    def add(self, values: npt.NDArray[np.int64], owners: npt.NDArray[np.int64]) -> None:
        """Add `values`, without nulls; `owners` are the ids of their connections."""
        for start in range(0, len(values), self._most):
            self._add(values[start : start + self._most], owners[start : start + self._most])

    def _add(self, values: npt.NDArray[np.int64], owners: npt.NDArray[np.int64]) -> None:
        if not len(values):
            return
        most = int(np.argmax(values))
        if self.count == 0 or values[most] > self.worst:
            self.worst, self.worst_of = int(values[most]), int(owners[most])
        kept = values[-self.count % self._step :: self._step]
        self.count += len(values)
        self._kept.append(kept)
        self._kept_count += len(kept)
        if len(self._kept) > _MAX_PIECES:
            # An array takes a hundred bytes besides its values, and they may come one by one.
            self._kept = [np.concatenate(self._kept)]
        while self._kept_count > self._most:
            self._kept = [np.concatenate(self._kept)[::2]]
            self._kept_count = len(self._kept[0])
            self._step *= 2

    def quantile(self, share: float) -> float:
        """Return the value below which `share` of the values lie; 0 without values."""
        return quantile(np.concatenate(self._kept), share) if self.count else 0.0

    @property
    def median(self) -> float:
        """The value in the middle."""
        return self.quantile(0.5)
