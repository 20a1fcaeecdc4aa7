"""What the screen of a live run knows: rates, connections, their last messages, what stands out.

Takes rows and time as an observer does. Must not know the terminal, or what is shown of it. Used
by report.live_view; the pages of the screen read it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from analyzer.columns import NULL
from analyzer.options import DEFAULT, Options
from analyzer.report.observer import CaptureStats
from analyzer.report.rates import Rates
from analyzer.report.screen.call_log import CallLog
from analyzer.report.screen.harmless import harmless
from analyzer.report.screen.history import History
from analyzer.report.screen.lines import NS, Lines
from analyzer.report.screen.notable import Notable
from analyzer.tables.declare import some_cells
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import TableRows
from analyzer.tables.summary import Summary, row_values
from analyzer.websocket.hearing import Said

MAX_ROWS: Final = 2_000
"""Findings of one batch that are looked at one by one: of a flood, the last ones; the summary
counts all."""


class Model:
    """All that the pages show.

    Args:
        options: limits, and whether payloads may be kept.
        interval_s: of the short polling that is modelled.
        source: what is watched, such as the name of an interface.
    """

    def __init__(
        self, options: Options = DEFAULT, interval_s: float = 1.0, source: str = ""
    ) -> None:
        self.source = harmless(source)
        self.rates = Rates(interval_s)
        self.lines = Lines(options)
        self.history = History(options)
        self.calls = CallLog()
        self.notable = Notable()
        self.has_payload = options.payload != "none"
        self.warning = ""
        """What the operator should know, harmless."""

    @property
    def now(self) -> int:
        """ns: when the clock was last looked at."""
        return self.rates.now

    @property
    def second(self) -> int:
        """The second that is not over."""
        return self.rates.now // NS

    @property
    def summary(self) -> Summary:
        """Sums of all complete rows."""
        return Summary() if self.rates.snapshot is None else self.rates.snapshot.summary

    def tick(self, now_ns: int, stats: CaptureStats, snapshot: Snapshot | None = None) -> None:
        """Take the time and the state of the capture."""
        self.rates.tick(now_ns, stats, snapshot)

    def heard(self, said: Said) -> None:
        """Take whole payloads."""
        self.history.heard(said)

    def news(self, rows: TableRows) -> None:
        """Take early rows."""
        name = rows.table.name
        if name == "messages":
            self._messages(rows)
        elif name == "handshakes":
            for row in _values(rows):
                self.rates.handshake(row["outcome"], row["total_us"])
                if row["connection"] is not None and row["total_us"] is not None:
                    self.lines.took(row["connection"], row["total_us"])
        elif name == "connections":
            for row in _values(rows):
                self.lines.opens(row, self.now)
        elif name == "diagnoses":
            self.notable.diagnoses(_values(rows), self.now)

    def write(self, rows: TableRows) -> None:
        """Take final rows."""
        name = rows.table.name
        if name == "connections":
            for row in _values(rows):
                self.lines.ends(row)
        elif name == "messages":
            for number, inner in self.history.final_messages(rows).items():
                line = self.lines.find(number)
                if line is not None:
                    line.inner = inner
        elif name == "calls":
            self.calls.take(rows)
        elif name == "frames":
            self.history.frames(rows)
        elif name == "pings":
            for row in _values(rows, MAX_ROWS):
                self._ping(row)
        elif name == "findings":
            for row in _values(rows, MAX_ROWS):
                self.notable.finding(row, self.now)
                line = None if row["connection"] is None else self.lines.find(row["connection"])
                if line is not None:
                    line.findings += row["count"] or 1
        elif name == "diagnoses":
            self.notable.diagnoses(_values(rows), self.now)

    def _messages(self, rows: TableRows) -> None:
        values: Any = rows.values
        directions = np.asarray(values["direction"], np.int64)
        payload = np.asarray(values["payload_bytes"], np.int64)
        # What cannot be inflated counts as it was sent.
        payload = np.where(payload == NULL, np.asarray(values["transfer_bytes"]), payload)
        self.rates.messages(directions, payload)
        numbers = np.asarray(values["connection"], np.int64)
        self.lines.count(numbers, directions, payload, self.now)
        self.history.messages(rows)
        # What is spoken: of each connection of which it is not known, by its last message here.
        last = dict(zip(numbers[-MAX_ROWS:].tolist(), range(rows.count)[-MAX_ROWS:], strict=True))
        opened = [(self.lines.open.get(number), at) for number, at in last.items()]
        new = [(line, at) for line, at in opened if line is not None and not line.inner]
        words = some_cells(values["inner"], [at for _, at in new])
        for (line, _), word in zip(new, words, strict=True):
            line.inner = harmless(word or "")

    def _ping(self, row: dict[str, Any]) -> None:
        self.history.ping(row)
        line = self.lines.find(row["connection"])
        if line is not None:
            line.pings += 1
            line.round_trip = row["rtt_us"] if row["rtt_us"] is not None else line.round_trip


def _values(rows: TableRows, most: int | None = None) -> list[dict[str, Any]]:
    """Return rows as plain values; the last `most` of them."""
    first = 0 if most is None else max(0, rows.count - most)
    return [row_values(rows, place) for place in range(first, rows.count)]
