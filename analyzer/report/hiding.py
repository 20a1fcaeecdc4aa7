"""A writer that is not shown what messages say.

Standard output that is no terminal is a pipe, a log file, a journal: previews of payload go there
only when they were asked for. Knows columns' names. Must not know formats. Used by the verb `live`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from analyzer.report.observer import CaptureStats, Observer
from analyzer.report.output import Writer
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import TableRows

HIDDEN: Final = ("payload", "payload_preview", "refusal_preview")
"""Columns that hold payload."""


def without_payload(rows: TableRows) -> TableRows:
    """Return rows with null for all payload."""
    hidden = [name for name in HIDDEN if name in rows.values]
    if not hidden:
        return rows
    nothing: list[str | None] = [None] * rows.count
    return TableRows(rows.table, {**rows.values, **dict.fromkeys(hidden, nothing)}, rows.count)


class Hiding:
    """Hands rows on without payload (Writer)."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def write(self, rows: TableRows) -> None:
        """Hand rows on (Writer)."""
        self._writer.write(without_payload(rows))

    def close(self) -> None:
        """Finish (Writer)."""
        self._writer.close()

    def abort(self) -> None:
        """Undo (Writer)."""
        self._writer.abort()


class HidingObserver(Hiding):
    """The same of an observer."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(observer)
        self._observer = observer

    def attach(self, snapshot: Callable[[], Snapshot]) -> None:
        """Hand on the state of the run (Observer)."""
        self._observer.attach(snapshot)

    def news(self, rows: TableRows) -> None:
        """Hand on early rows (Observer)."""
        self._observer.news(without_payload(rows))

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Hand time on (Observer)."""
        self._observer.tick(now_ns, stats)
