"""Lists messages (and control frames) on the terminal as their rows come.

Knows rows of messages and frames. Must not know the summary. A Writer of the pipeline;
made by the command line for --messages. A message leaves the analysis when its cost is
known, so that rows do not come in order of time: some are kept back and sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.report.inside import preview_of
from analyzer.report.layout import Head, arrow, print_row
from analyzer.report.terminal import code_name
from analyzer.report.text import Text
from analyzer.report.wording import clock, duration, size
from analyzer.tables.late import waited
from analyzer.tables.schema import TableRows
from analyzer.tables.summary import row_values

if TYPE_CHECKING:
    from analyzer.report.text import Console


MAX_REMEMBERED = 65_536
"""Connections whose last message's time is remembered for the gap (max_connections)."""

MAX_WAITING = 20_000
"""Rows kept back to be sorted: more than the messages of a few thousand connections
that wait for an ACK."""

CONTROL = frozenset({"close", "ping", "pong"})
_FIRST_CONTROL = 8  # opcode (RFC 6455 5.2)

_FIXED = (
    (Head("time (UTC)", "left"), 15),
    (Head("message", "left"), 7),
    (Head("", "left"), 1),
    (Head("type", "left"), 7),
    (Head("payload"), 7),
)
_MORE = (
    (Head("gap"), 8),
    (Head("packet"), 7),
    (Head("wire"), 7),
    (Head("delivery"), 8),
    (Head("reply"), 8),
    (Head("held up"), 8),
)
"""Columns for which a wider terminal has room, the most wanted first."""
_PREVIEW = Head("preview", "left")
_PREVIEW_AT_LEAST = 24
"""Columns that a preview needs before another figure gets some."""


class MessageListing:
    """Prints one line for each message and, if wanted, each control frame."""

    def __init__(self, console: Console, tables: Sequence[str] = ("messages", "frames")) -> None:
        """List the rows of `tables`; frames are listed if they are control frames."""
        self._console = console
        self._tables = frozenset(tables)
        self._last: dict[int, int] = {}
        self._waiting: list[tuple[int, int, dict[str, Any]]] = []
        self._taken = 0
        self._heads, self._widths = _columns(console.width)
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
        kind = Text(row["type"])
        if row["compressed"]:
            kind.append(" z", "dim")
        held = waited(row)
        cells = {
            "message": Text(f"{row['connection']}:{row['message']}"),
            "type": kind,
            "payload": Text("?" if row["payload_bytes"] is None else size(row["payload_bytes"])),
            "packet": Text(_number(row["packet_first"])),
            "wire": Text(size(row["wire_bytes"])),
            "delivery": Text(_known(row["delivery_us"])),
            "reply": Text(_known(row["reply_us"])),
            "held up": Text(duration(held) if held else "", "yellow"),
            "preview": preview_of(row),
        }
        self._line(row, cells)

    def _control(self, row: dict[str, Any]) -> None:
        said = "" if row["close_code"] is None else code_name(row["close_code"])
        cells = {
            "message": Text(f"{row['connection']}"),
            "type": Text(row["opcode"], "dim"),
            "payload": Text(size(row["payload_bytes"])),
            "packet": Text(_number(row["packet_first"])),
            "preview": Text(said, "dim"),
        }
        self._line(row, cells)

    def _line(self, row: dict[str, Any], cells: dict[str, Text]) -> None:
        heads = self._heads
        if not self.count:
            print_row(self._console, [Text(h.text, "dim") for h in heads], heads, self._widths)
        self.count += 1
        connection, time = row["connection"], row["time_first"]
        before = self._last.pop(connection, None)
        self._last[connection] = time
        if len(self._last) > MAX_REMEMBERED:
            del self._last[next(iter(self._last))]
        cells["time (UTC)"] = Text(clock(time))
        cells["gap"] = Text("" if before is None else _gap(time - before), "dim")
        cells[""] = Text(
            arrow(self._console, row["direction"]),
            "green" if row["direction"] == "client" else "magenta",
        )
        line = [cells.get(head.text, Text("")) for head in heads]
        print_row(self._console, line, heads, self._widths)


def _columns(width: int) -> tuple[list[Head], list[int]]:
    """Return the columns for which `width` has room, and how wide they are."""
    chosen = list(_FIXED)
    room = width - 2 - sum(wide + 2 for _, wide in chosen)
    for head, wide in _MORE:
        if room - wide - 2 >= _PREVIEW_AT_LEAST:
            chosen.append((head, wide))
            room -= wide + 2
    columns = [*chosen, (_PREVIEW, max(12, room))]
    return [head for head, _ in columns], [wide for _, wide in columns]


def _number(packet: int | None) -> str:
    return "" if packet is None else str(packet)


def _known(nanoseconds: int | None) -> str:
    return "" if nanoseconds is None else duration(nanoseconds)


def _listed(rows: TableRows) -> list[int]:
    """Return the places of the rows that get a line: of frames, the control frames."""
    if rows.table.name == "messages":
        return list(range(rows.count))
    opcodes = np.asarray(rows.values["opcode"])
    return np.flatnonzero(opcodes >= _FIRST_CONTROL).tolist()


def _gap(nanoseconds: int) -> str:
    return ("+" if nanoseconds >= 0 else "") + duration(nanoseconds)
