"""Rows that leave HTTP: which rows of a batch are handed on, and which are put in.

Knows rows and buffers. Must not know messages. Used by http.http1.conversation and
http.stage; makes the `rows` of an HttpBatch.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.columns import Rows, insert
from analyzer.http._row_path import RowPath
from analyzer.tcp.bytestream import CHUNK, DATA, GAP_CUT, GAP_LOST, StreamBatch, within

Row = tuple[int, ...]
"""One CHUNK row as a tuple."""

assert CHUNK.names is not None
(
    PACKET,
    TIME,
    READY,
    OFFSET,
    ACKED,
    START,
    DIRECTION,
    LENGTH,
    PAYLOAD,
    INTO,
    HEADER_BYTES,
    WIRE,
    KIND,
    FLAGS,
    SPAN,
    DONE_PACKET,
    DONE_TIME,
    TLS,
    LINK,
    IP,
    WINDOW,
) = range(len(CHUNK.names))

MAX_KEPT_ROWS: Final = 4096
"""Rows kept back at once: segments of one byte cost a hundred times their payload."""


class Piece:
    """One row on its way through a conversation, with its bytes.

    Attributes:
        row: the CHUNK row as a tuple.
        index: its place in the batch, or -1 if it was kept back.
        length: bytes of stream that it stands for.
    """

    __slots__ = ("_data", "_stream", "index", "length", "row")

    def __init__(
        self, row: Row, index: int, stream: StreamBatch | None, data: bytes | None = None
    ) -> None:
        self.row = row
        self.index = index
        self.length = row[LENGTH]
        self._stream = stream
        self._data = data

    @property
    def data(self) -> bytes:
        """The bytes; b"" for a row without captured bytes."""
        if self._data is None:
            if self.row[KIND] == DATA and self._stream is not None:
                start = self.row[START]
                self._data = self._stream.records.data[start : start + self.length].tobytes()
            else:
                self._data = b""
        return self._data

    def kept(self, at: int = 0) -> Piece:
        """Return a copy of what lies after `at` that outlives the batch."""
        row, data = self.row, self.data
        return Piece(tail(row, at) if at else row, -1, None, data[at:] if at else data)

    def without_bytes(self, at: int = 0) -> Piece:
        """Return the row after `at` as a gap, for when its bytes cannot be kept."""
        row = list(tail(self.row, at) if at else self.row)
        if row[KIND] == DATA:
            row[KIND] = GAP_CUT
        return Piece(tuple(row), -1, None, b"")


def tail(row: Row, at: int) -> Row:
    """Return `row` from byte `at` on: the head before it took the packet's wire bytes."""
    changed = list(row)
    passed = within(at, row[SPAN], row[LENGTH])
    changed[START] += at
    changed[OFFSET] += passed
    changed[INTO] += passed
    changed[TLS] -= within(at, row[TLS], row[LENGTH]) if row[TLS] else 0
    changed[LENGTH] -= at
    changed[SPAN] -= passed
    changed[WIRE] = 0
    return tuple(changed)


def end_row(direction: int, time: int) -> Row:
    """Return a row of no packet, for what ends with its connection."""
    row = [0] * (WINDOW + 1)
    row[DIRECTION], row[TIME] = direction, time
    return tuple(row)


LONGEST_GAP: Final = 2**31 - 1
"""Length of a gap that is not known: beyond the end of any frame. It has no span."""


def lost_row(direction: int, seen: Row) -> Row:
    """Return a row that says that bytes are missing, and nobody knows how many.

    Args:
        direction: that they are of.
        seen: the row with which that shows.
    """
    row = list(end_row(direction, seen[TIME]))
    row[KIND], row[PACKET], row[READY], row[ACKED] = GAP_LOST, seen[PACKET], seen[TIME], -1
    row[OFFSET], row[LENGTH] = seen[OFFSET], LONGEST_GAP
    return tuple(row)


class Handover:
    """Collects the rows of one batch that leave HTTP.

    Attributes:
        at: the row being looked at; what is put in goes before it.
        keep: bool per row of the batch: it leaves as it is.
        path: takes what is put in.
    """

    def __init__(self, stream: StreamBatch, path: RowPath | None = None) -> None:
        self.at = 0
        self.path = RowPath() if path is None else path
        self.path.clear()
        self.stream = stream
        self.keep = np.zeros(len(stream.rows), bool)
        self._tails: list[tuple[int, int]] = []

    def hand_on(self, piece: Piece, at: int = 0) -> None:
        """Let `piece` leave from byte `at` on."""
        if piece.row[KIND] <= GAP_CUT and at >= piece.length:
            return
        if piece.index >= 0:
            self.keep[piece.index] = True
            if at:
                self._tails.append((piece.index, at))
            return
        row = list(tail(piece.row, at) if at else piece.row)
        if row[KIND] == DATA:
            row[START] = self.stream.records.append(piece.data[at:])
        self.path.put(self.at, tuple(row))

    def put(self, row: Row, content: bytes | None = None) -> None:
        """Let a row leave that a stage made; `content` is put into the batch's buffer."""
        if content is not None:
            changed = list(row)
            changed[START] = self.stream.records.append(content)
            row = tuple(changed)
        self.path.put(self.at, row)

    def place(self) -> tuple[int, int]:
        """Return a mark for the place reached, for `positions`."""
        return self.at, self.path.count

    def positions(self, marks: list[tuple[int, int]]) -> list[int]:
        """Return where among `rows()` each mark lies."""
        if not marks:
            return []
        kept = np.concatenate(([0], np.cumsum(self.keep)))
        return [int(kept[row]) + inserted for row, inserted in marks]

    def rows(self) -> Rows:
        """Return the rows that leave, in order."""
        source = self.stream.rows
        inserted, places = self.path.put_out()
        if not len(inserted) and not self._tails and self.keep.all():
            return source
        if self._tails:
            source = source.copy()
            for index, at in self._tails:
                source[index] = tail(source[index].item(), at)
        # A boolean index on structured rows costs a hundred times what take() does.
        kept = source.take(np.flatnonzero(self.keep))
        if not len(inserted):
            return kept
        if not len(kept):
            return inserted.copy()
        before = np.concatenate(([0], np.cumsum(self.keep)))[places]
        return insert(kept, before.tolist(), inserted)
