"""Rows as they come: messages, calls and handshakes one by one, in bounded memory.

    for message in analyzer.iter_messages("capture.pcapng", payload="full"):
        print(message.direction, message.name, message.payload)

Knows the pipeline from outside. Must not know how rows are made.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final, Unpack

from analyzer.analysis import options_of
from analyzer.capture.records import RecordBatch
from analyzer.errors import OptionError
from analyzer.options import Options
from analyzer.pipeline import Pipeline
from analyzer.rows import Call, Handshake, Message, OptionValues
from analyzer.sources import ETHERNET, Source, batches
from analyzer.tables import schema
from analyzer.tables.declare import Table, each_row
from analyzer.tables.schema import TableRows

_SCALES: Final = {"us": 1e3, "seconds": 1e9}
_WAIT_S: Final = 0.25


class _Taker:
    """A Writer that keeps the rows of one table until they are taken."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._rows: deque[TableRows] = deque()

    def write(self, rows: TableRows) -> None:
        """Keep rows of the table."""
        if rows.table is self._table:
            self._rows.append(rows)

    def close(self) -> None:
        """Do nothing (Writer)."""

    def abort(self) -> None:
        """Do nothing (Writer)."""

    def take(self) -> Iterator[dict[str, Any]]:
        """Yield the rows that came since, as Python values."""
        while self._rows:
            rows = self._rows.popleft()
            for values in each_row(rows):
                for column in rows.table.columns:
                    value = values[column.name]
                    if value is None:
                        continue
                    if column.type in _SCALES:
                        values[column.name] = value / _SCALES[column.type]
                    elif column.type == "key":
                        values[column.name] = f"{value:08x}"
                yield values


def iter_messages(
    source: Source | None = None,
    *,
    interface: str | None = None,
    link_type: int = ETHERNET,
    **options: Unpack[OptionValues],
) -> Iterator[Message]:
    """Yield messages, each when its cost is known: mostly with the ACK behind it.

    Args:
        source: paths, patterns, an open binary file, scapy packets, a reader of dpkt, or pairs of
            time in seconds and bytes. A generator is read as it gives packets.
        interface: capture on it in place of `source`, until the iterator is closed.
        link_type: of packets that are pairs.
        **options: fields of analyzer.Options, such as payload="full". Comparison with other
            transports and diagnosis are off: they need the whole capture.

    Yields:
        Rows of the table `messages`: times in ns since 1970 (UTC), durations in us as floats.

    Raises:
        CaptureError: The input cannot be read at all.
        OptionError: An option's value is wrong, or the source is none.
    """
    for values in _rows(schema.MESSAGES, source, interface, link_type, options):
        yield Message(**values)


def iter_calls(
    source: Source | None = None,
    *,
    interface: str | None = None,
    link_type: int = ETHERNET,
    **options: Unpack[OptionValues],
) -> Iterator[Call]:
    """Yield calls of inner protocols, each when its outcome is known; see iter_messages.

    Yields:
        Rows of the table `calls`.
    """
    for values in _rows(schema.CALLS, source, interface, link_type, options):
        yield Call(**values)


def iter_handshakes(
    source: Source | None = None,
    *,
    interface: str | None = None,
    link_type: int = ETHERNET,
    **options: Unpack[OptionValues],
) -> Iterator[Handshake]:
    """Yield attempts to open a WebSocket, refused ones too; see iter_messages.

    Yields:
        Rows of the table `handshakes`, each when its first message or its end is known.
    """
    for values in _rows(schema.HANDSHAKES, source, interface, link_type, options):
        yield Handshake(**values)


def _rows(
    table: Table,
    source: Source | None,
    interface: str | None,
    link_type: int,
    given: OptionValues,
) -> Iterator[dict[str, Any]]:
    if (source is None) == (interface is None):
        raise OptionError("give either a source or an interface")
    options = options_of({"alternatives": False, "diagnosis": False, **given})
    taker = _Taker(table)
    pipeline = Pipeline(options, [taker])
    if interface is not None:
        records = _live(interface, options, pipeline.tick)
    else:
        records = batches(source, options, link_type)
    with contextlib.closing(records):  # also where who iterates goes away
        for batch in records:
            pipeline.push(batch)
            yield from taker.take()
    pipeline.settle()
    yield from taker.take()


def _live(
    interface: str, options: Options, tick: Callable[[], None]
) -> Generator[RecordBatch, None, None]:
    from analyzer.capture.live import open_live

    capture = open_live([interface], options)
    try:
        while (batch := capture.read(_WAIT_S)) is not None:
            yield batch
            tick()
    finally:
        capture.close()
