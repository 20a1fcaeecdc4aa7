"""Streams of HTTP/2, and the plain exchanges on them.

A stream is one request with its answer, or one WebSocket (RFC 9113 5, RFC 8441). Knows heads
and content; must not know frames' bytes or other streams. Used by http.http2.session.
"""

from __future__ import annotations

from typing import Any, Final

from analyzer.http import pairing
from analyzer.http._row_accounts import Account
from analyzer.http.collector import Results
from analyzer.http.delivery.requests import RequestReader
from analyzer.http.exchanges import Exchange, Handshake
from analyzer.http.handover import PACKET, Row
from analyzer.http.head import Head
from analyzer.http.http2.flow import Windows
from analyzer.http.pairing import Transaction
from analyzer.http.plain_exchanges import PlainExchanges, request_ends

Heard = tuple[Head, dict[str, str], Any, Row]
"""Head, pseudo-header fields, header block, row with its last byte."""

# What a stream carries.
NEW: Final = 0  # no head was read yet
EXCHANGE: Final = 1
ATTEMPT: Final = 2  # an extended CONNECT without its answer
WEBSOCKET: Final = 3
OTHER: Final = 4  # a tunnel, or heads that are not known


class Doubt:
    """Why nobody knows yet whether a stream is an exchange or a WebSocket.

    Attributes:
        asked: head, pseudo-header fields, block and row of the request, of which fields are not
            known; None where it was not read: it was lost, or waits behind a hole.
        answered: the same of the answer.
        looks: by side of TCP, what it sent looks like frames of WebSocket.
    """

    __slots__ = ("answered", "asked", "looks")

    def __init__(self, asked: Heard | None = None, answered: Heard | None = None) -> None:
        self.asked = asked
        self.answered = answered
        self.looks = [False, False]


