"""Numbers by connection and side, in arrays, since messages and frames come in millions.

Must not know what the numbers mean. Used by facts and by what looks at every message.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


class Keyed:
    """Columns of int64 by key, 2 * connection + side.

    Where the keys in use spread over more than `span`, the lowest are forgotten.

    Args:
        columns: how many.
        span: keys between the lowest and the highest.
        fill: what stands where nothing was written.
    """

    def __init__(self, columns: int, span: int, fill: int) -> None:
        self._span = span
        self._fill = fill
        self.base = 0
        self.values: Numbers = np.full((columns, min(1024, span)), fill, np.int64)

    def places(self, keys: Numbers) -> Numbers:
        """Return where the values of keys stand; negative where they were forgotten."""
        if len(keys):
            self.reach(int(keys.max()))
        # Compared before it is subtracted: a null would wrap around.
        is_known = (keys >= self.base) & (keys < self.base + self.values.shape[1])
        return np.where(is_known, keys - self.base, -1)

    def at(self, key: int) -> list[int]:
        """Return the values of a key."""
        place = key - self.base
        if not 0 <= place < self.values.shape[1]:
            return [self._fill] * len(self.values)
        return [int(value) for value in self.values[:, place]]

    def reach(self, key: int) -> None:
        """Make room for a key; the column of one that is kept is `key - base`."""
        if key - self.base >= self._span:
            base = (key - self._span // 2) & ~1
            kept = self.values[:, base - self.base :]
            self.values = np.full((len(self.values), self._span), self._fill, np.int64)
            self.values[:, : kept.shape[1]] = kept
            self.base = base
        size = self.values.shape[1]
        if key - self.base >= size:
            bigger = min(self._span, max(2 * size, key - self.base + 1))
            more = np.full((len(self.values), bigger - size), self._fill, np.int64)
            self.values = np.hstack((self.values, more))
