"""The last calls of each name, with their times.

Knows rows of `calls`. Bounded: names and calls of each. Part of report.screen.model.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any, Final

from analyzer.report.screen.harmless import harmless
from analyzer.tables.schema import TableRows
from analyzer.tables.summary import row_values

MAX_NAMES: Final = 500
"""Names of which calls are remembered; the one without a call for longest makes room."""
PER_NAME: Final = 100
"""Calls of one name that are remembered."""
PER_BATCH: Final = 200
"""Rows of a batch that are looked at, the last ones, so that a flood costs no more."""


class CallLog:
    """Remembers calls by protocol and name, as the tables write them."""

    def __init__(self) -> None:
        self._calls: OrderedDict[tuple[str, str], deque[dict[str, Any]]] = OrderedDict()

    def take(self, rows: TableRows) -> None:
        """Take final rows of `calls`."""
        for place in range(max(0, rows.count - PER_BATCH), rows.count):
            row = row_values(rows, place)
            key = row["inner"], row["name"]
            calls = self._calls.get(key)
            if calls is None:
                calls = self._calls[key] = deque(maxlen=PER_NAME)
                if len(self._calls) > MAX_NAMES:
                    self._calls.popitem(last=False)
            else:
                self._calls.move_to_end(key)
            row["name"] = harmless(row["name"])
            calls.append(row)

    def of(self, inner: str, name: str) -> Sequence[dict[str, Any]]:
        """Return the calls of a name that are remembered, in the order of their rows."""
        return self._calls.get((inner, name), ())
