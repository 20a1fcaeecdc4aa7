"""Observers: reports that are also called as time passes, and with rows that are not final.

Knows the protocol alone. The pipeline calls it; report.event_lines, report.live_view and
report.metrics are observers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from analyzer.capture.stats import CaptureStats as CaptureStats
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import TableRows
from analyzer.websocket.hearing import Said


@runtime_checkable
class Observer(Protocol):
    """A Writer (report.output) that watches while rows come."""

    def attach(self, snapshot: Callable[[], Snapshot]) -> None:
        """Take the state of the run; called once, before any row."""

    def news(self, rows: TableRows) -> None:
        """Take rows of handshakes, connections or messages, each once, as early as may be.

        What is not known yet is null. The final rows come by `write` later.
        """

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Do what is due; called at least each 100 ms, and after each batch.

        Args:
            now_ns: ns since 1970 UTC.
            stats: of the capture.
        """

    def write(self, rows: TableRows) -> None:
        """Take some complete rows of one table (Writer)."""

    def close(self) -> None:
        """The run ended well (Writer)."""

    def abort(self) -> None:
        """The run ended otherwise (Writer)."""


@runtime_checkable
class PayloadObserver(Observer, Protocol):
    """An observer that is also shown whole payloads, unless --payload none."""

    def heard(self, said: Said) -> None:
        """Take payloads of messages that were complete, before any row of them comes."""
