"""Words on standard error while a live analysis runs: what its operator should know now.

Knows findings of the capture itself. Must not know traffic: other findings are for the
report. An observer of analyzer.live.run, made by cli.live.
"""

from __future__ import annotations

from typing import TextIO

from analyzer.capture.stats import CaptureStats
from analyzer.report.wording import printable
from analyzer.tables.schema import FINDINGS, TableRows

SAID = frozenset(
    {
        "capture-clock",
        "capture-drops",
        "capture-interface-down",
        "capture-interface-up",
        "capture-not-kept",
        "capture-not-read",
        "capture-replaced",
    }
)
"""Ids of findings that are said at once."""


class Notices:
    """Says findings of the capture as they come, one line each."""

    def __init__(self, file: TextIO) -> None:
        """Write to `file`."""
        self._file = file

    def write(self, rows: TableRows) -> None:
        """Say what is new (Writer)."""
        if rows.table is not FINDINGS:
            return
        for name, text in zip(rows.values["id"], rows.values["text"], strict=True):
            if name in SAID:
                self._file.write(printable(f"wsanalyze: {text}") + "\n")
                self._file.flush()

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Do nothing: findings come by `write`."""

    def close(self) -> None:
        """Do nothing (Writer)."""

    def abort(self) -> None:
        """Do nothing (Writer)."""
