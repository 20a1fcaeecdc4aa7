"""Late messages: those that loss, a closed window or a delayed ACK held up.

Knows columns of `messages`. Must not know causes. Used by tables.summary, diagnosis and the
list of messages.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from analyzer.tables import _sums
from analyzer.tables.declare import TableRows, row_values
from analyzer.tables.lazy_columns import LazyColumns

LATE_COLUMNS = ("stall_us", "window_us", "nagle_us", "resent_us")
"""Parts of a message's delivery in which it was held up; their sum makes it late."""

SHOWN = 3
"""Late messages that the report names."""


def held_up(rows: TableRows) -> npt.NDArray[np.int64]:
    """Return how long each message was held up, in ns; nulls count as nothing."""
    values = rows.values
    if not isinstance(values, LazyColumns):
        return _held_up(rows)
    # Several ask for it, of the same rows.
    held: npt.NDArray[np.int64] = values.once("held_up", lambda: _held_up(rows))
    return held


def _held_up(rows: TableRows) -> npt.NDArray[np.int64]:
    total = np.zeros(rows.count, np.int64)
    for name in LATE_COLUMNS:
        if name in rows.values:
            _sums.add_positive(total, np.asarray(cast("Any", rows.values[name]), np.int64))
    return total


def longest(row: dict[str, Any]) -> str:
    """Return the column that has most of what held a message up."""
    return max(LATE_COLUMNS, key=lambda name: row.get(name) or 0)


def waited(row: dict[str, Any]) -> int:
    """Return how long a message was held up, in ns, from its row as plain values."""
    return sum(max(row.get(name) or 0, 0) for name in LATE_COLUMNS)


class LateMessages:
    """Counts late messages, and keeps the worst of them.

    Args:
        late_us: from how long on a message that was held up is late.
        most: how many are kept.

    Attributes:
        count: late messages.
    """

    def __init__(self, late_us: float, most: int = SHOWN) -> None:
        self._bar = round(late_us * 1000)
        self._most = most
        self.count = 0
        self._worst: list[tuple[int, int, int, dict[str, Any]]] = []

    @property
    def worst(self) -> list[dict[str, Any]]:
        """Rows of the worst, the longest wait first; of equal ones the first connection."""
        return [row for *_, row in self._worst]

    def add(self, rows: TableRows) -> None:
        """Take some rows of `messages`."""
        waits = held_up(rows)
        late = np.flatnonzero(waits >= self._bar)
        if not len(late):
            return
        self.count += len(late)
        connections = np.asarray(cast("Any", rows.values["connection"]), np.int64)
        numbers = np.asarray(cast("Any", rows.values["message"]), np.int64)
        order = np.lexsort((numbers[late], connections[late], -waits[late]))[: self._most]
        # The least of those kept so far: no row is made of what cannot come before it.
        least = self._worst[-1][:3] if len(self._worst) == self._most else None
        for place in late[order].tolist():
            key = (-int(waits[place]), int(connections[place]), int(numbers[place]))
            if least is None or key < least:
                self._worst.append((*key, row_values(rows, place)))
        self._worst = sorted(self._worst, key=lambda each: each[:3])[: self._most]
