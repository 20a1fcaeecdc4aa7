"""Lists messages (and control frames) on the terminal as their rows come.

Knows rows of messages and frames. Must not know the summary. A Writer of the pipeline;
made by the command line for --messages. A message leaves the analysis when its cost is
known, so that rows do not come in order of time: some are kept back and sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from analyzer.inside.item import HEARTBEAT
from analyzer.report.inside import said
from analyzer.report.layout import Head, arrow, print_row, traffic
from analyzer.report.terminal import code_name
from analyzer.report.wording import clock, duration, size
from analyzer.tables.schema import TableRows
from analyzer.tables.summary import row_values

MAX_REMEMBERED = 65_536
"""Connections whose last message's time is remembered for the gap (max_connections)."""

MAX_WAITING = 20_000
"""Rows kept back to be sorted: more than the messages of a few thousand connections
that wait for an ACK."""

CONTROL = frozenset({"close", "ping", "pong"})
_FIRST_CONTROL = 8  # opcode (RFC 6455 5.2)

_HEADS = (
    Head("time (UTC)", "left"),
    Head("gap"),
    Head("conn"),
    Head("", "left"),
    Head("type", "left"),
    Head("payload"),
    Head("wire"),
    Head("preview", "left"),
)
_WIDTHS = (15, 8, 5, 1, 7, 7, 7)


class MessageListing:
    """Prints one line for each message and, if wanted, each control frame."""

    def __init__(self, console: Console, tables: Sequence[str] = ("messages", "frames")) -> None:
        """List the rows of `tables`; frames are listed if they are control frames."""
        self._console = console
        self._tables = frozenset(tables)
        self._last: dict[int, int] = {}
        self._waiting: list[tuple[int, int, dict[str, Any]]] = []
        self._taken = 0
        room = console.width - 2 - sum(_WIDTHS) - 2 * len(_WIDTHS)
        self._widths = (*_WIDTHS, max(12, room))
        self.count = 0

    def write(self, rows: TableRows) -> None:
        """Print rows of messages and control frames."""
        name = rows.table.name
        if name not in self._tables or name not in ("messages", "frames"):
            return
        for place in _listed(rows):
            row = row_values(rows, place)
            heappush(self._waiting, (row["time_first"], self._taken, row))
            self._taken += 1
            if len(self._waiting) > MAX_WAITING:
                self.show(heappop(self._waiting)[2])

    def show(self, row: dict[str, Any]) -> None:
        """Print one row of messages, or of frames if it is a control frame."""
        if "payload_preview" in row:
            self._message(row)
        elif row["opcode"] in CONTROL:
            self._control(row)

    def close(self) -> None:
        """Print what was kept back."""
        while self._waiting:
            self.show(heappop(self._waiting)[2])

    def abort(self) -> None:
        """Do nothing: what is printed is printed."""

    def _message(self, row: dict[str, Any]) -> None:
        payload = "?" if row["payload_bytes"] is None else size(row["payload_bytes"])
        kind = Text(row["type"])
        if row["compressed"]:
            kind.append(" z", "dim")
        preview = said(row)
        if row["kind"] != HEARTBEAT:
            preview.append(traffic(row["payload_preview"] or ""))
        self._line(row, kind, payload, size(row["wire_bytes"]), preview)

    def _control(self, row: dict[str, Any]) -> None:
        said = "" if row["close_code"] is None else code_name(row["close_code"])
        kind = Text(row["opcode"], "dim")
        self._line(row, kind, size(row["payload_bytes"]), "", Text(said, "dim"))

    def _line(self, row: dict[str, Any], kind: Text, payload: str, wire: str, last: Text) -> None:
        if not self.count:
            print_row(self._console, [Text(h.text, "dim") for h in _HEADS], _HEADS, self._widths)
        self.count += 1
        connection, time = row["connection"], row["time_first"]
        before = self._last.pop(connection, None)
        self._last[connection] = time
        if len(self._last) > MAX_REMEMBERED:
            del self._last[next(iter(self._last))]
        gap = "" if before is None else _gap(time - before)
        sender = Text(
            arrow(self._console, row["direction"]),
            "green" if row["direction"] == "client" else "magenta",
        )
        facts = [Text(clock(time)), Text(gap, "dim"), Text(str(connection)), sender, kind]
        cells = [*facts, Text(payload), Text(wire), last]
        print_row(self._console, cells, _HEADS, self._widths)


def _listed(rows: TableRows) -> list[int]:
    """Return the places of the rows that get a line: of frames, the control frames."""
    if rows.table.name == "messages":
        return list(range(rows.count))
    opcodes = np.asarray(rows.values["opcode"])
    return np.flatnonzero(opcodes >= _FIRST_CONTROL).tolist()


def _gap(nanoseconds: int) -> str:
    return ("+" if nanoseconds >= 0 else "") + duration(nanoseconds)
