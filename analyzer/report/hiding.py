"""A writer that is not shown what messages say, or not all of it.

Standard output that is no terminal is a pipe, a log file, a journal: previews of payload go there
only when they were asked for. And where one report or a search needs whole payloads, the others
keep to what --payload says. Knows columns' names. Must not know formats. Used by the command line.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from typing import Final

from analyzer.report.observer import CaptureStats, Observer
from analyzer.report.output import WantsCapture, Writer
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import TableRows
from analyzer.tables.summary import Capture

HIDDEN: Final = ("payload", "payload_preview", "refusal_preview")
"""Columns that hold payload."""
WHOLE: Final = ("payload",)
"""Those that hold all of it."""


def without_payload(rows: TableRows, columns: Sequence[str] = HIDDEN) -> TableRows:
    """Return rows with null in columns; the others are not looked at, since some are made late."""
    hidden = [name for name in columns if name in rows.values]
    if not hidden:
        return rows
    nothing = dict.fromkeys(hidden, [None] * rows.count)
    return TableRows(rows.table, ChainMap(nothing, rows.values), rows.count)  # type: ignore[arg-type]


class Hiding:
    """Hands rows on without payload (Writer).

    Args:
        writer: gets the rows.
        columns: that are hidden, HIDDEN or WHOLE.
    """

    def __init__(self, writer: Writer, columns: Sequence[str] = HIDDEN) -> None:
        self._writer = writer
        self._columns = columns

    def write(self, rows: TableRows) -> None:
        """Hand rows on (Writer)."""
        self._writer.write(without_payload(rows, self._columns))

    def captured(self, capture: Capture) -> None:
        """Hand on what was read (WantsCapture)."""
        if isinstance(self._writer, WantsCapture):
            self._writer.captured(capture)

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
