"""What was really delivered, over WebSocket and plain HTTP, as figures of a comparison.

Knows the measured rows of `alternatives` in a summary. Must not know what is compared. Used by
tables.comparison.
"""

from __future__ import annotations

from typing import Any, Final

from analyzer.tables.summary import Summary

Figure = tuple[float | None, int | None]
"""A value and how many handshakes, messages, ... it goes over; None: no such value, a total."""
NO_VALUE: Final[Figure] = (None, 0)

DAY_S: Final = 86_400
SHORTEST_S: Final = 10.0
"""What was seen for less time says little about a day."""


def _rows(summary: Summary) -> list[dict[str, Any]]:
    """Return the totals of what was measured."""
    scopes = summary.alternatives.values()
    return [row for rows in scopes for row in rows if row["source"] == "measured"]


def summed(summary: Summary, column: str) -> int:
    """Return the sum of a column."""
    return sum(row[column] or 0 for row in _rows(summary))


def per_message(summary: Summary, column: str) -> Figure:
    """Return the mean of a column over messages, and these."""
    count = summed(summary, "messages")
    return (summed(summary, column) / count, count) if count else NO_VALUE


def rate(summary: Summary, column: str) -> Figure:
    """Return what a connection, or a session of plain HTTP, takes a second while it lasts."""
    seconds = summed(summary, "duration_s") / 1e9
    return (summed(summary, column) / seconds, None) if seconds else NO_VALUE


def rate_a_day(summary: Summary, column: str) -> Figure:
    """Return what that makes in a day; nothing of a moment."""
    a_second = rate(summary, column)[0]
    if a_second is None or summed(summary, "duration_s") < SHORTEST_S * 1e9:
        return NO_VALUE
    return DAY_S * a_second, None


def wait(summary: Summary) -> Figure:
    """Return the mean of what messages waited for a poll, in us, and their number."""
    known = [row for row in _rows(summary) if row["added_latency_ms_mean"] is not None]
    count = sum(row["messages"] for row in known)
    if not count:
        return NO_VALUE
    waited = sum(row["messages"] * row["added_latency_ms_mean"] for row in known)
    return 1000 * waited / count, count
