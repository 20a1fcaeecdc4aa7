"""Messages: the requests and answers of a conversation, from head to end of body.

Knows whose bytes a body's are, and which reader wants them. Must not know how heads are
found. The base of http.http1.conversation, which finds them.
"""

from __future__ import annotations

from analyzer import findings
from analyzer.http import pairing, plain_exchanges
from analyzer.http.collector import Results
from analyzer.http.delivery.requests import RequestReader
from analyzer.http.exchanges import Exchange
from analyzer.http.handover import PACKET, TIME, Piece
from analyzer.http.head import Head
from analyzer.http.http1.body import Body
from analyzer.http.http1.detection import Beginning
from analyzer.http.http1.reader_state import BODY, HEAD, HOLD, SEEK, Side
from analyzer.http.pairing import Transaction
from analyzer.http.plain_exchanges import PlainExchanges
from analyzer.http.upgrade import has_token
from analyzer.tcp.bytestream import DATA, PURE


class Messages(Beginning):
    """The bodies of both sides, and what they bring."""

    __slots__ = ("_plain", "_wait_rows")

    def __init__(self, slot: int, results: Results, *, start_seen: bool) -> None:
        super().__init__(slot, results, start_seen=start_seen)
        self._plain = PlainExchanges(results, slot)
        self._wait_rows = 0

    def passes(
        self, kind: int, direction: int, offset: int, length: int, span: int, time: int, wire: int
    ) -> bool:
        """Take a row in the middle of a body, or a pure ACK; False if it may be more."""
        if self._kept is not None or self._wait_rows:
            return False
        if kind != DATA:
            if kind == PURE:
                self._pairs.count(wire)
            return kind == PURE
        side = self._sides[direction & 1]
        if side.mode != BODY or side.body is None or side.reader is not None:
            return False
        current = side.current
        if current is not None and not side.is_client:
            exchange = current.exchange
            if exchange is not None and time - exchange.response_last_time > self._plain.pause:
                return False
        if not side.body.passes(length):
            return False
        side.seen = offset + span
        self._pairs.count(wire)
        self._results.http_bytes[direction] += length
        if current is not None:
            pairing.add_body(current, side.is_client, length, time, 1)
        return True

    # --- heads

    def _request_begins(self, side: Side, transaction: Transaction, head: Head) -> None:
        """Take up a plain request whose head was read."""
        exchange = transaction.exchange
        if exchange is None:
            return
        exchange.request_segments = side.segments
        if transaction.cut:
            return
        side.reader = self._plain.begin(transaction, exchange, head, exchange.request_packet)
        transaction.closes = _closes(head)

    def _answer_begins(
        self, side: Side, transaction: Transaction, head: Head, body: Body | None
    ) -> None:
        """Take up the answer to a plain request, whose head was read."""
        exchange = transaction.exchange
        if exchange is None:
            return
        exchange.response_segments += side.segments
        coding = head.values.get("transfer-encoding")
        exchange.piecemeal = body is not None and (coding is not None or body.until_close)
        transaction.reader = reader = self._plain.reader(transaction, exchange, head)
        transaction.closes = transaction.closes or _closes(head)
        side.reader = reader if reader.reading and body is not None else None

    # --- bodies

    def _body(self, side: Side, piece: Piece, at: int) -> int:
        body = side.body
        assert body is not None
        time = piece.row[TIME]
        current = side.current
        if current is not None and not side.is_client and current.exchange is not None:
            self._note_pause(current, current.exchange, body, time)
            if not current.method:
                self._plain.astray(current.exchange.client_side, piece.row)
        end = body.take(piece, at)
        self._results.http_bytes[side.direction] += end - at
        if current is not None:
            pairing.add_body(current, side.is_client, end - at, time, int(at == 0))
        reader = side.reader
        self._results.carrying.packet = piece.row[PACKET]
        if reader is not None:
            for begin, behind, ends_chunk in body.spans:
                reader.take(piece.data[begin:behind], time)
                if ends_chunk:
                    reader.chunk(time)
            if not reader.reading:
                side.reader = None
        if body.fault:
            self._results.find(
                *(findings.HTTP_MALFORMED, self._slot, piece.row[PACKET], body.fault),
                direction=side.direction,
                rfc="RFC 9112 6",
            )
            self._message_lost(side)
            return piece.length
        if body.done:
            self._message_done(side)
        return end

    def _note_pause(self, current: Transaction, exchange: Exchange, body: Body, time: int) -> None:
        """Count a pause of the sender before these bytes."""
        length = time - exchange.response_last_time
        if length > self._plain.pause and exchange.response_body_bytes and not body.in_chunk():
            self._plain.paused(current, exchange, length)

    def _request_done(self, side: Side, *, whole: bool = True) -> None:
        transaction, body = side.current, side.body
        reader, side.reader = side.reader, None
        side.current = side.body = None
        side.mode = HEAD
        if transaction is None:
            return
        exchange = transaction.exchange
        sent = reader if isinstance(reader, RequestReader) else None
        if whole and body is not None and exchange is not None:
            plain_exchanges.request_ends(exchange, sent, body.content)
        elif sent is not None:
            sent.settle()
        if not transaction.answered and (
            transaction.handshake is not None or transaction.method == "CONNECT"
        ):
            # What follows is WebSocket, a tunnel or the next request: the answer says.
            side.mode = HOLD

    def _message_done(self, side: Side, *, whole: bool = True) -> None:
        if side.is_client:
            self._request_done(side, whole=whole)
            return
        transaction, body = side.current, side.body
        side.current = side.body = side.reader = None
        side.mode = HEAD
        if transaction is None:
            return
        transaction.complete = whole
        if transaction.exchange is not None:
            transaction.exchange.complete = whole and not transaction.cut
            content = body.content if body is not None else 0
            self._plain.answered(transaction, transaction.exchange, content)
        self._pairs.answered(transaction)

    def _message_lost(self, side: Side) -> None:
        """Go on after a message whose end is not known."""
        self._message_done(side, whole=False)
        if side.mode == HEAD:
            side.mode = SEEK

    def _stop_reading(self) -> None:
        """Release what is kept of bodies whose ends will not be seen."""
        for side in self._sides:
            reader, side.reader = side.reader, None
            if reader is not None:
                reader.settle()

    def _no_more_requests(self) -> None:
        """Note that FIN or RST ends the connection."""
        self._plain.no_more()


def _closes(head: Head) -> bool:
    """Return whether a message is the last on its connection (RFC 9112 9.3)."""
    connection = head.values.get("connection", "")
    if head.version < "1.1":
        return not has_token(connection, "keep-alive")
    return has_token(connection, "close")
