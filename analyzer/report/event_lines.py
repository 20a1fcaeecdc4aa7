"""The event stream: one line of JSON for each event of a live run, as it happens.

A line is an object: `event` says what happened, the other names are columns of a table, with
values as in the JSON report. docs/watching.md has the kinds. Knows no values: report.cells
formats them. An Observer; made by analyzer.live.watch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol

from analyzer.errors import OptionError
from analyzer.report.cells import Formatter
from analyzer.report.observer import CaptureStats
from analyzer.tables.running import Snapshot
from analyzer.tables.schema import BY_NAME, TableRows

NEWS: Final[Mapping[str, tuple[str, str]]] = {
    "handshakes": ("handshake", "handshakes"),
    "connections": ("connection", "connections"),
    "messages": ("message", "messages"),
    "diagnoses": ("diagnosis", "diagnoses"),
}
"""Kinds reported before their rows are final: what is asked for -> (`event`, table)."""

FINAL: Final[Mapping[str, tuple[str, str]]] = {
    "pings": ("ping", "pings"),
    "closes": ("close", "connections"),
    "findings": ("finding", "findings"),
    "frames": ("frame", "frames"),
    "http": ("http", "http"),
    "calls": ("call", "calls"),
    # Told early, and once more with their last numbers when the run ends.
    "diagnoses": ("diagnosis", "diagnoses"),
}
"""Kinds that are rows of tables."""

DEFAULT: Final = ("handshakes", "messages", "pings", "closes", "findings", "diagnoses")


def kinds(text: str) -> tuple[str, ...]:
    """Return the kinds of events that are asked for, such as "messages,closes".

    Raises:
        OptionError: There is no such kind.
    """
    asked = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    known = tuple(dict.fromkeys((*NEWS, *FINAL)))
    for name in asked:
        if name not in known:
            raise OptionError(
                f"--events takes {', '.join(known)}, not {name!r}", hint="several with commas"
            )
    return asked or DEFAULT


class LineStream(Protocol):
    """Takes lines: standard output, or what runs a command for each."""

    def write(self, data: bytes, /) -> int:
        """Take some lines."""

    def flush(self) -> None:
        """Let them out."""


class Ending(LineStream, Protocol):
    """One that must be told when the stream ends."""

    def end(self) -> None:
        """Let out what waits."""


class EventWriter:
    """Writes events; each batch of them is flushed as a whole.

    A reader that is slow holds up the run: the capture side drops packets then, and counts.
    """

    def __init__(self, stream: LineStream, wanted: Collection[str] = DEFAULT) -> None:
        """Write `wanted` kinds of events to a binary stream such as standard output."""
        self._stream = stream
        self._news = {table: event for name, (event, table) in NEWS.items() if name in wanted}
        self._final = {table: event for name, (event, table) in FINAL.items() if name in wanted}
        tables = {*self._news, *self._final}
        self._formatters = {name: Formatter(BY_NAME[name], "json") for name in tables}

    def attach(self, snapshot: Callable[[], Snapshot]) -> None:
        """Do nothing (Observer)."""

    def news(self, rows: TableRows) -> None:
        """Write early rows, if they are wanted.

        Raises:
            BrokenPipeError: Nobody reads any more.
        """
        self._put(self._news.get(rows.table.name), rows)

    def write(self, rows: TableRows) -> None:
        """Write final rows, if they are wanted.

        Raises:
            BrokenPipeError: Nobody reads any more.
        """
        self._put(self._final.get(rows.table.name), rows)

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Do nothing: events leave at once (Observer)."""

    def close(self) -> None:
        """Write out what is left."""
        self._stream.flush()

    def abort(self) -> None:
        """Leave what was written."""

    def _put(self, event: str | None, rows: TableRows) -> None:
        if event is None:
            return
        begin = b'{"event":' + json.dumps(event).encode() + b","
        for piece in self._formatters[rows.table.name].format(rows):
            # Text in JSON has no line feed of its own, so each one ends a row.
            lines = bytes(piece).split(b"\n")
            out = [begin + line[1:-1] + b"\n" for line in lines if line]
            self._stream.write(b"".join(out))
        self._stream.flush()


class CommandEvents(EventWriter):
    """The same for a stream that must be told when it ends."""

    def __init__(self, stream: Ending, wanted: Collection[str]) -> None:
        super().__init__(stream, wanted)
        self._ending = stream

    def close(self) -> None:
        """Let out what waits."""
        self._ending.end()

    def abort(self) -> None:
        """Let out what waits."""
        self._ending.end()
