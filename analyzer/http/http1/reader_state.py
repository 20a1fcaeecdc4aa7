"""Sides: how far the reading of one direction of a connection has come.

Knows the modes a reader can be in. Used by http.http1.conversation.
"""

from __future__ import annotations

from typing import Final

from analyzer.columns import NULL
from analyzer.http.delivery.deliveries import AnswerReader
from analyzer.http.delivery.refusals import RefusalReader
from analyzer.http.delivery.requests import RequestReader
from analyzer.http.handover import KIND, LENGTH, MAX_KEPT_ROWS, SPAN, Piece, Row
from analyzer.http.head import REQUEST, Head, head_end, leading_empty, parse_head, recognise
from analyzer.http.http1.body import Body
from analyzer.http.pairing import Transaction
from analyzer.tcp.bytestream import GAP_CUT

# What a side is in.
HEAD: Final = 0  # at or within a head
BODY: Final = 1
HOLD: Final = 2  # after a request whose answer decides what follows
WAIT: Final = 3  # a response that acknowledges a request not yet seen
SEEK: Final = 4  # lost; a row that begins with a head ends it


_MOST_OF_A_HEAD: Final = 64
"""Rows that are looked at for a request that was kept back."""

_FAR: Final = 2**31 - 1
"""The longest gap that a row can say; what nobody knows the size of is a GiB."""

ROW_BYTES: Final = 600
"""About what a kept row costs besides its payload: a tuple of 14 integers, an object."""


class Side:
    """One direction: the parser's state.

    Attributes:
        direction: 2 * slot + side.
        is_client: it sends requests; good once that is decided.
        mode: HEAD, BODY, HOLD, WAIT or SEEK.
        pending: bytes of an unfinished head.
        first_time: when its first byte was captured.
        body: being read.
        current: whose message is being read.
        seen: stream offset after the last row.
        held: rows kept back in HOLD and WAIT, copies.
        held_bytes: their payload, that of dropped ones too.
        limited: held_bytes went over the limit.
        finished: FIN seen.
        reader: wants the content of the body that passes; None: nobody does.
        segments: rows with bytes of the head that was read last.
        lost: the last row of bytes that were not captured: messages may be missing.
    """

    __slots__ = (
        *(
            "body",
            "current",
            "direction",
            "finished",
            "first_time",
            "held",
            "held_bytes",
            "is_client",
        ),
        *("limited", "lost", "mode", "pending", "reader", "seen", "segments"),
    )

    def __init__(self, direction: int) -> None:
        self.direction = direction
        self.is_client = False
        self.mode = HEAD
        self.pending: bytearray | None = None
        self.first_time = NULL
        self.body: Body | None = None
        self.current: Transaction | None = None
        self.seen = 0
        self.held: list[Piece] = []
        self.held_bytes = 0
        self.limited = False
        self.finished = False
        self.reader: AnswerReader | RequestReader | RefusalReader | None = None
        self.segments = 0
        self.lost: Row | None = None

    def hold(self, piece: Piece, at: int, limit: int) -> bool:
        """Keep what lies after `at`, or above `limit` bytes only that it was there.

        Returns:
            False at the first row above the limit.
        """
        self.held_bytes += piece.length - at
        if self.held_bytes <= limit and len(self.held) < MAX_KEPT_ROWS:
            self.held.append(piece.kept(at))
            return True
        cut = piece.without_bytes(at)
        if self.held and self.held[-1].row[KIND] == GAP_CUT == cut.row[KIND]:
            # One row for all that is let go, so that rows are bounded too.
            last = list(self.held.pop().row)
            last[LENGTH] = min(last[LENGTH] + cut.length, _FAR)
            last[SPAN] = min(last[SPAN] + cut.row[SPAN], _FAR)
            cut = Piece(tuple(last), -1, None, b"")
        self.held.append(cut)
        told, self.limited = self.limited, True
        return told

    def release(self) -> list[Piece]:
        """Return what was kept back, and read on at a head."""
        held, self.held, self.held_bytes, self.limited = self.held, [], 0, False
        if self.mode in (HOLD, WAIT):
            self.mode = HEAD
        return held

    def held_request(self) -> Head | None:
        """Return the head with which what is kept back begins, if it is a request's."""
        data = b"".join(piece.data for piece in self.held[:_MOST_OF_A_HEAD])
        if recognise(data) != REQUEST:
            return None
        leading = leading_empty(data)
        end = head_end(data, leading)
        head = parse_head(data, leading, end) if end >= 0 else None
        return head if isinstance(head, Head) else None

    def memory(self, most: int) -> int:
        """Return about how many bytes are kept; of held rows, payload up to `most`."""
        pending = len(self.pending) if self.pending is not None else 0
        if not self.held:
            return pending
        return pending + min(self.held_bytes, most) + ROW_BYTES * len(self.held)
