"""What stands out so far: causes that the diagnosis names, and findings by kind.

Knows rows of `diagnoses` and `findings`. Bounded: kinds of both are ours, and of each only the
last ones are kept. Part of report.screen.model.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from analyzer.findings import SEVERITIES
from analyzer.lazy_dataclass import dataclass, field

LAST: Final = 50
"""Findings of one kind that are kept, and diagnoses of one cause."""


@dataclass(slots=True)
class Kind:
    """Findings of one kind, or diagnoses of one cause."""

    id: str
    severity: str
    is_cause: bool
    count: int = 0
    at: int = 0
    """ns: when the last came."""
    rows: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LAST))

    @property
    def text(self) -> str:
        """What the last one says."""
        return str(self.rows[-1]["text"]) if self.rows else ""

    def columns(self) -> dict[str, str]:
        """What `/` looks in, by the names that may stand before a colon."""
        what = "cause" if self.is_cause else "finding"
        return {"id": self.id, "severity": self.severity, "what": what, "text": self.text}


class Notable:
    """Keeps causes and findings."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}
        self.causes: dict[str, Kind] = {}

    def finding(self, row: dict[str, Any], now: int) -> None:
        """Take a row of `findings`."""
        kind = self.kinds.get(row["id"])
        if kind is None:
            kind = self.kinds[row["id"]] = Kind(row["id"], row["severity"], is_cause=False)
        kind.count += row["count"] or 1
        kind.at = now
        kind.rows.append(row)

    def diagnoses(self, rows: list[dict[str, Any]], now: int) -> None:
        """Take all diagnoses of some causes, the most costly first: they replace earlier ones."""
        fresh: dict[str, Kind] = {}
        for row in rows:
            cause = fresh.get(row["id"])
            if cause is None:
                cause = fresh[row["id"]] = Kind(row["id"], row["severity"], is_cause=True, at=now)
            cause.count += max(1, row["connections"] or 1)
            if len(cause.rows) < LAST:
                # The most costly last, as the last finding is.
                cause.rows.appendleft(row)
        self.causes |= fresh

    def ranked(self) -> list[Kind]:
        """Return all: causes before findings, the grave ones first, then the latest."""
        both = [*self.causes.values(), *self.kinds.values()]
        grade = {name: place for place, name in enumerate(SEVERITIES)}
        return sorted(both, key=lambda each: (-each.is_cause, -grade[each.severity], -each.at))
