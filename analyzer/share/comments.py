"""Comments: what rows of the tables say about a packet, in one line each.

They wait in a temporary file, so that memory stays bounded: 24 bytes a comment stay in memory.
Knows rows. Must not know packets. Used by share.pcapng.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from analyzer.columns import NULL
from analyzer.report.har import spool_file
from analyzer.tables.declare import Table, each_row
from analyzer.tables.schema import MESSAGES, TableRows
from analyzer.wording import duration, printable, size

MAX_ON_PACKET: Final = 32
"""Comments of one packet; a packet of tiny frames may begin thousands of messages."""
_MAX_CHARACTERS: Final = 2000
"""Of one comment: the sentences of a diagnosis are shorter."""
_BUFFER: Final = 1 << 20

Row = dict[str, Any]


class Comments:
    """Takes rows, and tells what stands at a packet.

    Args:
        names: whether text from traffic may stand in comments; else ids and numbers only.
    """

    def __init__(self, *, names: bool) -> None:
        self._names = names
        self._file = spool_file()
        self._buffer = bytearray()
        self._written = 0
        self._places = array("q")  # packet, offset, length
        self._sorted = np.zeros((0, 3), np.int64)
        self._takers: dict[str, Callable[[Row], None]] = {
            "messages": self._message,
            "calls": self._call,
            "findings": self._finding,
            "diagnoses": self._diagnosis,
        }

    def take(self, rows: TableRows) -> None:
        """Make the comments of rows of any table."""
        take = self._takers.get(rows.table.name)
        if take is None:
            return
        if rows.table.name == "messages":
            # They come in millions: the columns that no comment names would be two thirds of it.
            rows = TableRows(_OF_MESSAGES, rows.values, rows.count)
        for row in each_row(rows):
            take(row)

    def settle(self) -> None:
        """Sort all by packet; `at` may be called from now on."""
        self._flush()
        found = np.frombuffer(self._places, np.int64).reshape(-1, 3)
        self._sorted = found[np.argsort(found[:, 0], kind="stable")]

    def packets(self, first: int, last: int) -> set[int]:
        """Return which packets from `first` to `last` have comments."""
        begin, end = np.searchsorted(self._sorted[:, 0], (first, last + 1)).tolist()
        return set(self._sorted[begin:end, 0].tolist())

    def at(self, packet: int) -> list[str]:
        """Return the comments of a packet."""
        begin, end = np.searchsorted(self._sorted[:, 0], (packet, packet + 1)).tolist()
        found = []
        for _, offset, length in self._sorted[begin : min(end, begin + MAX_ON_PACKET)].tolist():
            self._file.seek(offset)
            found.append(self._file.read(length).decode())
        if end - begin > MAX_ON_PACKET:
            found.append(f"and {end - begin - MAX_ON_PACKET} more")
        return found

    def close(self) -> None:
        """Forget all."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _add(self, packet: int | None, text: str) -> None:
        if not packet or packet == NULL:
            return
        data = printable(text)[:_MAX_CHARACTERS].encode("utf-8", "replace")
        self._places.extend((packet, self._written + len(self._buffer), len(data)))
        self._buffer += data
        if len(self._buffer) > _BUFFER:
            self._flush()

    def _flush(self) -> None:
        self._file.seek(self._written)
        self._file.write(self._buffer)
        self._written += len(self._buffer)
        self._buffer.clear()

    # --- rows

    def _message(self, row: Row) -> None:
        parts = [
            f"message {row['message']} of connection {row['connection']}: {row['direction']} "
            f"{row['type']}"
        ]
        if row["payload_bytes"] is not None:
            parts.append(f"{size(row['payload_bytes'])} of payload")
        if row["compressed"]:
            parts.append(f"{size(row['transfer_bytes'])} compressed")
        parts.append(f"{size(row['wire_bytes'])} on the wire")
        if row["delivery_us"]:
            parts.append(f"delivered in {duration(row['delivery_us'])}")
        for column, words in _WAITS.items():
            if row[column]:
                parts.append(f"{duration(row[column])} {words}")
        if row["reply_us"] is not None:
            parts.append(f"answers after {duration(row['reply_us'])}")
        if self._names and row["kind"]:
            said = f"{row['inner']} {row['kind']}"
            parts.append(f"{said} {row['name']}" if row["name"] else said)
        self._add(row["packet_first"], ", ".join(parts))

    def _call(self, row: Row) -> None:
        what = f"call {row['call']}"
        if self._names and row["name"]:
            what = f"{what}, {row['name']}"
        self._add(
            row["request_packet"], f"{what}: request of the {row['caller']}, {row['outcome']}"
        )
        if row["reply_packet"] is not None:
            took = "" if row["reply_us"] is None else f" after {duration(row['reply_us'])}"
            self._add(row["reply_packet"], f"{what}: {row['outcome']}{took}")

    def _finding(self, row: Row) -> None:
        rule = f" [{row['rfc']}]" if row["rfc"] else ""
        said = f": {row['text']}" if self._names else ""
        self._add(row["packet"], f"finding {row['id']} ({row['severity']}){said}{rule}")

    def _diagnosis(self, row: Row) -> None:
        said = f": {row['text']} {row['advice']}" if self._names else ""
        self._add(row["packet"], f"diagnosis {row['id']} ({row['severity']}){said}")


_WAITS: Final = {
    "stall_us": "waiting for lost bytes",
    "window_us": "waiting for the receiver",
    "nagle_us": "waiting for a delayed ACK",
    "resent_us": "until it was sent again",
}

_OF_MESSAGES: Final = Table(
    MESSAGES.name,
    MESSAGES.text,
    tuple(
        column
        for column in MESSAGES.columns
        if column.name
        in {
            *("connection", "message", "direction", "type", "payload_bytes", "compressed"),
            *("transfer_bytes", "wire_bytes", "delivery_us", "reply_us", "packet_first"),
            *("inner", "kind", "name", *_WAITS),
        }
    ),
)
"""The columns that comments are made of."""