class Stream:
    """One stream.

    Attributes:
        number: its identifier.
        kind: what it carries.
        account: what it costs.
        ended: by side of TCP: END_STREAM was sent.
        reset_side: side that sent RST_STREAM; -1.
        transaction: exchange or attempt; None where none was seen to begin.
        content: bytes of content so far, by side.
        reader: wants the request's content; that of the answer is the transaction's.
        windows: None where they are not known.
        early: (row, payload) that came before the answer to an attempt.
        lost: bytes in gaps, by side.
        left: it is in no table of streams any more, and waits for its last ACK.
        doubt: an exchange that may be a WebSocket; None where it is clear.
    """

    __slots__ = (
        *("account", "content", "doubt", "early", "early_bytes", "ended", "kind", "left", "lost"),
        *("number", "reader", "reset_side", "transaction", "windows"),
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.kind = NEW
        self.account = Account(self)
        self.ended = [False, False]
        self.reset_side = -1
        self.transaction: Transaction | None = None
        self.content = [0, 0]
        self.reader: RequestReader | None = None
        self.windows: Windows | None = None
        self.early: list[tuple[Row, bytes]] = []
        self.early_bytes = 0
        self.lost = [0, 0]
        self.left = False
        self.doubt: Doubt | None = None

    @property
    def handshake(self) -> Handshake | None:
        """The attempt that it is; None if it is none."""
        return self.transaction.handshake if self.transaction is not None else None

    @property
    def is_over(self) -> bool:
        """Whether nothing more may come but what was on its way."""
        return self.reset_side >= 0 or all(self.ended)


class Exchanges:
    """The plain exchanges of one connection.

    Args:
        results: where they go.
        slot: of the TCP connection.
        client: side of the client.
    """

    def __init__(self, results: Results, slot: int, client: int) -> None:
        self._results = results
        self._slot = slot
        self._client = client
        self._plain = PlainExchanges(results, slot)
        self.begun = 0

    # --- heads

    def begin(self, stream: Stream, head: Head, first_time: int, row: Row) -> None:
        """Take up a plain request."""
        exchange = pairing.exchange_of(self._slot, self._client, head, first_time, row, cut=False)
        exchange.method = head.method or None
        exchange.path = head.target or None
        self._add(stream, exchange)
        transaction = stream.transaction
        assert transaction is not None
        transaction.method = head.method
        if not head.method or not head.target:
            return
        stream.reader = self._plain.begin(transaction, exchange, head, row[PACKET])

    def begin_unseen(self, stream: Stream) -> None:
        """Take up an exchange whose request was not captured, or cannot be read."""
        self._add(stream, Exchange(self._slot, 0, self._client, http_version="2"))

    def abandon(self, stream: Stream) -> None:
        """Forget an exchange, which the stream turns out not to be."""
        transaction, stream.transaction = stream.transaction, None
        stream.kind, stream.reader, stream.content = NEW, None, [0, 0]
        if transaction is None or transaction.exchange is None:
            return
        self._plain.release(transaction, transaction.exchange)
        if transaction.exchange.exchange == self.begun - 1:
            self.begun -= 1

    def _add(self, stream: Stream, exchange: Exchange) -> None:
        exchange.exchange = self.begun
        exchange.http2_stream = stream.number
        self.begun += 1
        stream.kind = EXCHANGE
        stream.transaction = Transaction(exchange, None)

    def answer(
        self, stream: Stream, head: Head, first_time: int, row: Row, *, has_content: bool
    ) -> None:
        """Take the head of the final answer."""
        transaction = stream.transaction
        if transaction is None or transaction.exchange is None:
            return
        exchange = transaction.exchange
        transaction.answered = True
        pairing.answer(transaction, head, first_time, row)
        exchange.response_segments += 1
        exchange.piecemeal = has_content and "content-length" not in head.values
        transaction.reader = self._plain.reader(transaction, exchange, head)

    # --- content

    def content(self, stream: Stream, side: int, sent: int, data: bytes, time: int) -> None:
        """Take content: `data` of `sent` bytes of DATA frames; fewer where some were lost."""
        transaction = stream.transaction
        if transaction is None:
            return
        exchange = transaction.exchange
        is_request = side == self._client
        if exchange is not None and not is_request and data:
            self._note_pause(stream, transaction, exchange, side, time)
        stream.content[side] += len(data)
        pairing.add_body(transaction, is_request, sent, time, 1)
        if not data:
            return
        if is_request:
            if stream.reader is not None:
                stream.reader.take(data, time)
        elif transaction.reader is not None and transaction.reader.reading:
            transaction.reader.take(data, time)

    def _note_pause(
        self, stream: Stream, transaction: Transaction, exchange: Exchange, side: int, time: int
    ) -> None:
        length = time - exchange.response_last_time
        if length > self._plain.pause and stream.content[side]:
            self._plain.paused(transaction, exchange, length)

    def frame_ends(self, stream: Stream, side: int, time: int) -> None:
        """A DATA frame of an answer ends: the nearest that HTTP/2 has to a chunk."""
        transaction = stream.transaction
        if side != self._client and transaction is not None and transaction.reader is not None:
            transaction.reader.chunk(time)

    def lost(self, stream: Stream, side: int) -> None:
        """Content is missing."""
        if side == self._client:
            if stream.reader is not None:
                stream.reader.lost()
        elif stream.transaction is not None and stream.transaction.reader is not None:
            stream.transaction.reader.lost()

    # --- ends

    def end(self, stream: Stream, side: int) -> None:
        """One side of an exchange has ended its part."""
        transaction = stream.transaction
        exchange = transaction.exchange if transaction is not None else None
        if transaction is None or exchange is None:
            return
        if side == self._client:
            reader, stream.reader = stream.reader, None
            request_ends(exchange, reader, stream.content[side])
            return
        transaction.complete = transaction.answered
        exchange.complete = transaction.complete
        self._plain.answered(transaction, exchange, stream.content[side])

    def leave(self, stream: Stream) -> None:
        """Let an exchange leave: all that it cost is known."""
        if stream.reader is not None:
            stream.reader.settle()
        transaction = stream.transaction
        if transaction is None or transaction.exchange is None:
            return
        if not transaction.complete:
            self._plain.release(transaction, transaction.exchange)
        if not stream.account.wire_bytes:
            # Stream 1 of a connection that began as HTTP/1.1, where its request has a row
            # already, and nothing came of it here.
            return
        transaction.meter[0] = stream.account.wire_bytes
        pairing.emit(transaction, self._results)

    def no_more(self) -> None:
        """The connection takes no requests any more."""
        self._plain.no_more()
