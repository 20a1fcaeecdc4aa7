"""Lists the messages that were latest, slowest, largest: --late, --sort and --top.

Keeps as many rows as are shown and prints them when all were seen. Knows rows of messages.
Must not know the summary. A Writer of the pipeline; made by the command line.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.diagnosis.lateness import CAUSE_OF
from analyzer.report.inside import preview_of
from analyzer.report.layout import Head, arrow, say, table
from analyzer.report.text import Text, cell_len
from analyzer.report.wording import clock, duration, number, plural, size
from analyzer.tables.declare import row_values
from analyzer.tables.late import LATE_COLUMNS, held_up, waited
from analyzer.tables.schema import TableRows

if TYPE_CHECKING:
    from analyzer.report.text import Console


SortKey = Literal["time", "delivery", "stall", "reply", "gap", "bytes"]

COLUMN_OF: dict[str, str] = {
    "time": "time_first",
    "delivery": "delivery_us",
    "reply": "reply_us",
    "gap": "gap_us",
    "bytes": "payload_bytes",
}
"""What a key sorts by; `stall` is the sum of what held a message up."""

MAX_ROWS = 100_000
"""Rows kept at most: 100 MB, and more than anybody reads."""

_PART_NAMES = {
    "stall_us": "a hole to fill",
    "window_us": "the closed window",
    "nagle_us": "a delayed ACK",
    "resent_us": "sending again",
}


class RankedListing:
    """Prints the top of all messages by one key, with what held each up.

    Args:
        console: where to.
        sort: the key, the largest first; time: the earliest first.
        top: how many; None: all, up to MAX_ROWS.
        late_us: only messages that were held up for as long; None: all.
    """

    def __init__(
        self,
        console: Console,
        sort: SortKey = "time",
        top: int | None = None,
        late_us: float | None = None,
    ) -> None:
        self._console = console
        self._sort = sort
        self._most = MAX_ROWS if top is None else min(top, MAX_ROWS)
        self._late = None if late_us is None else round(late_us * 1000)
        self._heap: list[tuple[int, int, int, dict[str, Any]]] = []
        self._of = 0
        self._seen = 0

    def write(self, rows: TableRows) -> None:
        """Keep rows of messages that may be among those shown."""
        if rows.table.name != "messages":
            return
        self._seen += rows.count
        keys = self._keys(rows)
        wanted = keys != NULL
        if self._late is not None:
            wanted &= held_up(rows) >= self._late
        self._of += int(np.count_nonzero(wanted))
        if len(self._heap) >= self._most and self._heap:
            wanted &= keys >= self._heap[0][0]
        connections = np.asarray(cast("Any", rows.values["connection"]))
        numbers = np.asarray(cast("Any", rows.values["message"]))
        for place in np.flatnonzero(wanted).tolist():
            entry = (int(keys[place]), -int(connections[place]), -int(numbers[place]))
            if len(self._heap) < self._most:
                heapq.heappush(self._heap, (*entry, row_values(rows, place)))
            elif self._heap and entry > self._heap[0][:3]:
                heapq.heappushpop(self._heap, (*entry, row_values(rows, place)))

    def close(self) -> None:
        """Print them."""
        found = sorted(self._heap, key=lambda each: each[:3], reverse=True)
        self._heap = []
        if not found and not self._seen:
            return  # a filter before it says so
        if not found:
            what = "late" if self._late is not None else "with such a value"
            say(self._console, f"0 of {plural(self._seen, 'message')} {what}")
            return
        heads, rows = _filled([_cells(self._console, row) for *_, row in found])
        table(self._console, *_fitting(heads, rows, self._console.width, self._sort))
        if self._of > len(found):
            say(self._console, f"{number(len(found))} of {number(self._of)}")

    def abort(self) -> None:
        """Print nothing."""
        self._heap = []

    def _keys(self, rows: TableRows) -> npt.NDArray[np.int64]:
        if self._sort == "stall":
            held = held_up(rows)
            return np.where(held > 0, held, NULL)
        values = rows.values.get(COLUMN_OF[self._sort])
        if values is None:
            return np.full(rows.count, NULL, np.int64)
        keys = np.asarray(cast("Any", values), np.int64)
        return np.where(keys == NULL, NULL, -keys) if self._sort == "time" else keys


_HEADS = (
    Head("time (UTC)", "left"),
    Head("message", "left"),
    Head("", "left"),
    Head("packet"),
    Head("payload"),
    Head("gap"),
    Head("delivery"),
    Head("reply"),
    Head("held up"),
    Head("by", "left", flexible=True, at_least=17),
    Head("preview", "left", flexible=True, at_least=12),
)
_SPARED = ("gap", "delivery", "reply", "payload", "preview")
"""Columns that a narrow terminal has no room for, the least wanted first."""
_SHOWN_FOR = {"bytes": "payload"}
"""The column of a key to sort by, where it has another name."""
_INDENT = 2
_ROOM_FOR_HOW = 120
"""Columns of a terminal from which on it is shown how a cause shows."""


def _filled(rows: list[tuple[Text, ...]]) -> tuple[list[Head], list[list[Text]]]:
    """Return columns and rows without the columns that are empty in every row.

    Their room goes to the preview: most messages are not held up, and many have no reply.
    """
    kept = [place for place in range(len(_HEADS)) if any(row[place].plain for row in rows)]
    return [_HEADS[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _fitting(
    heads: list[Head], rows: list[list[Text]], width: int, sort: str
) -> tuple[list[Head], list[list[Text]]]:
    """Return columns and rows that fit; the column that is sorted by stays."""
    for name in _SPARED:
        full = [
            max(cell_len(head.text), *(row[place].cell_len for row in rows))
            for place, head in enumerate(heads)
        ]
        least = [
            min(wide, head.at_least) if head.flexible else wide
            for wide, head in zip(full, heads, strict=True)
        ]
        if sum(least) + 2 * (len(heads) - 1) + _INDENT <= width:
            break
        if name != _SHOWN_FOR.get(sort, sort):
            kept = [place for place, head in enumerate(heads) if head.text != name]
            heads = [heads[place] for place in kept]
            rows = [[row[place] for place in kept] for row in rows]
    return heads, rows


def _cells(console: Console, row: dict[str, Any]) -> tuple[Text, ...]:
    held = waited(row)
    facts = (
        clock(row["time_first"]) if row["time_first"] is not None else "",
        f"{row['connection']}:{row['message']}",
    )
    style = "green" if row["direction"] == "client" else "magenta"
    times = [row.get("gap_us"), row["delivery_us"], row.get("reply_us"), held or None]
    return (
        *map(Text, facts),
        Text(arrow(console, row["direction"]), style),
        Text(str(row["packet_last"])),
        Text("?" if row["payload_bytes"] is None else size(row["payload_bytes"])),
        *(Text("" if time is None else duration(time)) for time in times),
        Text(held_up_by(row, how=console.width >= _ROOM_FOR_HOW)),
        preview_of(row),
    )


def held_up_by(row: dict[str, Any], *, how: bool = True) -> str:
    """Return what held a message up longest: the id of the cause, and how it shows if asked."""
    parts = [(name, row.get(name) or 0) for name in LATE_COLUMNS]
    column, wait = max(parts, key=lambda part: part[1])
    if wait <= 0:
        return ""
    return CAUSE_OF[column].id + (f" ({_PART_NAMES[column]})" if how else "")
