"""Streams of HTTP/2, and the plain exchanges on them.

A stream is one request with its answer, or one WebSocket (RFC 9113 5, RFC 8441). Knows heads
and content; must not know frames' bytes or other streams. Used by http.http2.session.
"""

from __future__ import annotations

from typing import Final

from analyzer import findings
from analyzer.http import pairing
from analyzer.http._row_accounts import Account
from analyzer.http.collector import Results
from analyzer.http.delivery.deliveries import AnswerReader, RequestReader
from analyzer.http.delivery.groups import Caller
from analyzer.http.delivery.polling import PAUSE_NS, PAUSE_ROUND_TRIPS, round_trip
from analyzer.http.exchanges import Exchange, Handshake
from analyzer.http.handover import PACKET, Row
from analyzer.http.head import Head
from analyzer.http.http2.flow import Windows
from analyzer.http.pairing import Transaction

# What a stream carries.
NEW: Final = 0  # no head was read yet
EXCHANGE: Final = 1
ATTEMPT: Final = 2  # an extended CONNECT without its answer
WEBSOCKET: Final = 3
OTHER: Final = 4  # a tunnel, or heads that are not known

_SENDING: Final = ("POST", "PUT", "PATCH")


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
    """

    __slots__ = (
        *("account", "content", "early", "early_bytes", "ended", "kind", "left", "lost"),
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
        self._caller: Caller | None = None
        self._pause = PAUSE_NS
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
        results = self._results
        if self._caller is None:
            tcp = results.handover.stream.connection(self._slot)
            self._caller = Caller(tcp, self._client)
            exchange.tcp = tcp
            self._pause = max(PAUSE_NS, round(PAUSE_ROUND_TRIPS * round_trip(exchange)))
        groups = results.groups
        transaction.target, transaction.lane = groups.begin(self._caller, exchange, head)
        if groups.limited:
            groups.limited = False
            limits = "max_held_exchanges or max_http_lanes allow"
            results.find(findings.HTTP_GROUP_LIMIT, self._slot, row[PACKET], limits)
        if head.method in _SENDING and transaction.target.transport:
            reader = RequestReader(transaction.target, head, results.options, results.store)
            stream.reader = reader if reader.reading else None

    def begin_unseen(self, stream: Stream) -> None:
        """Take up an exchange whose request was not captured, or cannot be read."""
        self._add(stream, Exchange(self._slot, 0, self._client, http_version="2"))

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
        results = self._results
        transaction.reader = AnswerReader(
            exchange, transaction.target, head, results.options, results.store
        )

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
        if length > self._pause and stream.content[side]:
            exchange.pauses += 1
            exchange.paused += length
            if transaction.reader is not None:
                transaction.reader.pause()

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
            content = stream.content[side]
            if exchange.method in _SENDING and reader is not None:
                exchange.sent = reader.end(content)
            elif exchange.method in _SENDING and content:
                exchange.sent = [content]
            return
        transaction.complete = transaction.answered
        exchange.complete = transaction.complete
        reader_, transaction.reader = transaction.reader, None
        results, lane = self._results, transaction.lane
        if reader_ is not None:
            reader_.end(stream.content[side])
            if reader_.limited:
                results.find(findings.HTTP_DELIVERY_LIMIT, self._slot, exchange.response_packet)
            if lane is not None:
                results.groups.answered(lane, exchange, transaction.target.state, reader_.digest)
                if reader_.session:
                    results.groups.opened(lane, exchange, reader_.session)
        self._free(exchange)

    def _free(self, exchange: Exchange) -> None:
        if self._caller is not None and exchange.tcp is not None:
            self._caller.busy -= 1
            self._caller.answered_at = exchange.response_last_time

    def leave(self, stream: Stream) -> None:
        """Let an exchange leave: all that it cost is known."""
        if stream.reader is not None:
            stream.reader.settle()
        transaction = stream.transaction
        if transaction is None or transaction.exchange is None:
            return
        if not transaction.complete:
            self._free(transaction.exchange)
        transaction.meter[0] = stream.account.wire_bytes
        pairing.emit(transaction, self._results)

    def no_more(self) -> None:
        """The connection takes no requests any more."""
        if self._caller is not None:
            self._caller.finished = True
